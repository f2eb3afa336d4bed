"""Ledgers after merges, rebases and squashes: `zoo reconcile` joins, `zoo fsck` still finds."""

import shutil

import pytest

from tools.process.git import git
from tools.process.ledger import events as ev
from tools.process.ledger.committed import as_text, read_version
from tools.process.tests.test_fsck import edit_ledger, forged
from zoo.core.registry import ZOO_FOLDER

TEACHER = "@instructor-one"
LEDGER = "reviews/toy/events.jsonl"


@pytest.fixture
def parted(term):
    """An approved entry; its team got more time at 10:10 and 10:30 on `other`, 10:20 on `main`."""
    shutil.copy(ZOO_FOLDER.parent / ".gitattributes", term.root)
    term.git("add", ".gitattributes")
    term.git("commit", "--quiet", "-m", "Attributes")
    term.approved("toy", "@dev-one")
    term.git("switch", "--quiet", "--create", "other")
    extend(term, "2026-10-01T10:10:00Z", "2026-10-20 12:00")
    extend(term, "2026-10-01T10:30:00Z", "2026-10-22 12:00")
    term.git("switch", "--quiet", "main")
    extend(term, "2026-10-01T10:20:00Z", "2026-10-21 12:00")
    return term


def extend(term, when, until):
    term.at(when).zoo("extend", "toy", "@dev-one", "--stage", "v1", "--until", until, by=TEACHER)


def merge(term, *arguments):
    git(term.root, "merge", "--no-edit", *arguments, check=False)


def until(term):
    """The dates of the extensions, in the ledger's order."""
    events = term.record.events("toy")
    return [event.payload.until[8:10] for event in events if event.payload.TYPE == "extended"]


def assert_whole(term):
    assert "✔ the record is whole" in term.zoo("fsck")
    assert "·" not in term.zoo("fsck")
    assert term.zoo("reconcile").strip() == "everything is as the ledgers say"
    assert term.git("status", "--porcelain") == ""


def test_two_branches_of_one_ledger_are_joined_in_the_order_of_time(parted):
    merge(parted, "other")
    for command in (["status"], ["fsck"], ["history", "toy"]):
        said = parted.run(*command).output
        assert "events.jsonl:3: git left two versions of the ledger here" in said
        assert "zoo reconcile puts it together" in said
    said = parted.zoo("reconcile").splitlines()
    assert said == [
        f"{LEDGER}: put together from what was committed, 5 events",
        "reviews/README.md: wrote the board",
        "the merge is concluded; next: git push",
    ]
    assert until(parted) == ["20", "21", "22"]
    assert len(parted.git("log", "-1", "--format=%P").split()) == 2
    assert_whole(parted)


def test_both_sides_join_to_the_same_ledger(parted):
    merge(parted, "other")
    parted.zoo("reconcile")
    one = (parted.root / LEDGER).read_bytes()
    parted.git("switch", "--quiet", "other")
    merge(parted, "main~1")
    parted.zoo("reconcile")
    assert (parted.root / LEDGER).read_bytes() == one
    parted.git("switch", "--quiet", "main")
    merge(parted, "other")
    assert_whole(parted)


def test_ledgers_of_two_entries_merge_by_themselves(term):
    shutil.copy(ZOO_FOLDER.parent / ".gitattributes", term.root)
    term.git("add", ".gitattributes")
    term.git("commit", "--quiet", "-m", "Attributes")
    term.propose("toy", "@dev-one")
    term.git("switch", "--quiet", "--create", "other")
    term.propose("boy", "@dev-two", paper="1502.03509")
    term.zoo("bid", "--want", "toy", by="@rev-one")
    term.git("switch", "--quiet", "main")
    term.zoo("approve", "toy", by=TEACHER)
    term.git("merge", "--quiet", "--no-edit", "other")
    assert "zoo reconcile writes it" in term.zoo("fsck")
    term.zoo("bid", "--want", "boy", by="@rev-two")  # the next command writes the board, too
    assert_whole(term)


