"""The clean repository: what is in it, under whose names, the same from everywhere."""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tools.process.fsck import examine
from tools.process.git import git
from tools.process.record import Record
from tools.process.review.frozen import FrozenTree, squeezed, text_at
from tools.process.review.reviewfile import load_review
from tools.process.tests.conftest import Term, term  # noqa: F401
from tools.publish.release.make import release
from tools.publish.release.texts import TILE, cut_picture
from tools.publish.tests.published import ROSTER, contents, occurs, publish

HISTORIES = ("fresh", "filtered")


@pytest.fixture
def published(term: Term) -> Term:  # noqa: F811
    return publish(term)


def log(root: Path, form: str) -> list[str]:
    return git(root, "log", "--topo-order", f"--format={form}").splitlines()


@pytest.mark.parametrize("history", HISTORIES)
def test_the_record_of_a_release_is_whole(published: Term, tmp_path: Path, history: str) -> None:
    out = tmp_path / "out"
    made = release(published.record, out, history)
    record = Record(out)
    assert examine(record) == ([], [])
    assert git(out, "fsck", "--full", "--strict") == ""
    assert git(out, "status", "--porcelain") == ""
    assert git(out, "tag").split() == ["toy/v1", "toy/v2"]
    assert made.commit == git(out, "rev-parse", "main")
    assert made.left_out == {"other": "without a ledger"}
    state, before = record.state("toy"), published.state("toy")
    assert state.stage == "published"
    assert [(state.v1.at, state.v2.at), state.since] == [
        (before.v1.at, before.v2.at),
        before.since,
    ]
    (review,) = [r for r in state.reviews.values() if r.status == "revealed"]
    frozen = FrozenTree(out, state.v1.commit)
    for finding in load_review(record, "toy", review.reviewer).findings:
        assert squeezed(finding.quote) in squeezed(text_at(frozen, finding.place))
    assert "line five" not in frozen["zoo/toy/model.py"]
    assert "line five" in FrozenTree(out, state.v2.commit)["zoo/toy/model.py"]
    assert set(log(out, "%an <%ae> %cn <%ce>")) == {
        "The zoo <zoo@zoo.invalid> The zoo <zoo@zoo.invalid>"
    }


@pytest.mark.parametrize("history", HISTORIES)
def test_only_what_belongs_to_published_entries_is_in_it(
    published: Term, tmp_path: Path, history: str
) -> None:
    out = tmp_path / "out"
    release(published.record, out, history)
    assert git(out, "ls-files").split() == [
        ".gitignore",
        ".zenodo.json",
        "CITATION.cff",
        "LICENSE",
        "README.md",
        "huggingface/toy/README.md",
        "pyproject.toml",
        "reviews/README.md",
        "reviews/policy.yaml",
        "reviews/roster.yaml",
        "reviews/toy/events.jsonl",
        _review(out),
        f"reviews/toy/v2/{Path(_review(out)).name}",
        "reviews/toy/v2/response.md",
        "zoo/core/words.py",
        "zoo/toy/README.md",
        "zoo/toy/demo.ipynb",
        "zoo/toy/model.py",
        "zoo/toy/recipe.py",
    ]
    names = git(out, "log", "--all", "--name-only", "--format=").split()
    assert not [name for name in names if "bids" in name or "zoo/other" in name]
    assert "zoo/other" not in (out / "README.md").read_text()
    assert "zoo/toy" in (out / "README.md").read_text()


def _review(out: Path) -> str:
    (path,) = (out / "reviews/toy/v1").iterdir()
    return path.relative_to(out).as_posix()


@pytest.mark.parametrize("history", HISTORIES)
def test_who_is_anonymous_is_named_in_no_object(
    published: Term, tmp_path: Path, history: str
) -> None:
    out = tmp_path / "out"
    release(published.record, out, history)
    texts = [data.decode(errors="replace") for data in contents(out).values()]
    for text in texts:
        assert "rev-one" not in text.lower().replace("rev-one-and-all", "")
    assert not occurs(out, "uni.edu")
    assert not occurs(out, "dev-three")  # takes no part in what is published
    roster = (out / "reviews/roster.yaml").read_text()
    assert '"@dev-one", role: "developer", github_id: 11, team: "toy", conflicts: []' in roster
    assert 'consent: "name", name: "Ada L."' in roster
    assert '"@anonymous-' in roster
    assert "14" not in roster
    assert "Thanks to @anonymous-" in (out / "zoo/toy/README.md").read_text()


