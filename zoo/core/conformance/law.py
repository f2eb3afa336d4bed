"""Laws, outcomes and the subject they are checked on; shared by the families' files.

A law is one sentence of mathematics and a check. The check returns a short note when the law holds,
raises :class:`Broken` with what was expected and found when it does not, and :class:`NotApplicable`
when the model lacks what the law speaks of (never for something its Protocol requires).
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from scipy import stats
from torch import Tensor, nn

ENUMERABLE = 12  # binary dimensions whose states are enumerated; of K-valued ones, as many states
SIGMAS = 5.0  # a Monte-Carlo mean further than this from the truth breaks a law


class Broken(Exception):
    """The law does not hold; the message says what was expected and what was found."""


class NotApplicable(Exception):
    """The law speaks of something this model does not have; the message says what."""


@dataclass(frozen=True)
class Law:
    """A property every honest model of a family has, and the check of it."""

    name: str
    statement: str
    check: Callable[[Subject], str]


@dataclass(frozen=True)
class Outcome:
    """What a law said about a model; one that does not apply has passed, ``applies`` is False."""

    law: str
    statement: str
    passed: bool
    message: str
    seconds: float
    applies: bool = True


def law(laws: list[Law], name: str, statement: str) -> Callable:
    """Decorator: append the check below it to ``laws``."""

    def register(check: Callable[[Subject], str]) -> Callable[[Subject], str]:
        laws.append(Law(name, statement, check))
        return check

    return register


class Subject:
    """A model under examination, with deterministic inputs for it.

    Args:
        model: satisfies the family's Protocol; in evaluation mode.
        family: card name of the family.
        task: the entry's training task, for laws about training; None when there is none.
        seed: seed of all inputs.
    """

    def __init__(self, model: Any, family: str, task: Any = None, seed: int = 0) -> None:
        self.model, self.family, self.task, self.seed = model, family, task, seed
        self.pristine = copy.deepcopy(model)
        self.memo: dict[Any, Any] = {}  # costly quantities that several laws need

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self.model.event_shape)

    @property
    def dim(self) -> int:
        """Number of dimensions of one example."""
        return math.prod(self.shape)

    @cached_property
    def support(self) -> str:
        """Where examples live: "binary", "tokens", "unit" (images in [0, 1]) or "real"."""
        if self.family == "autoregressive" and hasattr(self.model, "vocab_size"):
            return "tokens"
        if self.family == "autoregressive" or self._decodes_bits():
            return "binary"
        if len(self.shape) != 3:
            return "real"
        if self.family == "baseline":
            x = self.model.sample(64, self.generator())
            return "binary" if bool(((x == 0) | (x == 1)).all()) else "unit"
        return "unit"

    def _decodes_bits(self) -> bool:
        if self.family != "latent-variable":
            return False
        with torch.no_grad():
            z = torch.zeros(1, self.model.latent_dim)
            support = self.model.decode(z).support
        return (
            getattr(support, "base_constraint", support) is torch.distributions.constraints.boolean
        )

    @property
    def values(self) -> int | None:
        """Number of values of each dimension: 2, or the K of tokens; None for real ones."""
        return {"binary": 2, "tokens": getattr(self.model, "vocab_size", None)}.get(self.support)

    def generator(self, stream: int = 0) -> torch.Generator:
        """A fresh generator; equal streams give equal draws."""
        return torch.Generator().manual_seed(1000 * self.seed + stream)

    def normal(self, *shape: int, stream: int = 0) -> Tensor:
        """Standard normal draws."""
        return torch.randn(shape, generator=self.generator(stream))

    def examples(self, n: int, stream: int = 1) -> Tensor:
        """Varied inputs in the model's support, ``(n, *event_shape)``; not samples of the model."""
        if self.support == "real":
            return self.normal(n, *self.shape, stream=stream)
        if self.support == "tokens":
            return torch.randint(self.values, (n, *self.shape), generator=self.generator(stream))
        x = torch.rand(n, *self.shape, generator=self.generator(stream))
        if self.family == "quantised":
            top = self.model.levels - 1
            return (x * (top + 1)).floor() / top
        return (x < 0.5).float() if self.support == "binary" else 0.02 + 0.96 * x

    @cached_property
    def states(self) -> Tensor:
        """All examples of K values per dimension, ``(K^D, *event_shape)``; tokens are int64."""
        if self.values is None:
            raise NotApplicable("x is not discrete")
        if self.values**self.dim > 2**ENUMERABLE:
            raise NotApplicable(
                f"{self.values}^{self.dim} states are too many: make `tiny` at most 2^{ENUMERABLE}"
            )
        every = torch.tensor(list(itertools.product(range(self.values), repeat=self.dim)))
        return (every if self.support == "tokens" else every.float()).view(-1, *self.shape)

    @cached_property
    def double(self) -> Any:
        """A copy of the model in float64."""
        return copy.deepcopy(self.model).double()


