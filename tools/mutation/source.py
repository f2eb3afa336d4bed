"""A Python file as text and syntax tree at once: where each node stands, and what surrounds it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cached_property

GUARDED = ("comparison",)  # the only operators that touch the condition of a refusal
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
MODULES = ("torch", "F", "math", "nn", "np", "init", "special", "linalg")


class Source:
    """The text of a file, its tree, and the way back from a node to its text.

    Positions are offsets in the UTF-8 bytes, as those of `ast` are.

    Args:
        name: name of the file, without folders.
        text: its content; SyntaxError where that does not parse.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name, self.raw = name, text.encode()
        self.tree = ast.parse(text, name)
        self.lines = [0, *(match.end() for match in re.finditer(b"\n", self.raw))]
        self.parents = {
            child: parent
            for parent in ast.walk(self.tree)
            for child in ast.iter_child_nodes(parent)
        }

    def span(self, node: ast.AST) -> tuple[int, int]:
        """First and last offset of a node."""
        start = self.lines[node.lineno - 1] + node.col_offset
        return start, self.lines[node.end_lineno - 1] + node.end_col_offset

    def cut(self, start: int, stop: int) -> str:
        """The text between two offsets."""
        return self.raw[start:stop].decode()

    def text(self, node: ast.AST) -> str:
        """The text of a node."""
        return self.cut(*self.span(node))

    def line(self, offset: int) -> int:
        """1-based number of the line that an offset lies in."""
        return self.raw.count(b"\n", 0, offset) + 1

    def symbol(self, left: ast.AST, right: ast.AST, symbol: str) -> tuple[int, int]:
        """Where the operator between two neighbouring operands stands; comments are passed over."""
        start, stop = self.span(left)[1], self.span(right)[0]
        pattern = rb"#[^\n]*|(" + re.escape(symbol).encode() + rb")"
        found = next(m for m in re.finditer(pattern, self.raw[start:stop]) if m[1])
        return start + found.start(), start + found.end()

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """What a node lies in, from the inside out."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def scope(self, node: ast.AST) -> str:
        """Dotted name of the class and function around a node, "" at the top of the file."""
        around = [node, *self.ancestors(node)]
        return ".".join(
            one.name for one in reversed(around) if isinstance(one, (*FUNCTIONS, ast.ClassDef))
        )

    def extent(self, node: ast.AST) -> ast.AST:
        """The statement around a node; of a block, the part of its head."""
        inner = node
        for outer in [node, *self.ancestors(node)]:
            if isinstance(outer, ast.stmt):
                whole = outer if not hasattr(outer, "body") else inner
                return getattr(whole, "context_expr", whole)  # the item of a `with` has no place
            inner = outer
        return node

    def function(self, node: ast.AST) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """The innermost function around a node."""
        return next((one for one in self.ancestors(node) if isinstance(one, FUNCTIONS)), None)

    def slot(self, node: ast.AST) -> str:
        """Name of the field of the parent that holds the node, such as "args"."""
        parent = self.parents.get(node)
        for name, value in ast.iter_fields(parent) if parent else ():
            if value is node or (isinstance(value, list) and any(one is node for one in value)):
                return name
        return ""

    def counts(self, node: ast.AST) -> bool:
        """Whether the node is part of an index, a length or a size, which are counted."""
        inner = node
        for outer in self.ancestors(node):
            if isinstance(outer, ast.stmt):
                return False
            if isinstance(outer, ast.Subscript) and inner is outer.slice:
                return True
            if isinstance(outer, ast.Call) and inner is not outer.func:
                return called(outer) in SIZED
            inner = outer
        return False

    @cached_property
    def targets(self) -> list[ast.AST]:
        """The nodes that may be mutated.

        Left out is what is no mathematics: annotations, messages, defaults of arguments, decorators
        other than those that switch gradients, and the numbers of recipes, which are choices that
        the card's claims answer for.
        """
        return list(self._below(self.tree))

    def _below(self, node: ast.AST) -> Iterator[ast.AST]:
        yield node
        for field, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not self._idle(node, field, child):
                    yield from self._below(child)

    def _idle(self, parent: ast.AST, field: str, child: ast.AST) -> bool:
        """Whether a child is left out."""
        if isinstance(child, (ast.JoinedStr, ast.Raise, ast.Assert, ast.Import, ast.ImportFrom)):
            return True
        if field in ("annotation", "returns", "bases", "args") and not isinstance(parent, ast.Call):
            return True  # "args" of a function: its signature
        if field == "decorator_list":
            return not ast.unparse(child).endswith(("no_grad()", "inference_mode()"))
        if isinstance(parent, ast.ClassDef):
            return not isinstance(child, FUNCTIONS)
        if isinstance(parent, ast.Module):
            declares = isinstance(child, (*FUNCTIONS, ast.ClassDef))
            return not declares and (self.name == "recipe.py" or not _is_number(child))
        return isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)

    def guard(self, node: ast.AST) -> bool:
        """Whether a node belongs to the condition of a refusal, `if …: raise …`."""
        inner = node
        for outer in self.ancestors(node):
            if isinstance(outer, ast.If) and inner is outer.test:
                return isinstance(outer.body[0], ast.Raise)
            inner = outer
        return False


# Calls whose arguments are sizes, counts or axes.
_SIZED = (
    "range arange enumerate view reshape expand unflatten flatten zeros ones empty full new_zeros "
    "new_ones new_full new_empty repeat repeat_interleave chunk split transpose permute movedim "
    "unsqueeze squeeze Linear Conv2d ConvTranspose2d Embedding LayerNorm GroupNorm Unflatten "
    "Flatten PixelShuffle PixelUnshuffle pixel_shuffle pixel_unshuffle"
)
SIZED = frozenset(_SIZED.split())


def _is_number(statement: ast.AST) -> bool:
    """Whether a statement at the top of a file gives a name to a number or a formula."""
    value = getattr(statement, "value", None)
    return isinstance(statement, (ast.Assign, ast.AnnAssign)) and isinstance(
        value, (ast.Constant, ast.BinOp, ast.UnaryOp)
    )


def called(node: ast.AST) -> str:
    """Last part of the name of what is called: "exp" of `x.exp()` and of `torch.exp(x)`."""
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "attr", None) or getattr(function, "id", None) or ""


def of_module(node: ast.Call) -> bool:
    """Whether a function of a module is called, such as `torch.exp`, and no method of a value."""
    value = getattr(node.func, "value", None)
    last = getattr(value, "attr", None) or getattr(value, "id", None)
    return value is None or last in MODULES


def number(node: ast.AST | None) -> float | int | None:
    """The number that an expression spells out, its sign included; None for anything else."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = number(node.operand)
        return None if value is None else -value
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value
    return None