def test_three_commits_or_all_of_them(published: Term, tmp_path: Path) -> None:
    release(published.record, tmp_path / "fresh")
    assert log(tmp_path / "fresh", "%s") == [
        "Reviews, answers and ledgers",
        "Version 2, after the reviews",
        "Version 1 of every entry",
    ]
    release(published.record, tmp_path / "filtered", "filtered")
    before, after = log(published.root, "%s|%ct"), log(tmp_path / "filtered", "%s|%ct")
    assert len(after) == len(before) + 1
    messages = [line.split("|")[0] for line in after[1:]]
    kept = [line.split("|")[0] for line in before]
    changed = [(k, m) for m, k in zip(messages, kept, strict=True) if m != k]
    silent = "About what is not published"
    assert changed == [
        ("Record: projections rebuilt", silent),
        ("toy: published, thanks to @rev-one", f"toy: published, thanks to @{_name(tmp_path)}"),
        ("Write zoo/other/recipe.py", silent),
        ("Write reviews/bids.yaml", silent),
        ("Write reviews/roster.yaml", silent),
    ]
    assert [line.split("|")[1] for line in after[1:]] == [line.split("|")[1] for line in before]


def _name(folder: Path) -> str:
    """How @rev-one is called."""
    return Path(_review(folder / "filtered")).stem


