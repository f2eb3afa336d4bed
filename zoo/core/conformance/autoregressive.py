"""Laws of autoregressive models of bits or tokens: order, chain rule, sampling with a cache."""

from __future__ import annotations

import inspect
import math

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.core.conformance import density
from zoo.core.conformance.law import Broken, Law, NotApplicable, Subject, expect_close, law

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
    "log p(x) is the sum over i of log p(x_i | earlier x), each a Bernoulli with the model's logit,"
    " or a categorical with its logits; an ensemble averages probabilities of x, not logits:"
    " log p = logsumexp_k log p_k - ln K.",
)
def _chain_rule(subject: Subject) -> str:
    x = _states(subject, 256)
    with torch.no_grad():
        by_mask = torch.stack(
            [
                _conditionals(logits_of(subject, x, k), x).flatten(1).sum(1)
                for k in range(len(orderings(subject)))
            ]
        )
    expected = by_mask.double().logsumexp(0) - math.log(len(by_mask))
    return expect_close("log_prob", density.log_prob(subject, x), expected, 1e-4, 1e-5)


@law(
    LAWS,
    "cached sampling",
    "What is kept between two steps of the sampler saves work and changes nothing: the sample is"
    " the same, element for element, without it.",
)
def _cached_sampling(subject: Subject) -> str:
    sample = subject.model.sample
    if "cache" not in inspect.signature(sample).parameters:
        raise NotApplicable("the sampler has no cache")
    cached, naive = (sample(64, subject.generator(5), cache=cache) for cache in (True, False))
    wrong = (cached != naive).flatten(1).any(0)
    if bool(wrong.any()):
        first = int(wrong.nonzero()[0])
        rows = int((cached != naive).flatten(1).any(1).sum())
        raise Broken(
            f"expected the sample of the naive loop, found another one in {rows} of 64 rows, from"
            f" dimension {first} on"
        )
    return f"64 samples of {subject.dim} dimensions are equal"


@law(
    LAWS,
    "sampler's log-probability",
    "The log-probability that the sampler assigns to its own draw is log_prob of that draw.",
)
def _sampler_log_prob(subject: Subject) -> str:
    if not hasattr(subject.model, "sample_with_log_prob"):
        raise NotApplicable("the sampler does not tell its log-probability")
    x, found = subject.model.sample_with_log_prob(64, subject.generator(6))
    return expect_close("log-probability", found, density.log_prob(subject, x), 1e-4, 1e-5)


@law(
    LAWS,
    "carried state",
    "Read in chunks, carrying on what the model returns, a text has the logits of the whole.",
)
def _carried_state(subject: Subject) -> str:
    if not hasattr(subject.model, "continued"):
        raise NotApplicable("the model carries no state from chunk to chunk")
    x, notes = subject.examples(6), []
    with torch.no_grad():
        whole = logits_of(subject, x, 0)
        for length in (1, max(1, subject.dim // 2)):
            carried, parts = None, []
            for chunk in x.split(length, dim=1):
                part, carried = subject.model.continued(chunk, carried)
                parts.append(part)
            found = torch.cat(parts, dim=1)
            notes.append(expect_close(f"logits in chunks of {length}", found, whole, 1e-4, 1e-4))
    return "; ".join(notes)


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
    """Logits of the k-th masks, of x's shape; of tokens (..., K)."""
    ensemble = getattr(subject.model, "orderings", None) is not None
    found = subject.model.logits(x, k) if ensemble else subject.model.logits(x)
    expected = (*x.shape, subject.values) if subject.support == "tokens" else tuple(x.shape)
    if tuple(found.shape) != expected:
        raise Broken(f"logits: expected shape {expected}, found {tuple(found.shape)}")
    return found


def _conditionals(logits: Tensor, x: Tensor) -> Tensor:
    """Log p(x_i | earlier x) of bits or tokens, of x's shape."""
    if logits.shape == x.shape:
        return -F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return logits.log_softmax(-1).gather(-1, x[..., None])[..., 0]


def influence(subject: Subject, k: int) -> Tensor:
    """Largest change (D, D) of logit i when bit or token j is replaced, over many states.

    For discrete x this difference is the exact Jacobian, and it also sees dependence that has no
    derivative.
    """
    if ("influence", k) not in subject.memo:
        subject.memo["influence", k] = _influence(subject, k)
    return subject.memo["influence", k]


def _influence(subject: Subject, k: int) -> Tensor:
    x = _states(subject, 128)
    with torch.no_grad():
        base = logits_of(subject, x, k)
        columns = []
        for j in range(subject.dim):
            changes = []
            for shift in range(1, subject.values):
                other = x.flatten(1).clone()
                other[:, j] = (other[:, j] + shift) % subject.values
                change = logits_of(subject, other.view_as(x), k) - base
                changes.append(change.abs().view(len(x), subject.dim, -1).amax((0, 2)))
            columns.append(torch.stack(changes).amax(0))
    return torch.stack(columns, dim=1)


def _states(subject: Subject, n: int) -> Tensor:
    """Up to n different states: all of them where there are so few."""
    if subject.values**subject.dim <= n:
        return subject.states
    return subject.examples(n)
