"""The page of a reviewer's sign-offs, `reviews/<model>/v2/<handle>.md`, from the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from tools.process.findings import Finding, finding_key
from tools.process.ledger.state import Submission
from tools.process.rules.policy import stamp
from tools.text import one_line

REASON_LIMIT = 10_000  # characters; the ledger has all of them


def sign_off_page(state: Submission, reviewer: str, findings: Sequence[Finding]) -> str:
    """What a reviewer says about version 2, finding by finding, as Markdown.

    Args:
        state: of the entry; version 2 is in.
        reviewer: handle.
        findings: the reviewer's, in the order of the review.
    """
    assert state.v2 is not None
    keys = [finding_key(reviewer, finding.id) for finding in findings]
    signed = sum(key in state.signatures for key in keys)
    parts = [
        f"---\nentry: {state.model}\nversion: v2\ncommit: {state.v2.commit}\n"
        f'reviewer: "{reviewer}"\n---',
        f"# Sign-off of {state.model} v2 by {reviewer}",
        f"Written from the ledger by `zoo verify-fix` and `zoo reconcile`; {signed} of {len(keys)}"
        " findings are signed off.",
    ]
    for key, finding in zip(keys, findings, strict=True):
        parts += [f"## {finding.id}: {one_line(finding.title)}", _verdict(state, key, finding)]
        signature = state.signatures.get(key)
        if signature and signature.reason:
            parts.append(one_line(signature.reason, REASON_LIMIT))
    return "\n\n".join(parts) + "\n"


def _verdict(state: Submission, key: str, finding: Finding) -> str:
    """One line: severity, answer, outcome and when."""
    answer = state.answers.get(key)
    said = f"{finding.severity}, {f'answered {answer}' if answer else 'not answered'}: "
    signature = state.signatures.get(key)
    if signature is None:
        return said + "not signed off yet."
    return said + f"**{signature.outcome}** ({stamp(signature.at)})."
