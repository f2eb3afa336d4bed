"""Making the repository of a release: trees, commits, and the pages that ledgers imply."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.process.board import board_page
from tools.process.git import git
from tools.process.projections import sign_off_pages
from tools.process.record import Record
from tools.process.tags import make_tag
from tools.publish.citation import citation_files
from tools.publish.hub import hub_cards
from tools.publish.release.ledgers import Renaming, rewritten
from tools.publish.release.objects import Commit, Objects, Store
from tools.publish.release.plan import IDENTITY, Plan
from tools.publish.release.scan import Scanner
from tools.publish.release.texts import (
    cut_picture,
    public_roster,
    short_response,
    short_review,
    with_commits,
    without_rows,
)

Files = dict[str, tuple[str, str]]  # (mode, id of the blob) by path
FILE = "100644"


class Builder:
    """Writes a release into an empty repository; everything that it writes is looked at.

    Args:
        plan: what goes out.
        source: objects of the clone.
        folder: of the new repository.
        scanner: collects what must not go out.
    """

    def __init__(self, plan: Plan, source: Objects, folder: Path, scanner: Scanner) -> None:
        self.plan, self.source, self.folder, self.scanner = plan, source, folder, scanner
        self.store = Store(folder)
        self.tree = source.files(source.commit(plan.commit).tree)
        self._rows = sorted(
            path.split("/")[1]
            for path in self.tree
            if path.startswith("zoo/") and path.endswith("/weights/mnist.safetensors")
        )

    def blob(self, path: str, data: bytes, commit: str = "") -> str:
        """Write a file's content and look at it; `commit` is the one of the past it is from."""
        self.scanner.look(path, data, commit)
        return self.store.add("blob", data)

    def commit(self, files: Files, parents: tuple[str, ...], when: int, message: str) -> str:
        """Write a commit of these files."""
        tree = self.store.add_files(files)
        return self.add_commit(Commit(tree, parents, when, when, message))

    def add_commit(self, commit: Commit) -> str:
        """Write a commit."""
        return self.store.add("commit", commit.data(IDENTITY))

    def public(self, path: str, data: bytes, *, past: bool = False) -> bytes:
        """A file's content as it goes out; reviews and ledgers are another matter."""
        plan = self.plan
        if path == "reviews/roster.yaml":
            return public_roster(plan.people, plan.appearing, plan.teams).encode()
        if path == "zoo/samples.png" and not past:
            return cut_picture(data, self._rows, plan.published)
        text = _text(data)
        if text is None:
            return data
        if path == "README.md":
            text = without_rows(text, plan.published)
        return plan.people.file(text).encode()

    def base(self) -> Files:
        """Everything but ledgers and reviews, as it is now."""
        files: Files = {}
        for path, (mode, key) in self.tree.items():
            if self.plan.goes_out(path) and not is_record(path):
                data = self.public(path, self.source.get(key))
                if path.endswith((".py", ".ipynb")):
                    self.scanner.problems += self.plan.missed(path, data.decode(errors="replace"))
                files[self.plan.people.file(path)] = (mode, self.blob(path, data))
        return files

    def reviews(self, renamed: Callable[[str, str], str | None], commit: Commits) -> Files:
        """Ledgers, reviews and responses as they are now.

        Args:
            renamed: the new id of a commit, whole or cut off, that a text of an entry names.
            commit: what becomes of commits in an entry's ledger.
        """
        texts: Files = {}
        digests: dict[str, str] = {}
        own = [path for path in self.tree if self.plan.goes_out(path) and is_record(path)]
        for path in own:
            if not path.endswith(".jsonl"):
                data = self.source.get(self.tree[path][1])
                model = path.split("/")[1]
                new = self.review(path, data, lambda name, m=model: renamed(m, name))
                digests[_sha256(data)] = _sha256(new)
                texts[self.plan.people.file(path)] = (FILE, self.blob(path, new))
        for path in own:
            if path.endswith(".jsonl"):
                model = path.split("/")[1]
                naming = Renaming(
                    self.plan.people,
                    *commit(model),
                    lambda old: digests.get(old, old),
                    self.plan.summary,
                )
                data = rewritten(self.source.get(self.tree[path][1]), naming)
                texts[path] = (FILE, self.blob(path, data))
        return texts

    def review(self, path: str, data: bytes, renamed: Callable[[str], str | None]) -> bytes:
        """A review or response as it goes out."""
        text = data.decode(errors="replace")
        if self.plan.summary:
            shorten = short_response if path.endswith("v2/response.md") else short_review
            text = shorten(text)
        return self.plan.people.file(with_commits(text, renamed)).encode()

    def pages(self, files: Files) -> Files:
        """What follows from the rest: sign-offs, the board, files to cite by, cards for the Hub."""
        store = Objects(self.folder)
        with store:
            for path, (_, key) in files.items():
                if path.startswith("reviews/"):
                    target = self.folder / path
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(store.get(key))
        record = Record(self.folder)
        states = record.states()
        made: Files = {}
        for path, text in self._pages(record, states):
            made[path] = (FILE, self.blob(path, text.encode()))
        plan = self.plan
        derived = citation_files(plan.record, plan.people) | hub_cards(plan.record, plan.people)
        return made | {path: (FILE, self.blob(path, data)) for path, data in derived.items()}

    def _pages(self, record: Record, states: dict) -> Iterator[tuple[str, str]]:
        for state in states.values():
            for path, text in sign_off_pages(record, state):
                yield path.relative_to(self.folder).as_posix(), text
        yield "reviews/README.md", board_page(states, record.policy)

    def finish(self, commit: str) -> None:
        """Check the last commit out and make the tags of frozen versions."""
        git(self.folder, "update-ref", "refs/heads/main", commit)
        git(self.folder, "reset", "--quiet", "--hard", commit)
        for model, state in Record(self.folder).states().items():
            for version, frozen in (("v1", state.v1), ("v2", state.v2)):
                if frozen is not None:
                    make_tag(self.folder, model, version, frozen)
        git(self.folder, "-c", "gc.auto=0", "repack", "-a", "-d", "--quiet")


Commits = Callable[[str], tuple[Callable[[str], str], Callable[[str, str], str]]]


def is_record(path: str) -> bool:
    """Whether a file is a ledger, a review or a response."""
    return path.startswith("reviews/") and path.count("/") > 1


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _text(data: bytes) -> str | None:
    """UTF-8 text; None for anything else."""
    if b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