@contextmanager
def replaced(model: Any, **attributes: Any) -> Iterator[None]:
    """Stand-ins for methods or submodules of ``model``, for the duration of the block."""
    # The instance dictionary is searched before class methods and before nn.Module's submodules.
    saved = {name: vars(model)[name] for name in attributes if name in vars(model)}
    vars(model).update(attributes)
    try:
        yield
    finally:
        for name in attributes:
            del vars(model)[name]
        vars(model).update(saved)


def perturbed(model: nn.Module, noise: float = 0.3, seed: int = 0) -> nn.Module:
    """A copy with seeded noise on all parameters and running statistics, in evaluation mode.

    Zero-initialised layers, unit gains and identity flows hide mistakes: after this nothing is
    neutral. The noise of a matrix shrinks with its fan-in, so that activations keep their size.
    """
    model = copy.deepcopy(model).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            draw = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            fan_in = math.prod(parameter.shape[1:]) if parameter.ndim > 1 else 1
            parameter.add_((noise / math.sqrt(fan_in) * draw).to(parameter))
        for name, buffer in model.named_buffers():
            draw = torch.randn(buffer.shape, generator=generator, dtype=torch.float64)
            if name.endswith("running_mean"):
                buffer.add_((noise * draw).to(buffer))
            elif name.endswith("running_var"):
                buffer.mul_((noise * draw).exp().to(buffer))
    return model


def expect_close(
    what: str, found: Tensor, expected: Tensor | float, atol: float, rtol: float = 0.0
) -> str:
    """Broken unless |found - expected| <= atol + rtol·|expected| everywhere; a note otherwise."""
    expected = torch.as_tensor(expected).detach().double().expand(found.shape).reshape(-1)
    found = found.detach().double().reshape(-1)
    gap = (found - expected).abs()
    excess = torch.nan_to_num(gap - atol - rtol * expected.abs(), nan=math.inf)
    worst = int(excess.argmax())
    if excess[worst] > 0:
        wrong = int((excess > 0).sum())
        raise Broken(
            f"{what}: expected {expected[worst]:.6g}, found {found[worst]:.6g}"
            + (f" (worst of {wrong} wrong among {len(found)})" if len(found) > 1 else "")
        )
    return f"{what}: largest deviation {gap.max():.1e}"


def expect_mean(what: str, draws: Tensor, expected: Tensor | float, atol: float = 1e-6) -> str:
    """Broken unless the mean over dim 0 is within 5 standard errors of ``expected``."""
    draws = draws.detach().double()
    mean, error = draws.mean(0), draws.std(0) / math.sqrt(len(draws))
    expected = torch.as_tensor(expected, dtype=torch.float64).expand(mean.shape)
    z = (mean - expected).abs() / (error + atol / SIGMAS)
    worst = int(torch.nan_to_num(z, nan=math.inf).argmax())
    mean, error, expected, z = (v.reshape(-1)[worst] for v in (mean, error, expected, z))
    if not z <= SIGMAS:
        raise Broken(
            f"{what}: expected {expected:.6g}, found {mean:.6g} ± {error:.2g}"
            f" ({z:.1f} standard errors)"
        )
    return f"{what}: {mean:.5g} ± {error:.1g} against {expected:.5g}"


def expect_frequencies(what: str, counts: Tensor, probabilities: Tensor) -> str:
    """Pearson's chi-square test of counts (S,) against probabilities (S,), at level 1e-6.

    States that expect fewer than five counts are pooled.
    """
    counts, expected = counts.double(), probabilities.double() * counts.sum()
    order = expected.argsort(descending=True)
    counts, expected = counts[order], expected[order]
    common = int((expected >= 5).sum())
    counts = torch.cat([counts[:common], counts[common:].sum()[None]])
    expected = torch.cat([expected[:common], expected[common:].sum()[None]])
    if expected[-1] < 5:  # too rare to be a cell of its own
        counts[-2] += counts[-1]
        expected[-2] += expected[-1]
        counts, expected = counts[:-1], expected[:-1]
    statistic = float(((counts - expected) ** 2 / expected).sum())
    level = float(stats.chi2.sf(statistic, len(counts) - 1))
    if not level > 1e-6:
        worst = int(((counts - expected).abs() / expected.sqrt()).argmax())
        raise Broken(
            f"{what}: chi-square {statistic:.0f} with {len(counts) - 1} degrees of freedom; worst"
            f" cell expected {expected[worst]:.0f} of {counts.sum():.0f}, found {counts[worst]:.0f}"
        )
    return f"{what}: chi-square {statistic:.0f} with {len(counts) - 1} degrees of freedom"
