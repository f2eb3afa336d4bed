"""What an entry's folder holds: files, sizes, encodings, syntax, planted mistakes."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from tools.cards import PLACEHOLDER
from tools.checks.findings import Finding, Skip
from tools.checks.registry import check
from tools.checks.subject import Subject
from tools.scaffold import NAME
from tools.text import code_lines

REQUIRED = {
    "__init__.py": "a one-line docstring and the import of the model class",
    "model.py": "the paper's architecture and objective",
    "recipe.py": "the Config, the named RECIPES and the Task",
    "README.md": "the model card",
    "demo.ipynb": "the lesson",
    "test_{name}.py": "tests of what is particular to this paper",
    "mistakes.yaml": "planted mistakes that the tests must catch",
}
PYTHON_LINES = 350
MEBI = 2**20
WEIGHTS_BYTES = 8 * MEBI
OTHER_BYTES = 1 * MEBI
PICKLES = {".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".bin"}
TEXTS = {".py", ".md", ".yaml", ".yml", ".json", ".ipynb", ".toml", ".txt"}
MISTAKES = 6


@check("layout")
def layout(subject: Subject) -> Iterator[Finding]:
    """The folder has every file an entry needs, of a size that git can keep for ever."""
    here = subject.relative(subject.folder)
    if not NAME.fullmatch(subject.name):
        yield Finding(
            here,
            f"'{subject.name}' is no entry name",
            "use lower-case words joined by single underscores, such as wgan_gp",
        )
    for pattern, what in REQUIRED.items():
        name = pattern.format(name=subject.name)
        if not (subject.folder / name).is_file():
            yield Finding(f"{here}/{name}", "the file is missing", f"add it: {what}")
    if not (subject.folder / "samples.png").is_file():
        command = f"zoo sample {subject.name} --seed 0 -o {here}/samples.png"
        yield Finding(f"{here}/samples.png", "the sample picture is missing", f"make it: {command}")
    for path in subject.files():
        yield from _file(subject, path)


def _file(subject: Subject, path: Path) -> Iterator[Finding]:
    """Rules for one file: no pickle, a bounded size, clean text."""
    place, size = subject.relative(path), path.stat().st_size
    weights = path.suffix == ".safetensors"
    limit = WEIGHTS_BYTES if weights else OTHER_BYTES
    if size > limit:
        yield Finding(
            place,
            f"{size / MEBI:.1f} MiB; the limit is {limit // MEBI} MiB per file",
            "store half precision (save_weights(..., half=True)) or a smaller model"
            if weights
            else "keep data and logs out of the entry's folder",
        )
    with path.open("rb") as file:
        head = file.read(2)
    # torch.save writes a zip archive or, formerly, a pickle: byte 0x80, then the protocol's number.
    if path.suffix in PICKLES or head == b"PK" or (head[:1] == b"\x80" and head[1:] in b"\2\3\4\5"):
        yield Finding(
            place,
            "a pickle or an archive; loading one can run any code",
            "save tensors with zoo.core.checkpoints.save_weights (safetensors)",
        )
    if path.suffix == ".py" and path.parent != subject.folder:
        # Neither digests nor mutants are of what lies there: a change would stay unseen.
        yield Finding(place, "Python below the entry's folder", "put it beside model.py")
    if weights and path.parent != subject.folder / "weights":
        yield Finding(
            place, "weights outside weights/", "move the file to weights/<recipe>.safetensors"
        )
    if weights and safetensors_header(path) is None:
        yield Finding(place, "not a safetensors file", "write it with zoo.core.checkpoints")
    if path.suffix in TEXTS:
        yield from _text(subject, path)


def _text(subject: Subject, path: Path) -> Iterator[Finding]:
    """Encoding, line ends and, for Python, the number of lines."""
    place, raw = subject.relative(path), path.read_bytes()
    if raw.startswith(b"\xef\xbb\xbf"):
        yield Finding(
            place, "the file begins with a byte-order mark", "save it as UTF-8 without BOM", 1
        )
    if b"\r\n" in raw:
        line = raw[: raw.index(b"\r\n")].count(b"\n") + 1
        yield Finding(place, "Windows line ends (CRLF)", "save it with LF line ends", line)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        yield Finding(place, "the file is not UTF-8 text", "save it as UTF-8", line)
    lines = len(raw.splitlines())
    if path.suffix == ".py" and lines > PYTHON_LINES:
        yield Finding(
            place,
            f"{lines} lines; a file has at most {PYTHON_LINES}",
            "simplify, or move what is not the paper's to zoo.core"
            if path.name == "model.py"
            else "split it by subject",
            PYTHON_LINES + 1,
        )


@check("syntax", house=True)
def syntax(subject: Subject) -> Iterator[Finding]:
    """Every Python file parses; the checks that read code wait for this one."""
    for path in subject.python_files():
        try:
            ast.parse(subject.text(path), str(path))
        except (SyntaxError, ValueError) as error:  # ValueError: null bytes
            line = getattr(error, "lineno", None)
            message = getattr(error, "msg", str(error))
            yield Finding(
                subject.relative(path), f"does not parse: {message}", "mend this line", line
            )


@check("todo")
def todo(subject: Subject) -> Iterator[Finding]:
    """Nothing of the skeleton is left to write; the card's own check speaks of the card."""
    for path in subject.files():
        if path.suffix not in {".py", ".ipynb"}:
            continue
        for line, text in enumerate(code_lines(subject.text(path)), 1):
            _, found, task = text.partition(PLACEHOLDER)
            if found:
                task = re.sub(r"(\\n|\W)+$", "", task).lstrip(": ")
                yield Finding(subject.relative(path), "left to do", task or "finish this", line)


