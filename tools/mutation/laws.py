"""The laws of an entry's family as tests, collected beside the entry's own by `session`."""

from __future__ import annotations

from typing import Any

import pytest


def pytest_generate_tests(metafunc: Any) -> None:
    """One test for each name of a law of the family, or of a kind of it: nothing is built here."""
    from zoo.core.conformance import laws_for
    from zoo.core.families import KINDS
    from zoo.core.registry import get_entry

    family = get_entry(metafunc.config.zoo_entry).card.family
    families = [family, *(kind.name for (of, _), kind in KINDS.items() if of == family)]
    names = dict.fromkeys(law.name for name in families for law in laws_for(name))
    metafunc.parametrize("name", names)


@pytest.fixture(scope="module")
def subject(pytestconfig: Any) -> Any:
    """The tiny model, perturbed."""
    from zoo.core.conformance import Subject, perturbed, tiny_model

    model, family, task = tiny_model(pytestconfig.zoo_entry)
    return Subject(perturbed(model), family, task)


def test_law(name: str, subject: Any) -> None:
    """The law holds, if it is one of the model's kind."""
    from zoo.core.conformance import check_law, laws_for

    law = next((law for law in laws_for(subject.family) if law.name == name), None)
    if law is None:
        pytest.skip("of another kind")
    outcome = check_law(law, subject)
    assert outcome.passed, outcome.message
