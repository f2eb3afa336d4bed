"""What git has of a ledger: every version that was committed, and one ledger of them all.

Two clones that record events at the same time have two ledgers with one beginning. Each event was
appended to one of them, so both are true, and the ledger of both holds all of them in the order of
time. What was committed is never changed or removed, and nothing comes to stand before what was
written already unless it was appended so on another branch: git's history shows which.
"""

from __future__ import annotations

import functools
import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tools.process.git import git, git_bytes
from tools.process.ledger.events import Event
from tools.process.ledger.file import digest
from tools.process.ledger.lines import Malformed, from_line, to_line

# What git is in the middle of when it names one of these commits beside HEAD.
UNDER_WAY = {"MERGE_HEAD": "merge", "REBASE_HEAD": "rebase", "CHERRY_PICK_HEAD": "cherry-pick"}


@dataclass(frozen=True)
class Version:
    """A ledger as a commit has it.

    Attributes:
        commit: where; empty for the working copy.
        parents: the versions that it was made from.
        events: by identity, in their order; lines that are no events are left out.
        whole: whether every line is an event that names the line before it.
        appends: whether it is whole and has events that none of its parents has.
    """

    commit: str
    parents: tuple[str, ...]
    events: dict[str, Event]
    whole: bool
    appends: bool = False


def under_way(root: Path) -> str | None:
    """The unfinished operation of git in this clone, as the name of its commit."""
    folder = Path(git(root, "rev-parse", "--absolute-git-dir"))
    rebasing = (folder / "rebase-merge").is_dir() or (folder / "rebase-apply").is_dir()
    for name in UNDER_WAY:
        # git leaves REBASE_HEAD behind when the rebase is over
        if (folder / name).is_file() and (name != "REBASE_HEAD" or rebasing):
            return name
    return None


def tips(root: Path) -> list[str]:
    """The commits whose ledgers count here: HEAD, and the one that git is bringing in."""
    return ["HEAD", *filter(None, [under_way(root)])]


def ever_committed(root: Path) -> set[str]:
    """Names of all entries that have or had a ledger in a commit before those of `tips`."""
    options = ("--diff-filter=A", "--format=", "--name-only", "--no-renames")
    where = ("--", "reviews/*/events.jsonl")
    listing = git(root, "log", *options, *tips(root), *where, check=False)
    return {path.split("/")[1] for path in listing.split()}


def versions(root: Path, model: str, *tips: str) -> list[Version]:
    """All versions of a ledger that lead to these commits, parents first."""
    path = f"reviews/{model}/events.jsonl"
    options = ("--topo-order", "--reverse", "--simplify-merges", "--parents")
    listing = git(root, "rev-list", *options, *tips, "--", path, check=False)
    rows = [line.split() for line in listing.splitlines()]
    wanted = "".join(f"{row[0]}:{path}\n" for row in rows)
    data = git_bytes(root, "cat-file", "--batch", stdin=wanted.encode()) if rows else b""
    found: list[Version] = []
    known: dict[str, dict[str, Event]] = {}
    for commit, *parents in rows:
        header, _, data = data.partition(b"\n")
        size = -1 if header.endswith(b"missing") else int(header.rsplit(b" ", 1)[1])
        one = read_version(data[:size] if size >= 0 else b"", commit, *parents)
        old = {name for parent in parents if parent in known for name in known[parent]}
        known[commit] = one.events
        found.append(replace(one, appends=one.whole and bool(one.events.keys() - old)))
        data = data[size + 1 :]
    return found


def read_version(data: bytes, commit: str = "", *parents: str) -> Version:
    """A ledger's text as a version."""
    events: dict[str, Event] = {}
    whole, previous = True, ""
    for line in data.decode(errors="replace").split("\n")[:-1]:
        parsed = _parsed(line + "\n")
        whole = whole and parsed is not None and parsed[1] == previous
        previous = digest(line + "\n")
        if parsed is not None:
            events.setdefault(parsed[0].id, parsed[0])
    return Version(commit, parents, events, whole)


