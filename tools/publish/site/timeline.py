"""The ledger of an entry as dates and sentences, without what concerns one person only."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from tools.process.findings import Outcome
from tools.process.history import sentence
from tools.process.ledger import events as ev
from tools.process.rules.policy import stamp
from tools.process.times import short

# Grades, and what was granted to one person, stay between those whom it concerns.
_LEFT_OUT = (
    ev.GradesReleased,
    ev.RegradeAsked,
    ev.RegradeAnswered,
    ev.Extended,
    ev.RulesChanged,
)
# Their reasons can be an illness or a quarrel.
_WITHOUT_REASON = (ev.Held, ev.Withdrawn, ev.Unassigned, ev.ReviewRefused, ev.ReviewLost)
_MILESTONES = (ev.Submitted, ev.ReviewsClosed, ev.Answered, ev.Accepted, ev.Published)
_OUTCOMES: tuple[str, ...] = Outcome.__args__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Happened:
    """One line of the timeline.

    Attributes:
        at: machine-readable moment, UTC.
        when: the moment in course time.
        text: what happened.
        milestone: whether the entry came to another stage by it.
    """

    at: str
    when: str
    text: str
    milestone: bool


def timeline(
    events: list[ev.Event], zone: ZoneInfo, public: Callable[[str], str]
) -> list[Happened]:
    """What happened to an entry, in order; the sign-offs of one sitting are one line."""
    kept = [event for event in events if not isinstance(event.payload, _LEFT_OUT)]
    return [
        Happened(
            at=stamp(at),
            when=short(at, zone),
            text=public(text),
            milestone=isinstance(payload, _MILESTONES),
        )
        for at, text, payload in _lines(kept, zone)
    ]


def _lines(events: list[ev.Event], zone: ZoneInfo) -> Iterator[tuple[datetime, str, ev.Payload]]:
    def sitting(event: ev.Event) -> tuple[object, ...]:
        if isinstance(event.payload, ev.SignedOff):
            return (event.actor, event.at.astimezone(zone).date())
        return (event.id,)

    for _, run in groupby(events, sitting):
        together = list(run)
        last = together[-1]
        if isinstance(last.payload, ev.SignedOff):
            yield last.at, _signed(together), last.payload
        else:
            yield last.at, _said(last, zone), last.payload


def _signed(events: list[ev.Event]) -> str:
    """Which outcomes a reviewer gave; the reasons stand with the findings."""
    counts = Counter(event.payload.outcome for event in events)  # type: ignore[attr-defined]
    given = ", ".join(f"{counts[name]} {name}" for name in _OUTCOMES if counts[name])
    number = f"{len(events)} finding{'s' if len(events) > 1 else ''}"
    return f"{events[0].actor} signed off {number}: {given}"


def _said(event: ev.Event, zone: ZoneInfo) -> str:
    if isinstance(event.payload, _WITHOUT_REASON):
        payload = dataclasses.replace(event.payload, reason="")
        event = dataclasses.replace(event, payload=payload)
    return sentence(event, zone).rstrip(": ")
