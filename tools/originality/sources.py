"""What is compared: documents, each one entry or one reference, and the code in their files."""

from __future__ import annotations

import ast
import json
import os
import re
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from tools.text import code_lines
from zoo.core.cards import Acknowledgement, Card, load_card
from zoo.core.errors import ZooError

LARGEST = 1_000_000  # bytes: nobody writes longer files by hand
DEEPEST = 150  # levels of syntax: nobody nests deeper by hand, and whoever reads them recurses
# Name of the document that everybody was given; a folder's name has no line break when it is shown.
GIVEN = "the skeleton\n"
_NO_SOURCE = frozenset({"__pycache__", "build", "node_modules", "site-packages", "venv"})
_SUFFIXES = (".py", ".ipynb")
# Cell magics that stand over Python.
_MAGICS = frozenset({"capture", "file", "prun", "python", "python3", "time", "timeit", "writefile"})
_TEMPLATE_TOKEN = re.compile(r"\{\{(\w+)\}\}")  # of the skeleton: any name in its place parses


@dataclass(frozen=True)
class Piece:
    """Python that parses: a file, or a code cell of a notebook.

    Attributes:
        place: where a reader finds it, e.g. `zoo/vae/model.py` or `zoo/vae/demo.ipynb#cell 3`.
        text: the source.
    """

    place: str
    text: str

    @property
    def file(self) -> str:
        """The place without the cell."""
        return self.place.split("#")[0]


@dataclass(frozen=True)
class Skipped:
    """A file that was not compared, and why."""

    place: str
    reason: str


@dataclass
class Document:
    """One entry of a zoo, or one reference implementation.

    Attributes:
        name: what the report calls it; unique in the index.
        paper: what it implements, where a card says so; else its name. Code that documents of many
            papers share is boilerplate.
        team: handles of its authors, where a ledger or a card says so.
        pieces: its code.
        declared: what its card acknowledges.
    """

    name: str
    paper: str
    team: frozenset[str] = frozenset()
    pieces: list[Piece] = field(default_factory=list)
    declared: list[Acknowledgement] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    @property
    def is_entry(self) -> bool:
        """Whether it has a card, as the entries of a zoo have."""
        return self.paper != self.name


def entries(root: Path, prefix: str = "") -> list[Document]:
    """The entries of a zoo, as it lies in a folder: every folder with code, complete or not."""
    folders = sorted(set((root / "zoo").glob("[!._]*/")) - {root / "zoo" / "core"})
    found = [_entry(folder, root, prefix) for folder in folders]
    return [document for document in found if document.pieces or document.skipped]


def given(root: Path) -> Document:
    """The skeleton that every entry begins with: it counts for nobody."""
    document = Document(GIVEN, GIVEN)
    for file in _files(root / "templates" / "entry", []):
        text = _TEMPLATE_TOKEN.sub(r"x_\1", file.read_text(encoding="utf-8"))
        _add(document, text, file.suffix, str(file.relative_to(root)))
    return document


def references(folder: Path) -> list[Document]:
    """The documents of a folder to compare with.

    A clone of a zoo gives its entries; else every folder directly inside is one document, and so is
    every file directly inside.

    Raises:
        ZooError: there is no such folder, or no Python in it.
    """
    if not folder.is_dir():
        raise ZooError(f"--against {folder}: no such folder")
    label = folder.resolve().name
    if any(folder.glob("zoo/*/recipe.py")):
        return entries(folder, f"{label}/")
    try:
        insides = [path for path in sorted(folder.iterdir()) if not _ignored(path)]
    except OSError as error:
        raise ZooError(f"--against {folder}: cannot be read ({error.strerror})") from None
    insides = [path for path in insides if path.suffix in _SUFFIXES or os.path.isdir(path)]
    documents = [_document(path, folder, f"{label}/") for path in insides]
    documents = [document for document in documents if document.pieces or document.skipped]
    if not documents:
        raise ZooError(f"--against {folder}: it holds no Python file and no notebook")
    return documents


def _entry(folder: Path, root: Path, prefix: str) -> Document:
    document = _document(folder, root, prefix)
    if not (document.pieces or document.skipped):
        return document
    try:
        card = _card(folder)
    except ZooError as error:
        place = f"{prefix}{_shown(folder.relative_to(root))}/README.md"
        document.skipped.append(Skipped(place, f"no card: {error}"))
        return document
    document.paper = card.paper.arxiv
    document.team = frozenset(who for who in card.developers if who.startswith("@"))
    document.declared = list(card.acknowledgements)
    return document


