"""The vocabulary of families: which Protocol a model of each kind satisfies, which laws it obeys.

Notebooks, metrics and conformance tests treat entries alike through the small Protocols of
`zoo.core.protocols`. What a family also understands but does not ask for is named in
:attr:`Family.optional`. Nothing here imports torch at run time, so that cards are checked cheaply.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from zoo.core.errors import ZooError, nearest
from zoo.core.protocols import (
    Adversarial,
    Autoregressive,
    Diffusion,
    EnergyBased,
    ExactDensity,
    Flow,
    GenerativeModel,
    LatentVariable,
    Quantised,
    ScoreBased,
)


@dataclass(frozen=True)
class Family:
    """A family by its card name."""

    name: str
    protocol: type  # the Protocol its models satisfy
    laws: str | None  # module that holds its conformance laws; None: no laws yet
    optional: tuple[str, ...] = ()  # understood, not required


_LAWS = "zoo.core.conformance."

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(
            "autoregressive",
            Autoregressive,
            _LAWS + "autoregressive",
            (
                "ordering",
                "orderings",
                "vocab_size",
                "cache",
                "sample_with_log_prob",
                "continued",
                "generate",
            ),
        ),
        Family("latent-variable", LatentVariable, _LAWS + "latent_variable"),
        Family("flow", Flow, _LAWS + "flow", ("velocity", "interpolate", "target")),
        Family(
            "adversarial",
            Adversarial,
            _LAWS + "adversarial",
            ("gradient_penalty", "objective", "classes", "labels"),
        ),
        Family("energy", EnergyBased, _LAWS + "energy"),
        Family("diffusion", Diffusion, _LAWS + "diffusion", ("levels", "steps", "predict_given")),
        Family("score", ScoreBased, _LAWS + "score", ("annealed",)),
        Family("multimodal", GenerativeModel, None),
        Family("world-model", GenerativeModel, None),
        Family("baseline", ExactDensity, _LAWS + "baseline"),
    )
}

# Kinds of a family that have a Protocol and laws of their own: models with the attribute.
KINDS: dict[tuple[str, str], Family] = {
    ("latent-variable", "codebook"): Family("quantised", Quantised, _LAWS + "quantised"),
}


def get_family(name: str) -> Family:
    """The family of that card name, or a kind of one; ZooError with the nearest otherwise."""
    families = FAMILIES | {kind.name: kind for kind in KINDS.values()}
    if name not in families:
        raise ZooError(f"unknown family '{name}': {nearest(name, FAMILIES)}")
    return families[name]


def kind_of(model: object, family: str) -> str:
    """The name under which a model of a card's family has its Protocol and laws."""
    for (of, attribute), kind in KINDS.items():
        if family == of and hasattr(model, attribute):
            return kind.name
    return family


def missing_attributes(model: object, family: str) -> list[str]:
    """Names the family's Protocol requires and the model lacks, sorted."""
    protocol = get_family(family).protocol
    required = {
        name
        for base in protocol.__mro__
        if getattr(base, "_is_protocol", False) and base is not Protocol
        for name in (*vars(base), *vars(base).get("__annotations__", {}))
        if not name.startswith("_")
    }
    return sorted(name for name in required if not hasattr(model, name))
