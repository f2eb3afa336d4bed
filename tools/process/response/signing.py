"""A reviewer signs off what became of a finding: into the ledger, and onto the reviewer's page."""

from __future__ import annotations

from pathlib import Path

from tools.process.findings import Finding, finding_key
from tools.process.ledger.events import SignedOff
from tools.process.ledger.state import Submission
from tools.process.record import Record
from tools.process.response.signoff import sign_off_page
from tools.process.review.reviewfile import load_review
from zoo.core.errors import ZooError, nearest
from zoo.core.files import replacing


def own_findings(record: Record, state: Submission, actor: str) -> tuple[str, dict[str, Finding]]:
    """Who signs, spelt as in the roster, and their findings by key.

    Raises:
        ZooError: version 2 is not in, or they have no open review.
    """
    reviewer = record.roster.find(actor).handle
    if state.v2 is None:
        raise ZooError(f"version 2 of {state.model} is not in yet: see zoo status {state.model}")
    if reviewer not in state.reviews or state.reviews[reviewer].status != "revealed":
        rule = f"{reviewer} has no open review of {state.model}"
        raise ZooError(f"{rule}: only its reviewers sign off")
    findings = load_review(record, state.model, reviewer).findings
    return reviewer, {finding_key(reviewer, finding.id): finding for finding in findings}


def sign(
    record: Record,
    state: Submission,
    actor: str,
    finding: str,
    outcome: str,
    reason: str = "",
    *,
    event_id: str | None = None,
) -> tuple[str, Submission, Path]:
    """Record a sign-off and write the page, which is to be committed.

    Args:
        record: of the term.
        state: of the entry.
        actor: handle of the reviewer.
        finding: "F01", or its key "rev-one/F01".
        outcome: verified, partial or not-fixed.
        reason: what is still open; needed unless verified.
        event_id: identity of a delivery that may come twice.

    Returns:
        the finding's key, the new state, the page.
    """
    reviewer, findings = own_findings(record, state, actor)
    key = finding if "/" in finding else finding_key(reviewer, finding.upper())
    if key not in findings:
        raise ZooError(f"{reviewer} has no finding {finding} here: {nearest(key, findings)}")
    said = SignedOff(key, outcome, " ".join(reason.split()))
    after = record.append(state.model, actor, said, event_id=event_id)
    page = record.folder(state.model) / "v2" / f"{reviewer.removeprefix('@')}.md"
    with replacing(page) as partial:
        text = sign_off_page(after, reviewer, list(findings.values()))
        partial.write_text(text, encoding="utf-8")
    return key, after, page
