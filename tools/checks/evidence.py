"""The evidence for the card's claims: results, the code they belong to, and the shipped weights."""

from __future__ import annotations

from collections.abc import Iterator

from tools.checks.findings import Finding, Skip
from tools.checks.registry import check
from tools.checks.subject import Subject


@check("evidence", needs=("syntax", "card"))
def evidence(subject: Subject) -> Iterator[Finding]:
    """Every claim has a current result that was measured on the shipped weights."""
    raise Skip("not yet")
    yield
