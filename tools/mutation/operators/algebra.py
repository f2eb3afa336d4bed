"""Mistakes in formulas: signs, terms, factors, powers, and the functions applied."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tools.mutation.operators.operator import Edit, operator, replaced
from tools.mutation.source import Source, called, number, of_module

SMALL = 1e-3  # constants below it only keep from dividing by zero
_PASTED = (ast.List, ast.Tuple, ast.ListComp, ast.JoinedStr, ast.Dict)
_SIGNS = {ast.Add: "+", ast.Sub: "-"}
_PRODUCTS = {ast.Mult: "*", ast.Div: "/"}
# Functions of one tensor that are easily left out.
_APPLIED = (
    "exp log sqrt rsqrt square abs sigmoid tanh softplus relu gelu silu elu log1p expm1 clamp "
    "clamp_min clamp_max round floor reversed flip logsigmoid reciprocal normalize masked_fill "
    "argsort"
)
APPLIED = frozenset(_APPLIED.split())
_TWINS = (
    ("min", "max"), ("argmin", "argmax"), ("minimum", "maximum"), ("ones", "zeros"),
    ("ones_like", "zeros_like"), ("new_ones", "new_zeros"), ("ones_", "zeros_"), ("tril", "triu"),
    ("sin", "cos"), ("any", "all"), ("cumsum", "cumprod"), ("floor", "ceil"),
    ("repeat", "repeat_interleave"), ("softmax", "log_softmax"), ("clamp_min", "clamp_max"),
)  # fmt: skip
TWINS = dict(_TWINS) | {b: a for a, b in _TWINS} | {"log1p": "log", "expm1": "exp"}


def _binary(node: ast.AST, source: Source, symbols: dict[type, str]) -> str | None:
    """The symbol of an arithmetic operation on quantities; None for sizes and pasted lists."""
    if not isinstance(node, ast.BinOp) or type(node.op) not in symbols or source.counts(node):
        return None
    sides = (node.left, node.right)
    if any(isinstance(one, _PASTED) or isinstance(_constant(one), str) for one in sides):
        return None
    return symbols[type(node.op)]


def _constant(node: ast.AST) -> object:
    return getattr(node, "value", None) if isinstance(node, ast.Constant) else None


def _sides(node: ast.BinOp, source: Source, symbol: str) -> tuple[str, str]:
    """The texts of both operands with the parentheses around them, without comments between."""
    (start, stop), (left, right) = source.span(node), source.symbol(node.left, node.right, symbol)
    end = source.span(node.left)[1]
    first = source.cut(start, end) + re.sub(r"#.*|\s", "", source.cut(end, left))
    return first, source.cut(right, stop).lstrip()


def _tiny(node: ast.AST) -> bool:
    value = number(node)
    return value is not None and 0 < abs(value) < SMALL


@operator("sign", "a term enters with the wrong sign")
def sign(node: ast.AST, source: Source) -> Iterator[Edit]:
    """`a + b` ↔ `a - b`, `-a` → `a`, `a += b` ↔ `a -= b`."""
    symbol = _binary(node, source, _SIGNS)
    if symbol and not (_tiny(node.left) or _tiny(node.right)):
        yield Edit(*source.symbol(node.left, node.right, symbol), {"+": "-", "-": "+"}[symbol])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        start, _ = source.span(node)
        if not isinstance(_constant(node.operand), int) and not source.counts(node):
            yield Edit(start, source.span(node.operand)[0], _opening(source, node))
    if isinstance(node, ast.AugAssign) and type(node.op) in _SIGNS:
        symbol = _SIGNS[type(node.op)]
        other = {"+": "-=", "-": "+="}[symbol]
        yield Edit(*source.symbol(node.target, node.value, symbol + "="), other)


def _opening(source: Source, node: ast.UnaryOp) -> str:
    """What stands between a minus sign and its operand: nothing, or opening parentheses."""
    return source.cut(source.span(node)[0] + 1, source.span(node.operand)[0]).lstrip()


@operator("drop-term", "a term of a sum is forgotten, or overwritten instead of added")
def drop_term(node: ast.AST, source: Source) -> Iterator[Edit]:
    """`a + b` → `a` and → `b`; `a += b` → `a = b` and → nothing."""
    symbol = _binary(node, source, _SIGNS)
    if symbol:
        left, right = _sides(node, source, symbol)
        if not _tiny(node.right):
            yield replaced(source, node, left)
        first = not (isinstance(node.left, ast.BinOp) and type(node.left.op) in _SIGNS)
        if first and not _tiny(node.left):
            yield replaced(source, node, right)
    if isinstance(node, ast.AugAssign) and type(node.op) in _SIGNS:
        yield replaced(source, node, "pass")
        place = source.symbol(node.target, node.value, _SIGNS[type(node.op)] + "=")
        yield Edit(*place, "=")


@operator("double-term", "a term of a sum is counted twice")
def double_term(node: ast.AST, source: Source) -> Iterator[Edit]:
    """`a + b` → `a + 2 * (b)`, for terms that are no constants."""
    symbol = _binary(node, source, _SIGNS)
    if symbol and number(node.left) is None and number(node.right) is None:
        _, start = source.symbol(node.left, node.right, symbol)
        stop = source.span(node)[1]
        yield Edit(start, stop, f" 2 * ({source.cut(start, stop).strip()})")


@operator("factor", "a constant factor such as ½ is forgotten")
def factor(node: ast.AST, source: Source) -> Iterator[Edit]:
    """`0.5 * a` → `a`, `a / 2` → `a`."""
    symbol = _binary(node, source, _PRODUCTS)
    if symbol:
        left, right = _sides(node, source, symbol)
        if number(node.left) is not None and symbol == "*":
            yield replaced(source, node, right)
        elif number(node.right) is not None:
            yield replaced(source, node, left)


@operator("drop-factor", "a scale, a weight or a normaliser is forgotten")
def drop_factor(node: ast.AST, source: Source) -> Iterator[Edit]:
    """`a * b` → `a` and → `b`; `a / b` → `a`."""
    symbol = _binary(node, source, _PRODUCTS)
    if symbol and number(node.right) is None:
        left, right = _sides(node, source, symbol)
        if number(node.left) is None or symbol == "/":
            yield replaced(source, node, left)
        if number(node.left) is None and symbol == "*":
            yield replaced(source, node, right)


@operator("inverse", "divided where it should be multiplied, or the other way round")
def inverse(node: ast.AST, source: Source) -> Iterator[Edit]:
    """`a * b` ↔ `a / b`."""
    symbol = _binary(node, source, _PRODUCTS)
    if symbol and number(node.left) != 1:
        yield Edit(*source.symbol(node.left, node.right, symbol), {"*": "/", "/": "*"}[symbol])


@operator("power", "a square is forgotten: standard deviation for variance")
def power(node: ast.AST, source: Source) -> Iterator[Edit]:
    """`a ** 2` → `a`."""
    if _binary(node, source, {ast.Pow: "**"}) and number(node.left) is None:
        yield replaced(source, node, _sides(node, source, "**")[0])


@operator(
    "function", "a function is forgotten: log-variance for variance, logits for probabilities"
)
def function(node: ast.AST, source: Source) -> Iterator[Edit]:
    """`a.exp()` → `a`, `torch.tanh(a)` → `(a)`."""
    if not isinstance(node, ast.Call) or called(node) not in APPLIED:
        return
    if isinstance(node.func, ast.Attribute) and not of_module(node):
        value = node.func.value
        stop = source.raw.rindex(b".", source.span(value)[1], source.span(node.func)[1])
        yield Edit(
            source.span(node)[0], source.span(node)[1], source.cut(source.span(node)[0], stop)
        )
    elif node.args and not isinstance(node.args[0], ast.Starred):
        yield replaced(source, node, f"({source.text(node.args[0])})")


@operator("twin", "a function is taken for its twin: min for max, tril for triu, log for log1p")
def twin(node: ast.AST, source: Source) -> Iterator[Edit]:
    """The function's name is replaced by that of its twin."""
    name = called(node)
    if name not in TWINS or source.guard(node):
        return
    if name in ("repeat", "repeat_interleave") and of_module(node):
        return
    if any(number(size) == 0 for size in node.args):
        return  # a tensor without elements
    _, stop = source.span(node.func)
    yield Edit(stop - len(name), stop, TWINS[name])