def test_what_somebody_else_must_mend_is_left_to_them(parted):
    parted.write("note.txt", "one\n")
    parted.git("switch", "--quiet", "other")
    parted.write("note.txt", "two\n")
    merge(parted, "main")
    said = parted.zoo("reconcile").splitlines()[-1]
    assert said == "the merge is not over: mend note.txt, git add them, then git commit"
    refused = parted.refused("hold", "toy", "--reason", "x", by=TEACHER)
    assert "git is in the middle of a merge: finish it first" in refused
    parted.git("checkout", "--ours", "note.txt")
    parted.git("add", "note.txt")
    parted.git("commit", "--quiet", "--no-edit")
    assert_whole(parted)


def test_a_contradiction_is_refused_and_nothing_is_written(parted):
    parted.at("2026-10-01T10:25:00Z").zoo("withdraw", "toy", "--reason", "x", by="@dev-one")
    merge(parted, "other")
    before = (parted.root / LEDGER).read_bytes()
    said = parted.refused("reconcile")
    assert "'extended' of @instructor-one at 2026-10-01T10:30:00Z does not fit" in said
    assert "git merge --abort, git branch mine, git reset --hard @{upstream}" in said
    assert (parted.root / LEDGER).read_bytes() == before
    parted.git("merge", "--abort")
    assert_whole(parted)


def test_a_rebase_may_append_and_nothing_else(parted):
    git(parted.root, "rebase", "other", check=False)
    said = parted.refused("reconcile")
    assert said.endswith("git rebase --abort, then git pull --no-rebase")
    parted.git("rebase", "--abort")
    extend(parted, "2026-10-01T10:40:00Z", "2026-10-23 12:00")
    parted.git("switch", "--quiet", "--create", "late", "other")
    parted.git("reset", "--quiet", "--hard", "main~2")
    extend(parted, "2026-10-01T10:50:00Z", "2026-10-24 12:00")
    git(parted.root, "rebase", "other", check=False)
    assert "next: git rebase --continue" in parted.zoo("reconcile")
    git(parted.root, "rebase", "--continue", GIT_EDITOR="true")
    assert until(parted) == ["20", "22", "24"]
    assert_whole(parted)


def test_a_squash_hides_who_wrote_first_and_the_branch_mends_it(parted):
    parted.git("switch", "--quiet", "other")
    merge(parted, "main")
    parted.zoo("reconcile")
    parted.git("switch", "--quiet", "main")
    parted.git("merge", "--quiet", "--squash", "other")
    parted.git("commit", "--quiet", "-m", "Squashed")
    said = parted.run("fsck").output
    assert f"{LEDGER}:3: commit {parted.git('rev-parse', 'HEAD')[:12]} put an event before" in said
    assert "git merge the branch that recorded it" in said
    parted.git("merge", "--quiet", "--no-edit", "other")
    assert_whole(parted)


def test_a_side_that_a_merge_dropped_comes_back(parted):
    merge(parted, "--strategy", "ours", "other")
    assert f"{LEDGER}:4: commit" in parted.run("fsck").output
    parted.zoo("reconcile")
    assert until(parted) == ["20", "21", "22"]
    assert_whole(parted)


def test_a_merge_mended_by_hand_is_mended(parted):
    merge(parted, "other")
    path = parted.root / LEDGER
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if line.startswith("{")))
    parted.git("commit", "--quiet", "--all", "--no-edit")
    assert "zoo reconcile puts it together" in parted.refused("status")
    parted.zoo("reconcile")
    assert until(parted) == ["20", "21", "22"]
    assert_whole(parted)


@pytest.mark.parametrize("commit", [True, False])
def test_what_was_tampered_with_is_put_back(parted, commit):
    before = (parted.root / LEDGER).read_bytes()
    edit_ledger(parted, lambda lines: forged(lines, 2, until="2027-01-01T00:00:00Z"))
    if commit:
        parted.git("commit", "--quiet", "--all", "-m", "nothing to see")
    assert f"{LEDGER}:3: " in parted.run("fsck").output
    parted.zoo("reconcile")
    assert (parted.root / LEDGER).read_bytes() == before
    assert_whole(parted)


