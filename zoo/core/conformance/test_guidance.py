"""The laws refuse guidance with one thing wrong."""

import pytest
import torch

from zoo.core.conformance.breaking import (
    assert_every_law_can_fail,
    assert_refused,
    broken,
    no_grad,
)
from zoo.core.conformance.guidance import LAWS, class_log_probs, exact_given
from zoo.core.conformance.guidance_examples import SmallGuided
from zoo.core.conformance.law import Subject
from zoo.core.conformance.test_diffusion import CHAINS


class NullIsAClass(SmallGuided):
    """The first class doubles as the null label."""

    def __init__(self) -> None:
        super().__init__()
        self.null = 0


class Deaf(SmallGuided):
    """The network is never told the label."""

    def predict_given(self, x_t, t, labels):
        return super().predict_given(x_t, t, torch.full_like(labels, self.null))


def answers(self, x_t, t, labels):
    return self.predict_given(x_t, t, labels), self.predict(x_t, t)


def guided(combine):
    """A broken model whose `guided` combines the two predictions otherwise."""

    def method(self, x_t, t, labels, weight):
        return combine(weight, *answers(self, x_t, t, labels))

    return lambda: broken(SmallGuided, guided=method)


def sample_with(change):
    """A broken model that changes labels and weight before it samples."""

    def method(self, n, generator=None, labels=None, weight=None, **setting):
        if labels is not None:
            weight = self.weight if weight is None else weight
            labels, weight = change(labels, weight)
        return SmallGuided.sample(self, n, generator, labels, weight, **setting)

    return lambda: broken(SmallGuided, sample=no_grad(method))


def dropping(method):
    return lambda: broken(SmallGuided, drop=method)


GUIDED = {
    "null label of a class": ("null label", NullIsAClass),
    "network that is not told the label": ("null label", Deaf),
    "unconditional answer of a class": (
        "null label",
        lambda: broken(
            SmallGuided,
            predict=lambda self, x, t: self.predict_given(x, t, torch.zeros_like(t)),
        ),
    ),
    "scale for weight": ("guidance weight", guided(lambda w, c, u: u + w * (c - u))),
    "sign of the weight": ("guidance weight", guided(lambda w, c, u: (1 - w) * c + w * u)),
    "roles exchanged": ("guidance weight", guided(lambda w, c, u: (1 + w) * u - w * c)),
    "weight squared": ("guidance weight", guided(lambda w, c, u: c + w * abs(w) * (c - u))),
    "weight one unconditional": ("guidance weight", guided(lambda w, c, u: (1 + w) * c - u)),
    "scale for weight, by the score": ("guided score", guided(lambda w, c, u: u + w * (c - u))),
    "half of the weight, by the score": (
        "guided score",
        guided(lambda w, c, u: c + w / 2 * (c - u)),
    ),
    "every example the first one's label": (
        "guided sampling",
        sample_with(lambda labels, w: (labels[:1].expand_as(labels), w)),
    ),
    "weight ignored": ("guided sampling", sample_with(lambda labels, w: (labels, 1.5))),
    "labels ignored": (
        "guided sampling",
        lambda: broken(
            SmallGuided,
            sample=no_grad(
                lambda self, n, generator=None, labels=None, weight=None, **setting: (
                    SmallGuided.sample(self, n, generator, **setting)
                )
            ),
        ),
    ),
    "weight of the default doubled": (
        "guided sampling",
        lambda: broken(
            SmallGuided,
            sample=no_grad(
                lambda self, n, generator=None, labels=None, weight=None, **setting: (
                    SmallGuided.sample(self, n, generator, labels, weight or 3.0, **setting)
                )
            ),
        ),
    ),
    "all of a batch or none": (
        "condition dropping",
        dropping(lambda self, y, u: torch.where(u[:1] < self.p_uncond, self.null, y)),
    ),
    "kept where it should be dropped": (
        "condition dropping",
        dropping(lambda self, y, u: torch.where(u < self.p_uncond, y, self.null)),
    ),
    "dropped by a neighbour's draw": (
        "condition dropping",
        dropping(lambda self, y, u: torch.where(u.roll(1) < self.p_uncond, self.null, y)),
    ),
    "a random class for the null label": (
        "condition dropping",
        dropping(lambda self, y, u: torch.where(u < self.p_uncond, (y + 1) % 3, y)),
    ),
    "loss without the labels": (
        "conditional loss",
        lambda: broken(
            SmallGuided,
            loss_given=lambda self, x0, t, eps, y: SmallGuided.loss_given(
                self, x0, t, eps, torch.full_like(y, self.null)
            ),
        ),
    ),
    "loss of the guided noise": (
        "conditional loss",
        lambda: broken(
            SmallGuided,
            loss_given=lambda self, x0, t, eps, y: (
                (eps - self.guided(self.q_sample(x0, t, eps), t, y, 1.0)).square().mean()
            ),
        ),
    ),
}


@pytest.mark.parametrize("name", GUIDED)
def test_the_law_is_broken_and_named(name: str) -> None:
    assert_refused("diffusion", GUIDED[name])


def test_every_law_can_fail() -> None:
    assert {law.name for law in LAWS} <= {law for law, _ in GUIDED.values()}
    assert_every_law_can_fail("diffusion", {**CHAINS, **GUIDED})


@pytest.mark.parametrize("label", [0, 1, 2, 3])
def test_the_exact_predictions_are_scores(label: int) -> None:
    """Of each class, and at the null label of their mixture: -sqrt(1 - a) grad log p_t."""
    model = SmallGuided()
    subject, t = Subject(model, "diffusion"), torch.tensor([1, 2, 5, 8])
    x = torch.randn(4, 2, generator=subject.generator(1)).double().requires_grad_()
    log_p = class_log_probs(subject, x, t)
    log_p = log_p[:, label] if label < 3 else log_p.logsumexp(1)
    (score,) = torch.autograd.grad(log_p.sum(), x)
    found = exact_given(subject)(x.detach(), t, torch.full((4,), label))
    expected = -(1 - model.alpha_bar[t].double()).sqrt()[:, None] * score
    torch.testing.assert_close(found, expected)


def test_the_densities_of_the_classes_are_those_of_noised_gaussians() -> None:
    """A class N(m, 0.2^2) with m in {-0.4, 0, 0.4}, after t steps, by torch.distributions."""
    model = SmallGuided(dim=1)
    x, t = torch.tensor([[0.3], [-1.2]]).double(), torch.tensor([2, 7])
    a = model.alpha_bar[t].double()[:, None]
    means = torch.tensor([-0.4, 0.0, 0.4]).double()
    spread = (a * 0.2**2 + 1 - a).sqrt()
    expected = torch.distributions.Normal(a.sqrt() * means, spread).log_prob(x)
    found = class_log_probs(Subject(model, "diffusion"), x, t)
    torch.testing.assert_close(found, expected)
