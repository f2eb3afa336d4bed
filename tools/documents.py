"""Documents that people write by hand: strict YAML, read into dataclasses.

A `Form` is a dataclass with one example per key, and all there is to define: documents are read
into the dataclass, mistakes are explained with the examples, and `tools.schemas` exports JSON
Schemas from it. Two openings: `read_yaml`, for a file or for a block at some line of a larger file,
and `read_markdown`, for front matter and prose. `build` returns all problems, not only the first.
"""

from __future__ import annotations

import contextlib
import re
import types
import typing
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from tools.yamltext import (
    LIMIT,
    Broken,
    Document,
    Markdown,
    Node,
    Place,
    Problem,
    brief,
    dotted,
    plain,
    too_long,
)
from zoo.core.errors import ZooError, nearest

T = TypeVar("T")

_TAGS = {"bool": "true or false", "int": "a number", "float": "a number", "timestamp": "a date"}
_TAGS |= {"null": "nothing", "str": "text", "map": "a mapping", "seq": "a list"}
_WANTED = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True)
class Form(Generic[T]):
    """What a document must look like.

    Attributes:
        cls: a dataclass of text, numbers, truth values, literals, lists, mappings and dataclasses.
        examples: for each dataclass, one example per field: what an editor shows beside the key,
            and the fix when it is missing or wrong.
    """

    cls: type[T]
    examples: dict[type, dict[str, str]]


def read_yaml(form: Form[T], text: str, path: Path | str, line: int = 1) -> tuple[T, Document]:
    """Read YAML that begins at some line of the file `path`.

    Returns:
        the dataclass, and the document for rules of one's own (`Document.problem`, `refuse`).

    Raises:
        ZooError: "path:line: rule; fix", for the first problem.
    """
    with located(path):
        document = Document(text, line)
    return _built(form, document, path), document


def read_markdown(form: Form[T], text: str, path: Path | str) -> tuple[T, Markdown]:
    """Read the front matter of a Markdown file, as `read_yaml`; the document holds the prose."""
    with located(path):
        document = Markdown(text)
    return _built(form, document, path), document


