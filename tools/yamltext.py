"""YAML with the line of everything in it, stricter than YAML is.

A surprise costs more than two quotes: no aliases, tags or duplicate keys, eight levels of nesting,
1 MiB, no invisible characters. A byte-order mark and Windows line ends are accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import yaml

Place = tuple[str | int, ...]  # keys and positions from the top: ("claims", 0, "metric")

LIMIT = 2**20  # bytes; the longest hand-written document is far below
DEPTH = 8  # levels of nesting; a policy needs four
_INT = re.compile(r"[-+]?(0|[1-9]\d{0,17})")
_FLOAT = re.compile(r"[-+]?\d{0,30}\.\d*([eE][-+]\d{1,2})?")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# What no editor shows: control characters, and line breaks that only YAML takes for one.
_INVISIBLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_HALVES = re.compile(r"^<{7} .*\n(?:.*\n)*?>{7} ", re.MULTILINE)
_FRONT = re.compile(r"---[ \t]*\n(.*?\n)---[ \t]*(?:\n|$)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Problem:
    """One broken rule of a document: where, what, and what to do."""

    line: int | None
    """1-based line of the file."""
    key: str
    """Dotted path of the key, such as "claims[0].metric"; empty for the whole document."""
    rule: str
    fix: str


class Broken(Exception):
    """A document of which nothing can be read; `problem` says why."""

    def __init__(self, line: int, rule: str, fix: str) -> None:
        super().__init__(rule)
        self.problem = Problem(line, "", rule, fix)


@dataclass(slots=True)
class Node:
    """A piece of YAML: pairs of nodes (tag "map"), nodes ("seq") or text (any other tag)."""

    line: int
    tag: str
    value: Any
    plain: bool = False
    """Unquoted: YAML may have made something else of the text."""


class Document:
    """A YAML document with the line of everything in it.

    Args:
        text: the YAML.
        line: the line of its file where it begins.

    Raises:
        Broken: YAML that cannot be read, or that is not a mapping.
    """

    def __init__(self, text: str, line: int = 1) -> None:
        self._first = line
        self.node = self._compose(clean(text, line))
        if self.node.tag != "map":
            rule = "this YAML is not a mapping" if self.node.value else "there is no YAML here"
            raise Broken(line, rule, "write one 'key: value' per line")

    @cached_property
    def data(self) -> dict[str, Any]:
        """Everything as dicts, lists, texts, numbers, truth values and None."""
        return plain(self.node)

    def find(self, place: Place) -> tuple[Node, int]:
        """The value's node at `place` and the line of its key, or of the innermost that exists."""
        node, line = self.node, self.node.line
        for part in place:
            if node.tag == "map":
                pairs = [(key, value) for key, value in node.value if key.value == part]
                if not pairs:
                    break
                line, node = pairs[0][0].line, pairs[0][1]
            elif node.tag == "seq" and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.line
            else:
                break
        return node, line

    def problem(self, place: Place, rule: str, fix: str) -> Problem:
        """A broken rule at a key or list item, or at the innermost that exists."""
        return Problem(self.find(place)[1], dotted(place), rule, fix)

    def _compose(self, text: str) -> Node:
        """The nodes of one YAML document."""
        loader = _LOADER(text)
        try:
            loader.get_event()  # the stream begins
            if loader.check_event(yaml.StreamEndEvent):
                return Node(self._first, "null", "")
            loader.get_event()  # the document begins
            root = self._node(loader, 0)
            loader.get_event()  # and ends
            if not loader.check_event(yaml.StreamEndEvent):
                mark = loader.peek_event().start_mark
                self._refuse(mark, "a second YAML document begins here", "delete this '---'")
            return root
        except yaml.YAMLError as error:
            self._explain(error, text)
        finally:
            loader.dispose()

    def _node(self, loader: Any, depth: int) -> Node:
        """The next node, without duplicate keys, aliases, tags and deep nesting."""
        event = loader.get_event()
        mark = event.start_mark
        line = mark.line + self._first
        if isinstance(event, yaml.AliasEvent):
            self._refuse(mark, "there are no aliases here", "repeat the value, or quote the '*'")
        if event.tag is not None:
            rule = f"not valid YAML here: the tag '{brief(event.tag)}'"
            self._refuse(mark, rule, "delete it; quote text that begins with '!'")
        if isinstance(event, yaml.ScalarEvent):
            tag = loader.resolve(yaml.ScalarNode, event.value, event.implicit).rpartition(":")[2]
            tag = "str" if tag in ("merge", "value") else tag  # "<<" and "=" are text here
            return Node(line, tag, event.value, plain=not event.style)
        if depth == DEPTH:
            self._refuse(mark, f"more than {DEPTH} levels of nesting", "close brackets earlier")
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not loader.check_event(yaml.SequenceEndEvent):
                items.append(self._node(loader, depth + 1))
            loader.get_event()
            return Node(line, "seq", items)
        return self._mapping(loader, line, depth)

    def _mapping(self, loader: Any, line: int, depth: int) -> Node:
        """The rest of a mapping; YAML would silently keep the last of two equal keys."""
        pairs: dict[str, tuple[Node, Node]] = {}
        while not loader.check_event(yaml.MappingEndEvent):
            mark = loader.peek_event().start_mark
            key = self._node(loader, depth + 1)
            if key.tag in ("map", "seq"):
                self._refuse(mark, "a key is one word", "quote text that begins with '[' or '{'")
            if key.value in pairs:
                self._refuse(mark, f"the key '{brief(key.value)}' occurs twice", "keep one of them")
            pairs[key.value] = key, self._node(loader, depth + 1)
        loader.get_event()
        return Node(line, "map", list(pairs.values()))

    def _refuse(self, mark: Any, rule: str, fix: str) -> NoReturn:
        raise Broken(mark.line + self._first, rule, fix)

    def _explain(self, error: yaml.YAMLError, text: str) -> NoReturn:
        """Raise what the parser says, with the line where an open bracket or quote began."""
        mark, begun = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
        lines = text.rstrip().split("\n")
        line = min(mark.line if mark else 0, len(lines) - 1)
        rule = f"not valid YAML: {getattr(error, 'problem', None) or str(error).splitlines()[0]}"
        fix = "mend this line; quote text that holds ':' or '#'"
        if begun and begun.line != line and error.context:
            rule += f", {error.context} that begins in line {begun.line + self._first}"
        if re.match(r" *\t", lines[line]):
            rule, fix = "not valid YAML: the line is indented with a tab", "indent with spaces"
        raise Broken(line + self._first, rule, fix) from None


