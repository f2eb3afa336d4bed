"""Reviews as readers follow them: each finding with its answer and what became of it.

Only what the ledger calls revealed is read, and only the bytes that were filed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from tools.process.findings import Finding, Place, finding_key
from tools.process.ledger.state import Review, Signature, Submission
from tools.process.response.responsefile import Reply, ResponseFile, load_response
from tools.process.review.reviewfile import ReviewFile, load_review
from tools.publish.site.source import Version, source_href
from tools.publish.site.zoo import Shown, Zoo
from zoo.core.errors import ZooError


@dataclass(frozen=True)
class Spot:
    """A place in a version; `page` is where the site shows it, "" where it does not."""

    label: str
    page: str


@dataclass(frozen=True)
class Thread:
    """What was said about one finding.

    Attributes:
        id: anchor on the page of the record, "r1-f02": the first review's second finding.
        finding: as its reviewer wrote it; None where the texts are not published.
        name: id of the finding in its review.
        severity: of the finding.
        spot: where it lies in version 1.
        answer: of the developers, "unanswered" before there is one.
        reply: their reason; None without an answer, and where the texts are not published.
        where: the places of the fix in version 2.
        outcome: of the sign-off, "open" before there is one.
        signature: the sign-off.
    """

    id: str
    finding: Finding | None
    name: str
    severity: str
    spot: Spot | None
    answer: str
    reply: Reply | None
    where: list[Spot]
    outcome: str
    signature: Signature | None


@dataclass(frozen=True)
class Reviewed:
    """One review.

    Attributes:
        id: anchor, "r1" for the first.
        reviewer: the name to show; "" for a review that cannot be read.
        status: of the ledger.
        filed_at: when the text was filed.
        review: what the ledger says.
        file: the review; None unless it is revealed and texts are published.
        threads: its findings.
    """

    id: str
    reviewer: str
    status: str
    filed_at: datetime | None
    review: Review
    file: ReviewFile | None = None
    threads: list[Thread] = field(default_factory=list)


def reviews_of(zoo: Zoo, shown: Shown, texts: bool) -> list[Reviewed]:
    """The reviews of an entry, in the order of assignment.

    Args:
        zoo: with the record and the names.
        shown: the entry; it has a ledger.
        texts: whether what was written is published.

    Raises:
        ZooError: a text in this clone is not the one that was filed.
    """
    state = shown.state
    assert state is not None
    response = _response(zoo, state) if texts and state.answers else None
    return [
        _reviewed(zoo, state, review, number, texts, response)
        for number, review in enumerate(state.reviews.values(), 1)
    ]


def spot(model: str, version: Version, place: Place) -> Spot:
    """A place, and its line in the pages of source: those of the entry's own files."""
    folder = f"zoo/{model}/"
    name = place.path.removeprefix(folder)
    if place.cell is not None:
        label = f"{name}, cell {place.cell}"
    else:
        label = f"{name}:{place.first}"
        label += f"\u2013{place.last}" if place.last != place.first else ""
    if not place.path.startswith(folder):
        return Spot(label, "")
    # The lines of a notebook's file are on no page; its cells are.
    line = None if place.path.endswith(".ipynb") else place.first
    return Spot(label, source_href(model, version, place.path, place.cell or line))


def _reviewed(
    zoo: Zoo,
    state: Submission,
    review: Review,
    number: int,
    texts: bool,
    response: ResponseFile | None,
) -> Reviewed:
    name = f"r{number}"
    if review.status != "revealed":
        return Reviewed(name, "", review.status, review.filed_at, review)
    file = load_review(zoo.record, state.model, review.reviewer) if texts else None
    written = {finding.id: finding for finding in file.findings} if file else {}
    replies = response.replies if response else {}
    threads = [
        _thread(state, review, finding, severity, f"{name}-{finding.lower()}", written, replies)
        for finding, severity in review.findings.items()
    ]
    who = zoo.people.shown(review.reviewer)
    return Reviewed(name, who, review.status, review.filed_at, review, file, threads)


def _thread(
    state: Submission,
    review: Review,
    name: str,
    severity: str,
    anchor: str,
    written: dict[str, Finding],
    replies: dict[str, Reply],
) -> Thread:
    key = finding_key(review.reviewer, name)
    finding, reply, signature = written.get(name), replies.get(key), state.signatures.get(key)
    return Thread(
        id=anchor,
        finding=finding,
        name=name,
        severity=severity,
        spot=spot(state.model, "v1", finding.place) if finding else None,
        answer=state.answers.get(key, "unanswered"),
        reply=reply,
        where=[spot(state.model, "v2", place) for place in reply.where] if reply else [],
        outcome=signature.outcome if signature else "open",
        signature=signature,
    )


def _response(zoo: Zoo, state: Submission) -> ResponseFile:
    """The response whose sha256 is in the ledger, not what a later edit made of the file."""
    path = zoo.record.folder(state.model) / "v2" / "response.md"
    response = load_response(zoo.record, state.model)
    if hashlib.sha256(path.read_bytes()).hexdigest() != state.response_sha256:
        name = path.relative_to(zoo.root).as_posix()
        raise ZooError(f"{name}:1: not the bytes that were filed; git checkout -- {name}")
    return response
