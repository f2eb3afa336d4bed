"""Source code as statements of tokens that survive a disguise.

Dropped: comments, docstrings, imports, type hints, keyword names, formatting, a plus sign. Made
alike: own names (numbered later, where they are hashed), numbers, texts, the order of the operands
of + and *, the direction of a comparison, `x.relu()` and `F.relu(x)`, `x += y` and `x = x + y`.
Kept: the structure of expressions and the names of what the code calls from outside, which nobody
can rename.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tools.originality.vocabulary import vocabulary

NAME = "·"  # begins the token of any name of the author's own
_BUILTINS = frozenset(dir(builtins))
_MIRRORED = {ast.Gt: "Lt", ast.GtE: "LtE"}  # a > b is b < a
_UNORDERED = (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Statement:
    """One statement, or the head of a compound one.

    Attributes:
        line: its first line, from 1.
        end: its last line (for a compound statement, of its head).
        tokens: what it does.
    """

    line: int
    end: int
    tokens: tuple[str, ...]


@dataclass(frozen=True)
class Unit:
    """A function, or the statements of a class or of a file outside functions."""

    name: str
    statements: tuple[Statement, ...]


def units(tree: ast.Module, imported: Mapping[str, str]) -> list[Unit]:
    """The functions of a parsed file, and what stands outside them.

    Args:
        tree: the file, or a cell of a notebook.
        imported: from `imported_names` of the file, or of all cells of the notebook.
    """
    return list(_Reader(imported).units("", tree.body))


def imported_names(tree: ast.AST) -> dict[str, str]:
    """The names that imports bind, and the last part of what they stand for."""
    return {
        alias.asname or alias.name.split(".")[0]: alias.name.split(".")[-1]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }


class _Reader:
    def __init__(self, imported: Mapping[str, str]) -> None:
        self.imported = imported

    def units(self, prefix: str, body: list[ast.stmt]) -> Iterator[Unit]:
        """The statements of a body as one unit, then the functions and classes inside it."""
        inner: list[ast.stmt] = []
        statements = tuple(self._statements(body, inner))
        if statements:
            yield Unit(prefix or "outside functions", statements)
        for node in inner:
            assert isinstance(node, (*_FUNCTIONS, ast.ClassDef))
            yield from self.units(f"{prefix}.{node.name}".lstrip("."), node.body)

    def _statements(self, body: list[ast.stmt], inner: list[ast.stmt]) -> Iterator[Statement]:
        for node in body:
            if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
                inner.append(node)
                continue
            tokens = tuple(self._statement(node))
            blocks = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
            blocks += [part.body for part in getattr(node, "handlers", getattr(node, "cases", []))]
            if tokens:
                end = node.end_lineno or node.lineno
                if first := next((block[0] for block in blocks if block), None):
                    end = max(node.lineno, first.lineno - 1)
                yield Statement(node.lineno, end, tokens)
            for block in blocks:
                yield from self._statements(block, inner)

    def _statement(self, node: ast.stmt) -> list[str]:
        match node:
            case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Global() | ast.Nonlocal():
                return []
            case ast.Expr(ast.Constant()):
                return []
            case ast.Assign(targets, value):
                return ["=", *self._all(targets), *self._tokens(value)]
            case ast.AnnAssign(target, _, value):
                return ["=", *self._tokens(target), *self._tokens(value)] if value else []
            case ast.AugAssign(target, operator, value):
                return ["=", *self._tokens(target), *self._binary(target, operator, value)]
            case ast.For(target, iterable) | ast.AsyncFor(target, iterable):
                return ["for", *self._tokens(target), *self._tokens(iterable)]
            case ast.While(test) | ast.If(test):
                return [type(node).__name__, *self._tokens(test)]
            case ast.With(items) | ast.AsyncWith(items):
                return ["with", *self._all(items)]
            case ast.Try() | ast.TryStar():
                return []
            case ast.Match(subject):
                return ["match", *self._tokens(subject)]
            case ast.Expr(value):
                return self._tokens(value)
        return [type(node).__name__, *self._all(ast.iter_child_nodes(node))]

    def _all(self, nodes: Iterable[ast.AST]) -> list[str]:
        """The tokens of several nodes; literals in a row count as one."""
        tokens: list[str] = []
        for node in nodes:
            part = self._tokens(node)
            if part not in (["#"], ["$"]) or tokens[-1:] != part:
                tokens += part
        return tokens

    def _tokens(self, node: ast.AST) -> list[str]:
        match node:
            case ast.Name(name):
                return [self._name(name)]
            case ast.Constant(value):
                return ["$" if isinstance(value, str | bytes) else "None" if value is None else "#"]
            case ast.JoinedStr():
                return ["$"]
            case ast.UnaryOp(ast.USub() | ast.UAdd(), ast.Constant()):
                return ["#"]
            case ast.UnaryOp(ast.UAdd(), operand):
                return self._tokens(operand)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Call():
                return self._call(node)
            case ast.BinOp(left, operator, right):
                return self._binary(left, operator, right)
            case ast.Compare(left, [operator], [right]):
                first, second = self._tokens(left), self._tokens(right)
                if type(operator) in _MIRRORED:
                    return [_MIRRORED[type(operator)], *second, *first]
                return [type(operator).__name__, *first, *second]
            case ast.List(elements) | ast.Tuple(elements):
                return ["[", *self._all(elements), "]"]
            case ast.Starred(value) | ast.keyword(_, value):
                return self._tokens(value)
            case ast.expr_context() | ast.operator() | ast.unaryop() | ast.boolop() | ast.cmpop():
                return [] if isinstance(node, ast.expr_context) else [type(node).__name__]
        return [type(node).__name__, *self._all(ast.iter_child_nodes(node))]

    def _name(self, name: str) -> str:
        """What is imported has its name from there; of Python's own a call shows which it is."""
        if name in self.imported and self.imported[name] in vocabulary():
            return self.imported[name]
        return NAME + name

    def _attribute(self, node: ast.Attribute) -> list[str]:
        """An own name is one token, however long its path; `torch.pi` is `pi`, `x.shape` both."""
        if node.attr not in vocabulary() or _is_self(node.value):
            return [NAME + node.attr]
        return (
            [node.attr] if self._is_module(node.value) else [node.attr, *self._tokens(node.value)]
        )

    def _call(self, node: ast.Call) -> list[str]:
        """What is called, then everything it is given; a method is given its object first."""
        match node.func:
            case ast.Name(name) if name in _BUILTINS:
                head = [name]
            case function:
                head = self._tokens(function)
        return ["call", *head, *self._all([*node.args, *node.keywords])]

    def _binary(self, left: ast.expr, operator: ast.operator, right: ast.expr) -> list[str]:
        parts = [self._tokens(left), self._tokens(right)]
        if isinstance(operator, _UNORDERED):
            parts.sort(key=anonymous)
        return [type(operator).__name__, *parts[0], *parts[1]]

    def _is_module(self, node: ast.expr) -> bool:
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self.imported


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def anonymous(tokens: Iterable[str]) -> list[str]:
    """The tokens without whose name is whose."""
    return [NAME if token.startswith(NAME) else token for token in tokens]