class Markdown(Document):
    """A Markdown file with YAML front matter.

    Attributes:
        prose: the Markdown after the front matter, with plain line feeds.
        prose_line: the line of the file where it begins.
    """

    def __init__(self, text: str) -> None:
        text = clean(text)
        match = _FRONT.match(text)
        if match is None:
            rule = "the file does not begin with YAML between two '---' lines"
            raise Broken(1, rule, "begin with ---, then one 'key: value' per line, then ---")
        self.prose = match[2]
        self.prose_line = text[: match.start(2)].count("\n") + 1
        super().__init__(match[1], line=2)


def too_long(size: int, line: int = 1) -> Broken:
    """The refusal of a file of `size` bytes."""
    rule = f"{size / 2**20:.1f} MiB is too long: the limit is {LIMIT // 2**20} MiB"
    return Broken(line, rule, "keep data out of this file")


def clean(text: str, line: int = 1) -> str:
    """`text` without byte-order mark and carriage returns; Broken where it is no clean text."""
    if len(text) > LIMIT:
        raise too_long(len(text), line)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    match = _INVISIBLE.search(text)
    if match:
        rule = f"the invisible character U+{ord(match[0]):04X}"
        raise Broken(line + text.count("\n", 0, match.start()), rule, "delete it")
    match = _HALVES.search(text)
    if match:
        fix = "keep what is right of both, and delete git's lines of <, = and >"
        rule = "git left two versions here"
        raise Broken(line + text.count("\n", 0, match.start()), rule, fix)
    return text


def dotted(place: Place) -> str:
    """A place in words: "claims[0].metric"."""
    parts = (f"[{p}]" if isinstance(p, int) else f".{brief(p)}" for p in place)
    return "".join(parts).removeprefix(".")


def brief(text: str) -> str:
    """Text as a message quotes it: one line of at most 60 characters."""
    line = " ".join(text[:100].split())
    return line if len(line) <= 60 and len(text) <= 100 else line[:59] + "…"


def scalars(node: Node, place: Place = ()) -> Iterator[tuple[Place, Node]]:
    """(place, node) of every text, number and truth value below a node."""
    if node.tag == "map":
        for key, value in node.value:
            yield from scalars(value, (*place, key.value))
    elif node.tag == "seq":
        for number, value in enumerate(node.value):
            yield from scalars(value, (*place, number))
    else:
        yield place, node


def plain(node: Node) -> Any:
    """A node as dict, list, text, number, truth value or None.

    Dates, and numbers that are not written as plain decimals (1:30 is 90, 010 is 8), stay text.
    """
    if node.tag == "map":
        return {key.value: plain(value) for key, value in node.value}
    if node.tag == "seq":
        return [plain(item) for item in node.value]
    if node.tag == "null":
        return None
    if node.tag == "bool":
        return node.value.lower() in ("yes", "on", "true")
    if node.tag == "int" and _INT.fullmatch(node.value):
        return int(node.value)
    if node.tag == "float" and _FLOAT.fullmatch(node.value):
        return float(node.value)
    return node.value
