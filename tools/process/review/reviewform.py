"""The forms in a review file: its front matter and the block of a finding."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tools.documents import Form
from tools.process.findings import Category, Kind, Recommendation, Severity, Verdict


@dataclass(frozen=True)
class Remeasured:
    """A claim as it was recorded and as it was measured again; "—" where there is no value."""

    claim: str
    accepted: str
    recorded: str
    measured: str
    note: str = ""


@dataclass(frozen=True)
class Execution:
    """What the frozen version did when the reviewer ran it: written by `zoo review start`.

    Attributes:
        commit: what was run.
        at: when, UTC.
        python: version.
        torch: version.
        checks: by name: "pass", "fail" or "skip", with a note.
        notebook_seconds: time of the notebook's run; None where it did not run.
        claims: what was measured again.
    """

    commit: str
    at: str
    python: str
    torch: str
    checks: dict[str, str]
    notebook_seconds: float | None = None
    claims: list[Remeasured] = field(default_factory=list)


@dataclass(frozen=True)
class ReviewHead:
    """The front matter of a review."""

    entry: str
    version: Literal["v1"]
    commit: str
    reviewer: str
    verdict: Verdict
    recommendation: Recommendation
    confidence: Literal["low", "medium", "high"]
    hours: float
    conflict_of_interest: str
    ai_use: str
    execution: Execution | None = None


@dataclass(frozen=True)
class FindingBlock:
    """The block of YAML below a finding's heading."""

    kind: Kind
    category: Category
    severity: Severity
    place: str
    quote: str = ""


REVIEW = Form(
    ReviewHead,
    {
        ReviewHead: {
            "entry": "entry: vae",
            "version": "version: v1",
            "commit": "commit: the 40 digits of the frozen commit",
            "reviewer": 'reviewer: "@rev-one"',
            "verdict": "verdict: reproduced, partial or not-reproduced: the claims as a whole",
            "recommendation": "recommendation: accept, minor-revision, major-revision or reject",
            "confidence": "confidence: low, medium or high",
            "hours": "hours: 3.5, of honest work",
            "conflict_of_interest": 'conflict_of_interest: "none", or what it is',
            "ai_use": 'ai_use: "none", or what was used, for what, and how you checked it',
            "execution": "execution: written by zoo review start",
        },
        Execution: {
            "commit": "commit: the 40 digits of the commit that was run",
            "at": "at: 2026-10-21T09:30:00Z",
            "python": 'python: "3.12.3"',
            "torch": 'torch: "2.12.0"',
            "checks": "checks: {tests: pass}",
            "notebook_seconds": "notebook_seconds: 41.5, or null where it did not run",
            "claims": "claims: a list with claim, accepted, recorded, measured and note",
        },
        Remeasured: {
            "claim": "claim: mnist-nll",
            "accepted": 'accepted: "<= 88.5"',
            "recorded": 'recorded: "85.33 ± 0.22"',
            "measured": 'measured: "85.33 ± 0.22"',
            "note": "note: why there is no value, or how it differs",
        },
    },
)

BLOCK = Form(
    FindingBlock,
    {
        FindingBlock: {
            "kind": "kind: mistake, or missing",
            "category": "category: mathematics",
            "severity": "severity: major",
            "place": "place: zoo/vae/model.py:40-44",
            "quote": 'quote: "self.weight.tril(-1)", exactly as it stands there',
        }
    },
)
