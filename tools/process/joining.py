"""Ledgers put together from all that was committed: after a merge, or after somebody edited one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.process.git import file_at, git
from tools.process.ledger.committed import (
    UNDER_WAY,
    Version,
    as_text,
    departures,
    ever_committed,
    joined,
    read_version,
    tips,
    under_way,
    versions,
)
from tools.process.ledger.events import Event
from tools.process.ledger.file import writing
from tools.process.ledger.machine import Rejection, apply
from tools.process.ledger.state import Submission
from tools.process.record import Record
from tools.process.rules.policy import stamp
from zoo.core.errors import ZooError
from zoo.core.files import replacing


def join_ledgers(record: Record) -> list[str]:
    """Write every ledger that lacks what was committed, or that git left in two versions.

    Returns:
        a line for each.

    Raises:
        ZooError: what was recorded on two branches contradicts; that ledger stays as it is.
    """
    done: list[str] = []
    with writing(record.reviews):
        for model in sorted(ever_committed(record.root)):
            done += _join(record, model)
    return done


def _join(record: Record, model: str) -> list[str]:
    path, name = record.ledger(model).path, f"reviews/{model}/events.jsonl"
    data = path.read_bytes() if path.is_file() else b""
    branches = [versions(record.root, model, tip) for tip in tips(record.root)]
    present = read_version(data)
    found = versions(record.root, model, *tips(record.root))
    if present.whole and not any(departures(found, present, name)):
        return []
    events = joined(*branches, [_tail(present, branches)])
    if present.whole and list(present.events.values()) == events:
        return []  # what is wrong with it, was so committed: zoo fsck says
    _refuse_contradiction(record.root, model, name, events)
    text = as_text(events).encode()
    _refuse_rewriting(record.root, name, text)
    done = [f"{name}: put together from what was committed, {len(events)} events"]
    if set(present.events) - {event.id for event in events}:  # uncommitted, and out of the chain
        kept = record.root / "build" / "reviews" / f"{model}-events-replaced.jsonl"
        with replacing(kept) as partial:
            partial.write_bytes(data)
        done.append(
            f"{name}: it held what no commit has; it is kept in {kept.relative_to(record.root)}"
        )
    with replacing(path) as partial:
        partial.write_bytes(text)
    return done


def _tail(present: Version, branches: list[list[Version]]) -> Version:
    """What the working copy has beyond all commits: recorded, and not committed yet."""
    known = {name for branch in branches for one in branch for name in one.events}
    names = list(present.events)
    last = max((n for n, name in enumerate(names) if name in known), default=-1)
    events = {name: present.events[name] for name in names[last + 1 :]}
    return Version("", (), events, present.whole, appends=present.whole)


def _refuse_contradiction(root: Path, model: str, name: str, events: list[Event]) -> None:
    """All events apply, one after the other."""
    state, half = Submission(model), under_way(root)
    for event in events:
        after = apply(state, event, event.at)
        if isinstance(after, Rejection):
            what = f"'{event.payload.TYPE}' of {event.actor} at {stamp(event.at)}"
            rule = f"{name}: two branches contradict: {what} does not fit, {after.rule}"
            abort = f"git {UNDER_WAY[half]} --abort, " if half else ""
            back = f"{abort}git branch mine, git reset --hard @{{upstream}}"
            raise ZooError(f"{rule}; {back}, and do again what only the branch mine has")
        state = after


def _refuse_rewriting(root: Path, name: str, text: bytes) -> None:
    """A rebase may append to what it stands on, but puts nothing between."""
    if under_way(root) in ("REBASE_HEAD", "CHERRY_PICK_HEAD"):
        before = file_at(root, "HEAD", name) or b""
        if not text.startswith(before):
            what = UNDER_WAY[str(under_way(root))]
            rule = f"{name}: a {what} would put earlier events after later ones"
            raise ZooError(f"{rule}; git {what} --abort, then git pull --no-rebase")


def conclude(record: Record, states: Mapping[str, Submission], pages: Sequence[Path]) -> str:
    """Stage what was put together, and conclude a merge when nothing else is left of it."""
    board = record.write_board(states)
    ledgers = [record.ledger(model).path for model in states]
    git(record.root, "add", "--", *map(str, [board, *ledgers, *pages]))
    half = str(under_way(record.root))
    what = UNDER_WAY[half]
    go_on = "git commit" if half == "MERGE_HEAD" else f"git {what} --continue"
    left = git(record.root, "diff", "--name-only", "--diff-filter=U").splitlines()
    if left:
        return f"the {what} is not over: mend {', '.join(left)}, git add them, then {go_on}"
    if half != "MERGE_HEAD":
        return f"nothing is left to mend; next: {go_on}"
    git(record.root, "commit", "--quiet", "--no-verify", "--no-edit")
    return "the merge is concluded; next: git push"