@functools.lru_cache(maxsize=4096)  # the versions of a ledger share nearly all of their lines
def _parsed(line: str) -> tuple[Event, str] | None:
    try:
        return from_line(line)
    except Malformed:
        return None


def written(found: Sequence[Version]) -> dict[str, tuple[Event, str]]:
    """Every event that was ever committed, as it was first, and the commit that has it so."""
    first: dict[str, tuple[Event, str]] = {}
    for one in found:
        for identity, event in one.events.items():
            first.setdefault(identity, (event, one.commit))
    return first


def joined(*branches: Sequence[Version]) -> list[Event]:
    """The events of all branches in the order of time; at one moment, the first branch's first."""
    truth = written([one for branch in branches for one in branch])
    order: dict[str, Event] = {}
    for branch in branches:
        for one in reversed(branch):
            if one.appends:
                more = [truth[name][0] for name in one.events if name not in order]
                merged = heapq.merge(order.values(), more, key=lambda event: event.at)
                order = {event.id: event for event in merged}
    return sorted(order.values(), key=lambda event: event.at)


def as_text(events: Sequence[Event]) -> str:
    """A ledger's text, chained from its first line on."""
    text, previous = "", ""
    for event in events:
        line = to_line(event, previous)
        text, previous = text + line, digest(line)
    return text


def departures(found: Sequence[Version], present: Version, path: str) -> Iterator[str]:
    """Where the present ledger is not what was appended, commit by commit: one line for each."""
    everything = [*found, present]
    place = {identity: number for number, identity in enumerate(present.events, start=1)}
    for number, (identity, (event, commit)) in enumerate(written(found).items(), start=1):
        if present.events.get(identity) != event:
            where = _who_changed(everything, identity, event)
            rule = f"{path}:{place.get(identity, number)}: {where} changed or removed"
            fix = f"git show {commit[:12]}:{path} has it whole, and zoo reconcile puts it back"
            yield f"{rule} what was written; {fix}"
            return
    for one in found:
        order = [place[identity] for identity in one.events]
        if one.appends and order != sorted(order):
            where = next(a for a, b in itertools.pairwise(order) if a > b)
            fix = f"git show {one.commit[:12]}:{path} has the order in which they were written"
            yield f"{path}:{where}: events changed places; {fix}"
            return
    for identity, commit in _put_between(everything).items():
        where = f"commit {commit[:12]}" if commit else "the working copy"
        rule = f"{path}:{place[identity]}: {where} put an event before others that stood already"
        yield f"{rule}; if a squash or rebase did it, git merge the branch that recorded it"


def _who_changed(everything: Sequence[Version], identity: str, event: Event) -> str:
    """The first commit that did not keep an event of its parents, in words."""
    by_commit = {one.commit: one for one in everything}
    for one in everything[:-1]:
        had = [by_commit[p].events.get(identity) for p in one.parents if p in by_commit]
        if event in had and one.events.get(identity) != event:
            return f"commit {one.commit[:12]}"
    return "the working copy"


def _put_between(everything: Sequence[Version]) -> dict[str, str]:
    """Events that came to stand before older ones and were appended nowhere: {identity: commit}."""
    appended: set[str] = set()
    between: dict[str, str] = {}
    by_commit = {one.commit: one for one in everything}
    ever = {identity for one in everything[:-1] for identity in one.events}
    for one in everything:
        parents = [by_commit[parent].events for parent in one.parents if parent in by_commit]
        old = set().union(*parents) if one.commit else ever
        names = list(one.events)
        last = max((n for n, identity in enumerate(names) if identity in old), default=-1)
        for number, identity in enumerate(names):
            if identity not in old and number > last:
                appended.add(identity)
            elif identity not in old:
                between.setdefault(identity, one.commit)
    return {name: commit for name, commit in between.items() if name not in appended}