def _card(folder: Path) -> Card:
    """The card of an entry; ZooError where it cannot be read or holds anything but texts."""
    try:
        path = folder / "README.md"
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise ZooError("no regular file")
        card = load_card(folder)
        texts = [card.paper.arxiv, *card.developers]
        for item in card.acknowledgements:
            texts += [item.what, item.source, item.licence, *item.files]
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ZooError(str(error)) from None
    if not all(isinstance(text, str) for text in texts):
        raise ZooError("it does not fit its schema: zoo check")
    return card


def _document(path: Path, root: Path, prefix: str) -> Document:
    """The code of a folder or of a file; the names of what is skipped begin with the prefix too."""
    name = f"{prefix}{_shown(path.name)}"
    document, closed = Document(name, name), list[OSError]()
    for file in _files(path, closed) if path.is_dir() else [path]:
        place = _shown(file.relative_to(root))
        try:
            _add(document, _text(file), file.suffix, place)
        except ZooError as reason:
            document.skipped.append(Skipped(place, str(reason)))
    for error in closed:
        place = _shown(Path(error.filename).relative_to(root))
        document.skipped.append(Skipped(place, f"cannot be read: {error.strerror}"))
    document.skipped = [replace(item, place=f"{prefix}{item.place}") for item in document.skipped]
    return document


def _shown(path: Path | str) -> str:
    """A path in printable characters, whatever bytes its names are made of."""
    signs = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(path))
    return "".join(signs)


def _text(file: Path) -> str:
    """What stands in a file; ZooError with the reason where that cannot be compared."""
    try:
        if not file.is_file():  # a pipe would be waited for, a link may lead nowhere
            raise ZooError("no regular file")
        if (size := file.stat().st_size) > LARGEST:
            raise ZooError(f"{size / 1e6:.1f} MB: longer than anybody writes by hand")
        if file.suffix == ".py":
            with tokenize.open(file) as opened:  # in the encoding that its first lines name
                return opened.read()
        return file.read_text(encoding="utf-8")
    except (UnicodeDecodeError, SyntaxError):
        raise ZooError("no text in its encoding") from None
    except OSError as error:
        raise ZooError(f"cannot be read: {error.strerror}") from None


def _add(document: Document, text: str, suffix: str, place: str) -> None:
    """The code of a file; what cannot be compared comes with the reason."""
    if suffix == ".ipynb":
        found = list(_cells(text, place))
    else:
        reason = _fault(text)
        found = [Piece(place, text) if reason is None else Skipped(place, reason)]
    document.pieces += [item for item in found if isinstance(item, Piece)]
    document.skipped += [item for item in found if isinstance(item, Skipped)]


def _files(folder: Path, closed: list[OSError]) -> Iterator[Path]:
    """The files below a folder that may hold code; what cannot be entered is added to `closed`."""
    for parent, folders, names in os.walk(folder, onerror=closed.append):
        folders[:] = sorted(name for name in folders if not _ignored(Path(parent, name)))
        yield from (Path(parent, name) for name in sorted(names) if name.endswith(_SUFFIXES))


def _ignored(path: Path) -> bool:
    return path.name.startswith(".") or path.name in _NO_SOURCE or os.path.islink(path)


def _cells(text: str, place: str) -> Iterator[Piece | Skipped]:
    try:
        notebook = json.loads(text)
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        sources = ["".join(cell["source"]) for cell in cells]
        language = notebook.get("metadata", {}).get("kernelspec", {}).get("language", "python")
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        yield Skipped(place, "no notebook of nbformat 4")
        return
    if str(language).lower() not in ("python", "python3"):
        yield Skipped(place, f"a notebook in {' '.join(str(language).split())[:40]}")
        return
    for number, source in enumerate(sources, 1):
        where = f"{place}#cell {number}"
        magic = re.match(r"\s*%%(\S*)", source)
        if magic and magic[1] not in _MAGICS:
            yield Skipped(where, f"cell magic %%{magic[1]}")
            continue
        # A line may begin with % inside an expression; as a magic it would not parse.
        code = source if _fault(source) is None else _without_magics(source)
        if (reason := _fault(code)) is not None:
            yield Skipped(where, reason)
        elif code.strip():
            yield Piece(where, code)


def _without_magics(source: str) -> str:
    """A cell without its lines for IPython, every other line where it was."""
    lines = code_lines(source)
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines)


def _fault(text: str) -> str | None:
    """Why a text is no Python, or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a stranger's invalid escape sequences
            tree = ast.parse(text)
    except SyntaxError as error:
        return f"does not parse: line {error.lineno}"
    except (ValueError, RecursionError, MemoryError):
        return "does not parse"
    return "nested deeper than anybody writes by hand" if _depth(tree) > DEEPEST else None


def _depth(tree: ast.AST) -> int:
    """How many levels of syntax stand in each other."""
    depth, level = 0, [tree]
    while level:
        depth, level = depth + 1, [part for node in level for part in ast.iter_child_nodes(node)]
    return depth
