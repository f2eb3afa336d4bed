"""Mistakes with noise, gradients, modes and moving averages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tools.mutation.operators.operator import Edit, operator, replaced
from tools.mutation.source import Source, called

_CENTRED = "rand randn rand_like randn_like normal uniform _noise"
CENTRED = frozenset(_CENTRED.split())
DRAWS = CENTRED | {"randint", "integers", "bernoulli", "rsample"}
_KINDS = {"rand": "randn", "rand_like": "randn_like", "uniform": "normal"}
KINDS = _KINDS | {new: old for old, new in _KINDS.items()}
_TRAINS = re.compile(r"loss|step|forward|penalty|elbo|objective|log_prob|estimator|bound")
_DECAYS = re.compile(r"decay|momentum|gamma")


def _draw(node: ast.AST) -> bool:
    """Whether a node draws random numbers."""
    return isinstance(node, ast.Call) and called(node) in DRAWS and bool(node.args)


@operator("drop-noise", "noise is forgotten: a sampler that is deterministic, data left quantised")
def drop_noise(node: ast.AST, source: Source) -> Iterator[Edit]:
    """A draw of noise → 0 times it."""
    if _draw(node) and called(node) in CENTRED:
        yield replaced(source, node, f"(0 * {source.text(node)})")


@operator("share-noise", "one draw of noise for the whole batch")
def share_noise(node: ast.AST, source: Source) -> Iterator[Edit]:
    """A draw → its first row, for every row."""
    if _draw(node) and not source.text(node).endswith(".item()"):
        new = f"(lambda e: e[:1].expand_as(e).clone())({source.text(node)})"
        yield replaced(source, node, new)


@operator("reuse-noise", "noise that was used before, where fresh noise is due")
def reuse_noise(node: ast.AST, source: Source) -> Iterator[Edit]:
    """A draw → the variable that an equal draw was assigned to before, in the same function."""
    function = source.function(node)
    if not _draw(node) or function is None:
        return
    for other in ast.walk(function):
        if isinstance(other, ast.Assign) and other.end_lineno < node.lineno:
            for name, value in _assigned(other):
                if source.text(value) == source.text(node):
                    yield replaced(source, node, name)
                    return


def _assigned(statement: ast.Assign) -> Iterator[tuple[str, ast.expr]]:
    """Names and the expressions they are given."""
    target, value = statement.targets[0], statement.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = list(zip(target.elts, value.elts, strict=False))
    else:
        pairs = [(target, value)]
    yield from ((name.id, given) for name, given in pairs if isinstance(name, ast.Name))


@operator("noise-kind", "uniform noise for normal noise, or normal for uniform")
def noise_kind(node: ast.AST, source: Source) -> Iterator[Edit]:
    """`randn` ↔ `rand`, `normal` ↔ `uniform`."""
    if _draw(node) and called(node) in KINDS:
        _, stop = source.span(node.func)
        yield Edit(stop - len(called(node)), stop, KINDS[called(node)])


@operator(
    "drop-generator", "noise from the global stream: the seed that was asked for has no effect"
)
def drop_generator(node: ast.AST, source: Source) -> Iterator[Edit]:
    """An argument `generator` → None."""
    if isinstance(node, ast.Name) and node.id == "generator":
        parent = source.parents[node]
        if isinstance(parent, ast.keyword) or (
            isinstance(parent, ast.Call) and node is not parent.func
        ):
            yield replaced(source, node, "None")


@operator("detach", "a gradient is cut, or flows where it must not")
def detach(node: ast.AST, source: Source) -> Iterator[Edit]:
    """`a.detach()` → `a`; in what is trained, `self.f(a)` → `self.f(a).detach()`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return
    start, stop = source.span(node)
    if node.func.attr == "detach":
        dot = source.raw.rindex(b".", source.span(node.func.value)[1], source.span(node.func)[1])
        yield Edit(start, stop, source.cut(start, dot))
    elif _is_trained(node, source) and _is_network(node.func) and _is_tensor(node, source):
        yield Edit(stop, stop, ".detach()")


def _is_trained(node: ast.AST, source: Source) -> bool:
    """Whether gradients flow through the function around a node."""
    function = source.function(node)
    if function is None or not _TRAINS.search(function.name):
        return False
    return not any("grad" in ast.unparse(one) for one in function.decorator_list)


def _is_network(function: ast.Attribute) -> bool:
    """`self.critic`, `model.predict`: something with parameters may be behind it."""
    owner = function.value
    return isinstance(owner, ast.Name) and owner.id in ("self", "model")


def _is_tensor(node: ast.Call, source: Source) -> bool:
    """Whether the value is used as one tensor: not unpacked, not asked for its attributes."""
    parent = source.parents[node]
    if isinstance(parent, ast.Assign):
        return isinstance(parent.targets[0], ast.Name)
    return not isinstance(parent, (ast.Expr, ast.Attribute, ast.Return, ast.Starred, ast.Tuple))


@operator("no-grad", "gradients recorded where they must not be, or not where they must")
def no_grad(node: ast.AST, source: Source) -> Iterator[Edit]:
    """`no_grad` ↔ `enable_grad`."""
    if isinstance(node, ast.Attribute) and node.attr in ("no_grad", "enable_grad"):
        _, stop = source.span(node)
        other = "enable_grad" if node.attr == "no_grad" else "no_grad"
        yield Edit(stop - len(node.attr), stop, other)


@operator("mode", "training mode in evaluation, or evaluation mode in training")
def mode(node: ast.AST, source: Source) -> Iterator[Edit]:
    """`.eval()` ↔ `.train()`, `self.training` → `not self.training`."""
    if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Load):
        return
    _, stop = source.span(node)
    parent = source.parents[node]
    if node.attr in ("eval", "train") and isinstance(parent, ast.Call) and parent.func is node:
        yield Edit(stop - len(node.attr), stop, "train" if node.attr == "eval" else "eval")
    if node.attr == "training":
        yield replaced(source, node, f"(not {source.text(node)})")


@operator("decay", "a moving average that keeps what it should forget")
def decay(node: ast.AST, source: Source) -> Iterator[Edit]:
    """A decay d → 1 − d, inside functions."""
    name = getattr(node, "attr", None) or getattr(node, "id", None)
    if not isinstance(node, (ast.Name, ast.Attribute)) or not isinstance(node.ctx, ast.Load):
        return
    parent = source.parents[node]
    plain = not (isinstance(parent, ast.Call) and parent.func is node) and not isinstance(
        parent, ast.Attribute
    )
    if plain and isinstance(name, str) and _DECAYS.search(name) and source.function(node):
        yield replaced(source, node, f"(1 - {source.text(node)})")
