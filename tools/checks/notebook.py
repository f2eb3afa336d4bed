"""Hygiene of notebooks: what can be judged without running them."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.checks.findings import Finding, Skip
from tools.checks.imports import imported_modules
from tools.checks.registry import check
from tools.checks.subject import Subject

CODE_CELLS = 25
# The heading that holds one of these words opens the section; the order is the author's.
SECTIONS = {
    "idea": ("idea",),
    "equations": ("equation", "mathematics", "objective"),
    "training": ("train",),
    "samples": ("sampl",),
    "evaluation": ("evaluat",),
    "limitations": ("limit",),
    "exercises": ("exercise",),
}
_ABSOLUTE = re.compile(
    r"(~\w*/|[A-Za-z]:[\\/]|/(home|Users|root|tmp|mnt|content|data|kaggle)(/|$)|/[\w.-]+/[\w.-])"
)
_INSTALL = re.compile(r"^\s*[!%]+\s*(pip|conda|mamba|uv|apt|apt-get|npm)\b|\bpip\s+install\b", re.M)
_SHELL = re.compile(r"^\s*(!|%%(bash|sh|script|!)|%(sx|system|cd)\b)", re.M)
_MAGIC = re.compile(r"(?m)^[ \t]*[%!?].*$")
_NETWORK = {"requests", "urllib", "urllib3", "http", "httpx", "aiohttp", "socket", "ftplib", "wget"}
_PROCESS = {"subprocess", "pty", "pexpect"}


@dataclass(frozen=True)
class Cell:
    """One cell with what a finding needs to name it."""

    number: int
    kind: str
    source: str
    tags: tuple[str, ...]
    line: int | None
    """Line of the file where the cell's id stands."""
    raw: dict[str, Any]

    @property
    def label(self) -> str:
        """How messages name the cell."""
        return f"cell {self.number}"


class BadNotebook(Exception):
    """A file that is no notebook; carries the finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.rule)
        self.finding = finding


def read_cells(subject: Subject, path: Path) -> list[Cell]:
    """The cells of a notebook that is valid nbformat 4.5; BadNotebook otherwise."""
    import nbformat

    place, text = subject.relative(path), subject.text(path)
    fix = "save it from Jupyter again"
    try:
        data = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", None)
        rule = f"not a notebook: broken JSON ({getattr(error, 'msg', error)})"
        raise BadNotebook(Finding(place, rule, fix, line)) from None
    rule = _id_rule(data)  # first, because nbformat repairs ids where it finds none
    if rule is None:
        try:
            nbformat.validate(data)
        except (nbformat.ValidationError, AttributeError, KeyError, TypeError) as error:
            rule = f"not a valid notebook: {str(error).splitlines()[0]}"
    if rule is not None:
        raise BadNotebook(Finding(place, rule, fix))
    return [_cell(number, raw, text) for number, raw in enumerate(data["cells"], 1)]


def _id_rule(data: Any) -> str | None:
    """What is wrong with the format's version and the cells' ids, if anything."""
    if not isinstance(data, dict) or not isinstance(data.get("cells"), list):
        return "not a notebook: it has no list of cells"
    if data.get("nbformat") != 4 or data.get("nbformat_minor", 0) < 5:
        return "not of format 4.5, the first whose cells have ids"
    ids = [cell.get("id") for cell in data["cells"] if isinstance(cell, dict)]
    twice = [name for name, count in Counter(ids).items() if count > 1]
    if None in ids or twice:
        return f"two cells have the id '{twice[0]}'" if twice and twice[0] else "a cell has no id"
    return None


def _cell(number: int, raw: dict[str, Any], text: str) -> Cell:
    """A cell and its place in the file."""
    source = raw["source"] if isinstance(raw["source"], str) else "".join(raw["source"])
    found = re.search(rf'"id":\s*"{re.escape(raw["id"])}"', text)
    line = text[: found.start()].count("\n") + 1 if found else None
    tags = tuple(raw["metadata"].get("tags", ()))
    return Cell(number, raw["cell_type"], source, tags, line, raw)


def notebooks_of(subject: Subject) -> list[Path]:
    """The demo of an entry, or the lessons of the house; Skip where there is none."""
    if subject.is_house:
        paths = sorted((subject.root / "notebooks").glob("*.ipynb"))
    else:
        paths = [path for path in [subject.folder / "demo.ipynb"] if path.is_file()]
    if not paths:
        raise Skip("there is no notebook")
    return paths


@check("notebook", house=True)
def notebook(subject: Subject) -> Iterator[Finding]:
    """Notebooks are clean, can run anywhere, and lead a reader through the paper."""
    for path in notebooks_of(subject):
        try:
            cells = read_cells(subject, path)
        except BadNotebook as bad:
            yield bad.finding
            continue
        place = subject.relative(path)
        for cell in cells:
            yield from _clean(place, cell)
        yield from _structure(place, cells)
        if not subject.is_house:
            yield from _lesson(place, cells)


def _structure(place: str, cells: list[Cell]) -> Iterator[Finding]:
    """Title, number of code cells and the parameters cell."""
    first = cells[0] if cells else None
    if first is None or first.kind != "markdown" or not first.source.startswith("# "):
        line = first.line if first else None
        yield Finding(place, "no title", "begin with a Markdown cell '# Title'", line)
    code = [cell for cell in cells if cell.kind == "code"]
    if len(code) > CODE_CELLS:
        rule = f"{len(code)} code cells; a notebook has at most {CODE_CELLS}"
        yield Finding(place, rule, "merge or drop cells", code[CODE_CELLS].line)
    if not code or "parameters" not in code[0].tags:
        fix = "tag the first code cell 'parameters': it holds what papermill may set"
        line = code[0].line if code else None
        yield Finding(place, "the first code cell is not tagged parameters", fix, line)
    elif not _plain_assignments(code[0].source):
        fix = "leave only `name = value  # comment` lines with literal values in it"
        yield Finding(place, f"{code[0].label}: parameters that are not plain", fix, code[0].line)


def _plain_assignments(source: str) -> bool:
    """True when the cell only gives names literal values, as papermill overrides them."""
    try:
        for node in ast.parse(source).body:
            if not isinstance(node, ast.Assign | ast.AnnAssign):
                return False
            ast.literal_eval(node.value)
    except (SyntaxError, ValueError):
        return False
    return True


def _lesson(place: str, cells: list[Cell]) -> Iterator[Finding]:
    """What an entry's demo needs besides: the sections and one hero picture."""
    headings = " \n".join(
        line.lstrip("# ").lower()
        for cell in cells
        if cell.kind == "markdown"
        for line in cell.source.splitlines()
        if re.match(r"#{2,4} ", line)
    )
    for section, words in SECTIONS.items():
        if not any(word in headings for word in words):
            fix = f"add a Markdown heading with the word '{words[0]}'"
            yield Finding(place, f"no section on {section}", fix)
    heroes = [cell for cell in cells if "hero" in cell.tags and cell.kind == "code"]
    if len(heroes) != 1:
        fix = "tag the one code cell that shows the sample picture 'hero'"
        yield Finding(place, f"{len(heroes)} code cells are tagged hero, not one", fix)


