"""What came of a rehearsal: the board, counts, grades, and what never happened."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import get_args

from tools.process.ledger.events import PAYLOADS, Event
from tools.process.ledger.machine import Rejection, apply
from tools.process.ledger.state import StageName, Submission
from tools.process.simulation.world import World
from zoo.core.errors import ZooError


@dataclass(frozen=True)
class Outcome:
    """What came of a rehearsal.

    Attributes:
        head: the last commit.
        ledgers: sha256 of each ledger, by entry.
        grades: final grade by handle, as released.
        counts: how often what happened.
        refusals: what was refused, as it had to be.
    """

    head: str
    ledgers: dict[str, str]
    grades: dict[str, str]
    counts: dict[str, int]
    refusals: tuple[str, ...]


def conclude(world: World) -> Outcome:
    """Print how the term ended, and prove its record.

    Raises:
        ZooError: `zoo fsck` finds a fault, or an event or a stage never occurred.
    """
    record = world.record
    events = [event for model in record.models() for event in record.events(model)]
    states = record.states()
    counts = _counts(world, events, states)
    text = (world.private / "grades.json").read_text(encoding="utf-8")
    grades = {who: parts["final"]["grade"] for who, parts in json.loads(text).items()}
    world.print("\n" + world.zoo("status"))
    world.print("\n".join(f"{number:6} {what}" for what, number in counts.items()))
    world.print("\nFinal grades\n" + _histogram(grades))
    never = [what for what, number in counts.items() if not number]
    world.expect(not never, f"it happened: {', '.join(never)}")
    everything_happened(events)
    world.print("\n" + world.zoo("fsck").strip().splitlines()[-1])
    again = world.zoo("reconcile").strip()
    world.expect(again == "everything is as the ledgers say", f"nothing to rebuild: {again}")
    digests = {
        model: hashlib.sha256(record.ledger(model).path.read_bytes()).hexdigest()
        for model in states
    }
    return Outcome(world.head(), digests, grades, counts, tuple(world.refusals))


def _counts(world: World, events: list[Event], states: dict[str, Submission]) -> dict[str, int]:
    """How much of what there was."""
    happened = Counter(event.payload.TYPE for event in events)
    reviews = [review for state in states.values() for review in state.reviews.values()]
    versions = [v for state in states.values() for v in (state.v1, state.v2) if v]
    answers = Counter(answer for state in states.values() for answer in state.answers.values())
    status = Counter(review.status for review in reviews)
    return {
        "entries": len(states),
        "withdrawn": sum(state.stage == "withdrawn" for state in states.values()),
        "versions": len(versions),
        "versions late": sum(version.late for version in versions),
        "versions missing": sum(len(state.missing) for state in states.values()),
        "reviews opened": status["revealed"],
        "reviews late": sum(review.late for review in reviews),
        "reviews missing": status["missing"],
        "reviews lost": status["lost"],
        "findings": sum(len(state.findings) for state in states.values()),
        "answered as fixed": answers["fixed"],
        "disputed": answers["disputed"],
        "signed off": sum(len(state.signatures) for state in states.values()),
        "extensions": happened["extended"],
        "regrades": happened["regrade-answered"],
        "events": len(events),
        "commands": sum(world.commands.values()),
        "refusals that had to be": len(world.refusals),
    }


def _histogram(grades: dict[str, str]) -> str:
    """How many people have which grade, in tens."""
    tens = Counter(grade if grade in ("missing", "–") else _ten(grade) for grade in grades.values())
    return "\n".join(f"{name:>8} {'█' * tens[name]} {tens[name]}" for name in sorted(tens))


def _ten(grade: str) -> str:
    """The ten that a grade is in: "50–59", with 100 in the last one."""
    low = min(int(float(grade)) // 10, 9) * 10
    return f"{low:02d}–{low + 9 if low < 90 else 100}"


def everything_happened(events: list[Event]) -> None:
    """Every kind of event and every stage of an entry occurred."""
    never = set(PAYLOADS) - {event.payload.TYPE for event in events}
    stages = set(get_args(StageName)) - {"none"} - _stages(events)
    if never or stages:
        kinds, left = (", ".join(sorted(names)) or "none" for names in (never, stages))
        raise ZooError(f"the rehearsal is not complete: events {kinds}; stages {left}")


def _stages(events: list[Event]) -> set[str]:
    """Every stage that an entry came to."""
    states: dict[str, Submission] = {}
    seen: set[str] = set()
    for event in events:
        state = states.get(event.model, Submission(event.model))
        after = apply(state, event, event.at)
        assert not isinstance(after, Rejection)
        states[event.model] = after
        seen.add(after.stage)
    return seen
