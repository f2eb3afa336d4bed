"""What people recorded of their practice: `reviews/practice/<handle>.yaml`, a list that grows.

Practice is on trust: the key lies in `templates/practice/`, and who looks there cheats nobody else.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import yaml

from tools.documents import Form, read_text, read_yaml
from tools.practice.scoring import Score
from tools.process.clock import now
from tools.process.ledger.file import writing
from tools.process.record import Record
from tools.process.rules.policy import stamp
from zoo.core.errors import ZooError
from zoo.core.files import replacing

FULL = 4  # faults of a case that can show the required recall; fewer are found by luck
PRECISE = 0.4  # share of findings in the key: who points everywhere finds everything


@dataclass(frozen=True)
class Result:
    """One recorded score.

    Attributes:
        case: name of the case.
        review: sha256 of the review.
        faults: how many the case has.
        recall: the share of them that was found.
        precision: the share of the findings that are in the key; None without findings.
        at: when it was recorded, UTC.
    """

    case: str
    review: str
    faults: int
    recall: float
    precision: float | None
    at: str


@dataclass(frozen=True)
class ResultsFile:
    """Everything that one person recorded."""

    who: str
    results: list[Result] = field(default_factory=list)


RESULTS = Form(
    ResultsFile,
    {
        ResultsFile: {
            "who": 'who: "@rev-one"',
            "results": "results: written by zoo review practice score --record",
        },
        Result: {
            "case": "case: vae-bound",
            "review": "review: the sha256 of the review",
            "faults": "faults: 5",
            "recall": "recall: 0.6",
            "precision": "precision: 0.75",
            "at": 'at: "2026-10-12T08:00:00Z"',
        },
    },
)


def results_path(record: Record, handle: str) -> Path:
    """Where a person's results lie."""
    return record.reviews / "practice" / f"{handle.removeprefix('@').lower()}.yaml"


def results_of(record: Record, handle: str) -> list[Result]:
    """What a person recorded; nothing where there is no file."""
    path = results_path(record, handle)
    return read_yaml(RESULTS, read_text(path), path)[0].results if path.exists() else []


def add_result(record: Record, handle: str, case: str, sha256: str, score: Score) -> Path:
    """Append a score; ZooError for a case that this person has recorded already."""
    path = results_path(record, handle)
    with writing(record.reviews):
        before = results_of(record, handle)
        if any(result.case == case for result in before):
            rule = f"{handle} has recorded {case} already, and the key is known since"
            raise ZooError(f"{rule}: take another case, zoo review practice lists them")
        faults, moment = len(score.found) + len(score.missed), stamp(now())
        precision = None if score.precision is None else round(score.precision, 4)
        new = Result(case, sha256, faults, round(score.recall, 4), precision, moment)
        content = {"who": handle, "results": [asdict(one) for one in [*before, new]]}
        with replacing(path) as partial:
            partial.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def practice_bar(record: Record) -> str:
    """Why somebody without enough practice takes no review, and the command to type."""
    required = record.policy.review.practice_recall
    return (
        f"has no recall of {required:g} or more, with a precision of {PRECISE:g} or more, "
        "in practice on record: zoo review practice start CASE, then score CASE --record"
    )


def practised(record: Record, handle: str) -> bool:
    """Whether a person has reached the recall that the policy requires, if it requires one."""
    required = record.policy.review.practice_recall
    return not required or any(
        one.recall >= required and (one.precision or 0) >= PRECISE and one.faults >= FULL
        for one in results_of(record, handle)
    )
