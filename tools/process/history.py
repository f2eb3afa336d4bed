"""What happened to an entry, a sentence per event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from tools.process.findings import SEVERITIES
from tools.process.ledger import events as ev
from tools.process.rules.policy import moment
from tools.process.times import both
from tools.text import one_line


def sentence(event: ev.Event, zone: ZoneInfo) -> str:
    """What happened, who did it, without the time; printable, on one line."""
    if isinstance(event.payload, ev.Extended):  # the one with a time in it, shown in course time
        payload = event.payload
        until = both(moment(payload.until), zone)
        said = f"gave {payload.who} until {until} for {work(payload.stage)}"
    else:
        said = _SENTENCES[type(event.payload)](event.payload)
    who = "the clock" if event.actor == "clock" else event.actor
    return one_line(f"{who} {said}", limit=1000)


def work(stage: str) -> str:
    """What a deadline is for, in words."""
    return f"version {stage[1]}" if stage in ("v1", "v2") else f"the {stage}"


def _proposed(payload: ev.Proposed) -> str:
    claims = "; ".join(payload.claims)
    team = ", ".join(payload.team)
    return f"proposed “{payload.title}” (arXiv {payload.paper}), team {team}, to show: {claims}"


def _submitted(payload: ev.Submitted) -> str:
    checks = f"{payload.checks_passed} checks passed, {payload.checks_failed} failed"
    return f"submitted version {payload.version[1]}, commit {payload.frozen[:12]}, {checks}"


def _assigned(payload: ev.Assigned) -> str:
    plan = f" by plan {payload.plan[:12]} (seed {payload.seed})" if payload.plan else ""
    return f"assigned {payload.reviewer}{plan}"


def _revealed(payload: ev.ReviewRevealed) -> str:
    counts = Counter(payload.findings.values())
    found = ", ".join(f"{counts[name]} {name}" for name in SEVERITIES if counts[name])
    verdict = f"{payload.verdict}, {payload.recommendation}"
    return f"opened the review of {payload.reviewer}: {found or 'no findings'}; {verdict}"


def _answered(payload: ev.Answered) -> str:
    counts = Counter(payload.answers.values())
    given = ", ".join(f"{number} {answer}" for answer, number in sorted(counts.items()))
    return f"answered the findings: {given or 'there are none'}"


def _signed_off(payload: ev.SignedOff) -> str:
    reason = f" ({payload.reason})" if payload.reason else ""
    return f"signed off {payload.finding}: {payload.outcome}{reason}"


_SENTENCES: dict[type[ev.Payload], Callable[[Any], str]] = {
    ev.Proposed: _proposed,
    ev.Approved: lambda payload: "approved the proposal",
    ev.ProposalDeclined: lambda payload: f"declined the proposal: {payload.reason}",
    ev.RulesChanged: lambda payload: "took the dates and quotas of the present policy in",
    ev.Submitted: _submitted,
    ev.Assigned: _assigned,
    ev.Unassigned: lambda payload: f"took {payload.reviewer} off: {payload.reason}",
    ev.ReviewAgreed: lambda payload: "agreed to review",
    ev.ReviewRefused: lambda payload: f"refused to review: {payload.reason}",
    ev.ReviewFiled: lambda payload: f"filed a sealed review, sha256 {payload.sha256[:12]}",
    ev.ReviewsClosed: lambda payload: "closed the reviews",
    ev.ReviewRevealed: _revealed,
    ev.ReviewLost: lambda payload: f"declared {payload.reviewer}'s review lost: {payload.reason}",
    ev.Answered: _answered,
    ev.SignedOff: _signed_off,
    ev.Accepted: lambda payload: "accepted the entry",
    ev.Published: lambda payload: "published the entry",
    ev.Addendum: lambda payload: f"recorded an addendum: {payload.text}",
    ev.Held: lambda payload: f"put the entry on hold: {payload.reason}",
    ev.Released: lambda payload: "ended the hold",
    ev.Withdrawn: lambda payload: f"withdrew the entry: {payload.reason}",
    ev.DeclaredMissing: lambda payload: f"declared version {payload.version[1]} missing",
    ev.GradesReleased: lambda payload: "released the grades",
    ev.RegradeAsked: lambda payload: "asked for a regrade",
    ev.RegradeAnswered: lambda payload: f"answered the regrade request of {payload.who}",
}
