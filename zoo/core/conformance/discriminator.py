"""Laws of games with a discriminator: models of the family ``adversarial`` with ``objective``.

Their critic is the logit of D(x), the probability that x is data. With all of the data and samples
on a few points the game is one of finitely many numbers, and its truth a sum (Goodfellow et al.
2014, Proposition 1 and Theorem 1).
"""

from __future__ import annotations

import copy
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.core.conformance.law import (
    Broken,
    Law,
    NotApplicable,
    Subject,
    expect_close,
    law,
    replaced,
)
from zoo.core.conformance.stand_ins import LinearCritic, PointMass, Recorder

LAWS: list[Law] = []
DATA, SAMPLES = (1, 2, 3, 6), (4, 4, 3, 1)  # how often each point is drawn, of twelve
OBJECTIVES = ("minimax", "non-saturating")


class TableCritic(nn.Module):
    """A logit of its own for each of finitely many points, (K, *event_shape)."""

    def __init__(self, points: Tensor, logits: Tensor) -> None:
        super().__init__()
        self.points, self.logits = points.flatten(1), nn.Parameter(logits.clone())

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B,)."""
        return self.logits[torch.cdist(x.flatten(1), self.points).argmin(1)]


@law(
    LAWS,
    "optimal discriminator",
    "On points with masses p and q, critic_loss is -sum p log D - sum q log(1 - D); it is least,"
    " log 4 - 2 JSD(p, q), at D = p / (p + q).",
)
def _optimal(subject: Subject) -> str:
    model = _discriminated(subject)
    points = subject.examples(len(DATA), stream=41)
    real, fake = (points.repeat_interleave(torch.tensor(n), 0) for n in (DATA, SAMPLES))
    p, q = (torch.tensor(n, dtype=torch.float64) / len(real) for n in (DATA, SAMPLES))
    z, alpha = subject.normal(len(real), model.latent_dim), torch.linspace(0.1, 0.8, len(real))

    def loss_and_slope(logits: Tensor) -> tuple[Tensor, Tensor]:
        critic = TableCritic(points, logits.float())
        with replaced(model, critic=critic, generator=PointMass(fake.clone())):
            loss = model.critic_loss(real, z, alpha)
        return loss, torch.autograd.grad(loss, critic.logits)[0]

    for logits in (torch.zeros(4), subject.normal(4, stream=42)):
        d = logits.double().sigmoid()
        loss, slope = loss_and_slope(logits)
        truth = -(p * d.log()).sum() - (q * (1 - d).log()).sum()
        expect_close("critic_loss of any D", loss, truth, 1e-5)
        expect_close("its derivative by the logits", slope, q * d - p * (1 - d), 1e-6)
    half = (p + q) / 2
    divergence = ((p * (p / half).log()).sum() + (q * (q / half).log()).sum()) / 2
    loss, slope = loss_and_slope((p / q).log())
    expect_close("derivative of critic_loss at D = p / (p + q)", slope, 0.0, 1e-6)
    return expect_close("critic_loss there", loss, math.log(4) - 2 * divergence, 1e-5)


@law(
    LAWS,
    "generator's objective",
    "generator_loss is what `objective` names: the mean of log(1 - D(G(z))) or of -log D(G(z)).",
)
def _objective(subject: Subject) -> str:
    model = _discriminated(subject)
    if model.objective not in OBJECTIVES:
        raise Broken(f"expected an objective of {OBJECTIVES}, found {model.objective!r}")
    fake = subject.examples(8, stream=43)
    generator = PointMass(fake.clone())
    critic = LinearCritic(subject.normal(*subject.shape, stream=44), 3.0)
    with replaced(model, critic=critic, generator=generator):
        loss = model.generator_loss(subject.normal(8, model.latent_dim))
    logit = critic(fake).detach().double()
    if model.objective == "minimax":
        truth, slope = -F.softplus(logit).mean(), -logit.sigmoid() / 8
    else:
        truth, slope = F.softplus(-logit).mean(), -(-logit).sigmoid() / 8
    note = expect_close(f"generator_loss, {model.objective}", loss, truth, 1e-5)
    (gradient,) = torch.autograd.grad(loss, [generator.points])
    along = gradient.flatten(1) @ critic.direction / critic.slope.detach()
    expect_close("its derivative by the logits", along, slope, 1e-6)
    return note


@law(
    LAWS,
    "sure discriminator",
    "A discriminator that is sure of the wrong answer, at logits of -200 and 200, has a finite loss"
    " and still a derivative: the losses are computed from logits, not from probabilities.",
)
def _sure(subject: Subject) -> str:
    model = _discriminated(subject)
    a, b = subject.examples(2, stream=45)
    real, fake = a.expand(4, *a.shape), b.expand(4, *b.shape).clone()
    z, alpha = subject.normal(4, model.latent_dim), torch.linspace(0.1, 0.8, 4)
    critic = TableCritic(torch.stack([a, b]), torch.tensor([-200.0, 200.0]))
    with replaced(model, critic=critic, generator=PointMass(fake)):
        loss = model.critic_loss(real, z, alpha)
    expect_close("critic_loss at logits -200 and 200", loss, 400.0, 1e-3)
    (slope,) = torch.autograd.grad(loss, [critic.logits])
    expect_close("its derivative", slope, torch.tensor([-1.0, 1.0]), 1e-5)
    sign = 1.0 if model.objective == "minimax" else -1.0  # where this objective does not saturate
    critic = TableCritic(torch.stack([a, b]), torch.full((2,), 200 * sign))
    with replaced(model, critic=critic, generator=PointMass(fake)):
        loss = model.generator_loss(z)
    (slope,) = torch.autograd.grad(loss, [critic.logits])
    expect_close(f"generator_loss at logit {200 * sign:g}", loss, -200.0 * sign, 1e-3)
    return expect_close("its derivative", slope[1], -1.0, 1e-5)


@law(
    LAWS,
    "separate batches",
    "A critic with batch normalisation sees data and samples apart: in training, the scores of the"
    " data do not depend on the samples.",
)
def _separate(subject: Subject) -> str:
    model = _discriminated(subject)
    if not any(isinstance(module, _BatchNorm) for module in model.critic.modules()):
        raise NotApplicable("no batch normalisation in the critic")
    real = subject.examples(6, stream=46)
    z, alpha = subject.normal(6, model.latent_dim), torch.linspace(0.1, 0.8, 6)
    scores = []
    for stream in (47, 48):
        spy = Recorder(copy.deepcopy(model.critic).train())
        fake = PointMass(subject.examples(6, stream=stream))
        with replaced(model, critic=spy, generator=fake):
            model.critic_loss(real, z, alpha)
        inputs, outputs = torch.cat(spy.inputs), torch.cat(spy.outputs)
        found = [outputs[(inputs == x).flatten(1).all(1)].sum() for x in real]
        scores.append(torch.stack(found))
    return expect_close("scores of data beside other samples", scores[0], scores[1], 1e-6)


def _discriminated(subject: Subject) -> nn.Module:
    if not hasattr(subject.model, "objective"):
        raise NotApplicable("no objective: the critic is no discriminator")
    return subject.model