@pytest.mark.parametrize("history", HISTORIES)
def test_the_same_commit_gives_the_same_repository(
    published: Term, tmp_path: Path, history: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = release(published.record, tmp_path / "one", history)
    git(tmp_path, "clone", "--quiet", str(published.root), "copy")
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2001-01-01T00:00:00Z")
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Somebody Else")
    published.at("2027-05-05T05:05:05Z")
    again = release(Record(tmp_path / "copy"), tmp_path / "other", history)
    assert again == made
    refs = [git(tmp_path / name, "for-each-ref") for name in ("one", "other")]
    assert refs[0] == refs[1]
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


@pytest.mark.parametrize("history", HISTORIES)
def test_reviews_in_short(term: Term, tmp_path: Path, history: str) -> None:  # noqa: F811
    published, out = publish(term, reviews="summary"), tmp_path / "out"
    release(published.record, out, history)
    assert examine(Record(out)) == ([], [])
    for private in ("I read all of it", "Equation 3", "Change the number", "Seen by"):
        assert not occurs(out, private)
    text = (out / _review(out)).read_text()
    for public in ("## F01: Finding 1", "zoo/toy/model.py:15-16", "### mathematics: 3", "partial"):
        assert public in text
    assert "answer: disputed" in (out / "reviews/toy/v2/response.md").read_text()


def test_branches_and_merges_are_rewritten(published: Term, tmp_path: Path) -> None:
    git(published.root, "switch", "--quiet", "--create", "side")
    published.write("side.md", "by @rev-one")
    side = published.git("rev-parse", "HEAD")
    git(published.root, "switch", "--quiet", "main")
    git(
        published.root, "merge", "--quiet", "--no-ff", "-m", f"Merge {side[:12]} of rev-one", "side"
    )
    out = tmp_path / "out"
    release(published.record, out, "filtered")
    assert examine(Record(out)) == ([], [])
    (merge,) = git(out, "log", "--merges", "--format=%H").split()
    _, other = git(out, "log", "-1", "--format=%P", merge).split()
    said = git(out, "log", "-1", "--format=%s", merge)
    assert said == f"Merge {other[:12]} of {Path(_review(out)).stem}"
    assert git(out, "show", "--format=", "--name-only", other).strip() == "side.md"


def test_a_frozen_commit_beside_the_branch_is_kept(published: Term, tmp_path: Path) -> None:
    """As when a pull request was squashed: the tag alone leads to version 1."""
    git(published.root, "checkout", "--quiet", "--orphan", "squashed")
    git(published.root, "commit", "--quiet", "-m", "All at once")
    git(published.root, "branch", "--quiet", "--force", "main", "squashed")
    git(published.root, "switch", "--quiet", "main")
    out = tmp_path / "out"
    release(published.record, out, "filtered")
    assert examine(Record(out)) == ([], [])
    assert len(log(out, "%s")) == 2
    assert "line five" not in git(out, "show", "toy/v1:zoo/toy/model.py")


def test_a_folder_that_is_not_empty_stays_as_it_is(published: Term, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").write_text("mine")
    said = published.refused("publish", "release", str(tmp_path / "out"))
    assert "is there and not empty: name a new folder" in said
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["file"]
    shutil.rmtree(tmp_path / "out")
    (tmp_path / "out").mkdir()
    said = published.zoo("publish", "release", str(tmp_path / "out"))
    assert said.startswith("left out: other is without a ledger\n")
    assert ": 1 entries (toy), 19 files, 3 commits, " in said


def stops(term: Term, out: Path, *options: str) -> list[str]:  # noqa: F811
    """The problems that a release names; nothing is left of it."""
    result = term.run("publish", "release", str(out), *options)
    assert result.exit_code == 1, result.output
    assert not out.exists()
    assert not list(out.parent.glob(".release-*"))
    return result.stderr.splitlines()[:-1]


@pytest.mark.parametrize("who", ["instructor-one", "dev-one", "rev-one"])
def test_who_did_not_consent_stops_it(published: Term, tmp_path: Path, who: str) -> None:
    before, found, after = ROSTER.partition(f'"@{who}"')
    after = re.sub("consent: (handle|anonymous)", "consent: none", after, count=1)
    published.write("reviews/roster.yaml", before + found + after)
    (line,) = stops(published, tmp_path / "out")
    assert f"@{who}" in line
    assert "has not consented to publication" in line


def test_code_that_nobody_reviewed_stops_it(published: Term, tmp_path: Path) -> None:
    published.write("zoo/toy/model.py", "line 1\n")
    (line,) = stops(published, tmp_path / "out")
    assert line.startswith("zoo/toy/model.py: not what was frozen as toy/v2")


def test_a_missing_licence_stops_it(published: Term, tmp_path: Path) -> None:
    published.git("rm", "--quiet", "LICENSE")
    published.git("commit", "--quiet", "-m", "No licence")
    assert "LICENSE is missing" in stops(published, tmp_path / "out")[0]


def test_a_lesson_without_its_entry_stops_it(published: Term, tmp_path: Path) -> None:
    lines = ["import zoo.other.model", "from zoo import other", 'zoo.load("other")', "zoo.others"]
    published.write("notebooks/lesson.py", "\n".join(lines))
    published.write("zoo/test_all.py", "load('other')")
    rule = "it uses 'other', which is not published; zoo publish entry other, or take it out"
    places = ("notebooks/lesson.py:1", "notebooks/lesson.py:2", "notebooks/lesson.py:3")
    assert stops(published, tmp_path / "out") == [
        f"{place}: {rule}" for place in (*places, "zoo/test_all.py:1")
    ]


def test_the_picture_of_all_entries_loses_rows() -> None:
    picture = Image.new("L", (10, 3 * TILE))
    for row, grey in enumerate((10, 20, 30)):
        picture.paste(grey, (0, row * TILE, 10, (row + 1) * TILE))
    data = io.BytesIO()
    picture.save(data, "PNG")
    rows = ["a", "b", "c"]
    cut = Image.open(io.BytesIO(cut_picture(data.getvalue(), rows, ["a", "c", "x"])))
    assert (cut.size, cut.getcolors()) == ((10, 2 * TILE), [(10 * TILE, 10), (10 * TILE, 30)])
    assert cut_picture(data.getvalue(), rows, rows) == data.getvalue()


def test_what_is_not_committed_is_not_released(published: Term, tmp_path: Path) -> None:
    (published.root / "LICENSE").write_text("another")
    said = published.refused("publish", "release", str(tmp_path / "out"))
    assert "not committed" in said


def test_there_must_be_something_to_release(term: Term, tmp_path: Path) -> None:  # noqa: F811
    said = term.refused("publish", "release", str(tmp_path / "out"))
    assert said == "Error: no entry is published: zoo publish entry --all comes first"
