"""A response beside the reviews that it answers and the code that it speaks of."""

from __future__ import annotations

from collections.abc import Mapping

from tools.process.findings import Finding, finding_key
from tools.process.ledger.state import Submission
from tools.process.record import Record
from tools.process.response.fixes import fix_remarks
from tools.process.response.mapping import Mapped
from tools.process.response.responsefile import replies_in, response_problems
from tools.process.response.versions import Versions
from tools.process.review.lint import Remark
from tools.process.review.reviewfile import load_review


def open_findings(record: Record, state: Submission) -> dict[str, Finding]:
    """All findings of the opened reviews, by key."""
    return {
        finding_key(review.reviewer, finding.id): finding
        for review in state.reviews.values()
        if review.status == "revealed"
        for finding in load_review(record, state.model, review.reviewer).findings
    }


def response_remarks(
    text: str, state: Submission, mapped: Mapping[str, Mapped], versions: Versions
) -> list[Remark]:
    """Everything to mend in a response, and what its readers should look at, by line.

    Args:
        text: of the response.
        state: of the entry.
        mapped: every finding, with what became of its place.
        versions: version 1 beside what is answered with.
    """
    findings = {key: change.finding for key, change in mapped.items()}
    broken = response_problems(text, state, findings)
    remarks = [Remark(problem.line or 1, problem.rule, problem.fix) for problem in broken]
    remarks += fix_remarks(replies_in(text), mapped, versions)
    return sorted(remarks, key=lambda remark: remark.line)
