"""Transitions of the state machine that concern proposals, versions and answers."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from datetime import datetime
from typing import Any, get_args

from tools.process.findings import Answer
from tools.process.ledger import events as ev
from tools.process.ledger.state import ACTIVE, Submission, Submitted
from tools.process.ledger.transition import Refused, counted, require, require_stage
from tools.process.rules.policy import Rules, moment, stamp


def propose(state: Submission, event: ev.Event, payload: ev.Proposed) -> Submission:
    """A team wants to reproduce a paper."""
    require(
        state.stage in ("none", "declined", "withdrawn") and state.v1 is None,
        f"{state.model} has been proposed already",
        "choose another name",
    )
    name = state.model
    require(
        name.isascii() and name.isidentifier() and name == name.lower(),
        f"'{name}' is no name of an entry",
        "write lower-case words with underscores",
    )
    require(event.actor in payload.team, f"{event.actor} is not in the proposed team", "join it")
    require(bool(payload.claims), "a proposal names at least one claim", "say what to reproduce")
    require(
        len(set(payload.team)) == len(payload.team), "a team names everybody once", "name them once"
    )
    fresh = Submission(state.model, seen=state.seen)
    return replace(fresh, stage="proposed", proposal=payload)


def approve(state: Submission, event: ev.Event, payload: ev.Approved) -> Submission:
    """The proposal stands, with its dates and quotas."""
    require_stage(state, "proposed")
    require(
        event.actor not in state.team,
        "nobody approves their own proposal",
        "another instructor can",
    )
    return replace(state, stage="approved", rules=_rules(payload.rules))


def decline(state: Submission, event: ev.Event, payload: ev.ProposalDeclined) -> Submission:
    """The proposal does not stand."""
    require_stage(state, "proposed")
    return replace(state, stage="declined")


def change_rules(state: Submission, event: ev.Event, payload: ev.RulesChanged) -> Submission:
    """An edited policy is taken in."""
    held = state.held_from if state.stage == "on-hold" else state.stage
    require(held in (*ACTIVE, "missing"), f"{state.model} is {state.stage}", "its rules stand")
    return reviewed_enough(replace(state, rules=_rules(payload.rules)), event.at)


def reviewed_enough(state: Submission, at: datetime) -> Submission:
    """A smaller quota may be met already: then the window opens now."""
    assert state.rules is not None
    met = state.stage == "v1-submitted" and 0 < state.rules.reviewers <= len(state.reviews)
    return replace(state, stage="in-review", window_opened_at=at) if met else state


def _rules(data: dict[str, Any]) -> Rules:
    """The snapshot of an event as `Rules`; refused unless complete and sensible."""
    names = {field.name for field in dataclasses.fields(Rules)}
    require(
        set(data) == names, "the rules are not complete", f"they are {', '.join(sorted(names))}"
    )
    for name, value in data.items():
        if name.endswith("_due"):
            try:
                _ = value is None or moment(value)
            except (TypeError, ValueError):
                raise Refused(f"{name} is no UTC time: {value}", "write none or a time") from None
        else:
            whole = type(value) is int and 0 <= value <= 100_000
            require(whole, f"{name} is no whole number of hours or people: {value}", "mend it")
    require(data["window_hours"] >= 168, "a review window has at least 168 hours", "lengthen it")
    require(data["reviewers"] >= 1, "an entry has at least one reviewer", "raise the quota")
    return Rules(**data)


def submit(state: Submission, event: ev.Event, payload: ev.Submitted) -> Submission:
    """A version is frozen: complete, passing its checks, in time or within the late window."""
    version = payload.version
    require_stage(state, "approved" if version == "v1" else "revising")
    require(
        payload.checks_failed == 0,
        counted(payload.checks_failed, "failing check"),
        "mend them first",
    )
    if version == "v2":
        missing = state.unanswered
        require(
            not missing,
            f"{counted(len(missing), 'finding')} without an answer: {', '.join(missing[:5])}",
            f"zoo respond {state.model}",
        )
    due = state.due(version)
    late = due is not None and event.at > due
    require(
        not late or event.at <= due + state.grace,
        f"{version} was due {due and stamp(due)}, and the time for late work is over",
        "the instructor can extend it",
    )
    frozen = Submitted(payload.frozen, event.at, event.actor, late)
    if version == "v1":
        return replace(state, stage="v1-submitted", v1=frozen)
    require(
        payload.frozen != state.v1.commit if state.v1 and state.findings else True,
        "version 2 is the same commit as version 1",
        "commit the changes first",
    )
    return replace(state, stage="v2-submitted", v2=frozen)


def answer(state: Submission, event: ev.Event, payload: ev.Answered) -> Submission:
    """The developers answer findings; a later response replaces the earlier."""
    require_stage(state, "revising")
    known, words = state.findings, get_args(Answer)
    for key, answer in payload.answers.items():
        require(key in known, f"there is no finding {key}", f"there are {', '.join(known)}")
        require(answer in words, f"{key}: '{answer}' is no answer", f"say {', '.join(words)}")
    return replace(state, answers=dict(payload.answers), response_sha256=payload.sha256)
