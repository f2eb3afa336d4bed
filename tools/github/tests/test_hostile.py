"""Hostile input, a row each: what is sent, and what happens to it.

Nothing is executed, nobody is notified, nothing is lost: after every row the ledger holds exactly
the events that the row allows, all that the bot wrote mentions nobody, and no file is left behind.
`python -m tools.github.tests.test_hostile` prints the table.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tools.github.port import Comment
from tools.github.tests.scenes import Scenes
from tools.process.fsck import examine
from tools.process.tests.conftest import Term
from tools.process.tests.conftest import term as term
from tools.text import one_line

SILENT = ""
BOSS, DEVELOPER, STRANGER = "instructor-one", "dev-one", "stranger"
PROPOSED = ["proposed"]


@dataclass(frozen=True)
class Row:
    """One hostile input.

    Attributes:
        what: in words.
        who: login of who sends it.
        body: the comment.
        answer: what the bot's answer contains; "" for no answer at all.
        events: what the ledger holds afterwards, beside the proposal.
        twist: what else is wrong about the delivery.
    """

    what: str
    who: str
    body: str
    answer: str = SILENT
    events: tuple[str, ...] = ()
    twist: Callable[[Scenes, Comment], Comment] = lambda scenes, comment: comment


def edited(scenes: Scenes, comment: Comment) -> Comment:
    scenes.term.at("2026-10-01T10:05:00Z")
    return scenes.github.edit(comment.id, comment.body)


def deleted(scenes: Scenes, comment: Comment) -> Comment:
    scenes.github.delete(comment.id)
    return comment


def by_a_bot(scenes: Scenes, comment: Comment) -> Comment:
    return replace(comment, author=replace(comment.author, is_bot=True))


def by_another_number(scenes: Scenes, comment: Comment) -> Comment:
    return replace(comment, author=replace(comment.author, id=666))


def delivered_before(scenes: Scenes, comment: Comment) -> Comment:
    scenes.deliver(comment)
    return comment


def without_permission(scenes: Scenes, comment: Comment) -> Comment:
    scenes.github.permissions[BOSS] = "write"
    return comment


def github_silent(scenes: Scenes, comment: Comment) -> Comment:
    scenes.github.fail(method="permission", status=503)
    return comment


def touching(*paths: str) -> Callable[[Scenes, Comment], Comment]:
    """The pull request also changes these files, and CI is content with it."""

    def twist(scenes: Scenes, comment: Comment) -> Comment:
        scenes.approve()
        head = scenes.head
        sha = scenes.github.push(head.head_branch, dict.fromkeys(paths, "x"))
        scenes.github.add_check(sha, "Verdict", "success")
        return comment

    return twist


def at_a_proposal_of_others(scenes: Scenes, comment: Comment) -> Comment:
    issue = scenes.github.add_issue(scenes.user(STRANGER), "toy", "entry: toy")
    return replace(comment, number=issue.number)


APPROVE, SUBMIT = "/zoo approve", "/zoo submit v1"
APPROVED = ("approved",)
INVISIBLE = "it holds the invisible character"
NOBODY = "no account number"

ROWS = (
    Row("a command in a fence", BOSS, f"```\n{APPROVE}\n```"),
    Row("a command in a fence that nothing closes", BOSS, f"~~~~\n{APPROVE}"),
    Row("a command in an indented block", BOSS, f"so:\n\n    {APPROVE}"),
    Row("a command in a code span", BOSS, f"`{APPROVE}`"),
    Row("a command in a code span over lines", BOSS, f"`x\n{APPROVE}\ny`"),
    Row("a command in a quote", BOSS, f"> {APPROVE}"),
    Row("a command that lazily goes on with a quote", BOSS, f"> x\n{APPROVE}", "leave an empty"),
    Row("a command in a list", BOSS, f"- {APPROVE}"),
    Row("a command in a table", BOSS, f"| a |\n|---|\n| {APPROVE} |"),
    Row("a command in a comment of HTML", BOSS, f"<!--\n\n{APPROVE}\n\n-->"),
    Row("a command folded away", BOSS, f"<details>\n\n{APPROVE}\n\n</details>"),
    Row("a command in a link's text", BOSS, f"[x\n{APPROVE}\ny](https://example.org)"),
    Row("a command in an image's text", BOSS, f"![\n{APPROVE}\n](https://example.org/a.png)"),
    Row("a command behind an encoded slash", BOSS, "&#47;zoo approve"),
    Row("a command behind an escaped slash", BOSS, "\\/zoo approve"),
    Row("a full-width slash", BOSS, "\uff0fzoo approve"),
    Row("Cyrillic letters in the command's name", BOSS, "/z\u043e\u043e approve"),
    Row("Cyrillic letters in the verb", BOSS, "/zoo \u0430pprove", "there is no verb"),
    Row("a zero-width space in the verb", BOSS, "/zoo app\u200brove", f"{INVISIBLE} U+200B"),
    Row("a zero-width joiner before the slash", BOSS, "\u200d/zoo approve", f"{INVISIBLE} U+200D"),
    Row("text turned from right to left", BOSS, "/zoo hold -- \u202etxet", f"{INVISIBLE} U+202E"),
    Row("an isolate of directions", BOSS, "/zoo \u2066approve\u2069", f"{INVISIBLE} U+2066"),
    Row("letters of the tag block", BOSS, "/zoo approve\U000e0061", f"{INVISIBLE} U+E0061"),
    Row("right-to-left text around", BOSS, f"\u05e9\u05dc\u05d5\u05dd\n\n{APPROVE}", "", APPROVED),
    Row("half a surrogate pair", BOSS, "/zoo hold -- \ud83d", f"{INVISIBLE} U+D83D"),
    Row("a terminal's escape", BOSS, "/zoo hold -- \x1b[2J", f"{INVISIBLE} U+001B"),
    Row("a null byte", BOSS, "/zoo hold -- a\x00b", "is on hold", ("held",)),
    Row("words for a shell", BOSS, "/zoo approve; rm -rf /", "there is no verb 'approve;'"),
    Row("a substitution", BOSS, "/zoo assign $(curl example.org)", "is no @REVIEWER"),
    Row("a substitution in a reason", BOSS, "/zoo hold -- `id` $(id)", "on hold", ("held",)),
    Row("an expression of Actions", BOSS, "/zoo ${{ secrets.GITHUB_TOKEN }}", "no verb"),
    Row("a log command of the runner", BOSS, "/zoo ::set-output name=x::y", "no verb"),
    Row("a log command on a line of its own", BOSS, f"::stop-commands::x\n{APPROVE}", "", APPROVED),
    Row("a path for a handle", BOSS, "/zoo assign ../../../etc/passwd", "is no @REVIEWER"),
    Row("a template", BOSS, "/zoo hold -- {0.__class__} %s {{x}}", "on hold", ("held",)),
    Row("a forged line of the ledger", BOSS, '/zoo hold -- "}\\n{"id": "x"}', "hold", ("held",)),
    Row("ten thousand mentions", BOSS, "@all " * 10_000 + f"\n\n{APPROVE}", "", APPROVED),
    Row("a mention as a verb", BOSS, "/zoo @everyone", "no verb"),
    Row("mentions in a refused reason", BOSS, "/zoo approve -- @a @b #1", "keeps no reason"),
    Row("a mention hidden by back-ticks", BOSS, "/zoo ``@all`` @all", "no verb"),
    Row("1 MB of text", BOSS, "/zoo approve\n" + "x" * 1_000_000, "the comment has 1,000,013"),
    Row("a hundred commands", BOSS, "/zoo approve\n" * 100, "more than 20 commands"),
    Row("brackets without end", BOSS, "[" * 60_000 + f"\n\n{APPROVE}", "", APPROVED),
    Row("quotes in quotes without end", BOSS, ">" * 60_000 + APPROVE),
    Row("an edited comment", BOSS, APPROVE, "only new ones act", twist=edited),
    Row("a deleted comment", BOSS, APPROVE, twist=deleted),
    Row("the same delivery again", BOSS, APPROVE, SILENT, APPROVED, delivered_before),
    Row("another bot", BOSS, APPROVE, twist=by_a_bot),
    Row("the bot itself", "github-actions[bot]", APPROVE),
    Row("a stranger", STRANGER, APPROVE, NOBODY),
    Row("a stranger with the login of an instructor", BOSS, APPROVE, NOBODY, (), by_another_number),
    Row("an instructor without rights", BOSS, APPROVE, "you have write", (), without_permission),
    Row("GitHub does not answer about rights", BOSS, APPROVE, "did not say", (), github_silent),
    Row("developers approve their own proposal", DEVELOPER, APPROVE, "approves their own"),
    Row("developers review their own entry", DEVELOPER, "/zoo file", "their own entry"),
    Row("a developer puts an end to reviews", DEVELOPER, "/zoo close review", "for the instructor"),
    Row("one good, one broken", BOSS, f"{APPROVE}\n/zoo explode", "Nothing was run"),
    Row("somebody else's entry", "dev-three", "/zoo withdraw -- ha", "@dev-one, @dev-two"),
    Row(
        "a submission with its own workflow",
        DEVELOPER,
        SUBMIT,
        "this one also .github/workflows/ci.yml",
        APPROVED,
        touching(".github/workflows/ci.yml"),
    ),
    Row(
        "a submission with its own policy",
        DEVELOPER,
        SUBMIT,
        "this one also reviews/policy.yaml",
        APPROVED,
        touching("reviews/policy.yaml"),
    ),
    Row(
        "a submission with its own ledger",
        DEVELOPER,
        SUBMIT,
        "this one also reviews/toy/events.jsonl",
        APPROVED,
        touching("reviews/toy/events.jsonl"),
    ),
    Row(
        "a path that leaves the folder",
        DEVELOPER,
        SUBMIT,
        "",
        APPROVED,
        touching("zoo/../tools/x.py"),
    ),
    Row(
        "a path that mentions somebody",
        DEVELOPER,
        SUBMIT,
        "this one also",
        APPROVED,
        touching("@all`@all`"),
    ),
    Row(
        "a second entry in the pull request",
        DEVELOPER,
        SUBMIT,
        "this pull request touches toy, vae",
        APPROVED,
        touching("zoo/vae/model.py"),
    ),
    Row("an issue that only looks so", BOSS, APPROVE, "proposes no", (), at_a_proposal_of_others),
)


def visible(markdown: str) -> str:
    """What GitHub would search for mentions and references: the text outside code and comments."""
    found = []
    for token in MarkdownIt("commonmark").parse(markdown):
        for child in token.children or ():
            found.append(child.content if child.type == "text" else " ")
    return "".join(found)


def send(scenes: Scenes, row: Row) -> str:
    """Deliver a row; what the bot answered to this delivery."""
    before = len(scenes.github.said(scenes.pull))
    comment = scenes.github.say(scenes.pull, scenes.user(row.who), row.body)
    comment = row.twist(scenes, comment)
    told = len(scenes.github.said(scenes.pull)) - before
    text = scenes.deliver(comment).text
    assert told in (0, 1)
    return text


@pytest.fixture
def scenes(term: Term) -> Scenes:
    return Scenes(term)


def tree(root: Path) -> set[str]:
    return {path.as_posix() for path in root.rglob("*") if ".git" not in path.parts}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what.replace(" ", "-"))
def test_hostile(scenes: Scenes, row: Row, record_property: Callable[[str, object], None]) -> None:
    before = tree(scenes.term.root)
    text = send(scenes, row)
    record_property("input", row.what)
    record_property("answer", text or "none")
    record_property("recorded", ", ".join(scenes.types()[1:]) or "nothing")
    # Answered as the table says; silence is silence.
    assert row.answer in text
    assert bool(text) == bool(row.answer or (row.events and row.body != APPROVE)), text
    # Nothing else happened than what the row allows, and the record is whole.
    assert scenes.types() == ["proposed", *row.events]
    assert examine(scenes.term.record)[0] == []
    # Nobody is notified, and no issue is referred to.
    for said in scenes.github.said(scenes.pull):
        assert not re.search(r"[@#]\w", visible(said)), said
        assert len(said) < 65_536
    # Nothing is left behind.
    left = tree(scenes.term.root) - before
    assert {path.rpartition("/")[2] for path in left} <= {"README.md"}
    assert scenes.term.git("status", "--porcelain") == ""


def test_there_are_enough_of_them() -> None:
    assert len(ROWS) >= 40
    assert len({row.what for row in ROWS}) == len(ROWS)


class Table:
    """Collects what the tests saw, row by row."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest after each part of a test."""
        if report.when == "call" and report.user_properties:
            cells = [
                one_line(value, 160).replace("|", "\\|") for _, value in report.user_properties
            ]
            verdict = "" if report.passed else " **FAILED**"
            self.lines.append(f"| {' | '.join(cells)}{verdict} |")


def main() -> None:
    """Run every row, and print the table of what happened."""
    table = Table()
    status = pytest.main(["--quiet", "-p", "no:cacheprovider", __file__], plugins=[table])
    print("\n| input | answer | recorded |\n|---|---|---|", *table.lines, sep="\n")
    raise SystemExit(status)


if __name__ == "__main__":
    main()
