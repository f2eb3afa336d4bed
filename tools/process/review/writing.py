"""A review while it is written: who may, and what its text still lacks."""

from __future__ import annotations

from tools.process.ledger.state import Submission
from tools.process.record import Record
from tools.process.review.frozen import FrozenTree
from tools.process.review.lint import Remark, lint_review
from tools.process.review.reviewfile import parse_review, review_path, review_problems
from zoo.core.errors import ZooError

OPEN = ("assigned", "agreed", "filed")  # what the reviewer may still write


def reviewing(record: Record, model: str, actor: str) -> tuple[Submission, str]:
    """The state of an entry, and the handle of a reviewer who may still write."""
    handle = record.roster.find(actor).handle
    state = record.state(model)
    if handle not in state.reviews:
        reviewers = ", ".join(state.reviews) or "nobody yet"
        raise ZooError(f"{handle} is not assigned to {model}: its reviewers are {reviewers}")
    if state.stage == "on-hold":
        raise ZooError(f"{model} is on hold: wait until the instructor says zoo unhold")
    status = state.reviews[handle].status
    if status not in OPEN or state.stage not in ("v1-submitted", "in-review"):
        raise ZooError(f"the reviews of {model} are closed: yours is {status}")
    return state, handle


def remarks_on(record: Record, state: Submission, reviewer: str, text: str) -> list[Remark]:
    """What is wrong with the text of a review: as a form, or else against the frozen version."""
    problems = form_remarks(text)
    if problems:
        return problems
    assert state.v1 is not None
    review = parse_review(text, review_path(record, state.model, reviewer))
    frozen = FrozenTree(record.root, state.v1.commit)
    return lint_review(review, frozen, record.policy, state, reviewer)


def form_remarks(text: str) -> list[Remark]:
    """What keeps a text from being a review at all."""
    problems = review_problems(text)
    return [Remark(problem.line or 1, problem.rule, problem.fix) for problem in problems]
