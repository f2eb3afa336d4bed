"""Winnowing keeps what its paper promises, and hashes are the same everywhere."""

from __future__ import annotations

import random

from tools.originality.fingerprints import LENGTH, SHORTEST, WINDOW, hashes, winnowed
from tools.originality.normalise import Statement


def _statement(tokens: list[str]) -> Statement:
    return Statement(1, 1, tuple(tokens))


def test_every_window_keeps_its_smallest_hash() -> None:
    draw = random.Random(0)
    for _ in range(200):
        values = [draw.randrange(50) for _ in range(draw.randrange(1, 30))]
        kept = list(winnowed(values))
        windows = [values[i : i + WINDOW] for i in range(max(len(values) - WINDOW + 1, 1))]
        assert all(min(window) in kept for window in windows)
        assert set(kept) <= {min(window) for window in windows}


def test_a_common_run_of_the_guaranteed_length_is_found() -> None:
    draw = random.Random(1)
    words = [f"word{number}" for number in range(40)]
    for _ in range(100):
        common = draw.choices(words, k=LENGTH + WINDOW - 1)
        first = [*draw.choices(words, k=draw.randrange(9)), *common]
        second = [*common, *draw.choices(words, k=draw.randrange(9))]
        kept = [set(winnowed(hashes(_statement(tokens)))) for tokens in (first, second)]
        assert kept[0] & kept[1]


def test_a_short_statement_has_one_hash_and_a_shorter_none() -> None:
    assert len(hashes(_statement(["a"] * SHORTEST))) == 1
    assert hashes(_statement(["a"] * (SHORTEST - 1))) == []


def test_own_names_are_numbered_in_every_window() -> None:
    tokens = ["Add", "·a", "Mult", "·b", "·a", "call", "exp", "·b"]
    renamed = [{"·a": "·u", "·b": "·v"}.get(token, token) for token in tokens]
    mixed = ["Add", "·a", "Mult", "·b", "·b", "call", "exp", "·b"]
    assert hashes(_statement(tokens)) == hashes(_statement(renamed))
    assert hashes(_statement(tokens)) != hashes(_statement(mixed))


def test_a_table_of_literals_and_own_names_has_no_hash() -> None:
    table = ["=", "·RECIPES", "Dict", "$", "call", "·Config", "$", "[", "#", "]", "#", "$", "None"]
    assert hashes(_statement(table)) == []
    assert len(hashes(_statement([*table, "exp"]))) == 1  # of the windows the one with a name in it
    assert len(hashes(_statement([*table, "Mult", "·a", "#"]))) == 3


def test_hashes_do_not_depend_on_the_process() -> None:
    tokens = ["=", "·x", "call", "exp", "·y", "#", "Add"]
    assert hashes(_statement(tokens)) == [228062421024571061]
