"""What an operator is, and the table of all of them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tools.mutation.source import Source


class Edit(NamedTuple):
    """Replace the bytes from `start` to `stop` by `new`."""

    start: int
    stop: int
    new: str


@dataclass(frozen=True)
class Operator:
    """One kind of mistake."""

    name: str
    mistake: str
    """What somebody who makes it has got wrong, in one line."""
    edits: Callable[[ast.AST, Source], Iterator[Edit]]


OPERATORS: dict[str, Operator] = {}


def operator(name: str, mistake: str) -> Callable[[Callable], Callable]:
    """Decorator: register the function below as an operator."""

    def register(function: Callable[[ast.AST, Source], Iterator[Edit]]) -> Callable:
        OPERATORS[name] = Operator(name, mistake, function)
        return function

    return register


def replaced(source: Source, node: ast.AST, new: str) -> Edit:
    """The edit that puts other text in the place of a node."""
    return Edit(*source.span(node), new)
