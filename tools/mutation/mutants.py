"""The mutants of an entry: one edit each, with an id that survives edits elsewhere in the file."""

from __future__ import annotations

import ast
import difflib
import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tools.mutation.operators import OPERATORS, Edit
from tools.mutation.source import GUARDED, Source
from zoo.core.errors import ZooError


@dataclass(frozen=True)
class Mutant:
    """One planted mistake.

    Attributes:
        id: "file:function:operator:digest"; the digest is of the statement, of the old and the new
            text, and of how many equal edits come before this one. Lines do not enter.
        operator: name of the operator.
        file: file in the entry's folder.
        line: line at which the edit begins, 1-based.
        lines: first and last line of the statement around it.
        edit: what is replaced by what, in bytes of the file.
    """

    id: str
    operator: str
    file: str
    line: int
    lines: tuple[int, int]
    edit: Edit

    def applied(self, text: str) -> str:
        """The mutated text of the file."""
        raw = text.encode()
        new = raw[: self.edit.start] + self.edit.new.encode() + raw[self.edit.stop :]
        return new.decode()

    def diff(self, text: str) -> list[str]:
        """The changed lines as "-…" and "+…"."""
        old, new = text.splitlines(), self.applied(text).splitlines()
        lines = difflib.unified_diff(old, new, n=0, lineterm="")
        return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def mutated_files(folder: Path) -> list[Path]:
    """The files of an entry that are mutated: its code, not its tests."""
    return [
        path
        for path in sorted(folder.glob("*.py"))
        if path.name not in ("__init__.py", "conftest.py") and not path.name.startswith("test_")
    ]


def mutants_of(folder: Path) -> list[Mutant]:
    """All mutants of an entry, in the order of files and lines.

    Raises:
        ZooError: a file that does not parse.
    """
    return [mutant for path in mutated_files(folder) for mutant in mutants_in(path)]


def mutants_in(path: Path) -> list[Mutant]:
    """All mutants of one file, in the order of its lines."""
    source = read_source(path)
    found: dict[Edit, tuple[str, ast.AST]] = {}
    for node in source.targets:
        for name in GUARDED if source.guard(node) else OPERATORS:
            for edit in OPERATORS[name].edits(node, source):
                found.setdefault(_shortest(source, edit), (name, node))
    seen: Counter[str] = Counter()
    return [
        _mutant(source, edit, name, node, seen)
        for edit, (name, node) in sorted(found.items(), key=_place)
    ]


def read_source(path: Path) -> Source:
    """The parsed file; ZooError where it does not parse."""
    try:
        return Source(path.name, path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise ZooError(f"{path}:{line}: does not parse; mend it, zoo check shows how") from None


def _place(item: tuple[Edit, object]) -> Edit:
    return item[0]


def _mutant(source: Source, edit: Edit, operator: str, node: ast.AST, seen: Counter[str]) -> Mutant:
    """The mutant of an edit; `seen` counts those whose texts are equal."""
    place = f"{source.name}:{source.scope(node) or '-'}:{operator}"
    extent = source.extent(node)
    context = re.sub(r"#.*", "", source.text(extent))
    texts = (place, context, source.cut(edit.start, edit.stop), edit.new)
    text = "\n".join(" ".join(one.split()) for one in texts)
    seen[text] += 1
    digest = hashlib.sha256(f"{text}\n{seen[text]}".encode()).hexdigest()[:6]
    line, lines = source.line(edit.start), (extent.lineno, extent.end_lineno)
    return Mutant(f"{place}:{digest}", operator, source.name, line, lines, edit)


def _shortest(source: Source, edit: Edit) -> Edit:
    """The same edit without what is equal at both ends, so that equal edits are seen as equal."""
    old, new = source.cut(edit.start, edit.stop), edit.new
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    start = edit.start + len(old[:head].encode())
    stop = edit.stop - len(old[len(old) - tail :].encode())
    return Edit(start, stop, new[head : len(new) - tail])


def _common(one: str, other: str) -> int:
    """Length of the common beginning of two texts."""
    return next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
