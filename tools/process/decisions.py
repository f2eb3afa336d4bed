"""Events that follow from what an instructor says and from where an entry stands."""

from __future__ import annotations

from tools.process.ledger.events import (
    DeclaredMissing,
    Extended,
    Payload,
    ReviewsClosed,
    Stage,
)
from tools.process.ledger.state import Submission
from tools.process.record import Record
from tools.process.rules.policy import stamp
from zoo.core.errors import ZooError

CLOSING: dict[str, Payload] = {
    "v1": DeclaredMissing("v1"),
    "review": ReviewsClosed(),
    "v2": DeclaredMissing("v2"),
}
_RUNS_TO = {"approved": "v1", "in-review": "review", "revising": "v2"}


def closing(state: Submission, what: str | None = None) -> Payload:
    """The event that closes what the stage runs to, or what is asked for.

    Raises:
        ZooError: the stage runs to nothing.
    """
    chosen = what or _RUNS_TO.get(state.stage)
    if chosen is None:
        raise ZooError(f"{state.model} is {state.stage}: there is nothing to close")
    return CLOSING[chosen]


def extension(record: Record, handle: str, stage: Stage, until: str) -> Extended:
    """The event that gives one person time until a minute of course time, "2026-10-26 23:59".

    Raises:
        ZooError: that is no time, or the person is not in the roster.
    """
    try:
        end = record.policy.utc(until)
    except ValueError:
        raise ZooError(f"'{until}' is no time: write course time as 2026-10-26 23:59") from None
    return Extended(record.roster.find(handle).handle, stage, stamp(end))
