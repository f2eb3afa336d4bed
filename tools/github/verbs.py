"""THE table of commands: who may say what, in which stages of an entry, and what it does.

The parser takes the arguments from it, `/zoo help` its rows, the tests of permissions every
combination, and `python -m tools.github.verbs` the page COMMANDS.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

from tools.github.grammar import Argument, Verb, choice, handle
from tools.process.findings import Outcome
from tools.process.ledger.events import Stage, Version
from tools.process.ledger.state import ACTIVE, StageName
from zoo.core.files import replacing

PAGE = Path(__file__).parent / "COMMANDS.md"

EVER: tuple[StageName, ...] = get_args(StageName)
_REVIEWING: tuple[StageName, ...] = ("v1-submitted", "in-review")
_FINDING = Argument("finding", "FINDING", "F01", r"(?:[a-z0-9-]{1,39}/)?f\d{2,3}")
_COMMIT = Argument("commit", "COMMIT", "1a2b3c4", r"[0-9a-f]{7,40}", optional=True)
_DATE = Argument("date", "DATE", "2026-10-26", r"\d{4}-\d\d-\d\d")
_TIME = Argument("time", "TIME", "23:59", r"\d\d:\d\d")

VERBS = (
    Verb(
        "check",
        ("developer",),
        ACTIVE,
        "Say what the checks of the newest commit found, and where their report is.",
        ("/zoo check",),
        "check",
    ),
    Verb(
        "submit",
        ("developer",),
        ("approved", "revising"),
        "Freeze the newest commit as version 1 or 2; its checks must have passed before you say "
        "so, unless you name the commit.",
        ("/zoo submit v1", "/zoo submit v2 1a2b3c4"),
        "submit",
        (choice("version", Version), _COMMIT),
    ),
    Verb(
        "respond",
        ("developer",),
        ("revising",),
        "Record the answers in reviews/MODEL/v2/response.md of this pull request; "
        "show the form to fill in where there is none.",
        ("/zoo respond",),
        "respond",
    ),
    Verb(
        "withdraw",
        ("developer", "instructor"),
        ("proposed", "on-hold", "missing", *ACTIVE),
        "Give the entry up; this cannot be taken back.",
        ("/zoo withdraw -- our data set is gone",),
        "withdraw",
        reason="required",
    ),
    Verb(
        "accept",
        ("reviewer",),
        _REVIEWING,
        "Take the review on.",
        ("/zoo accept",),
        "agree",
        statuses=("assigned",),
    ),
    Verb(
        "agree",
        ("reviewer",),
        _REVIEWING,
        "The same as accept.",
        ("/zoo agree",),
        "agree",
        statuses=("assigned",),
    ),
    Verb(
        "decline",
        ("reviewer",),
        _REVIEWING,
        "Do not take the review on, for a conflict of interest for example.",
        ("/zoo decline -- I work with one of the authors",),
        "refuse",
        reason="required",
        statuses=("assigned", "agreed"),
    ),
    Verb(
        "scaffold",
        ("reviewer",),
        _REVIEWING,
        "Show the form of a review of the frozen version.",
        ("/zoo scaffold",),
        "scaffold",
        statuses=("assigned", "agreed", "filed"),
    ),
    Verb(
        "lint",
        ("reviewer",),
        _REVIEWING,
        "Say what the review in this pull request still lacks.",
        ("/zoo lint",),
        "lint",
        statuses=("assigned", "agreed", "filed"),
    ),
    Verb(
        "file",
        ("reviewer",),
        _REVIEWING,
        "File the review in this pull request, from its file or from the comments on its lines.",
        ("/zoo file",),
        "file",
        statuses=("assigned", "agreed", "filed"),
    ),
    Verb(
        "verify",
        ("reviewer",),
        ("v2-submitted",),
        "Sign off what became of a finding of yours; a reason is needed unless it is verified.",
        ("/zoo verify F01 verified", "/zoo verify F02 not-fixed -- line 40 still takes the mean"),
        "verify",
        (_FINDING, choice("outcome", Outcome)),
        reason="optional",
        statuses=("revealed",),
    ),
    Verb(
        "approve",
        ("instructor",),
        ("proposed",),
        "Approve the proposal, with the dates and quotas of reviews/policy.yaml.",
        ("/zoo approve",),
        "approve",
    ),
    Verb(
        "decline",
        ("instructor",),
        ("proposed",),
        "Decline the proposal; its paper and its name are free again.",
        ("/zoo decline -- the paper has no public data",),
        "decline_proposal",
        reason="required",
    ),
    Verb(
        "assign",
        ("instructor",),
        _REVIEWING,
        "Assign one reviewer; without a name, the best plan for every entry that waits for some.",
        ("/zoo assign", "/zoo assign @rev-one"),
        "assign",
        (handle("reviewer", "@REVIEWER", optional=True),),
    ),
    Verb(
        "reassign",
        ("instructor",),
        _REVIEWING,
        "Take a reviewer off who has not filed, and assign another.",
        ("/zoo reassign @rev-one @rev-two -- ill",),
        "reassign",
        (handle("old", "@OLD"), handle("new", "@NEW", optional=True)),
        reason="required",
    ),
    Verb(
        "extend",
        ("instructor",),
        ("on-hold", "missing", *ACTIVE),
        "Give one person more time, in course time; the reason stays with you.",
        ("/zoo extend @dev-one v1 2026-10-26 23:59",),
        "extend",
        (handle("who", "@HANDLE"), choice("stage", Stage), _DATE, _TIME),
    ),
    Verb(
        "hold",
        ("instructor",),
        ("proposed", *ACTIVE),
        "Stop the clocks of the entry.",
        ("/zoo hold -- the cluster is down",),
        "hold",
        reason="required",
    ),
    Verb(
        "unhold",
        ("instructor",),
        ("on-hold",),
        "Let them run again; the running deadlines move by the length of the hold.",
        ("/zoo unhold",),
        "unhold",
    ),
    Verb(
        "close",
        ("instructor",),
        ("approved", "in-review", "revising"),
        "Close the reviews, or a version that did not come, when their time is over.",
        ("/zoo close", "/zoo close review"),
        "close",
        (choice("what", Literal["v1", "review", "v2"], optional=True),),
    ),
    Verb(
        "accept",
        ("instructor",),
        ("v2-submitted",),
        "Accept the entry after its sign-offs, and merge the frozen version 2.",
        ("/zoo accept",),
        "accept",
    ),
    Verb(
        "publish",
        ("instructor",),
        ("accepted",),
        "Record that the entry is part of the published zoo.",
        ("/zoo publish",),
        "publish",
    ),
    Verb(
        "reconcile",
        ("instructor",),
        EVER,
        "Make tags, pages and the board again from the ledgers.",
        ("/zoo reconcile",),
        "reconcile",
    ),
    Verb(
        "status",
        ("anyone",),
        EVER,
        "Say where the entry stands, and who owes what until when.",
        ("/zoo status",),
        "status",
    ),
    Verb(
        "help",
        ("anyone",),
        EVER,
        "List what you may say here now.",
        ("/zoo help",),
        "help",
    ),
)


def rows(verb: str) -> list[Verb]:
    """The rows of a verb; several where it means another thing for another role."""
    return [row for row in VERBS if row.verb == verb]


def names() -> list[str]:
    """All verbs, each once, in the order of the table."""
    return list(dict.fromkeys(row.verb for row in VERBS))


def page() -> str:
    """COMMANDS.md."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield from (
        "# Commands in comments",
        "",
        "Written by `python -m tools.github.verbs` from the table in `verbs.py`.",
        "",
        "A command is a line of a new comment that begins with `/zoo`, in plain text: not in code,",
        "quotes, lists, headings, tables, links or HTML. A comment may hold several. If one of",
        "them cannot be understood, none runs; they run in their order up to the first that is",
        "refused. Editing a comment does nothing: write a new one. A reason goes on to the end of",
        'its line; words with spaces go between "quotes". Upper and lower case count alike.',
        "`MODEL` below is the entry that the issue or pull request is about.",
    )
    for title, who in (
        ("Developers", "developer"),
        ("Reviewers", "reviewer"),
        ("Instructors", "instructor"),
        ("Anyone", "anyone"),
    ):
        yield from ("", f"## {title}")
        for row in VERBS:
            if who in row.who:
                yield from ("", f"### `{row.usage}`", "", row.effect, "", f"When: {_when(row)}.")
                if row.examples != (row.usage,):
                    yield from ("", "```text", *row.examples, "```")


def _when(row: Verb) -> str:
    """The stages, and what the asker's review must be."""
    stages = "always" if row.stages == EVER else ", ".join(f"`{stage}`" for stage in row.stages)
    own = " or ".join(row.statuses)
    return f"{stages}; your review is {own}" if own else stages


def main() -> None:
    """Write the page."""
    with replacing(PAGE) as partial:
        partial.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
