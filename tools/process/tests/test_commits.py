"""What a command records is committed, alone and in its own clone, or a message says what to do."""

import dataclasses
import os
import subprocess

import pytest

from tools.process import git as git_module
from tools.process.ledger import events as ev
from tools.process.ledger.file import Ledger
from zoo.core.errors import ZooError

TEACHER = "@instructor-one"
HOLD = ("hold", "toy", "--reason", "a power cut")


@pytest.fixture
def toy(term):
    """An approved entry."""
    term.approved("toy", "@dev-one")
    return term


def recorded(term):
    """Types of all events, those of the last commit, and what git calls changed."""
    events = [event.payload.TYPE for event in term.record.events("toy")]
    committed = term.git("show", "HEAD:reviews/toy/events.jsonl").count("\n")
    return events, committed, term.git("status", "--porcelain").splitlines()


def test_another_git_command_is_waited_for_and_then_named(toy, monkeypatch):
    monkeypatch.setattr(git_module, "PATIENCE", 0.0)
    lock = toy.root / ".git" / "index.lock"
    lock.touch()
    said = toy.refused(*HOLD, by=TEACHER)
    assert said == (
        "Error: recorded, but not committed: another git command is at work in this clone, or was"
        f" killed; if none is, remove {lock}; after that, zoo reconcile commits it"
    )
    lock.unlink()
    assert recorded(toy)[:2] == (["proposed", "approved", "held"], 2)
    assert toy.zoo("reconcile").strip() == "committed what was recorded"
    assert recorded(toy) == (["proposed", "approved", "held"], 3, [])


def test_a_hook_that_fails_loses_nothing(toy):
    hook = toy.root / ".git" / "hooks" / "prepare-commit-msg"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not today >&2\nexit 1\n")
    hook.chmod(0o755)
    said = toy.refused(*HOLD, by=TEACHER)
    assert "recorded, but not committed: git commit: not today; after that, zoo reconcile" in said
    hook.unlink()
    toy.zoo("reconcile")
    assert recorded(toy) == (["proposed", "approved", "held"], 3, [])


def test_nothing_is_recorded_by_nobody(toy, monkeypatch):
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{name}_NAME")
        monkeypatch.delenv(f"GIT_{name}_EMAIL")
    toy.git("config", "user.useConfigOnly", "true")
    said = toy.refused(*HOLD, by=TEACHER)
    assert 'git does not know who commits here: git config user.name "…" and' in said
    assert recorded(toy) == (["proposed", "approved"], 2, [])


def test_what_is_staged_besides_is_not_committed(toy):
    (toy.root / "note.txt").write_text("mine\n")
    toy.git("add", "note.txt")
    toy.zoo(*HOLD, by=TEACHER)
    assert recorded(toy) == (["proposed", "approved", "held"], 3, ["A  note.txt"])


def test_the_clone_of_a_hook_is_not_ours(toy, tmp_path, monkeypatch):
    other = tmp_path / "other"
    subprocess.run(["git", "init", "--quiet", str(other)], check=True)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    toy.zoo(*HOLD, by=TEACHER)
    monkeypatch.delenv("GIT_DIR")
    assert recorded(toy) == (["proposed", "approved", "held"], 3, [])
    assert os.listdir(other / ".git" / "refs" / "heads") == []


def test_a_clone_without_the_frozen_commit_says_how_to_get_it(revising, tmp_path, monkeypatch):
    revising.record.commit("All of it", "reviews")
    commands = (["respond", "toy", "--as", "@dev-one"], ["reconcile"], ["fsck"])
    for options, says in (
        (["--depth", "1"], "git fetch --unshallow --tags"),
        (["--no-tags"], "git fetch --tags; if that does not bring it, who submitted it says"),
    ):
        clone = tmp_path / options[0].strip("-")
        source = revising.root.as_uri()
        if options == ["--no-tags"]:  # a branch that was rewritten, as a squash does
            revising.git("checkout", "--quiet", "--orphan", "squashed")
            revising.git("commit", "--quiet", "-m", "Squashed")
        subprocess.run(["git", "clone", "--quiet", "--single-branch", *options, source, clone])
        monkeypatch.setenv("ZOO_ROOT", str(clone))
        monkeypatch.chdir(clone)
        for command in commands:
            result = revising.run(*command)
            assert "the frozen commit" in result.output
            assert says in result.output
        assert result.exit_code == (options == ["--no-tags"])  # the rest of a clone is no fault


def test_the_first_proposal_of_all(term):
    (term.root / "zoo").rmdir()
    assert "toy is proposed" in term.propose("toy", "@dev-one")


def test_no_message_moves_the_cursor(toy):
    result = toy.run(*HOLD, by="\x1b[31m@rev\u202e")
    assert "'@�[31m@rev�' is not in reviews/roster.yaml" in result.stderr


def test_a_reason_is_one_line_that_says_something(toy):
    result = toy.run("hold", "toy", "--reason", " \n\x1b", by=TEACHER)
    assert result.exit_code == 2
    assert "say why, in a line for everybody to read" in result.output
    toy.zoo("hold", "toy", "--reason", "two\nlines", by=TEACHER)
    assert toy.record.events("toy")[-1].payload.reason == "two lines"


EVIL = "\x1b[31m|<b>@octocat \u202e`x`)\n::error::x\x07"


def test_what_a_stranger_put_into_a_ledger_moves_no_cursor_and_marks_up_no_page(term):
    proposed = ev.Proposed(EVIL, f"1{EVIL}", EVIL, ["@dev-one"], [EVIL], EVIL, EVIL)
    term.happens("toy", "@dev-one", proposed)
    path = term.root / "reviews" / "bad" / "events.jsonl"
    event = term.record.events("toy")[0]
    stranger = dataclasses.replace(proposed, team=[EVIL])
    event = dataclasses.replace(event, id="e", model="bad", actor=EVIL, payload=stranger)
    Ledger(path).append(event)
    for command in (["status"], ["history", "bad"], ["history", "toy"], ["fsck"], ["reconcile"]):
        said = term.run(*command).output
        assert not [c for c in said if c in "\x1b\x07\u202e"], command
    page = (term.root / "reviews" / "README.md").read_text()
    assert not [c for c in page if c in "\x1b\x07\u202e<>@"]
    assert page.count("\n| ") == 3  # the head and two entries: no line was broken


def test_an_entry_has_a_name_that_can_be_shown(term):
    with pytest.raises(ZooError, match=r"'to\|y' is no name of an entry: write lower-case words"):
        term.happens("to|y", "@dev-one", ev.Proposed("T", "1", "f", ["@dev-one"], ["c"], "d", "c"))
