"""Which documents share rare code, and how much of each stands in the other.

A unit (a function) is matched as a whole with the unit of the other document that shares most of
its fingerprints: coincidences that lie scattered over a file do not add up. Fingerprints of what
everybody was given, and those that documents of many papers have in files unlike each other, count
for nobody; nor do those of files that a card declares as taken from the other document, or from a
source of both. A declared model still counts: no course takes model code from elsewhere.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tools.originality.index import Index, IndexedUnit
from tools.originality.sources import GIVEN, Document
from zoo.core.cards import Acknowledgement

COMMON = 4  # code in documents of so many papers is boilerplate
FEWEST = 8  # shared fingerprints of a file below which it is coincidence
THRESHOLD = 0.2  # share of a file above which a person should look; see calibration.md


@dataclass(frozen=True)
class Coverage:
    """How much of one document stands in another.

    Attributes:
        whole: share of its own fingerprints.
        file: the file of which the largest share does, or "" if no file has enough in common.
        of_file: that share.
        shared: the number of its own fingerprints that stand there.
    """

    whole: float
    file: str
    of_file: float
    shared: int


@dataclass(frozen=True)
class Pair:
    """Two documents, by their numbers in the index, and what each has of the other."""

    first: int
    second: int
    there: Coverage  # of the first in the second
    back: Coverage  # of the second in the first

    @property
    def score(self) -> float:
        """The largest share of any file: more code around a copy does not lower it."""
        return max(self.there.of_file, self.back.of_file)

    @property
    def shared(self) -> int:
        """Fingerprints in common, counted where there are more."""
        return max(self.there.shared, self.back.shared)


@dataclass(frozen=True)
class Remark:
    """What became of an acknowledgement.

    Attributes:
        document: who declares.
        file: the declared file, as the index names it.
        item: the acknowledgement.
        found: name of the document in the index that is the source; "" if that is not at hand.
        likeness: share of the file that stands there.
    """

    document: int
    file: str
    item: Acknowledgement
    found: str
    likeness: float

    @property
    def counts(self) -> bool:
        """Whether the declaration holds: taken on trust, or the file is indeed like its source."""
        return not self.found or self.likeness >= THRESHOLD

    @property
    def is_model(self) -> bool:
        """Whether the file is the entry's model, which has to be its authors' own."""
        return self.file.endswith("/model.py")


class Comparison:
    """Searches of one index; what it learns about a fingerprint serves all of them."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.documents = index.documents()
        self._given = {n for n, doc in self.documents.items() if doc.name == GIVEN}
        self._found: dict[int, list[tuple[int, str]]] = {}
        self._prints: dict[int, dict[str, frozenset[int]]] = {}
        self._own: dict[int, list[IndexedUnit]] = {}
        self._remarks: dict[int, list[Remark]] = {}

    def number(self, name: str) -> int:
        """The number of a document."""
        return next(n for n, document in self.documents.items() if document.name == name)

    def is_given(self, number: int) -> bool:
        """Whether everybody was given this document."""
        return number in self._given

    def pairs(self, wanted: Iterable[int]) -> list[Pair]:
        """All pairs of the wanted documents with any other, those with most in common first."""
        found = {}
        for first in wanted:
            for second in self._candidates(first):
                key = (min(first, second), max(first, second))
                if key not in found:
                    found[key] = self.pair(*key)
        told = [pair for pair in found.values() if pair.score > 0]
        return sorted(told, key=lambda pair: (-pair.score, -pair.shared, pair.first, pair.second))

    def pair(self, first: int, second: int) -> Pair:
        """How much two documents have in common, but for what their cards declare."""
        one = self._undeclared(first, second)
        other = self._undeclared(second, first)
        return Pair(first, second, _coverage(one, other), _coverage(other, one))

    def own(self, document: int) -> list[IndexedUnit]:
        """The units of a document with their fingerprints that are no boilerplate, nor given."""
        if document not in self._own:
            units = self.index.units_of(document)
            rare = [replace(u, hashes=frozenset(filter(self._is_rare, u.hashes))) for u in units]
            self._own[document] = [unit for unit in rare if unit.hashes]
        return self._own[document]

    def remarks(self, document: int) -> list[Remark]:
        """What the card of a document declares, file by file, held against its source."""
        if document not in self._remarks:
            self._remarks[document] = [
                Remark(document, file, item, *self._source(document, file, item.source))
                for item in self.documents[document].declared
                for file in self._files(document)
                if any(file.endswith(f"/{name}") for name in item.files)
            ]
        return self._remarks[document]

    def _undeclared(self, document: int, other: int) -> list[IndexedUnit]:
        """The own units, without those of files declared to be the other's, or from its source."""
        shared = {remark.item.source for remark in self.remarks(other) if remark.counts}
        declared = {
            remark.file
            for remark in self.remarks(document)
            if remark.counts and not remark.is_model
            if remark.item.source in shared or is_source(self.documents[other], remark.item.source)
        }
        return [unit for unit in self.own(document) if unit.file not in declared]

    def _source(self, document: int, file: str, source: str) -> tuple[str, float]:
        """The declared source of a file in the index, and the share of the file that stands there.

        Where the address fits several documents, the one that has most of it.
        """
        mine = [unit for unit in self.own(document) if unit.file == file]
        found = [
            (_coverage(mine, self.own(number)).whole, other.name)
            for number, other in self.documents.items()
            if number != document and is_source(other, source)
        ]
        likeness, name = max(found, default=(0.0, ""))
        return name, likeness

    def _files(self, document: int) -> list[str]:
        return sorted({unit.file for unit in self.index.units_of(document)})

    def _candidates(self, document: int) -> list[int]:
        """Documents with enough own fingerprints in common with this one."""
        shared: Counter[int] = Counter()
        for value in frozenset[int]().union(*(unit.hashes for unit in self.own(document))):
            shared.update({number for number, _ in self._files_with(value)})
        return [n for n, values in shared.items() if values >= FEWEST and n != document]

    def _is_rare(self, value: int) -> bool:
        places = self._files_with(value)
        documents = {number for number, _ in places}
        if documents & self._given:
            return False
        if len({self.documents[number].paper for number in documents}) < COMMON:
            return True
        # What forks of one file share is one thing that was copied often, not boilerplate.
        unlike: list[frozenset[int]] = []
        for number, name in places:
            file = self._prints_of(number)[name]
            if all(2 * len(file & other) <= min(len(file), len(other)) for other in unlike):
                unlike.append(file)
                if len(unlike) == COMMON:
                    return False
        return True

    def _prints_of(self, document: int) -> dict[str, frozenset[int]]:
        """All fingerprints of the files of a document."""
        if document not in self._prints:
            found: dict[str, set[int]] = defaultdict(set)
            for unit in self.index.units_of(document):
                found[unit.file] |= unit.hashes
            self._prints[document] = {name: frozenset(values) for name, values in found.items()}
        return self._prints[document]

    def _files_with(self, value: int) -> list[tuple[int, str]]:
        if value not in self._found:
            self._found[value] = self.index.files_with(value)
        return self._found[value]