def read_text(path: Path) -> str:
    """A file's text for `read_yaml` and `read_markdown`; ZooError where it cannot be read."""
    name, content = shown(path), b""
    try:
        with located(path):
            if path.stat().st_size > LIMIT:
                raise too_long(path.stat().st_size)
        content = path.read_bytes()
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise ZooError(f"{name} is missing") from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ZooError(f"{name}:{line}: not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise ZooError(f"{name} cannot be read: {error.strerror or error}") from None


def build(form: Form[T], document: Document) -> tuple[T | None, list[Problem]]:
    """The dataclass of a document, or None and its problems in the order of their lines."""
    reader = _Reader(form.examples)
    instance = reader.record(form.cls, document.node, (), document.node.line)
    problems = sorted(reader.problems, key=lambda problem: (problem.line or 0, problem.key))
    return (None if problems else instance), problems


def refuse(path: Path | str, problems: list[Problem]) -> None:
    """Raise a ZooError for the first problem, if there is one."""
    if problems:
        first = min(problems, key=lambda problem: (problem.line or 0, problem.key))
        place = f"{shown(path)}:{first.line}" if first.line else shown(path)
        raise ZooError(f"{place}: {first.rule}; {first.fix}")


@contextlib.contextmanager
def located(path: Path | str) -> Iterator[None]:
    """`Broken` inside becomes the ZooError that names the file and the line."""
    try:
        yield
    except Broken as broken:
        refuse(path, [broken.problem])


def shown(path: Path | str) -> str:
    """A path as messages name it: from the working folder where it lies below."""
    path = Path(path)
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else str(path)


def _built(form: Form[T], document: Document, path: Path | str) -> T:
    instance, problems = build(form, document)
    refuse(path, problems)
    return typing.cast(T, instance)


hints = cache(typing.get_type_hints)


class _Reader:
    """Builds dataclasses from nodes and collects what does not fit."""

    def __init__(self, examples: dict[type, dict[str, str]]) -> None:
        self.examples = examples
        self.problems: list[Problem] = []

    def record(self, cls: type, node: Node, place: Place, line: int) -> Any:
        """A dataclass from a mapping whose key stands in `line`; None where it does not fit."""
        known = hints(cls)
        given = {key.value: (key.line, value) for key, value in node.value}
        for name in given.keys() - known.keys():
            here = (*place, name)
            self._add(given[name][0], here, f"unknown key '{dotted(here)}'", nearest(name, known))
        values = {}
        for field in fields(cls):
            here, example = (*place, field.name), self.examples[cls][field.name]
            if field.name in given:
                at, value = given[field.name]
                values[field.name] = self.value(known[field.name], value, here, at, example)
            elif field.default is MISSING and field.default_factory is MISSING:
                self._add(line, here, f"the key '{dotted(here)}' is missing", f"add {example}")
        return None if self.problems else cls(**values)

    def value(self, hint: Any, node: Node, place: Place, line: int, example: str) -> Any:
        """A value of the hinted type; None, and a problem, where it does not fit."""
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin in (typing.Union, types.UnionType):  # T | None
            if node.tag == "null":
                return None
            (hint,) = (argument for argument in arguments if argument is not types.NoneType)
            return self.value(hint, node, place, line, example)
        if origin is Literal and node.tag not in ("map", "seq"):
            if node.value not in arguments:
                name = next(part for part in reversed(place) if isinstance(part, str))
                rule = f"unknown {name} '{brief(node.value)}'"
                self._add(line, place, rule, f"use one of {', '.join(arguments)}")
            return node.value
        if origin is list and node.tag == "seq":
            return [
                self.value(arguments[0], item, (*place, number), item.line, example)
                for number, item in enumerate(node.value)
            ]
        if origin is dict and node.tag == "map":
            return {
                key.value: self.value(arguments[1], item, (*place, key.value), key.line, example)
                for key, item in node.value
            }
        if is_dataclass(hint) and node.tag == "map":
            return self.record(hint, node, place, line)
        if hint in _WANTED:
            return self._scalar(hint, node, place, line, example)
        wanted = "a list" if origin is list else "text" if origin is Literal else "a mapping"
        return self._mistyped(node, wanted, place, line, example)

    def _scalar(self, hint: type, node: Node, place: Place, line: int, example: str) -> Any:
        if hint is str and node.tag == "str":
            return node.value
        value = plain(node)
        if hint is bool and node.tag == "bool":
            return value
        if hint is int and node.tag == "int" and isinstance(value, int):
            return value
        if hint is float and node.tag in ("int", "float") and not isinstance(value, str):
            return float(value)
        return self._mistyped(node, _WANTED[hint], place, line, example)

    def _mistyped(self, node: Node, wanted: str, place: Place, line: int, example: str) -> None:
        surprise, fix = _trap(node, wanted)
        rule = f"'{dotted(place)}' is {_TAGS[node.tag]}, not {wanted}{surprise}"
        if "number" in wanted and isinstance(plain(node), str) and node.tag in ("int", "float"):
            rule = f"'{dotted(place)}' is {brief(node.value)}, not a plain decimal number"
        self._add(line, place, rule, fix or f"write {example}")

    def _add(self, line: int, place: Place, rule: str, fix: str) -> None:
        self.problems.append(Problem(line, dotted(place), rule, fix))


def _trap(node: Node, wanted: str) -> tuple[str, str]:
    """(what YAML made of an unquoted text, how to write it), or blanks where nothing surprises."""
    if not node.plain:
        return "", ""
    raw, tag = brief(node.value), node.tag
    if wanted == "text" and tag == "bool":
        return f": YAML reads an unquoted {raw} as {plain(node)}", f'quote it: "{raw}"'
    if wanted == "text" and tag in ("int", "float", "timestamp"):
        loss = " and drops the last zero" if tag == "float" and raw.endswith("0") else ""
        return f": YAML reads an unquoted {raw} as {_TAGS[tag]}{loss}", f'quote it: "{raw}"'
    if "number" in wanted and tag == "str" and re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", raw):
        mantissa, _, exponent = raw.lower().partition("e")
        mantissa += "" if "." in mantissa else ".0"
        exponent = exponent if exponent[0] in "+-" else f"+{exponent}"
        return f": YAML reads {raw} as text", f"write {mantissa}e{exponent}"
    return "", ""