@check("mistakes", needs=("syntax",))
def mistakes(subject: Subject) -> Iterator[Finding]:
    """mistakes.yaml plants single faults that conformance or the entry's own tests must catch."""
    path = subject.folder / "mistakes.yaml"
    if not path.is_file():
        raise Skip("there is no mistakes.yaml")
    place = subject.relative(path)
    try:
        items = yaml.load(subject.text(path), yaml.CSafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        problem = getattr(error, "problem", None) or error
        yield Finding(place, f"not valid YAML: {problem}", "mend this line", line)
        return
    shape = "a list of {name, law, file, old, new}, all text"
    if items is None:
        items = []
    if not isinstance(items, list):
        yield Finding(place, "not a list", f"write {shape}", 1)
        return
    if len(items) < MISTAKES:
        yield Finding(
            place,
            f"{len(items)} planted mistakes; an entry has at least {MISTAKES}",
            "plant what people get wrong in this family, one change each",
        )
    for number, item in enumerate(items, 1):
        keys = {"name", "law", "file", "old", "new"}
        if not (isinstance(item, dict) and set(item) == keys and _texts(item)):
            yield Finding(place, f"mistake {number} is malformed", f"write {shape}")
        else:
            yield from _mistake(subject, place, item)


def _texts(item: dict[str, object]) -> bool:
    """True when all values are text."""
    return all(isinstance(value, str) for value in item.values())


def _mistake(subject: Subject, place: str, item: dict[str, str]) -> Iterator[Finding]:
    """One planted mistake: its `old` text occurs once and the patched file still parses."""
    lines = subject.text(subject.folder / "mistakes.yaml").splitlines()
    line = next((i for i, text in enumerate(lines, 1) if item["name"] in text), None)
    label = f"mistake '{item['name']}'"
    target = (subject.folder / item["file"]).resolve()
    if not target.is_relative_to(subject.folder.resolve()) or not target.is_file():
        yield Finding(
            place, f"{label}: there is no {item['file']} here", "name a file of this entry", line
        )
        return
    text = subject.text(target)
    if (count := text.count(item["old"])) != 1:
        fix = "quote a piece of the file that occurs exactly once"
        yield Finding(place, f"{label}: `old` occurs {count} times in {item['file']}", fix, line)
        return
    try:
        ast.parse(text.replace(item["old"], item["new"]))
    except SyntaxError as error:
        fix = "plant wrong mathematics, not broken syntax"
        yield Finding(place, f"{label}: the patched file does not parse ({error.msg})", fix, line)


def safetensors_header(path: Path) -> dict[str, object] | None:
    """The JSON header of a safetensors file, or None when the file is none."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= path.stat().st_size - 8:
            return None
        try:
            header = json.loads(file.read(length))
        except ValueError:
            return None
    return header if isinstance(header, dict) else None
