"""`zoo publish release`: the gate, the repository beside its target, a second look, the move."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tools.process.fsck import examine
from tools.process.git import git
from tools.process.record import Record
from tools.publish.release.building import Builder
from tools.publish.release.filtered import filtered
from tools.publish.release.fresh import fresh
from tools.publish.release.objects import Objects
from tools.publish.release.plan import Plan, plan_of
from tools.publish.release.rules import Private, known_people
from tools.publish.release.scan import Scanner
from tools.publish.standing import problems
from zoo.core.errors import ZooError

History = Literal["fresh", "filtered"]
HISTORIES: dict[History, Callable[[Builder], str]] = {"fresh": fresh, "filtered": filtered}


@dataclass(frozen=True)
class Released:
    """What was written.

    Attributes:
        commit: the last one of the new repository.
        commits: how many there are.
        files: how many the last one has.
        published: names of entries.
        left_out: stage of every other entry.
    """

    commit: str
    commits: int
    files: int
    published: tuple[str, ...]
    left_out: dict[str, str]


class Stopped(ZooError):
    """Something must not go out; `problems` has a line for each thing."""

    def __init__(self, problems: list[str]) -> None:
        many = f"{len(problems)} thing{'s' * (len(problems) > 1)} to mend, see above"
        super().__init__(f"nothing was released: {many}")
        self.problems = problems


def release(
    record: Record, out: Path, history: History = "fresh", people: Path | None = None
) -> Released:
    """Write a public repository of the present commit.

    The same commit makes the same commits, wherever and whenever this runs.

    Args:
        record: the clone.
        out: of the new repository; an empty folder, or none yet.
        history: three new commits, or all of the clone's, rewritten.
        people: a CSV whose names, numbers and addresses must not go out.

    Raises:
        Stopped: the gate is closed; nothing was written.
        ZooError: there is nothing to release, or no room for it.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ZooError(f"{out} is there and not empty: name a new folder")
    plan = plan_of(record)
    known = known_people(people, plan.people) if people else {}
    publication = record.policy.publication
    private = Private(plan.people, publication.student_id, known)
    standing = list(_standing(plan))
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=out.parent, prefix=".release-"))
    try:
        scanner = Scanner(private, publication.allow)
        if not _unreadable(plan):
            commit = _write(plan, partial, HISTORIES[history], scanner)
        if standing or scanner.problems:
            raise Stopped([*standing, *scanner.problems])
        again = Scanner(private, publication.allow)
        again.look_again(partial)
        faults, remarks = examine(Record(partial))
        if again.problems or faults or remarks:
            raise Stopped([*again.problems, *faults, *remarks])
        partial.chmod(0o755)
        if out.exists():
            out.rmdir()
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    count = int(git(out, "rev-list", "--count", "HEAD"))
    files = len(git(out, "ls-files").splitlines())
    return Released(commit, count, files, tuple(plan.published), plan.left_out)


def _write(plan: Plan, folder: Path, history: Callable[[Builder], str], scanner: Scanner) -> str:
    """The repository, checked out; its last commit."""
    git(folder, "init", "--quiet", "--initial-branch=main", "--object-format=sha1", "--template=")
    with Objects(plan.record.root) as source:
        builder = Builder(plan, source, folder, scanner)
        commit = history(builder)
    builder.finish(commit)
    return commit


def _standing(plan: Plan) -> Iterator[str]:
    """Why an entry may not be published after all, with the file that says so."""
    for model in plan.published:
        for line in problems(plan.record, model):
            place = line.partition(":")[0]
            named = "/" in place and " " not in place
            yield line if named else f"reviews/{model}/events.jsonl: {line}"


def _unreadable(plan: Plan) -> bool:
    """Whether a frozen version is missing, so that no history can be written."""
    return any(
        git(plan.record.root, "cat-file", "-t", version.commit, check=False) != "commit"
        for state in plan.published.values()
        for version in (state.v1, state.v2)
        if version is not None
    )