def _clean(place: str, cell: Cell) -> Iterator[Finding]:
    """Rules for one cell: no outputs, and nothing that ties it to one machine."""
    if cell.kind == "markdown":
        if re.search(r"file://|\]\((/|[A-Za-z]:\\)", cell.source):
            fix = "use a path relative to the notebook"
            yield Finding(place, f"{cell.label}: a link to an absolute path", fix, cell.line)
        return
    if cell.kind != "code":
        return
    if cell.raw["outputs"] or cell.raw["execution_count"] is not None:
        yield Finding(place, f"{cell.label} has outputs", f"nbstripout {place}", cell.line)
    if _INSTALL.search(cell.source):
        fix = "remove it: dependencies are declared in pyproject.toml"
        yield Finding(place, f"{cell.label} installs software", fix, cell.line)
    elif _SHELL.search(cell.source):
        fix = "use Python and zoo's functions"
        yield Finding(place, f"{cell.label} runs a shell command", fix, cell.line)
    try:
        tree = ast.parse(_MAGIC.sub("pass", cell.source))
    except (SyntaxError, ValueError) as error:
        rule = f"{cell.label} does not parse: {getattr(error, 'msg', error)}"
        yield Finding(
            place, rule, f"mend line {getattr(error, 'lineno', 1)} of the cell", cell.line
        )
        return
    yield from _portable(place, cell, tree)


def _portable(place: str, cell: Cell, tree: ast.Module) -> Iterator[Finding]:
    """No network, no processes, no workflow tools and no absolute paths in the cell's code."""
    tops = {module.partition(".")[0] for module, _ in imported_modules(tree, "")}
    urls = [text for text in _strings(tree) if re.match(r"(https?|ftp)://", text)]
    if tops & _NETWORK or urls:
        what = urls[0] if urls else ", ".join(sorted(tops & _NETWORK))
        fix = "read data through zoo.core.data, which works offline"
        yield Finding(place, f"{cell.label} reaches for the network: {what}", fix, cell.line)
    if tops & _PROCESS or "os.system(" in ast.unparse(tree):
        fix = "use Python and zoo's functions"
        yield Finding(place, f"{cell.label} starts other programs", fix, cell.line)
    if "tools" in tops:
        fix = "import zoo only: readers have no workflow tools"
        yield Finding(place, f"{cell.label} imports tools", fix, cell.line)
    for text in _strings(tree):
        if _ABSOLUTE.match(text):
            fix = "use a path relative to the notebook, or zoo.core.data"
            yield Finding(place, f"{cell.label}: the absolute path '{text}'", fix, cell.line)


def _strings(tree: ast.Module) -> list[str]:
    """Text constants of the code; of an f-string only its beginning, where a path would start."""
    inner = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values[1:]
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner
    ]
