"""Reminders of a deadline: three days and one day before, on it, and one escalation after it.

They mention those who owe, on purpose and once: each carries a mark that nobody sees, by which the
next run knows that it was sent. Of several that are due only the newest is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from tools.github.port import GitHub
from tools.github.speech import spoken
from tools.github.sticky import code, commands, own
from tools.process.board import DEADLINE
from tools.process.ledger.state import Submission
from tools.process.obligations import Obligation, obligations
from tools.process.record import Record
from tools.process.rules.roster import Roster
from tools.process.times import both

BEFORE = (("before-3d", timedelta(days=3)), ("before-1d", timedelta(days=1)))
LAST_CALL = timedelta(hours=3)  # before a deadline after which nothing is taken
NEWS = timedelta(days=1)  # after which nobody needs to be told any more
LAST = "After that nothing is taken."


def remind(
    github: GitHub, record: Record, places: Sequence[int], state: Submission, now: datetime
) -> int:
    """Send the reminders of an entry that are due and were not sent; how many.

    Args:
        github: the repository.
        record: of the term.
        places: numbers of the issue and pull requests in which the entry is talked about; the
            first one takes what is sent.
        state: of the entry.
        now: the present moment.
    """
    due = list(_due(state, now))
    written = [comment for place in places if due for comment in github.comments(place)]
    sent = 0
    for kind, items in due:
        mark = _mark(state, items[0], kind)
        if next(own(github, written, mark), None) is None:
            text = _reminder(github, record, state, items, kind)
            github.create_comment(places[0], f"{mark}\n{text}\n")
            sent += 1
    return sent


def announce(
    github: GitHub, record: Record, places: Sequence[int], state: Submission, now: datetime
) -> bool:
    """Tell a team, within a day and once, that their reviews are open; whether it was done now."""
    opened = state.revealed_at
    if state.stage != "revising" or opened is None or now - opened >= NEWS:
        return False
    mark = f"<!-- zoo:opened {state.model} -->"
    if any(own(github, [c for place in places for c in github.comments(place)], mark)):
        return False
    people = ", ".join(_mention(github, record.roster, who) for who in state.team)
    due = state.due("v2")
    until = f", due {both(due, record.policy.zone)}" if due else ""
    steps = "`/zoo respond`, then `/zoo submit v2`" if state.findings else "`/zoo submit v2`"
    count = f"{len(state.findings)} finding{'s' * (len(state.findings) != 1)}"
    said = f"the reviews are open, with {count}; next is version 2{until}. Write {steps}."
    github.create_comment(places[0], f"{mark}\n{people}, for {code(state.model)}: {said}\n")
    return True


def _due(state: Submission, now: datetime) -> Iterator[tuple[str, list[Obligation]]]:
    """(kind, what is owed) for each person or team and deadline of which a reminder is due."""
    owed: dict[tuple[str, datetime], list[Obligation]] = {}
    for item in obligations(state, now):
        if item.until is not None:
            owed.setdefault((item.who, item.until), []).append(item)
    for items in owed.values():
        passed = [kind for kind, moment in _moments(items[0]) if moment <= now]
        if passed:
            yield passed[-1], items


def _moments(item: Obligation) -> Iterator[tuple[str, datetime]]:
    """When each reminder of a deadline is due, the first one first."""
    until, end = item.until, item.closes
    assert until is not None
    assert end is not None
    for kind, ahead in BEFORE:
        yield kind, until - ahead
    if _lasts(item):
        yield "on", until
        yield "after", until + (end - until) / 2
    else:
        yield "on", until - LAST_CALL


def _mark(state: Submission, item: Obligation, kind: str) -> str:
    date = f"{item.until:%Y-%m-%d}"
    return f"<!-- zoo:reminder {state.model} {DEADLINE[state.stage]} {item.who} {date} {kind} -->"


def _reminder(
    github: GitHub, record: Record, state: Submission, items: list[Obligation], kind: str
) -> str:
    """A reminder; it mentions those who owe, and the instructors when it is the last."""
    first, zone = items[0], record.policy.zone
    assert first.until is not None
    assert first.closes is not None
    people = [_mention(github, record.roster, who) for who in first.people(state, record.roster)]
    tasks = spoken(" and ".join(item.what for item in items), state.model)
    written = " or ".join(code(line) for item in items for line in commands(item))
    due = both(first.until, zone)
    if kind == "after":
        said = f"was due {due} and is not there: {tasks}"
    elif kind == "on" and _lasts(first):
        said = f"due now, {due}: {tasks}"
    else:
        said = f"please {tasks}, due {due}"
    end = f"Late work is taken until {both(first.closes, zone)}." if _lasts(first) else LAST
    lines = [f"{', '.join(people)}, for {code(state.model)}: {said}. {end} Write {written}."]
    if kind == "after":
        people = record.roster.people.values()
        chosen = [p.handle for p in people if p.role == "instructor" and p.active]
        names = [_mention(github, record.roster, who) for who in chosen]
        lines += ["", f"For {', '.join(names)} to know; more time is given with `/zoo extend`."]
    return "\n".join(lines)


def _lasts(item: Obligation) -> bool:
    """Whether late work is taken."""
    return item.closes is not None and item.until is not None and item.closes > item.until


def _mention(github: GitHub, roster: Roster, handle: str) -> str:
    """A handle that notifies its owner, or in a code span where GitHub knows another by it."""
    person = roster.people.get(handle.lower())
    account = github.user(handle.removeprefix("@")) if person and person.github_id else None
    known = account is not None and person is not None and account.id == person.github_id
    return handle if known else code(handle)
