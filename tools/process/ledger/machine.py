"""The state machine of an entry: `apply(state, event, now)` is the next state or a rejection.

Pure: no file, no clock, no randomness. An event that was applied before changes nothing, and one
that does not fit changes nothing and says why: deliveries may be repeated or out of order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from tools.process.ledger import events as ev
from tools.process.ledger.reviewing import (
    agree,
    assign,
    close_reviews,
    file_review,
    lose_review,
    refuse,
    reveal,
    sign_off,
    unassign,
)
from tools.process.ledger.state import ACTIVE, Addendum, Regrade, Submission
from tools.process.ledger.submitting import (
    answer,
    approve,
    change_rules,
    decline,
    propose,
    reviewed_enough,
    submit,
)
from tools.process.ledger.transition import Refused, counted, require, require_stage
from tools.process.rules.policy import moment, stamp


@dataclass(frozen=True)
class Rejection:
    """Why an event does not apply: the rule, and what to do."""

    rule: str
    fix: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.fix}"


def apply(state: Submission, event: ev.Event, now: datetime) -> Submission | Rejection:
    """The state after an event.

    Args:
        state: of the same entry.
        event: what happened.
        now: the present moment; an event from the future is rejected.
    """
    if event.id in state.seen:
        return state
    try:
        _envelope(state, event, now)
        after = TRANSITIONS[type(event.payload)](state, event, event.payload)
    except Refused as refusal:
        return Rejection(refusal.rule, refusal.fix)
    since = state.since if after.stage == state.stage else event.at
    return replace(after, since=since, last_at=event.at, seen=state.seen | {event.id})


def replay(model: str, events: Iterable[ev.Event]) -> Submission:
    """The state after all events of a ledger; `Refused` where one does not apply."""
    state = Submission(model)
    for number, event in enumerate(events, start=1):
        after = apply(state, event, event.at)
        if isinstance(after, Rejection):
            raise Refused(f"event {number} ({event.payload.TYPE}): {after.rule}", after.fix)
        state = after
    return state


def _envelope(state: Submission, event: ev.Event, now: datetime) -> None:
    """What holds for every event: the entry, the time, the role, and that nothing is on hold."""
    payload = event.payload
    require(event.model == state.model, f"the event is for {event.model}", f"not {state.model}")
    require(
        event.at <= now,
        f"the event is of {stamp(event.at)}, in the future",
        f"it is {stamp(now)}; set this machine's clock",
    )
    last = state.last_at
    require(
        last is None or event.at >= last,
        f"the clock moved back: it is {stamp(event.at)}",
        f"the ledger's last event is of {last and stamp(last)}; set this machine's clock",
    )
    require(
        event.role in payload.BY,
        f"'{payload.TYPE}' is not for a {event.role}",
        f"it is for the {' or '.join(payload.BY)}",
    )
    if event.role == "developer" and not isinstance(payload, ev.Proposed | ev.RegradeAsked):
        require(
            event.actor in state.team,
            f"{event.actor} is not a developer of {state.model}",
            f"that is for {', '.join(state.team) or 'nobody yet'}",
        )
    allowed = (ev.Released, ev.Withdrawn, ev.Extended, ev.RulesChanged)
    require(
        state.stage != "on-hold" or isinstance(payload, allowed),
        f"{state.model} is on hold",
        "nothing happens until the instructor says zoo unhold",
    )


def _accept(state: Submission, event: ev.Event, payload: ev.Accepted) -> Submission:
    require_stage(state, "v2-submitted")
    require(event.actor not in state.team, "nobody accepts their own entry", "another can")
    waiting = [
        key
        for key in state.unsigned
        if (due := state.due("sign-off", "@" + key.partition("/")[0])) and event.at <= due
    ]
    require(
        not waiting,
        f"{counted(len(waiting), 'finding')} without sign-off: {', '.join(waiting[:5])}",
        "zoo verify-fix, or wait until the time for it is over",
    )
    return replace(state, stage="accepted")


def _publish(state: Submission, event: ev.Event, payload: ev.Published) -> Submission:
    require_stage(state, "accepted")
    return replace(state, stage="published")


def _add(state: Submission, event: ev.Event, payload: ev.Addendum) -> Submission:
    require_stage(state, "accepted", "published")
    require(bool(payload.text.strip()), "an addendum says nothing", "say what was found, and where")
    known = [addendum.text for addendum in state.addenda]
    require(payload.text not in known, "this addendum is on record", "see zoo history")
    made = Addendum(payload.text, event.at, event.actor)
    return replace(state, addenda=(*state.addenda, made))


def _hold(state: Submission, event: ev.Event, payload: ev.Held) -> Submission:
    require_stage(state, "proposed", *ACTIVE)
    return replace(state, stage="on-hold", held_since=event.at, held_from=state.stage)


# The deadlines that stand still while an entry is on hold in a stage: the one that runs, and the
# later ones that are dates. What starts with a later event is not moved.
_RUNNING = {
    "proposed": (),  # dates come with the approval
    "approved": ("v1", "v2"),
    "v1-submitted": ("review", "v2"),
    "in-review": ("review", "v2"),
    "reviews-closed": ("v2",),
    "revising": ("v2",),
    "v2-submitted": ("sign-off",),
}


def _release(state: Submission, event: ev.Event, payload: ev.Released) -> Submission:
    require_stage(state, "on-hold")
    assert state.held_since is not None
    length = event.at - state.held_since
    paused = dict(state.paused)
    for name in _RUNNING[state.held_from]:
        paused[name] = paused.get(name, timedelta(0)) + length
    extensions = {
        (who, name): until + (length if name in _RUNNING[state.held_from] else timedelta(0))
        for (who, name), until in state.extensions.items()
    }
    after = replace(state, stage=state.held_from, held_since=None, held_from="none")
    after = replace(after, paused=paused, extensions=extensions)
    return reviewed_enough(after, event.at) if after.rules else after


def _withdraw(state: Submission, event: ev.Event, payload: ev.Withdrawn) -> Submission:
    require_stage(state, "proposed", "on-hold", "missing", *ACTIVE)
    return replace(state, stage="withdrawn", held_since=None, held_from="none")


def _extend(state: Submission, event: ev.Event, payload: ev.Extended) -> Submission:
    require_stage(state, "on-hold", "missing", *ACTIVE)
    try:
        until = moment(payload.until)
    except ValueError:
        raise Refused(f"'{payload.until}' is no UTC time", "write 2026-10-19T21:59:59Z") from None
    require(until > event.at, f"{payload.until} is past", "extend into the future")
    who, name = payload.who, payload.stage
    if name in ("v1", "v2"):
        require(who in state.team, f"{who} is not in the team", f"it is {', '.join(state.team)}")
    else:
        require(
            who in state.reviews, f"{who} reviews no {state.model}", "name one of its reviewers"
        )
    if name == "review":
        require(not state.closed_at, "reviews are closed", "what was revealed stands")
    after = replace(state, extensions={**state.extensions, (who, name): until})
    if state.stage == "missing" and name in state.missing:
        back = "approved" if name == "v1" else "revising"
        kept = tuple(version for version in state.missing if version != name)
        return replace(after, stage=back, missing=kept)
    return after


def _declare_missing(state: Submission, event: ev.Event, payload: ev.DeclaredMissing) -> Submission:
    version = payload.version
    require_stage(state, "approved" if version == "v1" else "revising")
    due = state.due(version)
    over = due is not None and event.at > due + state.grace
    require(
        over,
        f"{version} can still come",
        f"until {stamp(due + state.grace)}" if due else "it has no deadline",
    )
    return replace(state, stage="missing", missing=(*state.missing, version))


def _release_grades(state: Submission, event: ev.Event, payload: ev.GradesReleased) -> Submission:
    require_stage(state, "accepted", "published", "missing", "withdrawn")
    # The regrade window runs from the first release: a correction does not open it again.
    return replace(state, released_at=state.released_at or event.at)


def _ask_regrade(state: Submission, event: ev.Event, payload: ev.RegradeAsked) -> Submission:
    require(state.released_at is not None, "no grade has been released", "wait for it")
    people = (*state.team, *state.reviews)
    require(event.actor in people, f"{event.actor} has no grade here", "ask for your own entry")
    due = state.due("regrade")
    require(
        due is not None and event.at <= due,
        f"a regrade could be asked until {due and stamp(due)}",
        "talk to the instructor",
    )
    before = state.regrades.get(event.actor)
    require(
        before is None or before.answered_at is not None,
        f"{event.actor} has asked already",
        "the instructor will answer",
    )
    return replace(state, regrades={**state.regrades, event.actor: Regrade(event.at)})


def _answer_regrade(state: Submission, event: ev.Event, payload: ev.RegradeAnswered) -> Submission:
    asked = state.regrades.get(payload.who)
    require(
        asked is not None and asked.answered_at is None,
        f"{payload.who} waits for no answer",
        "see zoo history",
    )
    return replace(
        state, regrades={**state.regrades, payload.who: Regrade(asked.asked_at, event.at)}
    )


TRANSITIONS: dict[type[ev.Payload], Callable[[Submission, ev.Event, Any], Submission]] = {
    ev.Proposed: propose,
    ev.Approved: approve,
    ev.ProposalDeclined: decline,
    ev.RulesChanged: change_rules,
    ev.Submitted: submit,
    ev.Assigned: assign,
    ev.Unassigned: unassign,
    ev.ReviewAgreed: agree,
    ev.ReviewRefused: refuse,
    ev.ReviewFiled: file_review,
    ev.ReviewsClosed: close_reviews,
    ev.ReviewRevealed: reveal,
    ev.ReviewLost: lose_review,
    ev.Answered: answer,
    ev.SignedOff: sign_off,
    ev.Accepted: _accept,
    ev.Published: _publish,
    ev.Addendum: _add,
    ev.Held: _hold,
    ev.Released: _release,
    ev.Withdrawn: _withdraw,
    ev.Extended: _extend,
    ev.DeclaredMissing: _declare_missing,
    ev.GradesReleased: _release_grades,
    ev.RegradeAsked: _ask_regrade,
    ev.RegradeAnswered: _answer_regrade,
}
