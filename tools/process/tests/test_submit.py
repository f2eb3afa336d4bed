"""`zoo submit`, `zoo withdraw`, `zoo addendum`, and the tags of frozen versions."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

import pytest
from PIL import Image

import tools.checks
from tools.checks import Finding, Report, Result, Status
from tools.cli import models
from tools.process.ledger import events as ev
from tools.process.ledger.state import Submitted
from tools.process.simulation.toy import fill_in
from tools.process.tags import make_tag
from tools.process.tests.conftest import Term
from tools.process.tests.revision import revise, submitted
from tools.scaffold import create_entry
from zoo.core.errors import ZooError
from zoo.core.registry import ZOO_FOLDER, get_entry

BOSS = "@instructor-one"


@pytest.fixture
def ready(term: Term, monkeypatch: pytest.MonkeyPatch) -> Term:
    """An approved entry with a committed file, whose checks pass."""
    term.approved("vae", "@dev-one")
    term.write("zoo/vae/model.py", "x = 1\n")
    checks_say(monkeypatch, Result("vae", "layout", Status.PASS), Result("vae", "x", Status.SKIP))
    return term


def checks_say(monkeypatch: pytest.MonkeyPatch, *results: Result) -> list[bool]:
    """Replace the checks; a list of whether each run was static."""
    runs: list[bool] = []

    def run(subjects, *, static: bool, progress: bool) -> Report:
        assert [subject.name for subject in subjects] == ["vae"]
        runs.append(static)
        return Report(results)

    monkeypatch.setattr(tools.checks, "run_checks", run)
    return runs


def test_a_version_is_frozen_recorded_tagged_and_committed(ready: Term) -> None:
    commit = ready.git("rev-parse", "HEAD")
    ready.at("2026-10-19T21:59:59Z")
    assert ready.zoo("submit", "vae", "v1", by="@dev-one") == (
        f"vae v1 is frozen at {commit[:12]}, 1 checks passed\n"
        "Submitted Mon 19 Oct 2026 23:59 CEST (21:59 UTC); publish the tag: git push --tags\n"
        "Next, instructor: assign 2 reviewers (zoo assign)\n"
    )
    state = ready.state("vae")
    at = datetime(2026, 10, 19, 21, 59, 59, tzinfo=UTC)
    assert state.v1 == Submitted(commit, at, "@dev-one", late=False)
    payload = ready.record.events("vae")[-1].payload
    assert payload == ev.Submitted("v1", commit, 1, 0)
    assert ready.git("cat-file", "-p", "vae/v1").splitlines() == [
        f"object {commit}",
        "type commit",
        "tag vae/v1",
        "tagger dev-one <dev-one> 1792447199 +0000",
        "",
        "Version 1 of vae, submitted by @dev-one",
        "",
        "Event 'submitted' of 2026-10-19T21:59:59Z in reviews/vae/events.jsonl.",
    ]
    assert ready.git("log", "-1", "--format=%s") == "vae: version 1 submitted by @dev-one"
    assert ready.git("status", "--porcelain") == ""
    assert ready.git("fsck", "--strict") == ""


def test_late_work_is_taken_and_said_to_be_late(ready: Term) -> None:
    ready.at("2026-10-19T22:00:00Z")
    said = ready.zoo("submit", "vae", "v1", by="@dev-one")
    assert "1 checks passed, late: the penalty of the policy applies\n" in said
    assert ready.state("vae").v1.late


def test_the_policy_says_which_checks_run(ready: Term, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = checks_say(monkeypatch, Result("vae", "layout", Status.PASS))
    policy = (ready.root / "reviews" / "policy.yaml").read_text()
    ready.write("reviews/policy.yaml", policy.replace("checks: static", "checks: full"))
    ready.zoo("submit", "vae", "v1", by="@dev-one")
    assert runs == [False]


def test_failing_checks_are_listed_and_nothing_is_recorded(
    ready: Term, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = Finding("zoo/vae/model.py", "too long", "shorten it", line=7)
    failed = Result("vae", "style", Status.FAIL, (finding,))
    checks_say(monkeypatch, failed, Result("vae", "layout", Status.PASS))
    result = ready.run("submit", "vae", "v1", by="@dev-one")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "zoo/vae/model.py:7: too long → shorten it",
        "Error: checks of vae fail (style): mend, commit, and submit again",
    ]
    assert ready.state("vae").stage == "approved"
    assert ready.git("tag") == ""


def test_what_is_not_committed_is_not_submitted(ready: Term) -> None:
    (ready.root / "zoo" / "vae" / "model.py").write_text("x = 2\n")
    (ready.root / "zoo" / "vae" / "new.py").write_text("")
    (ready.root / "notes.txt").write_text("")  # outside the entry: no matter
    assert ready.refused("submit", "vae", "v1", by="@dev-one") == (
        "Error: not committed: zoo/vae/model.py, zoo/vae/new.py;"
        " a version is a commit: git add, git commit"
    )


def test_a_commit_while_the_checks_run_is_noticed(
    ready: Term, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(subjects, **options: bool) -> Report:
        ready.write("zoo/vae/model.py", "x = 3\n")
        return Report(())

    monkeypatch.setattr(tools.checks, "run_checks", run)
    assert ready.refused("submit", "vae", "v1", by="@dev-one") == (
        "Error: another commit was made while the checks ran: zoo submit vae v1"
    )
    assert ready.state("vae").stage == "approved"


def test_what_the_ledger_refuses_is_refused_before_the_checks(
    ready: Term, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = checks_say(monkeypatch)
    assert ready.refused("submit", "vae", "v2", by="@dev-one") == (
        "Error: vae is approved: this needs revising"
    )
    assert ready.refused("submit", "vae", "v1", by="@dev-two") == (
        "Error: @dev-two is not a developer of vae: that is for @dev-one"
    )
    ready.at("2026-10-20T22:00:00Z")
    assert ready.refused("submit", "vae", "v1", by="@dev-one") == (
        "Error: v1 was due 2026-10-19T21:59:59Z, and the time for late work is over:"
        " the instructor can extend it"
    )
    assert runs == []


def test_an_entry_without_files_is_not_submitted(term: Term) -> None:
    term.approved("vae", "@dev-one")
    assert term.refused("submit", "vae", "v1", by="@dev-one") == (
        "Error: there is no zoo/vae: zoo new vae begins it"
    )


def test_a_tag_is_the_same_everywhere_and_never_moves(ready: Term) -> None:
    commit = ready.git("rev-parse", "HEAD")
    version = Submitted(commit, datetime(2026, 10, 19, 12, tzinfo=UTC), "@dev-one", late=False)
    assert make_tag(ready.root, "vae", "v1", version)
    first = ready.git("rev-parse", "refs/tags/vae/v1")
    assert not make_tag(ready.root, "vae", "v1", version)
    ready.git("tag", "-d", "vae/v1")
    make_tag(ready.root, "vae", "v1", version)
    assert ready.git("rev-parse", "refs/tags/vae/v1") == first
    ready.write("zoo/vae/model.py", "x = 2\n")
    ready.git("tag", "-f", "vae/v1", "HEAD")
    elsewhere = ready.git("rev-parse", "HEAD")
    with pytest.raises(ZooError) as error:
        make_tag(ready.root, "vae", "v1", version)
    assert str(error.value) == (
        f"the tag vae/v1 names {elsewhere[:12]}, the ledger {commit[:12]}:"
        " remove it, git tag -d vae/v1, then run zoo reconcile"
    )
    assert ready.git("rev-parse", "vae/v1^{}") == elsewhere
    absent = Submitted("d" * 40, version.at, "@dev-one", late=False)
    with pytest.raises(ZooError, match="this clone lacks the frozen commit dddddddddddd"):
        make_tag(ready.root, "vae", "v2", absent)


def test_an_entry_is_given_up(ready: Term) -> None:
    assert ready.zoo("withdraw", "vae", "--reason", "ill", by="@dev-one") == "vae is withdrawn\n"
    assert ready.state("vae").stage == "withdrawn"
    assert ready.git("status", "--porcelain") == ""


def test_an_addendum_is_recorded_and_shown(term: Term, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted(revise(term))
    slip = ("addendum", "toy", "README.md,  deviation 4:\nnot borne out")
    assert "toy is v2-submitted: this needs accepted" in term.refused(*slip, by="@dev-one")
    for number in (1, 2, 3):
        term.happens("toy", "@rev-one", ev.SignedOff(f"rev-one/F0{number}", "verified"))
    term.happens("toy", BOSS, ev.Accepted())
    said = "README.md, deviation 4: not borne out"
    assert term.zoo(*slip, by="@dev-one") == f"recorded beside toy: {said}\n"
    assert term.git("status", "--porcelain") == ""
    hidden = ("addendum", "toy", "a\x1b[2J\u202eb")
    assert term.zoo(*hidden, by="@dev-one") == "recorded beside toy: a[2Jb\n"
    assert "1000 characters at most" in term.refused("addendum", "toy", "x" * 1001, by="@dev-one")
    assert "'addendum' is for the developer or instructor" in term.refused(*slip, by="@rev-two")
    monkeypatch.setattr(models, "ZOO_FOLDER", term.root / "zoo")
    monkeypatch.setattr(models, "get_entry", lambda name: get_entry("vae"))
    assert f"since its acceptance\n  · {said}\n" in term.zoo("show", "toy")
    assert "acceptance" not in term.zoo("show", "other")


def test_the_real_checks_judge_a_real_entry(term: Term) -> None:
    shutil.copy(ZOO_FOLDER.parent / "pyproject.toml", term.root)
    shutil.copytree(ZOO_FOLDER.parent / "templates", term.root / "templates")
    (term.root / "zoo" / "core").mkdir()
    for package in ("zoo", "zoo/core"):
        (term.root / package / "__init__.py").write_text('"""A package."""\n')
    term.approved("toy", "@dev-one", paper="1502.03509")
    folder = create_entry(term.root, "toy", "MADE", "1502.03509", "autoregressive")
    fill_in(folder)
    Image.new("L", (8, 8)).save(folder / "samples.png")
    term.git("add", ".")
    term.git("commit", "--quiet", "-m", "toy")
    result = term.run("submit", "toy", "v1", by="@dev-one")
    # Nothing was trained: all checks but that of the evidence pass.
    assert result.stderr.splitlines()[-1] == (
        "Error: checks of toy fail (evidence): mend, commit, and submit again"
    )
    assert [line.partition(":")[0] for line in result.stderr.splitlines()[:-1]] == [
        "zoo/toy/results.json"
    ]