def is_source(document: Document, source: str) -> bool:
    """Whether a remembered document is what an acknowledgement's address names.

    Of a reference the last part of the address counts: `https://host/owner/name.git` is `…/name`,
    `…/owner-name` or `…/owner__name`. An entry of a zoo is named by `/zoo/<name>` in the address.
    """
    name = document.name.rpartition("/")[2].lower().removesuffix(".py")
    if document.is_entry:
        return f"/zoo/{name}/" in f"{source.lower()}/"
    wanted = source.rstrip("/").rpartition("/")[2].lower().removesuffix(".git").removesuffix(".py")
    return bool(wanted) and (name == wanted or name.endswith((f"-{wanted}", f"_{wanted}")))


def _coverage(mine: list[IndexedUnit], theirs: list[IndexedUnit]) -> Coverage:
    """Every unit finds its fingerprints in the one unit that has most of them."""
    places: dict[int, list[int]] = defaultdict(list)
    for place, unit in enumerate(theirs):
        for value in unit.hashes:
            places[value].append(place)
    shared: Counter[str] = Counter()
    size: Counter[str] = Counter()
    for unit in mine:
        found = Counter(place for value in unit.hashes for place in places.get(value, ()))
        shared[unit.file] += max(found.values(), default=0)
        size[unit.file] += len(unit.hashes)
    files = {name: shared[name] / size[name] for name in size if shared[name] >= FEWEST}
    file = max(files, key=lambda name: files[name], default="")
    whole = shared.total() / max(size.total(), 1)
    return Coverage(whole, file, files.get(file, 0.0), shared.total())
