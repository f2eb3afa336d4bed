"""Run a family's laws on a model."""

from __future__ import annotations

import importlib
import time
from typing import Any

import torch
from torch import nn

from zoo.core.conformance import general
from zoo.core.conformance.law import Broken, Law, NotApplicable, Outcome, Subject, perturbed
from zoo.core.families import get_family, kind_of, missing_attributes


def laws_for(family: str) -> list[Law]:
    """The laws of a family, the general ones first; ZooError for an unknown family."""
    module = get_family(family).laws
    own = importlib.import_module(module).LAWS if module else []
    return [*general.LAWS, *own]


def check_model(
    model: nn.Module, family: str, task: Any = None, *, noise: float = 0.3, seed: int = 0
) -> list[Outcome]:
    """Check every law of ``family`` on a perturbed copy of ``model``, on the CPU.

    Args:
        model: small enough to enumerate or to integrate over (an entry's ``tiny`` recipe).
        family: card name of the family.
        task: the entry's ``Task``; its training step and preprocessing are then checked, too.
        noise: relative size of the noise put on the parameters; 0 leaves them as they are.
        seed: seed of that noise and of all inputs.

    Returns:
        One outcome per law; only that of the Protocol when the model does not satisfy it.
    """
    family = kind_of(model, family)
    laws = laws_for(family)
    missing = missing_attributes(model, family)
    if missing:
        protocol = get_family(family).protocol.__name__
        message = f"protocol: expected the attributes of {protocol}, missing {', '.join(missing)}"
        statement = "The model has every attribute that its family's Protocol requires."
        return [Outcome("protocol", statement, False, message, 0.0)]
    subject = Subject(perturbed(model, noise, seed), family, task, seed)
    return [check_law(law, subject) for law in laws]


def check_entry(name: str, *, seed: int = 0) -> list[Outcome]:
    """Check the laws of an entry's family on its ``tiny`` recipe."""
    model, family, task = tiny_model(name, seed)
    return check_model(model, family, task, seed=seed)


def tiny_model(name: str, seed: int = 0) -> tuple[nn.Module, str, Any]:
    """A new model of an entry's ``tiny`` recipe, its family, or kind of it, and its task."""
    from zoo.core.registry import get_entry

    entry = get_entry(name)
    task = entry.task(entry.config("tiny"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = task.build()
    return model, kind_of(model, entry.card.family), task


def conformance_report(outcomes: list[Outcome]) -> str:
    """One line per law: ✔ holds, – does not apply, ✖ broken; a broken law's statement below it."""
    lines = []
    for outcome in outcomes:
        mark = "✖" if not outcome.passed else "✔" if outcome.applies else "–"
        lines.append(f"{mark} {outcome.message}  ({outcome.seconds:.2f} s)")
        if not outcome.passed:
            lines.append(f"    law: {outcome.statement}")
    broken = sum(not outcome.passed for outcome in outcomes)
    seconds = sum(outcome.seconds for outcome in outcomes)
    lines.append(f"{len(outcomes)} laws, {broken} broken, {seconds:.1f} s")
    return "\n".join(lines)


def check_law(law: Law, subject: Subject) -> Outcome:
    """Check one law; whatever the model raises becomes a broken law."""
    start = time.perf_counter()
    passed, applies = True, True
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(subject.seed)
        subject.model.eval()
        try:
            note = law.check(subject)
        except NotApplicable as reason:
            note, applies = f"does not apply: {reason}", False
        except Broken as broken:
            note, passed = str(broken), False
        except Exception as error:
            # A model that crashes under a law has broken it, whatever it raised.
            note, passed = (
                f"raised {type(error).__name__}: {str(error).partition(chr(10))[0]}",
                False,
            )
    seconds = time.perf_counter() - start
    return Outcome(law.name, law.statement, passed, f"{law.name}: {note}", seconds, applies)
