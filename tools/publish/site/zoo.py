"""What the site is made from: entries with their evidence and record, lessons, and a cache."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.process.ledger.state import Submission
from tools.process.record import Record
from tools.publish.afterlife import Check
from tools.publish.people import People
from zoo.core.evidence import Result, load_results
from zoo.core.files import replacing
from zoo.core.registry import Entry


@dataclass(frozen=True)
class Shown:
    """An entry that the site shows.

    Attributes:
        entry: code, card, weights and results.
        state: where it stands in the process; None for an entry without a ledger.
        executed: the executed demo notebook.
    """

    entry: Entry
    state: Submission | None
    executed: Path

    @property
    def name(self) -> str:
        """Name of the entry."""
        return self.entry.name

    @functools.cached_property
    def results(self) -> dict[str, Result]:
        """Measured values by claim."""
        return load_results(self.entry.store)


@dataclass(frozen=True)
class Zoo:
    """Everything that pages are made from.

    Attributes:
        record: the clone, its policy, people and ledgers.
        shown: the entries of the site, by name.
        lessons: executed notebooks of notebooks/, in their order.
        people: under which name anybody appears.
        commit: the commit the site is built from.
        cache: folder for what is costly to make.
        draft: whether entries are shown that are not published.
        checked: the last rerun of the published entries; None claims nothing.
    """

    record: Record
    shown: list[Shown]
    lessons: list[Path]
    people: People
    commit: str
    cache: Path
    draft: bool = False
    checked: Check | None = None

    @property
    def root(self) -> Path:
        """The clone."""
        return self.record.root

    def cached(self, kind: str, parts: list[bytes], make: Callable[[], bytes]) -> bytes:
        """What `make` gives, kept under the digest of `parts`: everything it depends on.

        Args:
            kind: name of what is made, a file suffix included: "notebook.html".
            parts: all inputs, the code that makes it among them.
            make: makes it when it is not in the cache.
        """
        digest = hashlib.sha256()
        for part in (kind.encode(), *parts):
            digest.update(len(part).to_bytes(8, "big") + part)
        path = self.cache / f"{digest.hexdigest()[:32]}-{kind}"
        if not path.is_file():
            content = make()
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as partial:
                partial.write_bytes(content)
        return path.read_bytes()
