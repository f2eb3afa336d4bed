"""A practice submission, made from an entry of today: faults planted, telling tests left out."""

from __future__ import annotations

import ast
import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.documents import shown
from tools.practice.cases import FOLDER, Case, Fault
from tools.process.clock import now
from tools.process.findings import Place
from tools.process.ledger.state import Review, Submission, Submitted
from zoo.core import registry
from zoo.core.errors import ZooError
from zoo.core.files import replacing

SETTINGS = "[pytest]\naddopts = --import-mode=importlib -p no:cacheprovider\n"


@dataclass(frozen=True)
class Exhibit:
    """The files of a practice submission.

    Attributes:
        case: that it shows.
        files: text by path, "zoo/vae/model.py".
        places: where each fault of the case is, by its id.
    """

    case: Case
    files: dict[str, str]
    places: dict[str, Place]

    @property
    def digest(self) -> str:
        """40 digits that stand for these files, in the place of a commit."""
        text = "\0".join(part for pair in sorted(self.files.items()) for part in pair)
        return hashlib.sha1(text.encode()).hexdigest()

    def state(self, reviewer: str) -> Submission:
        """The exhibit as a version 1 that this person reviews, for the linter."""
        moment = now()
        frozen = Submitted(self.digest, moment, reviewer, False)
        reviews = {reviewer: Review(reviewer, moment)}
        return Submission(self.case.entry, v1=frozen, reviews=reviews)


def exhibit(case: Case) -> Exhibit:
    """Plant the faults of a case; ZooError, "path:line: …", where they do not fit any more."""
    folder = registry.ZOO_FOLDER / case.entry
    if not folder.is_dir():
        raise ZooError(f"practice case {case.name} is made from {case.entry}, which is not here")
    files: dict[str, str] = {}
    places: dict[str, Place] = {}
    for path in sorted(folder.iterdir()):
        if not _shown(path, case.entry):
            continue
        text, name = path.read_text(encoding="utf-8"), f"zoo/{case.entry}/{path.name}"
        if path.name.startswith("test_"):
            text = _with_tests(text, case)
        faults = [fault for fault in case.faults if fault.file == path.name]
        files[name] = _plant(text, name, case, faults, places)
    for fault in case.faults:
        if fault.id not in places:
            raise _stale(case, fault, f"zoo/{case.entry}/{fault.file} is no file of a submission")
    return Exhibit(case, files, places)


def write_exhibit(made: Exhibit, folder: Path) -> None:
    """Write the files where they run: beside a copy of what all entries share."""
    shutil.rmtree(folder / "zoo", ignore_errors=True)
    scratch = shutil.ignore_patterns("__pycache__", "test_*.py")
    shutil.copytree(registry.ZOO_FOLDER / "core", folder / "zoo" / "core", ignore=scratch)
    shutil.copy(registry.ZOO_FOLDER / "__init__.py", folder / "zoo")
    for name, text in {**made.files, "pytest.ini": SETTINGS}.items():
        with replacing(folder / name) as partial:
            partial.write_text(text, encoding="utf-8")


def _shown(path: Path, entry: str) -> bool:
    """What a reviewer gets: card, code, notebook, results and one file of tests."""
    if path.name.startswith("test_"):
        return path.name == f"test_{entry}.py"
    return path.suffix in (".py", ".ipynb") or path.name in ("README.md", "results.json")


def _with_tests(source: str, case: Case) -> str:
    """A file of tests with no others than those that the case keeps."""
    lines, there = source.splitlines(keepends=True), set()
    for node in reversed(ast.parse(source).body):
        if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
            continue
        there.add(node.name)
        if node.name not in case.tests:
            first = min(part.lineno for part in (node, *node.decorator_list))
            last = node.end_lineno or first
            while last < len(lines) and not lines[last].strip():
                last += 1
            del lines[first - 1 : last]
    for name in case.tests:
        if name not in there:
            where = f"{shown(FOLDER / case.name)}.yaml"
            raise ZooError(f"{where}: the entry has no test '{name}' any more; name one it has")
    return "".join(lines)


def _plant(
    text: str, name: str, case: Case, faults: Sequence[Fault], places: dict[str, Place]
) -> str:
    """The text with its faults, whose places are noted."""
    for fault in faults:
        if text.count(fault.old) != 1:
            found = f"its `old` text occurs {text.count(fault.old)} times in {name}, not once"
            raise _stale(case, fault, found)
    planted, at = "", 0
    for fault in sorted(faults, key=lambda fault: text.index(fault.old)):
        start = text.index(fault.old)
        if start < at:
            raise _stale(case, fault, f"it overlaps with another fault in {name}")
        planted += text[at:start]
        first = planted.count("\n") + 1
        places[fault.id] = Place(name, first, first + fault.new.rstrip("\n").count("\n"))
        planted += fault.new
        at = start + len(fault.old)
    return planted + text[at:]


def _stale(case: Case, fault: Fault, what: str) -> ZooError:
    line = case.lines[case.faults.index(fault)]
    place = f"{shown(FOLDER / case.name)}.yaml:{line}"
    return ZooError(f"{place}: '{fault.id}' does not fit: {what}; mend it, or take another case")
