"""Laws of autoregressive models of binary data: the order of dimensions and the chain rule."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.core.conformance import density
from zoo.core.conformance.law import ENUMERABLE, Broken, Law, Subject, expect_close, law

LAWS: list[Law] = [*density.LAWS]
TOUCHED = 1e-6  # a logit that moves by less has not seen the flip


@law(
    LAWS,
    "no leak",
    "The logit of x_i does not change with x_i or with any x_j that comes later in the ordering.",
)
def _no_leak(subject: Subject) -> str:
    for k, position in enumerate(orderings(subject)):
        seen = influence(subject, k)
        leak = (seen > TOUCHED) & (position[None, :] >= position[:, None])
        if bool(leak.any()):
            i, j = (int(v) for v in leak.nonzero()[0])
            raise Broken(
                f"expected no change of logit {i} (position {position[i]}) with x_{j} (position"
                f" {position[j]}), found {seen[i, j]:.4g}; {int(leak.sum())} such pairs,"
                f" masks {k}"
            )
    return f"{subject.dim * (subject.dim + 1) // 2} pairs, {k + 1} ordering(s)"


@law(
    LAWS,
    "no blindness",
    "The logit of x_i changes with every x_j that comes earlier in the ordering (in an ensemble:"
    " for some of the masks that put it earlier).",
)
def _no_blindness(subject: Subject) -> str:
    due = torch.zeros(subject.dim, subject.dim, dtype=torch.bool)
    seen = torch.zeros_like(due)
    for k, position in enumerate(orderings(subject)):
        earlier = position[None, :] < position[:, None]
        due |= earlier
        seen |= earlier & (influence(subject, k) > TOUCHED)
    blind = due & ~seen
    if bool(blind.any()):
        i, j = (int(v) for v in blind.nonzero()[0])
        raise Broken(
            f"expected logit {i} to change with the earlier x_{j}, found no change in any state;"
            f" {int(blind.sum())} of {int(due.sum())} pairs are blind"
        )
    return f"all {int(due.sum())} pairs are seen"


@law(
    LAWS,
    "chain rule",
    "log p(x) is the sum over i of log p(x_i | earlier x), each a Bernoulli with the model's logit;"
    " an ensemble averages probabilities of x, not logits: log p = logsumexp_k log p_k - ln K.",
)
def _chain_rule(subject: Subject) -> str:
    x = _states(subject, 256)
    with torch.no_grad():
        by_mask = torch.stack(
            [
                -F.binary_cross_entropy_with_logits(logits_of(subject, x, k), x, reduction="none")
                .flatten(1)
                .sum(1)
                for k in range(len(orderings(subject)))
            ]
        )
    expected = by_mask.double().logsumexp(0) - math.log(len(by_mask))
    return expect_close("log_prob", density.log_prob(subject, x), expected, 1e-4, 1e-5)


def orderings(subject: Subject) -> Tensor:
    """Positions (K, D) at which the flattened dimensions are generated, for each set of masks."""
    model = subject.model
    if getattr(model, "orderings", None) is not None:
        found = torch.as_tensor(model.orderings)
    elif getattr(model, "ordering", None) is not None:
        found = torch.as_tensor(model.ordering)[None]
    else:
        found = torch.arange(subject.dim)[None]
    for position in found:
        if sorted(position.tolist()) != list(range(subject.dim)):
            raise Broken(
                f"expected an ordering to be a permutation of 0..{subject.dim - 1}, found"
                f" {position.tolist()}"
            )
    return found


def logits_of(subject: Subject, x: Tensor, k: int) -> Tensor:
    """Logits of the k-th masks, of x's shape."""
    ensemble = getattr(subject.model, "orderings", None) is not None
    found = subject.model.logits(x, k) if ensemble else subject.model.logits(x)
    if found.shape != x.shape:
        raise Broken(f"logits: expected shape {tuple(x.shape)}, found {tuple(found.shape)}")
    return found


def influence(subject: Subject, k: int) -> Tensor:
    """Largest change (D, D) of logit i when bit j is flipped, over many states.

    For binary x this difference is the exact Jacobian, and it also sees dependence that has no
    derivative.
    """
    if ("influence", k) not in subject.memo:
        subject.memo["influence", k] = _influence(subject, k)
    return subject.memo["influence", k]


def _influence(subject: Subject, k: int) -> Tensor:
    x = _states(subject, 128)
    with torch.no_grad():
        base = logits_of(subject, x, k).flatten(1)
        columns = []
        for j in range(subject.dim):
            flipped = x.flatten(1).clone()
            flipped[:, j] = 1 - flipped[:, j]
            change = logits_of(subject, flipped.view_as(x), k).flatten(1) - base
            columns.append(change.abs().amax(0))
    return torch.stack(columns, dim=1)


def _states(subject: Subject, n: int) -> Tensor:
    """Up to n different binary states: all of them where there are so few."""
    if subject.dim <= ENUMERABLE and len(subject.states) <= n:
        return subject.states
    return subject.examples(n)
