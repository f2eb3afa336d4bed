"""What strangers can leave behind as artifacts, and that none of it gets out."""

from __future__ import annotations

import io
import json
import re
import stat
import tracemalloc
import warnings
import zipfile
from typing import Any

import pytest

from tools.checks import Finding, Report, Result, Status
from tools.checks.reading import read_report
from tools.checks.render import as_json
from tools.github import report as module
from tools.github.port import COMMENT_LIMIT, Failed, Pull, Run
from tools.github.report import MARKER, comment_text, report, report_text, unpack
from tools.github.tests.fake import FakeGitHub
from zoo.core.errors import ZooError

GOOD = Report(
    (
        Result("vae", "layout", Status.PASS, seconds=0.5),
        Result("vae", "tests", Status.FAIL, (Finding("zoo/vae/model.py", "rule", "fix", 7),)),
        Result("vae", "notebook", Status.SKIP, note="waits for tests"),
    )
)


def zipped(
    *members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as archive:
        warnings.simplefilter("ignore")  # two members of one name
        for member, content in members:
            archive.writestr(member, content)
    return buffer.getvalue()


def artifact(content: Report | str | bytes = GOOD) -> bytes:
    text = as_json(content) if isinstance(content, Report) else content
    return zipped(("report.json", text.encode() if isinstance(text, str) else text))


class Stage:
    """A pull request of an entry, and a run of CI on its head."""

    def __init__(self, changes: dict[str, str | None] | None = None) -> None:
        self.github = FakeGitHub()
        author = self.github.add_user("dev-one")
        self.pull: Pull = self.github.add_pull(author, changes or {"zoo/vae/model.py": "x"})
        self.run: Run = self.github.add_run(self.pull.head_sha, conclusion="failure")

    def report(self) -> str:
        return report(self.github, self.run.id)

    def said(self) -> str:
        (body,) = self.github.said(self.pull.number)
        return body


def test_a_report_is_posted_once_and_then_renewed_in_place() -> None:
    stage = Stage()
    stage.github.add_artifact(stage.run, "report-vae", artifact())
    notebook = stage.github.add_artifact(stage.run, "checked-vae", b"")
    assert stage.report() == f"run {stage.run.id} reported on #{stage.pull.number}"
    url = f"https://github.com/zoo-course/zoo/actions/runs/{stage.run.id}"
    assert stage.said() == (
        f"{MARKER}\n"
        "### ✖ zoo check: 1 passed, 1 failed, 1 skipped\n"
        "\n"
        "| | layout | tests | notebook |\n"
        "|---|:-:|:-:|:-:|\n"
        "| vae | ✔ | ✖ | – |\n"
        "\n"
        "**vae · tests**\n"
        "\n"
        "- <code>zoo/vae/model&#46;py&#58;7</code> rule<br>→ fix\n"
        "\n"
        f"✖ CI on `{stage.pull.head_sha[:12]}`: failure ([log]({url})) · "
        f"executed notebooks: [vae]({url}/artifacts/{notebook.id})\n"
    )
    before = len(stage.github.writes)
    stage.report()
    assert len(stage.github.writes) == before  # nothing changed, nothing written
    head = stage.github.push(stage.pull.head_branch, {"zoo/vae/model.py": "y"})
    stage.run = stage.github.add_run(head)
    stage.report()
    assert "CI ended before it wrote a report." in stage.said()
    assert "✔ CI on" in stage.said()


def test_nobody_elses_comment_is_taken_for_the_report() -> None:
    stage = Stage()
    mine = stage.github.say(stage.pull.number, stage.pull.author, f"{MARKER} mine")
    stage.report()
    assert stage.github.comment(mine.id) == mine
    assert len(stage.github.said(stage.pull.number)) == 1


def test_a_static_report_stands_in_for_what_has_not_been_run() -> None:
    stage = Stage()
    static = Report(
        (Result("vae", "card", Status.PASS), Result("made", "layout", Status.PASS)),
    )
    stage.github.add_artifact(stage.run, "report-static", artifact(static))
    stage.github.add_artifact(stage.run, "report-vae", artifact())
    stage.report()
    assert re.findall(r"^\| (\w+) \| (.*) \|$", stage.said(), re.MULTILINE) == [
        ("vae", "✔ | ✖ | –"),
        ("made", "✔ |  | "),
    ]


def test_a_run_of_another_repository_is_none() -> None:
    other = Stage()
    with pytest.raises(ZooError, match="there is no run 7 in zoo-course/zoo"):
        report(other.github, 7)
    assert other.github.writes == []


@pytest.mark.parametrize(
    "options", [{"workflow": "Bot"}, {"event": "push"}, {"event": "workflow_dispatch"}]
)
def test_only_runs_of_ci_on_pull_requests_count(options: dict[str, str]) -> None:
    stage = Stage()
    run = stage.github.add_run(stage.pull.head_sha, **options)
    with pytest.raises(ZooError, match="is no run of CI on a pull request"):
        report(stage.github, run.id)
    assert stage.github.writes == []


@pytest.mark.parametrize("conclusion", ["cancelled", "action_required", "skipped", None])
def test_a_run_that_did_not_come_to_an_end_says_nothing(conclusion: str | None) -> None:
    stage = Stage()
    stage.run = stage.github.add_run(stage.pull.head_sha, conclusion=conclusion)
    assert "nothing to say" in stage.report()
    assert stage.github.writes == []


def test_a_commit_that_is_no_longer_the_head_says_nothing() -> None:
    stage = Stage()
    stage.github.push(stage.pull.head_branch, {"zoo/vae/model.py": "y"})
    assert "no open pull request has the head" in stage.report()
    assert stage.github.writes == []


def test_a_head_that_moves_while_the_report_is_read_says_nothing() -> None:
    stage = Stage()
    artifacts = stage.github.artifacts

    def moving(run_id: int) -> Any:
        stage.github.push(stage.pull.head_branch, {"zoo/vae/model.py": "y"})
        return artifacts(run_id)

    stage.github.artifacts = moving  # type: ignore[method-assign]
    assert stage.report().endswith("reported on no pull request: the heads moved")
    assert stage.github.writes == []


def test_a_closed_pull_request_says_nothing() -> None:
    stage = Stage()
    stage.github.close_issue(stage.pull.number)
    stage.report()
    assert stage.github.said(stage.pull.number) == []


def symlink() -> zipfile.ZipInfo:
    member = zipfile.ZipInfo("report.json")
    member.create_system, member.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return member


def lying() -> bytes:
    """An archive whose directory says that 100 MB are 1 byte."""
    data = bytearray(zipped(("report.json", b"0" * 100_000_000)))
    real, small = (100_000_000).to_bytes(4, "little"), (1).to_bytes(4, "little")
    return bytes(data.replace(real, small))


def encrypted() -> bytes:
    data = bytearray(artifact())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


HOSTILE_ARCHIVES = {
    "no zip": (b"report", "cannot be opened"),
    "empty": (b"", "cannot be opened"),
    "cut off": (artifact()[:-30], "cannot be opened"),
    "no file": (zipped(), "something else"),
    "two files": (zipped(("report.json", b"{}"), ("x", b"")), "something else"),
    "twice": (zipped(("report.json", b"{}"), ("report.json", b"{}")), "something else"),
    "parent folder": (zipped(("../report.json", b"{}")), "something else"),
    "absolute path": (zipped(("/etc/report.json", b"{}")), "something else"),
    "other separators": (zipped(("..\\report.json", b"{}")), "something else"),
    "below a folder": (zipped(("a/report.json", b"{}")), "something else"),
    "a folder": (zipped(("report.json/", b"")), "something else"),
    "a link": (zipped((symlink(), b"/etc/passwd")), "is no file as artifacts hold them"),
    "bomb": (zipped(("report.json", b"0" * 100_000_000)), "more than 4000000 bytes"),
    "lying bomb": (lying(), "cannot be opened|more than"),
    "password": (encrypted(), "cannot be opened"),
    "another packing": (
        zipped(("report.json", b"{}"), method=zipfile.ZIP_LZMA),
        "is no file as artifacts hold them",
    ),
}


@pytest.mark.parametrize("name", HOSTILE_ARCHIVES)
def test_a_hostile_archive_is_refused_and_the_rest_is_shown(name: str) -> None:
    content, why = HOSTILE_ARCHIVES[name]
    with pytest.raises(ZooError, match=why):
        unpack(content)
    stage = Stage()
    stage.github.add_artifact(stage.run, "report-made", content)
    stage.github.add_artifact(stage.run, "report-vae", artifact())
    stage.report()
    assert "> ✖ report-made is not shown&#58; " in stage.said()
    assert "| vae | ✔ | ✖ | – |" in stage.said()


def test_a_bomb_is_not_inflated_beyond_the_limit() -> None:
    bomb = HOSTILE_ARCHIVES["bomb"][0]
    tracemalloc.start()
    with pytest.raises(ZooError):
        unpack(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * module.FILE_LIMIT


def test_an_archive_above_the_limit_is_not_even_fetched() -> None:
    stage = Stage()
    stage.github.add_artifact(stage.run, "report-vae", b"0" * (module.ARCHIVE_LIMIT + 1))
    stage.report()
    assert "download_artifact" not in stage.github.calls
    assert "the archive has 1000001 bytes" in stage.said()


def test_many_archives_together_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TOTAL_LIMIT", len(as_json(GOOD).encode()) + 10)
    stage = Stage()
    stage.github.add_artifact(stage.run, "report-made", artifact())
    stage.github.add_artifact(stage.run, "report-vae", artifact())
    stage.report()
    assert "report-vae is not shown&#58; the reports of this run have more than" in stage.said()


def test_a_run_with_very_many_archives_does_not_use_up_the_bot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tools.github.report.FETCHES", 2)
    stage = Stage()
    for name in ("vae", "made", "ddpm", "realnvp"):
        stage.github.add_artifact(stage.run, f"report-{name}", artifact())
    stage.report()
    assert stage.github.calls.count("download_artifact") == 2
    assert "2 more reports are not shown" in stage.said()


@pytest.mark.parametrize(
    "name",
    [
        "report-../../x",
        "report-",
        "report-vae/..",
        "Report-vae",
        "x",
        "report-@all",
        "report-\u202ex",
    ],
)
def test_artifacts_of_other_names_are_not_looked_at(name: str) -> None:
    stage = Stage()
    stage.github.add_artifact(stage.run, name, artifact())
    stage.github.add_artifact(stage.run, "report-vae", artifact(), expired=True)
    stage.report()
    assert "download_artifact" not in stage.github.calls
    assert "CI ended before it wrote a report." in stage.said()


HOSTILE_TEXTS = (
    "::set-output name=x::y",
    "::error file=a,line=1::x",
    "##[group]x",
    "@octocat and @org/team, see #1 and GH-2",
    "[a](https://evil.example) ![b](https://evil.example/b.png) https://evil.example",
    "<script>x</script><!-- zoo:report --><img src=x onerror=y>",
    "a\n\n# heading\n\n| a | b |\n|---|---|",
    "\u202egnp.exe \u2066x\u2069 \u200bzero\u200cwidth",
    "\x1b[31mred\x1b[0m\x00\x07",
    "`code` $x$ **b** \\<b>",
    "@x " * 10_000,
    "y" * 1_000_000,
)


@pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=range(len(HOSTILE_TEXTS)))
def test_texts_in_a_report_stay_text(text: str) -> None:
    data = json.loads(as_json(GOOD))
    data["results"][1]["findings"][0] |= {"path": text, "rule": text, "fix": text}
    data["results"][2]["note"] = text
    body = report_text([read_report(json.dumps(data).encode())])
    assert len(body) < COMMENT_LIMIT
    (line,) = [line for line in body.splitlines() if line.startswith("- ")]
    inside = line.removeprefix("- <code>").replace("</code>", "").replace("<br>", "")
    assert not re.search(r"[<>@`\[\]|*\\$\x00-\x1f\u200c\u202e\u2066\u2069]", inside)
    assert not re.search(r"::|##\[|https?:|(?<!&)#\d", inside)
    assert body.count("\n") == report_text([GOOD]).count("\n")  # and no line of its own


def test_the_longest_report_still_fits_a_comment() -> None:
    findings = tuple(Finding("@" * 300, "#" * 300, "<" * 300, 1) for _ in range(400))
    long = Report((Result("vae", "tests", Status.FAIL, findings),))
    run = Run(1, "CI", "pull_request", "0" * 40, "failure")
    body = comment_text("a/b", run, [long], {}, ["!" * 300] * 3)
    assert len(body) <= 65_536
    assert "more lines: run `zoo check`" in body
    names = {f"entry_{number}": number for number in range(5000)}
    assert len(comment_text("a/b", run, [long], names, [])) <= 65_536


@pytest.mark.parametrize(
    ("permission", "refused"), [("read", True), ("write", True), ("maintain", False)]
)
def test_a_submission_that_changes_the_rules_is_refused_with_the_rule(
    permission: Any, refused: bool
) -> None:
    stage = Stage({"zoo/vae/model.py": "x", ".github/workflows/ci.yml": "y"})
    stage.github.permissions["dev-one"] = permission
    stage.report()
    rule = "> ✖ a submission changes only its own folder zoo/vae/, this one also "
    assert (rule in stage.said()) is refused


def test_a_failure_of_github_is_no_report() -> None:
    stage = Stage()
    stage.github.fail(method="artifacts")
    with pytest.raises(Failed):
        stage.report()
    assert stage.github.writes == []
