"""Sealed reviews: the exact bytes kept in git, known to the public by their sha256 alone.

A filed text is a blob under the local ref `refs/zoo/sealed/<model>/<reviewer>/<sha256>`, which no
ordinary push carries: whatever happens to the file afterwards, its reviewer can still open it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from tools.process.git import git, git_bytes
from tools.process.ledger.events import ReviewRevealed
from tools.process.record import Record
from tools.process.review.reviewfile import parse_review, review_path
from zoo.core.errors import ZooError
from zoo.core.files import replacing

SEALED = "refs/zoo/sealed"


def seal(record: Record, model: str, reviewer: str, content: bytes) -> str:
    """Keep a text in git; its sha256, under which the ledger will know it."""
    digest = hashlib.sha256(content).hexdigest()
    blob = git(record.root, "hash-object", "-w", "--stdin", stdin=content)
    git(record.root, "update-ref", _ref(model, reviewer, digest), blob)
    return digest


def sealed_text(record: Record, model: str, reviewer: str, digest: str) -> bytes:
    """The filed bytes, from the file where it is unchanged or else from git.

    Raises:
        ZooError: neither is in this clone.
    """
    path = review_path(record, model, reviewer)
    if path.is_file():
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() == digest:
            return content
    try:
        return git_bytes(record.root, "cat-file", "blob", _ref(model, reviewer, digest))
    except ZooError:
        rule = f"the review of {model} by {reviewer} that was filed is not in this clone"
        raise ZooError(
            f"{rule} (sha256 {digest[:12]}): {reviewer} opens it where it was filed"
        ) from None


def reveal_review(record: Record, model: str, reviewer: str, actor: str) -> Path:
    """Open a filed review: record what it found, and write its file, which is to be committed.

    Doing it again mends what a crash left undone.

    Raises:
        ZooError: the filed text is not in this clone, or this is not the time or the person.
    """
    state = record.state(model)
    review = state.reviews.get(reviewer)
    status = review.status if review else "not assigned"
    if review is None or status not in ("filed", "revealed"):
        raise ZooError(f"the review of {model} by {reviewer} is {status}: only a filed one opens")
    if status == "filed" and state.stage != "reviews-closed":  # said before the text is looked for
        raise ZooError(f"{model} is {state.stage}: this needs reviews-closed")
    path = review_path(record, model, reviewer)
    content = sealed_text(record, model, reviewer, review.sha256)
    if status == "filed":
        opened = parse_review(content.decode("utf-8-sig"), path)
        payload = ReviewRevealed(
            reviewer=reviewer,
            sha256=review.sha256,
            findings=opened.severities,
            verdict=opened.head.verdict,
            recommendation=opened.head.recommendation,
        )
        record.append(model, actor, payload)
    if not path.is_file() or path.read_bytes() != content:
        if path.is_file():  # edited after filing: not what was filed, and not to be lost
            kept = record.root / "build" / "reviews" / f"{model}-{path.stem}-edited-after-filing.md"
            kept.parent.mkdir(parents=True, exist_ok=True)
            path.replace(kept)
        with replacing(path) as partial:
            partial.write_bytes(content)
    return path


def _ref(model: str, reviewer: str, digest: str) -> str:
    return f"{SEALED}/{model}/{reviewer.removeprefix('@')}/{digest}"
