"""What the laws' tests share: honest models with one thing wrong, and how they are refused."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from zoo.core.conformance import general
from zoo.core.conformance.check import check_law, laws_for
from zoo.core.conformance.law import Subject, perturbed

Case = tuple[str, Callable[[], nn.Module]]  # the law that must be broken, the broken model


def broken(base: type[nn.Module], *arguments: object, **methods: Callable) -> nn.Module:
    """A model of the class with some methods replaced."""
    return type(f"Broken{base.__name__}", (base,), methods)(*arguments)


def no_grad(method: Callable) -> Callable:
    """The method under torch.no_grad, as `sample` has to be."""
    return torch.no_grad()(method)


def assert_refused(family: str, case: Case) -> None:
    """The law is broken, and its message names it and says what was expected and found."""
    law, build = case
    torch.manual_seed(0)
    subject = Subject(perturbed(build()), family)
    outcome = check_law({law.name: law for law in laws_for(family)}[law], subject)
    assert not outcome.passed, outcome.message
    assert outcome.message.startswith(f"{law}: ")
    assert "raised" not in outcome.message
    assert "expected" in outcome.message


def assert_every_law_can_fail(
    family: str, cases: dict[str, Case], elsewhere: frozenset[str] = frozenset()
) -> None:
    """Each law of the family's own is broken by some case, here or elsewhere."""
    own = {law.name for law in laws_for(family)} - {law.name for law in general.LAWS}
    assert own <= {law for law, _ in cases.values()} | elsewhere
