"""Transitions of the state machine that concern reviewers and their reviews."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from tools.process.findings import FINDING_ID, SEVERITIES, Outcome, Recommendation, Verdict
from tools.process.ledger import events as ev
from tools.process.ledger.state import Review, Signature, Submission
from tools.process.ledger.transition import Refused, counted, require, require_stage
from tools.process.rules.policy import stamp

UNSEALED = ("assigned", "agreed")  # nothing was filed yet


def assign(state: Submission, event: ev.Event, payload: ev.Assigned) -> Submission:
    """A reviewer has version 1 in hand; the last one needed opens the window."""
    require_stage(state, "v1-submitted", "in-review")
    who = payload.reviewer
    assert state.rules is not None
    require(who not in state.team, f"{who} is a developer of {state.model}", "choose another")
    require(who not in state.reviews, f"{who} reviews {state.model} already", "choose another")
    require(
        len(state.reviews) < state.rules.reviewers,
        f"{state.model} has its {state.rules.reviewers} reviewers",
        "take one off first",
    )
    after = state.with_review(Review(who, event.at))
    if len(after.reviews) < state.rules.reviewers:
        return after
    # Holds before this moment cannot lengthen a window that opens now.
    paused = {name: length for name, length in state.paused.items() if name != "review"}
    return replace(after, stage="in-review", window_opened_at=event.at, paused=paused)


def unassign(state: Submission, event: ev.Event, payload: ev.Unassigned) -> Submission:
    """A reviewer is taken off before filing."""
    return _take_off(state, payload.reviewer)


def refuse(state: Submission, event: ev.Event, payload: ev.ReviewRefused) -> Submission:
    """A reviewer does not take the review on."""
    return _take_off(state, event.actor)


def _take_off(state: Submission, who: str) -> Submission:
    require_stage(state, "v1-submitted", "in-review")
    review = _review(state, who)
    require(
        review.status in UNSEALED, f"{who} has filed a review", "what was filed is not taken away"
    )
    kept = {name: value for name, value in state.reviews.items() if name != who}
    return replace(state, reviews=kept, refused=(*state.refused, who))


def _review(state: Submission, who: str) -> Review:
    reviewers = ", ".join(state.reviews) or "nobody yet"
    if who not in state.reviews:
        raise Refused(f"{who} reviews no {state.model}", f"its reviewers are {reviewers}")
    return state.reviews[who]


def agree(state: Submission, event: ev.Event, payload: ev.ReviewAgreed) -> Submission:
    """A reviewer takes the review on."""
    require_stage(state, "v1-submitted", "in-review")
    review = _review(state, event.actor)
    require(review.status == "assigned", f"{event.actor} has agreed already", "go on")
    return state.with_review(replace(review, status="agreed"))


def file_review(state: Submission, event: ev.Event, payload: ev.ReviewFiled) -> Submission:
    """A sealed review is in; a second filing before the close replaces the first."""
    require_stage(state, "v1-submitted", "in-review")
    who = event.actor
    review = _review(state, who)
    due = state.due("review", who)
    late = due is not None and event.at > due
    require(
        not late or event.at <= due + state.grace,
        f"the review was due {due and stamp(due)}, and the time for late work is over",
        "the instructor can extend it",
    )
    filed = replace(review, status="filed", filed_at=event.at, late=late, sha256=payload.sha256)
    return state.with_review(filed)


def close_reviews(state: Submission, event: ev.Event, payload: ev.ReviewsClosed) -> Submission:
    """All are in, or the window is over; who has not filed is missing."""
    require_stage(state, "in-review")
    assert state.rules is not None
    waiting = [r for r in state.reviews.values() if r.status in UNSEALED]
    ends = [state.due("review", r.reviewer) for r in waiting]
    open_until = [due + state.grace for due in ends if due and event.at <= due + state.grace]
    require(
        not open_until,
        f"{counted(len(open_until), 'review')} can still come",
        f"until {stamp(max(open_until, default=event.at))}",
    )
    due = state.due("review")
    full = len(state.reviews) >= state.rules.reviewers
    require(
        full or (due is not None and event.at > due + state.grace),
        f"{state.model} lacks a reviewer",
        "zoo assign finds one",
    )
    reviews = {
        name: replace(review, status="missing") if review.status in UNSEALED else review
        for name, review in state.reviews.items()
    }
    after = replace(state, stage="reviews-closed", reviews=reviews, closed_at=event.at)
    return _all_open(after, event)


def _all_open(state: Submission, event: ev.Event) -> Submission:
    """Revision begins when no filed review is sealed any more."""
    if any(review.status == "filed" for review in state.reviews.values()):
        return state
    return replace(state, stage="revising", revealed_at=event.at)


def reveal(state: Submission, event: ev.Event, payload: ev.ReviewRevealed) -> Submission:
    """A sealed review is opened; it must be the text that was filed."""
    require_stage(state, "reviews-closed")
    review = _review(state, payload.reviewer)
    mine = event.role != "reviewer" or event.actor == payload.reviewer
    require(mine, f"{event.actor} cannot open another's review", "the reviewer or instructor can")
    require(
        review.status == "filed",
        f"the review of {payload.reviewer} is {review.status}",
        "only a filed review is opened",
    )
    require(
        payload.sha256 == review.sha256,
        "the text is not the one that was filed",
        f"its sha256 begins {payload.sha256[:12]}, the filed one's {review.sha256[:12]}",
    )
    for name, severity in payload.findings.items():
        require(bool(FINDING_ID.fullmatch(name)), f"'{name}' is no finding id", "write F01")
        require(severity in SEVERITIES, f"{name}: unknown severity {severity}", "mend it")
    require(payload.verdict in get_args(Verdict), f"unknown verdict {payload.verdict}", "mend it")
    known = get_args(Recommendation)
    advice = payload.recommendation
    require(advice in known, f"unknown recommendation {advice}", "mend it")
    opened = replace(
        review,
        status="revealed",
        findings=dict(payload.findings),
        verdict=payload.verdict,
        recommendation=advice,
    )
    return _all_open(state.with_review(opened), event)


def lose_review(state: Submission, event: ev.Event, payload: ev.ReviewLost) -> Submission:
    """A filed review whose text nobody can produce counts as missing."""
    require_stage(state, "reviews-closed")
    review = _review(state, payload.reviewer)
    require(review.status == "filed", f"it is {review.status}", "only a sealed review can be lost")
    return _all_open(state.with_review(replace(review, status="lost")), event)


def sign_off(state: Submission, event: ev.Event, payload: ev.SignedOff) -> Submission:
    """A reviewer judges what became of one of their own findings."""
    require_stage(state, "v2-submitted")
    key = payload.finding
    require(key in state.findings, f"there is no finding {key}", f"see zoo history {state.model}")
    owner = "@" + key.partition("/")[0]
    require(event.actor == owner, f"{key} is not {event.actor}'s finding", f"{owner} signs it off")
    known = get_args(Outcome)
    require(payload.outcome in known, f"'{payload.outcome}' is no outcome", f"say {known}")
    require(
        payload.outcome == "verified" or bool(payload.reason.strip()),
        f"'{payload.outcome}' needs a reason",
        "say what is still open",
    )
    due = state.due("sign-off", owner)
    require(
        due is None or event.at <= due,
        f"sign-off was due {due and stamp(due)}",
        "the instructor can extend it",
    )
    signature = Signature(payload.outcome, payload.reason, event.at)
    return replace(state, signatures={**state.signatures, key: signature})