def test_an_event_put_between_others_is_found(parted):
    path = parted.root / LEDGER
    events = list(read_version(path.read_bytes()).events.values())
    stray = list(read_version(parted.git("show", f"other:{LEDGER}").encode()).events.values())[2]
    path.write_text(as_text([*events[:2], stray, *events[2:]]))
    parted.git("commit", "--quiet", "--all", "-m", "nothing to see")
    parted.git("branch", "--quiet", "-D", "other")
    assert "put an event before others that stood already" in parted.run("fsck").output


def test_events_that_changed_places_go_back(parted):
    extend(parted, "2026-10-01T10:20:00Z", "2026-10-23 12:00")  # in the same second as the last
    path = parted.root / LEDGER
    *events, one, two = read_version(path.read_bytes()).events.values()
    path.write_text(as_text([*events, two, one]))
    parted.git("commit", "--quiet", "--all", "-m", "nothing to see")
    assert f"{LEDGER}:4: events changed places; git show" in parted.run("fsck").output
    parted.zoo("reconcile")
    assert until(parted) == ["21", "23"]
    assert_whole(parted)


def test_events_of_one_second_stay_as_they_were_joined(parted):
    extend(parted, "2026-10-01T10:30:00Z", "2026-10-23 12:00")
    for branch, other in (("main", "other"), ("other", "main~1")):
        parted.git("switch", "--quiet", branch)
        merge(parted, other)
        parted.zoo("reconcile")
        assert_whole(parted)
    assert until(parted) == ["20", "21", "22", "23"]
    parted.git("switch", "--quiet", "main")
    assert until(parted) == ["20", "21", "23", "22"]  # each branch put its own first
    merge(parted, "other")
    parted.zoo("reconcile")
    assert sorted(until(parted)) == ["20", "21", "22", "23"]
    assert_whole(parted)


def test_a_ledger_that_was_removed_is_missed(parted):
    parted.git("rm", "--quiet", LEDGER)
    parted.git("commit", "--quiet", "-m", "nothing to see")
    assert "git show" in parted.run("fsck").output
    parted.zoo("reconcile")
    assert until(parted) == ["21"]
    assert_whole(parted)


def test_nothing_uncommitted_is_thrown_away(parted):
    edit_ledger(
        parted, lambda lines: [lines[0], *lines[2:], lines[2].replace('"id": "', '"id": "x')]
    )
    said = parted.zoo("reconcile")
    kept = parted.root / "build/reviews/toy-events-replaced.jsonl"
    assert "it is kept in build/reviews/toy-events-replaced.jsonl" in said
    assert '"id": "x' in kept.read_text()
    assert until(parted) == ["21"]


def test_nothing_is_recorded_where_no_branch_would_keep_it(parted):
    parted.git("switch", "--quiet", "--detach")
    said = parted.refused("hold", "toy", "--reason", "x", by=TEACHER)
    assert "no branch is checked out" in said
    assert "git switch main" in said
    assert parted.git("status", "--porcelain") == ""


def test_signs_that_look_like_line_ends_stay_in_their_line(term):
    term.propose("toy", "@dev-one")
    term.happens("toy", TEACHER, ev.ProposalDeclined("a\u2028b\x85c\x1cd"))
    assert term.record.events("toy")[1].payload.reason == "a\u2028b\x85c\x1cd"


@pytest.mark.parametrize("left", [0, 1, 2])
def test_nothing_is_appended_to_less_than_what_was_committed(parted, left):
    edit_ledger(parted, lambda lines: lines[:left])
    said = parted.refused("hold", "toy", "--reason", "x", by=TEACHER)
    assert (
        said == f"Error: {LEDGER}: not all that was committed is in it; zoo reconcile puts it back"
    )
    parted.zoo("reconcile")
    assert until(parted) == ["21"]
