"""The index: which unit of which document has a fingerprint, in one SQLite file.

A search looks up the fingerprints of one document: it costs what they have in common with others,
not how many others there are. Documents keep their source, so that passages can be shown when the
folder that they came from is gone, and so that a new kind of fingerprint needs no old folder.
"""

from __future__ import annotations

import ast
import json
import sqlite3
import zlib
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from tools.originality.fingerprints import VERSION, Print, fingerprints
from tools.originality.normalise import Unit, imported_names, units
from tools.originality.sources import Document, Piece
from zoo.core.cards import Acknowledgement
from zoo.core.errors import ZooError

PATIENCE = 60.0  # seconds to wait for another run that writes
_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    id INTEGER PRIMARY KEY, name TEXT UNIQUE, digest TEXT, about TEXT, pieces BLOB);
CREATE TABLE IF NOT EXISTS folders (label TEXT PRIMARY KEY, path TEXT);
CREATE TABLE IF NOT EXISTS units (
    id INTEGER PRIMARY KEY, document INTEGER, file TEXT, hashes BLOB);
CREATE INDEX IF NOT EXISTS units_of ON units (document);
CREATE TABLE IF NOT EXISTS prints (hash INTEGER, unit INTEGER, PRIMARY KEY (hash, unit))
    WITHOUT ROWID;
"""


@dataclass(frozen=True)
class UnitPrints:
    """A unit of a document's code, with its fingerprints in the order of the statements."""

    piece: Piece
    unit: Unit
    prints: tuple[Print, ...]

    @property
    def hashes(self) -> frozenset[int]:
        """The fingerprints, each once."""
        return frozenset(item.hash for item in self.prints)


@dataclass(frozen=True)
class IndexedUnit:
    """A unit as the index knows it: its number, the file that it stands in, its fingerprints."""

    number: int
    file: str
    hashes: frozenset[int]


def fingerprinted(pieces: list[Piece]) -> list[UnitPrints]:
    """All units of a document that have a fingerprint."""
    trees = [ast.parse(piece.text) for piece in pieces]
    imported: dict[str, dict[str, str]] = defaultdict(dict)
    for piece, tree in zip(pieces, trees, strict=True):
        imported[piece.file] |= imported_names(tree)
    found = []
    for piece, tree in zip(pieces, trees, strict=True):
        for unit in units(tree, imported[piece.file]):
            if prints := tuple(fingerprints(unit)):
                found.append(UnitPrints(piece, unit, prints))
    return found


