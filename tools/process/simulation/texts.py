"""What people of a rehearsal write: reviews and responses, as files in the forms of the process."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tools.process.simulation.faults import Fault

REASONS = {
    "mathematics": "`log_prob` in model.py compared with the module's equation, term by term.",
    "reproduction": "The claim digits-nll read beside results.json; the weights have its sha256.",
    "tests": "test files read; each tolerance compared with rounding error, near 1e-6.",
    "notebook": "Cells `train` and `evaluate` of demo.ipynb read in order, with the text between.",
    "code": "model.py read beside section 2 of the paper; shapes stand at every method.",
    "documentation": "Card: deviations and limitations compared with recipe.py and model.py.",
    "attribution": "acknowledgements and ai_assistance of the card looked up; no foreign code.",
}


@dataclass(frozen=True)
class Report:
    """A finding as its reviewer writes it: the fault, and where it is."""

    fault: Fault
    place: str


def review_text(
    model: str, commit: str, reviewer: str, reports: Sequence[Report], draft: str = ""
) -> str:
    """A complete review, with the evidence of a re-execution from a draft that has some.

    The time of the notebook is left out: it would make a rehearsal another one each time.
    """
    blocks = any(report.fault.severity == "blocker" for report in reports)
    evidence = re.search(r"(?m)^execution:\n(?: .*\n)+", draft)
    execution = re.sub("seconds: .*", "seconds: null", evidence[0]) if evidence else ""
    head = {
        "entry": model,
        "version": "v1",
        "commit": commit,
        "reviewer": reviewer,
        "verdict": "not-reproduced" if blocks else "partial" if reports else "reproduced",
        "recommendation": "major-revision" if blocks else "minor-revision",
        "confidence": "high",
        "hours": 3.5,
        "conflict_of_interest": "none",
        "ai_use": "none",
    }
    front = "".join(f"{key}: {json.dumps(value)}\n" for key, value in head.items())
    rubric = "".join(f"### {name}: 3\n\n{reason}\n\n" for name, reason in REASONS.items())
    findings = "".join(_finding(at, report) for at, report in enumerate(reports, 1))
    return (
        f"---\n{front}{execution}---\n\n# Review of {model} v1\n\n"
        f"## Summary\n\nI read all files of {model} and ran its checks.\n\n## Rubric\n\n{rubric}"
        f"## Strengths\n\n- `log_prob` fits on a screen.\n{findings}"
    )


def _finding(number: int, report: Report) -> str:
    """A section."""
    fault = report.fault
    block = {
        "kind": fault.kind,
        "category": fault.category,
        "severity": fault.severity,
        "place": report.place,
        "quote": fault.wrong,
    }
    yaml = "".join(f"{key}: {json.dumps(value)}\n" for key, value in block.items())
    return (
        f"\n## F{number:02d}: {fault.title}\n\n```yaml\n{yaml}```\n\n**Expected.** {fault.expected}"
        f"\n\n**Observed.** {fault.observed}\n\n**Suggestion.** {fault.suggestion}\n"
    )


@dataclass(frozen=True)
class Reply:
    """The answer to a finding: what, why, and where the fix is if it is elsewhere."""

    answer: str
    reason: str
    where: str = ""


def filled_in(skeleton: str, replies: dict[str, Reply]) -> str:
    """A response's skeleton with every answer written into it."""
    head, *parts = re.split(r"(?m)^(?=## )", skeleton)
    done = [head.replace("ai_use: TODO", "ai_use: none")]
    for part in parts:
        reply = replies[part.removeprefix("## ").partition(":")[0]]
        part = re.sub(r"(?m)^answer: .*$", f"answer: {reply.answer}", part)
        part = re.sub(r"(?m)^where: .*$", f"where: [{reply.where}]", part)
        done.append(re.sub(r"(?m)^TODO: the reason$", reply.reason, part))
    return "".join(done)
