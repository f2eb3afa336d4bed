"""How a review went, in numbers and one line: for the gallery and the page of an entry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, get_args

from tools.process.findings import SEVERITIES, Answer, Outcome
from tools.process.ledger.state import Submission
from tools.publish.site.zoo import Shown

ANSWERS: tuple[str, ...] = get_args(Answer)
OUTCOMES: tuple[str, ...] = get_args(Outcome)
# Stages in which reviewers have said what became of their findings.
CLOSED = ("accepted", "published")
_UNFILED = ("missing", "lost")


def record_path(model: str) -> str:
    """Where the review record of an entry lies in the site."""
    return f"entries/{model}/review.html"


def summary(shown: Shown) -> dict[str, Any]:
    """The outcome of an entry's review, without a text and without a name.

    Returns:
        "page": path of the record in the site, None without a ledger;
        "badge": {"kind": "ok", "partial" or "miss", "text": a few words};
        "sentence": one plain sentence;
        "stage": of the process, "none" without a ledger;
        "reviews": {"open": how many can be read, "missing": how many never came, "due": others};
        "total": number of findings;
        "severities": [{"severity", "count", "answers": {answer: count}, "outcomes": …}], without
            those that do not occur; an unanswered finding counts as "unanswered", an unsigned one
            as "open";
        "answers", "outcomes": the same counts over all findings;
        "verdicts": of the reviewers, in the order of assignment.
    """
    state = shown.state
    if state is None:
        return {
            "page": None,
            "badge": {"kind": "miss", "text": "not reviewed"},
            "sentence": "This entry has not gone through review.",
            "stage": "none",
            "reviews": {"open": 0, "missing": 0, "due": 0},
            "total": 0,
            "severities": [],
            "answers": {},
            "outcomes": {},
            "verdicts": [],
        }
    status = Counter(review.status for review in state.reviews.values())
    missing = sum(status[name] for name in _UNFILED)
    reviews = {"open": status["revealed"], "missing": missing}
    reviews["due"] = status.total() - status["revealed"] - missing
    by_severity = [
        {"severity": severity, "count": len(keys), **_counts(state, keys)}
        for severity in SEVERITIES
        if (keys := [key for key, value in state.findings.items() if value == severity])
    ]
    counts = _counts(state, state.findings)
    return {
        "page": record_path(shown.name),
        "badge": _badge(state, reviews),
        "sentence": _sentence(state, reviews, by_severity, counts),
        "stage": state.stage,
        "reviews": reviews,
        "total": len(state.findings),
        "severities": by_severity,
        **counts,
        "verdicts": [r.verdict for r in state.reviews.values() if r.status == "revealed"],
    }


def _counts(state: Submission, keys: Iterable[str]) -> dict[str, dict[str, int]]:
    """How often each answer and each outcome was given to these findings, in a fixed order."""
    keys = list(keys)
    given = Counter(state.answers.get(key, "unanswered") for key in keys)
    signed = Counter(
        state.signatures[key].outcome if key in state.signatures else "open" for key in keys
    )
    answers = {name: given[name] for name in (*ANSWERS, "unanswered") if given[name]}
    outcomes = {name: signed[name] for name in (*OUTCOMES, "open") if signed[name]}
    return {"answers": answers, "outcomes": outcomes}


def _badge(state: Submission, reviews: dict[str, int]) -> dict[str, str]:
    """In a few words: what stands, and what a reader should know is missing."""
    total = len(state.findings)
    verified = sum(signature.outcome == "verified" for signature in state.signatures.values())
    if state.stage in ("on-hold", "withdrawn", "missing"):
        return {"kind": "miss", "text": state.stage.replace("-", " ")}
    if not reviews["open"]:
        if reviews["missing"] and not reviews["due"]:
            return {"kind": "miss", "text": "no review came"}
        under_way = state.stage in ("in-review", "reviews-closed")
        return {"kind": "partial", "text": "in review" if under_way else "not reviewed yet"}
    if not total:
        return {"kind": "ok", "text": "reviewed, no findings"}
    if state.stage not in CLOSED:
        return {"kind": "partial", "text": f"in revision, {_number(total, 'finding')}"}
    kind = "ok" if verified == total else "partial"
    return {"kind": kind, "text": f"reviewed, {verified} of {total} verified"}


def _sentence(
    state: Submission,
    reviews: dict[str, int],
    by_severity: list[dict[str, Any]],
    counts: dict[str, dict[str, int]],
) -> str:
    """What came of the review, from how many reviews to the outcome."""
    parts = [_number(reviews["open"], "review")]
    if reviews["missing"]:
        parts[0] += f" ({reviews['missing']} more never came)"
    if reviews["due"]:
        parts[0] += f" ({reviews['due']} more not open yet)"
    found = ", ".join(f"{row['count']} {row['severity']}" for row in by_severity)
    total = len(state.findings)
    parts[0] += f" with {_number(total, 'finding')}" + (f" ({found})" if found else "")
    if state.answers:
        parts.append("answers: " + _listed(counts["answers"]))
    if state.signatures:
        parts.append("after revision: " + _listed(counts["outcomes"]))
    text = "; ".join(parts) + "."
    return text[0].upper() + text[1:]


def _number(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('-', ' ')}" for name, count in counts.items())
