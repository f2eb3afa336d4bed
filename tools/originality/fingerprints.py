"""Fingerprints by winnowing (Schleimer, Wilkerson, Aiken 2003, "Winnowing: local algorithms for
document fingerprinting"), statement by statement, so that no order of statements can hide them.

Names are numbered anew within every window of tokens: `a + b * a` and `u + v * u` are alike,
`a + b * c` is another thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from tools.originality.normalise import NAME, Statement, Unit

LENGTH = 10  # tokens under one hash: what is shorter says little by itself
SHORTEST = 6  # a statement of so many tokens has one hash for the whole of it
WINDOW = 2  # of so many hashes in a row the smallest is kept
VERSION = 3  # raise it when the same source gives other fingerprints than before
_FRAME = frozenset(("=", "call", "[", "]", "#", "$", "None", "Dict", "Return", "for", "with"))
_MODULUS = (1 << 61) - 1
_BASE = 1_000_003


@dataclass(frozen=True)
class Print:
    """A fingerprint and the lines of the statement it is of."""

    hash: int
    line: int
    end: int


def fingerprints(unit: Unit) -> list[Print]:
    """The kept hashes of a unit, in the order of its statements."""
    return [
        Print(value, statement.line, statement.end)
        for statement in unit.statements
        for value in winnowed(hashes(statement))
    ]


def hashes(statement: Statement) -> list[int]:
    """One hash for every run of `LENGTH` tokens, or for the whole of a shorter statement.

    Runs of nothing but own names, literals, lists and calls have none: every table looks like that.
    """
    tokens = statement.tokens
    if len(tokens) < SHORTEST:
        return []
    last = max(len(tokens) - LENGTH, 0)
    windows = (tokens[start : start + LENGTH] for start in range(last + 1))
    return [_hash(window) for window in windows if any(map(_says_something, window))]


def _says_something(token: str) -> bool:
    """Whether it is an operation or a name from outside: calls and lists alone are tables."""
    return not token.startswith(NAME) and token not in _FRAME


def winnowed(values: list[int]) -> Iterator[int]:
    """The smallest hash of every window, the rightmost of equals; each place once."""
    kept = -1
    for start in range(max(len(values) - WINDOW + 1, min(len(values), 1))):
        window = values[start : start + WINDOW]
        place = start + max(range(len(window)), key=lambda i: (-window[i], i))
        if place != kept:
            kept = place
            yield values[place]


def _hash(tokens: Iterable[str]) -> int:
    names: dict[str, int] = {}
    value = 0
    for token in tokens:
        if token.startswith(NAME):
            token = f"{NAME}{names.setdefault(token, len(names))}"
        value = (value * _BASE + _code(token)) % _MODULUS
    return value


@lru_cache(maxsize=1 << 16)
def _code(token: str) -> int:
    """A number that is the same on every machine, which Python's own hash of a text is not."""
    return int.from_bytes(blake2b(token.encode(), digest_size=7).digest(), "big")
