"""Mistakes with axes, reductions, order and indices."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.mutation.operators.operator import Edit, operator, replaced
from tools.mutation.source import Source, called, number, of_module

REDUCED = {"sum": "mean", "mean": "sum", "logsumexp": "mean"}
# Functions whose first argument, after the tensor, is an axis.
_ALONG = (
    "sum mean logsumexp softmax log_softmax cumsum cumprod max min argmax argmin prod any all norm "
    "var std flip argsort sort gather scatter cat stack diff median amax amin"
)
ALONG = frozenset(_ALONG.split())
PAIRED = ("kl_divergence", "where", "Normal", "linspace", "lerp")


@operator("sum-mean", "a mean where the paper sums, or a sum where it averages")
def sum_mean(node: ast.AST, source: Source) -> Iterator[Edit]:
    """`.sum` ↔ `.mean`, `.logsumexp` → `.mean`, `reduction="sum"` ↔ `"mean"`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        name = node.func.attr
        if name in REDUCED:
            _, stop = source.span(node.func)
            yield Edit(stop - len(name), stop, REDUCED[name])
    if isinstance(node, ast.keyword) and node.arg == "reduction":
        kind = getattr(node.value, "value", None)
        if kind in ("sum", "mean"):
            yield replaced(source, node.value, f'"{REDUCED[kind]}"')


@operator("axis", "reduced, split or joined along the wrong axis")
def axis(node: ast.AST, source: Source) -> Iterator[Edit]:
    """`dim=1` → `dim=0`, `.sum(-1)` → `.sum(-2)`."""
    if isinstance(node, ast.keyword) and node.arg in ("dim", "axis"):
        places = [node.value]
    elif isinstance(node, ast.Call) and called(node) in ALONG and _takes_axis(node):
        places = node.args[1:2] if of_module(node) else node.args[:1]
    else:
        return
    for place in places:
        value = number(place)
        if isinstance(value, int):
            yield replaced(source, place, str(value + 1 if value == 0 else value - 1))


def _takes_axis(node: ast.Call) -> bool:
    """Not Python's own `sum`, `min`, `max`, `any` and `all`."""
    return isinstance(node.func, ast.Attribute)


@operator("swap", "two things in the wrong order: mean and log-variance, p and q, input and output")
def swap(node: ast.AST, source: Source) -> Iterator[Edit]:
    """`a, b = …` → `b, a = …`; `return a, b` → `return b, a`; `cat((a, b))` → `cat((b, a))`."""
    pair: list[ast.expr] = []
    if isinstance(node, (ast.Tuple, ast.List)) and len(node.elts) >= 2:
        slot, parent = source.slot(node), source.parents[node]
        returned = isinstance(parent, ast.Return) and len(node.elts) == 2
        joined = isinstance(parent, ast.Call) and called(parent) in ("cat", "stack")
        named = isinstance(node.ctx, ast.Store) and _names(node.elts[-2:])
        if (returned or named or (joined and slot == "args")) and not _alike(source, parent):
            pair = node.elts[-2:]
    elif isinstance(node, ast.Call) and called(node) in PAIRED:
        pair = node.args[1:3] if called(node) == "where" else node.args[:2]
    if len(pair) == 2 and not any(isinstance(one, ast.Starred) for one in pair):
        (start, middle), (again, stop) = source.span(pair[0]), source.span(pair[1])
        first, second = source.cut(start, middle), source.cut(again, stop)
        if first != second:
            yield Edit(start, stop, second + source.cut(middle, again) + first)


def _alike(source: Source, parent: ast.AST) -> bool:
    """Whether one value is spelt out for all names: `a, b = None, None`."""
    given = getattr(getattr(parent, "value", None), "elts", [])
    return isinstance(parent, ast.Assign) and len({source.text(one) for one in given}) == 1


def _names(targets: list[ast.expr]) -> bool:
    """Whether plain names are given values, no attributes of an object under construction."""
    return all(isinstance(one, ast.Name) for one in targets)


@operator("range", "off by one in a loop, a schedule or a slice")
def range_(node: ast.AST, source: Source) -> Iterator[Edit]:
    """One step less at either end of `range`, `arange` and of slices; `enumerate` begins at 0."""
    if isinstance(node, ast.Call) and called(node) in ("range", "arange"):
        yield from _shorter(node, source)
    if isinstance(node, ast.Call) and called(node) == "enumerate":
        for keyword in node.keywords:
            if keyword.arg == "start" and number(keyword.value) == 1:
                yield replaced(source, keyword.value, "0")
    if isinstance(node, ast.Slice):
        if node.lower is not None:
            yield replaced(source, node.lower, _moved(source, node.lower, 1))
        if node.upper is not None:
            yield replaced(source, node.upper, _moved(source, node.upper, -1))


def _shorter(node: ast.Call, source: Source) -> Iterator[Edit]:
    """The sequence without its first or its last element."""
    if any(isinstance(one, ast.Starred) for one in node.args) or not node.args:
        return
    first, last = (None, node.args[0]) if len(node.args) == 1 else node.args[:2]
    step = number(node.args[2]) if len(node.args) > 2 else 1
    forward = 1 if step is None or step > 0 else -1
    if first is not None:
        yield replaced(source, first, _moved(source, first, forward))
    yield replaced(source, last, _moved(source, last, -forward))


def _moved(source: Source, node: ast.AST, by: int) -> str:
    """An integer expression plus or minus one."""
    value = number(node)
    if isinstance(value, int):
        return str(value + by)
    return f"{source.text(node)} {'+' if by > 0 else '-'} 1"


@operator("index", "off by one in an index: the neighbour in a schedule, or another layer")
def index(node: ast.AST, source: Source) -> Iterator[Edit]:
    """`a[t - 1]` → `a[t]`, `a[t]` → `a[t - 1]`, `a[0]` → `a[1]`, `a[-1]` → `a[-2]`."""
    if not isinstance(node, ast.Subscript) or not isinstance(node.ctx, ast.Load):
        return
    entries = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    for place in entries:
        value = number(place)
        if isinstance(value, int):
            yield replaced(source, place, str(value + 1 if value >= 0 else value - 1))
        elif isinstance(place, ast.Name) and not _is_table(node.value):
            yield replaced(source, place, f"{place.id} - 1")
        elif (
            isinstance(place, ast.BinOp)
            and isinstance(place.op, (ast.Add, ast.Sub))
            and number(place.right) == 1
        ):
            yield replaced(source, place, source.text(place.left))


def _is_table(node: ast.AST) -> bool:
    """Whether a table of the file is looked up, which capitals name."""
    return isinstance(node, ast.Name) and node.id.isupper()
