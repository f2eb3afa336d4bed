"""Is the record whole? Ledgers replay, are append-only, and agree with tags, files and people."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path

from tools.process.git import git, git_bytes, has_commit, how_to_fetch
from tools.process.ledger.committed import departures, ever_committed, read_version, tips, versions
from tools.process.ledger.events import Event, Proposed
from tools.process.ledger.state import ACTIVE, Submission
from tools.process.projections import board_differs, sign_off_pages
from tools.process.proposals import same_paper
from tools.process.record import ACTS_AS, Record, differs
from tools.process.rules.config import check_people
from tools.process.rules.policy import Rules
from zoo.core.errors import ZooError

LEDGERS = "reviews/*/events.jsonl"


def examine(record: Record) -> tuple[list[str], list[str]]:
    """Look at everything.

    Returns:
        Faults, which mean that somebody changed what must not change or that a file is lost; and
        remarks, which `zoo reconcile` or `git fetch` settles. Each is one line.
    """
    faults: list[str] = []
    remarks: list[str] = []
    try:
        check_people(record.policy, record.roster, record.bids)
    except ZooError as error:
        return [str(error)], []
    states: dict[str, Submission] = {}
    for model in record.models():
        wrong, settled, state = _entry(record, model)
        faults += wrong
        remarks += settled
        if state is not None:
            states[model] = state
    for model in sorted(ever_committed(record.root) - set(record.models())):
        faults += _append_only(record, model)
    for line in git(record.root, "status", "--porcelain", "--", LEDGERS, check=False).splitlines():
        remarks.append(f"{line[3:]}: has what is not committed; zoo reconcile commits it")
    faults += _stray_tags(record, states)
    faults += _taken_twice(states)
    remarks += _policy(record, states)
    if not faults and board_differs(record, states):
        remarks.append("reviews/README.md: not what the ledgers say; zoo reconcile writes it")
    return faults, remarks


def faults_of(record: Record, model: str) -> list[str]:
    """The faults of one entry: of its ledger, its files, its frozen versions."""
    return _entry(record, model)[0]


def _entry(record: Record, model: str) -> tuple[list[str], list[str], Submission | None]:
    """Faults and remarks of one entry, and its state, None where its ledger does not replay."""
    faults, remarks = list(_append_only(record, model)), []
    try:
        if record.ledger(model).lines()[1]:
            place = f"reviews/{model}/events.jsonl"
            remarks.append(f"{place}: its last line is not whole; zoo reconcile cuts it off")
        state = record.state(model)
    except ZooError as error:
        return [*faults, str(error)], remarks, None
    faults += _people(record, record.events(model))
    faults += _files(record, state)
    for fault, remark in _versions(record, state):
        (faults if fault else remarks).append(remark)
    remarks += _projections(record, state) if not faults else []
    return faults, remarks, state


def _append_only(record: Record, model: str) -> Iterator[str]:
    """What was committed to a ledger on any branch stands in it, and only what was appended."""
    file = record.ledger(model).path
    data = file.read_bytes() if file.is_file() else b""
    path = f"reviews/{model}/events.jsonl"
    yield from departures(
        versions(record.root, model, *tips(record.root)), read_version(data), path
    )


def _people(record: Record, events: list[Event]) -> Iterator[str]:
    """Everybody acts in a role that the roster gives them."""
    for number, event in enumerate(events, start=1):
        place = f"reviews/{event.model}/events.jsonl:{number}"
        if event.actor == "clock":
            if event.role != "clock":
                yield f"{place}: the clock acts as {event.role}"
            continue
        try:
            person = record.roster.find(event.actor)
        except ZooError as error:
            yield f"{place}: {error}"
            continue
        if event.role not in ACTS_AS[person.role]:
            yield f"{place}: {person.handle} acts as {event.role}, but is a {person.role}"
        if isinstance(event.payload, Proposed):
            strangers = [
                who for who in event.payload.team if who.lower() not in record.roster.people
            ]
            if strangers:
                yield f"{place}: {', '.join(strangers)} is not in reviews/roster.yaml"


def _files(record: Record, state: Submission) -> Iterator[str]:
    """Open reviews and the response are the filed bytes, and no sealed text is committed."""
    folder = record.folder(state.model)
    for review in state.reviews.values():
        path = folder / "v1" / f"{review.reviewer.removeprefix('@')}.md"
        name = path.relative_to(record.root).as_posix()
        if review.status == "revealed":
            yield from _same(path, name, review.sha256)
        elif git(record.root, "ls-files", "--", name):
            yield f"{name}: committed, though the review is {review.status}; git rm --cached {name}"
    if state.response_sha256:
        path = folder / "v2" / "response.md"
        if state.v2 is not None or not path.is_file():  # a draft of the next answer may differ
            yield from _same(path, path.relative_to(record.root).as_posix(), state.response_sha256)
    expected = {f"reviews/{state.model}/v1/{who.removeprefix('@')}.md" for who in state.reviews}
    for name in git(record.root, "ls-files", "--", f"reviews/{state.model}/v1").splitlines():
        if name not in expected:
            yield f"{name}: no reviewer of {state.model} wrote it; git rm --cached {name}"


def _same(path: Path, name: str, sha256: str) -> Iterator[str]:
    """The file is there, with these bytes."""
    if not path.is_file():
        yield f"{name}: it is gone; git checkout -- {name}"
    elif hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        yield f"{name}: not the bytes that were filed; git checkout -- {name}"


def _versions(record: Record, state: Submission) -> Iterator[tuple[bool, str]]:
    """Frozen commits are here and hold the entry; tags name them. (is a fault, line)."""
    for version, frozen in (("v1", state.v1), ("v2", state.v2)):
        if frozen is None:
            continue
        tag = f"{state.model}/{version}"
        if not has_commit(record.root, frozen.commit):
            fix = how_to_fetch(record.root)
            rule = f"{tag}: the frozen commit {frozen.commit[:12]} is not in this clone"
            yield "unshallow" not in fix, f"{rule}; {fix}"
            continue
        if not git(record.root, "ls-tree", frozen.commit, f"zoo/{state.model}/", check=False):
            yield True, f"{tag}: the frozen commit {frozen.commit[:12]} has no zoo/{state.model}"
        named = git(
            record.root, "rev-parse", "-q", "--verify", f"refs/tags/{tag}^{{}}", check=False
        )
        if not named:
            yield False, f"{tag}: the tag is missing; zoo reconcile makes it again"
        elif named != frozen.commit:
            rule = f"{tag}: the tag names {named[:12]}, the ledger {frozen.commit[:12]}"
            yield True, f"{rule}; git tag -d {tag}, then zoo reconcile"


def _projections(record: Record, state: Submission) -> Iterator[str]:
    """Pages that are written from the ledger are what the ledger says."""
    for path, text in sign_off_pages(record, state):
        if differs(path, text):
            name = path.relative_to(record.root).as_posix()
            yield f"{name}: not what the ledger says; zoo reconcile writes it"


def _stray_tags(record: Record, states: dict[str, Submission]) -> Iterator[str]:
    """No tag claims a version that the ledger does not know."""
    listing = git_bytes(record.root, "tag", "--list", "*/v1", "*/v2").decode()
    for tag in listing.split():
        model, _, version = tag.rpartition("/")
        if model in states and getattr(states[model], version) is None:
            yield f"{tag}: a tag of a version that was never submitted; git tag -d {tag}"


def _taken_twice(states: dict[str, Submission]) -> Iterator[str]:
    """One living entry per paper."""
    living = [s for s in states.values() if s.proposal and s.stage not in ("declined", "withdrawn")]
    for one, other in itertools.combinations(living, 2):
        if one.proposal and other.proposal and same_paper(one.proposal.paper, other.proposal.paper):
            paper = one.proposal.paper
            yield f"{one.model} and {other.model} reproduce one paper, {paper}; withdraw one"


def _policy(record: Record, states: dict[str, Submission]) -> Iterator[str]:
    """Entries under way whose dates are not those of the present policy; it may be meant so."""
    present: Rules = record.policy.rules()
    behind = [m for m, s in states.items() if s.stage in ACTIVE and s.rules and s.rules != present]
    if behind:
        yield f"{', '.join(behind)}: dates or quotas of an earlier policy; zoo reschedule --dry-run"
