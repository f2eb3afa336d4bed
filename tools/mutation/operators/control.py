"""Mistakes in comparisons, masks, branches, constants and steps."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.mutation.operators.algebra import SMALL
from tools.mutation.operators.operator import Edit, operator, replaced
from tools.mutation.operators.tensors import ALONG
from tools.mutation.source import Source, called, number

_COMPARED = {
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="),
}  # fmt: skip
_HARMLESS = ("strict", "fused", "foreach", "non_blocking", "copy")  # switches that change no number
_UNINTERESTING = ("append", "extend", "add", "register_buffer", "register_parameter", "__init__")


@operator("comparison", "`>` for `>=`: a mask that leaks, or one that hides too much")
def comparison(node: ast.AST, source: Source) -> Iterator[Edit]:
    """`<` ↔ `<=`, `>` ↔ `>=`, `==` ↔ `!=`."""
    if not isinstance(node, ast.Compare):
        return
    operands = [node.left, *node.comparators]
    for left, kind, right in zip(operands, node.ops, node.comparators, strict=False):
        if type(kind) in _COMPARED:
            old, new = _COMPARED[type(kind)]
            yield Edit(*source.symbol(left, right, old), new)


@operator("mask", "a mask is inverted, or joined to another by the wrong word")
def mask(node: ast.AST, source: Source) -> Iterator[Edit]:
    """`~a` → `a`, `a & b` ↔ `a | b`, `and` ↔ `or`."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert):
        start, _ = source.span(node)
        yield Edit(start, start + 1, "")
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr)):
        old, new = ("&", "|") if isinstance(node.op, ast.BitAnd) else ("|", "&")
        yield Edit(*source.symbol(node.left, node.right, old), new)
    if isinstance(node, ast.BoolOp):
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            yield Edit(*source.symbol(left, right, old), new)


@operator("condition", "the wrong branch is taken")
def condition(node: ast.AST, source: Source) -> Iterator[Edit]:
    """`if a` → `if not a`, `x if a else y` → `x if not a else y`; refusals are left alone."""
    test = getattr(node, "test", None)
    if not isinstance(node, (ast.If, ast.IfExp, ast.While)) or source.guard(test):
        return
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], (ast.Eq, ast.NotEq)):
        return  # `comparison` does the same
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield replaced(source, test, source.text(test.operand))
    else:
        yield replaced(source, test, f"not ({source.text(test)})")


@operator("constant", "a number is wrong")
def constant(node: ast.AST, source: Source) -> Iterator[Edit]:
    """`n` → `n + 1`, `0.2` → `0.4`, `0.0` → `1.0`; factors and indices have others."""
    value = number(node)
    if value is None or number(source.parents[node]) is not None or _has_another(node, source):
        return
    if isinstance(value, int):
        yield replaced(source, node, str(value + 1))
    elif not 0 < abs(value) < SMALL:
        yield replaced(source, node, repr(2 * value if value else 1.0))


def _has_another(node: ast.AST, source: Source) -> bool:
    """Whether another operator changes this number, or nothing should."""
    parent = source.parents[node]
    if isinstance(number(node), int) and source.counts(node):
        return True  # shapes say so themselves
    if isinstance(parent, ast.BinOp) and isinstance(parent.op, (ast.Mult, ast.Div, ast.Pow)):
        return parent.left is not node or number(node) != 1
    if isinstance(parent, (ast.Subscript, ast.Slice, ast.FormattedValue)):
        return True
    if isinstance(parent, ast.Tuple) and isinstance(source.parents[parent], ast.Subscript):
        return True
    if isinstance(parent, ast.keyword):
        return parent.arg in ("dim", "axis", "start")
    if isinstance(parent, ast.Call):
        return called(parent) in ALONG or called(parent) in ("range", "arange")
    return False


@operator("flag", "a switch stands the wrong way: bias, create_graph, keepdim, …")
def flag(node: ast.AST, source: Source) -> Iterator[Edit]:
    """`True` ↔ `False`, where it is passed to a call."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        parent = source.parents[node]
        if isinstance(parent, (ast.Call, ast.keyword)) and not (
            isinstance(parent, ast.keyword) and parent.arg in _HARMLESS
        ):
            yield replaced(source, node, str(not node.value))


@operator("drop-step", "a step is forgotten: an update, a clamp, an EMA, an initialisation")
def drop_step(node: ast.AST, source: Source) -> Iterator[Edit]:
    """A call that stands alone → `pass`."""
    if isinstance(node, ast.Expr) and called(node.value) not in ("", *_UNINTERESTING):
        yield replaced(source, node, "pass")
