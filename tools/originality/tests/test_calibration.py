"""The threshold finds the disguised copies of the corpus and leaves independent work alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.originality.compare import THRESHOLD
from tools.originality.tests import calibrate, corpus
from tools.originality.tests.disguises import LEVELS


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> list[calibrate.Scored]:
    """Our scores of the whole corpus."""
    folder: Path = tmp_path_factory.mktemp("corpus")
    others = [*corpus.write(folder), *corpus.independent()]
    return calibrate.ours(corpus.originals(), others)


def test_independent_work_is_left_alone(scored: list[calibrate.Scored]) -> None:
    assert [pair for pair in scored if pair.level is None and pair.score >= THRESHOLD] == []
    assert len(corpus.independent()) >= 10


def test_tables_and_tests_of_entries_are_no_copies() -> None:
    """Their recipes have one form, their notebooks one style; what they repeat is no model."""
    told = [row for row in calibrate.entire() if row[0] >= THRESHOLD]
    assert len(told) <= 5, told
    assert [file for _, file, _ in told if file.endswith("/model.py")] == []


@pytest.mark.parametrize("level", LEVELS)
def test_copies_are_found(scored: list[calibrate.Scored], level: str) -> None:
    wanted = 0.9 if level == "half rewritten" else 1.0
    assert calibrate.recall(scored, THRESHOLD, level) >= wanted
