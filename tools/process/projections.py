"""What is written from the ledgers and can be written again: tags, sign-off pages, the board."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.process.board import board_page
from tools.process.git import head
from tools.process.joining import conclude, join_ledgers
from tools.process.ledger.committed import under_way
from tools.process.ledger.file import writing
from tools.process.ledger.state import Submission
from tools.process.record import Record, differs
from tools.process.response.signoff import sign_off_page
from tools.process.review.reviewfile import load_review
from tools.process.tags import make_tag
from zoo.core.files import replacing


def sign_off_pages(record: Record, state: Submission) -> Iterator[tuple[Path, str]]:
    """(path, text) of the page of every reviewer who has signed something off."""
    for review in state.reviews.values():
        prefix = review.reviewer.removeprefix("@") + "/"
        if state.v2 is None or not any(key.startswith(prefix) for key in state.signatures):
            continue
        findings = load_review(record, state.model, review.reviewer).findings
        path = record.folder(state.model) / "v2" / f"{review.reviewer.removeprefix('@')}.md"
        yield path, sign_off_page(state, review.reviewer, findings)


def board_differs(record: Record, states: Mapping[str, Submission]) -> bool:
    """Whether reviews/README.md is not what the ledgers say."""
    path = record.reviews / "README.md"
    if not states and not path.exists():
        return False
    wanted = board_page(states, record.policy)
    return differs(path, wanted)


def rebuild(record: Record) -> list[str]:
    """Put the ledgers together and make every projection again; a line for each thing done.

    Raises:
        ZooError: a ledger that does not replay, or a tag that names another commit.
    """
    done = join_ledgers(record)
    with writing(record.reviews):
        for model in record.models():
            if record.ledger(model).mend():
                done.append(f"reviews/{model}/events.jsonl: cut off a half-written last line")
    states = record.states()
    pages: list[Path] = []
    for model, state in states.items():
        for version, frozen in (("v1", state.v1), ("v2", state.v2)):
            if frozen is not None and make_tag(record.root, model, version, frozen):
                done.append(f"{model}/{version}: made the tag")
        for path, text in sign_off_pages(record, state):
            if differs(path, text):
                with replacing(path) as partial:
                    partial.write_text(text, encoding="utf-8")
                done.append(f"{path.relative_to(record.root).as_posix()}: wrote the page")
            pages.append(path)
    if board_differs(record, states):
        done.append("reviews/README.md: wrote the board")
    if under_way(record.root):
        return [*done, conclude(record, states, pages)]
    before, ledgers = head(record.root), [record.ledger(model).path for model in states]
    if states:
        record.commit("Record: projections rebuilt", *ledgers, *pages)
    if not done and head(record.root) != before:
        done.append("committed what was recorded")
    return done