class Index:
    """Documents and their fingerprints; made by `opened`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        connection.executescript(_SCHEMA)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != VERSION:
            self._fingerprint_again()

    def add(self, document: Document) -> bool:
        """Remember a document in place of the one of that name; False if it has not changed."""
        about, pieces = _packed(document)
        digest = sha256(f"{about}\n{pieces}".encode()).hexdigest()
        known = "SELECT id, digest FROM documents WHERE name = ?"
        number, before = self._db.execute(known, (document.name,)).fetchone() or (None, None)
        if before == digest:
            return False
        if number is not None:
            self._forget(number)
        row = (number, document.name, digest, about, zlib.compress(pieces.encode()))
        number = self._db.execute("INSERT INTO documents VALUES (?, ?, ?, ?, ?)", row).lastrowid
        for unit in fingerprinted(document.pieces):
            self._add_unit(number, unit)
        return True

    def replace(self, prefix: str, documents: Iterable[Document], folder: Path) -> int:
        """Remember a folder's documents, and no other under its prefix; the number that changed.

        Raises:
            ZooError: another folder was remembered under that prefix.
        """
        known = "SELECT path FROM folders WHERE label = ?"
        (path,) = self._db.execute(known, (prefix,)).fetchone() or (None,)
        if path not in (None, str(folder)) and prefix:
            raise ZooError(
                f"--against {folder}: another folder named {prefix[:-1]} is remembered ({path}): "
                f"rename one of them, or say --forget {prefix[:-1]}"
            )
        self._db.execute("INSERT OR REPLACE INTO folders VALUES (?, ?)", (prefix, str(folder)))
        new = {document.name: document for document in documents}
        for number, document in self.documents().items():
            inside = document.name.startswith(prefix) if prefix else "/" not in document.name
            if inside and document.name not in new:
                self._forget(number)
        return sum(self.add(document) for document in new.values())

    def forget(self, label: str) -> None:
        """Remember nothing more of a folder; ZooError if nothing is."""
        labels = [name for (name,) in self._db.execute("SELECT label FROM folders") if name]
        if f"{label}/" not in labels:
            known = ", ".join(name[:-1] for name in labels) or "none"
            raise ZooError(f"--forget {label}: no folder of that name is remembered ({known})")
        self._db.execute("DELETE FROM folders WHERE label = ?", (f"{label}/",))
        for number, document in self.documents().items():
            if document.name.startswith(f"{label}/"):
                self._forget(number)

    def documents(self) -> dict[int, Document]:
        """All documents, without their code, by their numbers."""
        rows = self._db.execute("SELECT id, name, about FROM documents")
        return {number: _unpacked(name, about) for number, name, about in rows}

    def document(self, number: int) -> Document:
        """A remembered document with its code."""
        query = "SELECT name, about, pieces FROM documents WHERE id = ?"
        name, about, pieces = self._db.execute(query, (number,)).fetchone()
        return _unpacked(name, about, pieces)

    def files_with(self, value: int) -> list[tuple[int, str]]:
        """The files with a fingerprint, each as the number of its document and its name."""
        query = (
            "SELECT DISTINCT units.document, units.file FROM prints "
            "JOIN units ON units.id = prints.unit WHERE prints.hash = ?"
        )
        return self._db.execute(query, (value,)).fetchall()

    def units_of(self, number: int) -> list[IndexedUnit]:
        """The units of a document."""
        rows = self._db.execute("SELECT id, file, hashes FROM units WHERE document = ?", (number,))
        try:
            return [IndexedUnit(unit, file, frozenset(array("q", h))) for unit, file, h in rows]
        except (TypeError, ValueError) as error:
            raise sqlite3.DatabaseError(f"a unit is damaged: {error}") from None

    def _add_unit(self, document: int | None, unit: UnitPrints) -> None:
        row = (document, unit.piece.file, array("q", sorted(unit.hashes)).tobytes())
        insert = "INSERT INTO units (document, file, hashes) VALUES (?, ?, ?)"
        number = self._db.execute(insert, row).lastrowid
        rows = ((value, number) for value in unit.hashes)
        self._db.executemany("INSERT INTO prints VALUES (?, ?)", rows)

    def _forget(self, document: int) -> None:
        for unit in self.units_of(document):
            rows = ((value, unit.number) for value in unit.hashes)
            self._db.executemany("DELETE FROM prints WHERE hash = ? AND unit = ?", rows)
        self._db.execute("DELETE FROM units WHERE document = ?", (document,))
        self._db.execute("DELETE FROM documents WHERE id = ?", (document,))

    def _fingerprint_again(self) -> None:
        """Fingerprints of another version compare with nothing: make them anew from the source."""
        self._db.execute("DELETE FROM prints")
        self._db.execute("DELETE FROM units")
        for number in self.documents():
            for unit in fingerprinted(self.document(number).pieces):
                self._add_unit(number, unit)
        self._db.execute(f"PRAGMA user_version = {VERSION}")


@contextmanager
def opened(path: Path | None = None) -> Iterator[Index]:
    """The index in a file, made where there is none; without a path one in memory.

    What happens inside is kept as a whole or not at all.

    Raises:
        ZooError: the file is no index, is in use, or cannot be written.
    """
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ZooError(f"{path.parent} cannot be made: {error.strerror}") from None
    try:
        with closing(sqlite3.connect(path or ":memory:", PATIENCE)) as connection, connection:
            yield Index(connection)
    except sqlite3.DatabaseError as error:
        raise ZooError(f"{path} {_trouble(error)}") from None


def _trouble(error: sqlite3.DatabaseError) -> str:
    """What an index suffers from, and what to do: only what is broken is to be deleted."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "is used by another run: wait for it"
    if isinstance(error, sqlite3.OperationalError) and code != sqlite3.SQLITE_ERROR:
        return f"cannot be written ({error}): allow it, or name another folder with --private"
    return (
        f"is no index ({error}): delete it, it is made again; "
        "then name the folders to compare with again (--against)"
    )


def _packed(document: Document) -> tuple[str, str]:
    """What is known about a document, and its code."""
    about = {
        "paper": document.paper,
        "team": sorted(document.team),
        "declared": [asdict(item) for item in document.declared],
    }
    return json.dumps(about), json.dumps([[piece.place, piece.text] for piece in document.pieces])


def _unpacked(name: str, about: str, pieces: bytes | None = None) -> Document:
    try:
        data = json.loads(about)
        declared = [Acknowledgement(**item) for item in data["declared"]]
        code = [] if pieces is None else json.loads(zlib.decompress(pieces))
        code = [Piece(place, text) for place, text in code]
        return Document(name, data["paper"], frozenset(data["team"]), code, declared)
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise sqlite3.DatabaseError(f"{name} is damaged: {error}") from None
