"""The laws of an entry's family as tests, collected beside the entry's own by `session`."""

from __future__ import annotations

from typing import Any

import pytest


def pytest_generate_tests(metafunc: Any) -> None:
    """One test for each law."""
    from zoo.core.conformance import laws_for
    from zoo.core.registry import get_entry

    laws = laws_for(get_entry(metafunc.config.zoo_entry).card.family)
    metafunc.parametrize("law", laws, ids=[law.name for law in laws])


@pytest.fixture(scope="module")
def subject(pytestconfig: Any) -> Any:
    """The tiny model, perturbed."""
    from zoo.core.conformance import Subject, perturbed, tiny_model

    model, family, task = tiny_model(pytestconfig.zoo_entry)
    return Subject(perturbed(model), family, task)


def test_law(law: Any, subject: Any) -> None:
    """The law holds."""
    from zoo.core.conformance import check_law

    outcome = check_law(law, subject)
    assert outcome.passed, outcome.message
