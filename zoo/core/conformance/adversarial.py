"""Laws of adversarial models; stand-in critics and generators make losses computable by hand."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from zoo.core.conformance import discriminator
from zoo.core.conformance.general import StubLoop
from zoo.core.conformance.law import (
    Broken,
    Law,
    NotApplicable,
    Subject,
    expect_close,
    expect_mean,
    law,
    replaced,
)
from zoo.core.conformance.stand_ins import LinearCritic, PointMass, Recorder, SquareCritic

LAWS: list[Law] = []
BATCH = 12


@law(LAWS, "latent noise", "sample(n) is generator(z) of n draws z ~ N(0, I), none of them shared.")
def _latent_noise(subject: Subject) -> str:
    model = subject.model
    spy = Recorder(model.generator)
    with replaced(model, generator=spy):
        found = model.sample(2000, subject.generator())
    if not spy.inputs:
        raise Broken("expected sample to call self.generator, found no call")
    z = torch.cat(spy.inputs)
    if tuple(z.shape) != (2000, model.latent_dim) or len(z.unique(dim=0)) != 2000:
        raise Broken(
            f"expected 2000 different z of size {model.latent_dim}, found {tuple(z.shape)}"
        )
    expect_mean("mean of z", z, 0.0)
    expect_mean("mean of z^2", z.square(), 1.0)
    expect_mean("mean of z^4", z.flatten() ** 4, 3.0)
    return expect_close("sample", found, torch.cat(spy.outputs), 1e-6)


@law(
    LAWS,
    "critic loss sign",
    "The critic's loss rises with critic(fake) and falls with critic(real), for each example.",
)
def _critic_sign(subject: Subject) -> str:
    real, fake, z, alpha = _inputs(subject)
    spy = Recorder(LinearCritic(real[0] - fake[0]))
    with replaced(subject.model, critic=spy, generator=PointMass(fake)):
        loss = _scalar(subject.model.critic_loss(real, z, alpha), "critic_loss")
    _expect_signs("critic_loss", loss, spy, {"real": (real, -1), "fake": (fake, +1)})
    return "rises with critic(fake), falls with critic(real)"


@law(
    LAWS,
    "generator loss sign",
    "The generator's loss falls with critic(generator(z)); its gradient reaches the generator.",
)
def _generator_sign(subject: Subject) -> str:
    _, fake, z, _ = _inputs(subject)
    spy, generator = Recorder(LinearCritic(fake[0])), PointMass(fake)
    with replaced(subject.model, critic=spy, generator=generator):
        loss = _scalar(subject.model.generator_loss(z), "generator_loss")
    _expect_signs("generator_loss", loss, spy, {"fake": (fake, -1)})
    (gradient,) = torch.autograd.grad(loss, [generator.points], allow_unused=True)
    if gradient is None or not float(gradient.abs().max()) > 0:
        raise Broken("expected a gradient in the generator, found none: fakes are detached here")
    return "falls with critic(generator(z))"


@law(LAWS, "detached fakes", "The critic's step sends no gradient to the generator.")
def _detached(subject: Subject) -> str:
    real, fake, z, alpha = _inputs(subject)
    generator = PointMass(fake)
    with replaced(subject.model, generator=generator, critic=LinearCritic(fake[0], 2.0)):
        loss = subject.model.critic_loss(real, z, alpha)
    (gradient,) = torch.autograd.grad(loss, [generator.points], allow_unused=True)
    if gradient is not None and float(gradient.abs().max()) > 0:
        raise Broken(
            "expected no gradient in the generator from critic_loss, found one of size"
            f" {gradient.abs().max():.3g}"
        )
    return "no gradient in the generator"


@law(
    LAWS,
    "critic of one example",
    "In training, too, the critic's score and its gradient belong to one example: no batch norm.",
)
def _one_example(subject: Subject) -> str:
    _need_penalty(subject)
    critic = copy.deepcopy(subject.model).train().critic
    x = subject.examples(8).requires_grad_()
    together = critic(x)
    if tuple(together.shape) != (8,):
        raise Broken(f"critic: expected shape (8,), found {tuple(together.shape)}")
    (gradient,) = torch.autograd.grad(together[0], x)
    if float(gradient[1:].abs().max()) > 1e-7:
        raise Broken(
            "expected the score of an example not to depend on the others in the batch, found a"
            f" gradient of {gradient[1:].abs().max():.3g}"
        )
    return expect_close("score in a smaller batch", critic(x[:4]), together[:4], 1e-4, 1e-4)


@law(
    LAWS,
    "penalty of slopes",
    "The gradient penalty of a linear critic of slope s is (s - 1)^2, on both sides of s = 1.",
)
def _slopes(subject: Subject) -> str:
    _need_penalty(subject)
    real, fake, _, alpha = _inputs(subject)
    for slope in (1.0, 3.0, 0.25):
        critic = LinearCritic(subject.normal(*subject.shape), slope)
        found = _scalar(subject.model.gradient_penalty(critic, real, fake, alpha), "penalty")
        what = f"penalty of a linear critic of slope {slope:g}"
        expect_close(what, found, (slope - 1) ** 2, 1e-5, 1e-5)
        if not found.requires_grad:
            raise Broken(f"expected the {what} to train the critic, found no graph to its weights")
        if slope != 1:
            (slack,) = torch.autograd.grad(found, [critic.slope])
            expect_close(f"d/ds of the {what}", slack, 2 * (slope - 1), 1e-4, 1e-4)
    return "0 at slope 1, 4 at 3, 0.5625 at 0.25, differentiable in the critic"


@law(
    LAWS,
    "penalty points",
    "The penalty is taken at alpha_i * real_i + (1 - alpha_i) * fake_i, one alpha per example, on"
    " the segment between the two and strictly inside it.",
)
def _points(subject: Subject) -> str:
    _need_penalty(subject)
    real, fake, _, alpha = _inputs(subject)
    spy = Recorder(SquareCritic())
    subject.model.gradient_penalty(spy, real, fake, alpha)
    points = torch.cat(spy.inputs).flatten(1).detach()
    if len(points) != BATCH:
        raise Broken(f"expected {BATCH} points, found {len(points)}")
    start, way = fake.flatten(1), (real - fake).flatten(1)
    along = ((points - start) * way).sum(1) / way.square().sum(1)
    distance = (points - start - along[:, None] * way).norm(dim=1)
    if float(distance.max()) > 1e-4:
        raise Broken(
            "expected the points on the segments between real and fake, found one"
            f" {distance.max():.3g} away: one alpha per example, for all of its dimensions"
        )
    flipped = float((along - alpha).abs().max()) > float((along - (1 - alpha)).abs().max())
    return expect_close("place on the segment", along, 1 - alpha if flipped else alpha, 1e-4)


@law(
    LAWS,
    "penalty average",
    "The penalty is the mean over examples of (norm - 1)^2, the norm over all dimensions.",
)
def _average(subject: Subject) -> str:
    _need_penalty(subject)
    real, fake, _, alpha = _inputs(subject)
    found = subject.model.gradient_penalty(SquareCritic(), real, fake, alpha)
    values = []
    for weight in (alpha, 1 - alpha):
        weight = weight.view(-1, *[1] * len(subject.shape))
        norm = (weight * real + (1 - weight) * fake).flatten(1).norm(dim=1)
        values.append((norm - 1).square().mean())
    nearest = min(values, key=lambda value: float((value - found.detach()).abs()))
    return expect_close("penalty of |x|^2 / 2", found, nearest, 1e-5, 1e-4)


@law(
    LAWS,
    "wasserstein duality",
    "Between two point masses at distance d a linear critic of slope s along them has the loss"
    " -s * d + lambda * (s - 1)^2: the unit slope gives minus the Wasserstein distance.",
)
def _duality(subject: Subject) -> str:
    _need_penalty(subject)
    model = subject.model
    _, _, z, alpha = _inputs(subject)
    a, b = subject.examples(2)
    real, fake = a.expand(BATCH, *a.shape), b.expand(BATCH, *b.shape)
    distance = (a - b).norm()
    weight = getattr(model, "penalty_weight", None)
    if weight is None:
        raise Broken("expected the attribute penalty_weight beside gradient_penalty, found none")
    for slope in (1.0, 2.0):
        stand_ins = {"critic": LinearCritic(a - b, slope), "generator": PointMass(fake.clone())}
        with replaced(model, **stand_ins):
            found = model.critic_loss(real, z, alpha)
        truth = -slope * distance + weight * (slope - 1) ** 2
        note = expect_close(f"critic_loss at slope {slope:g}", found, truth.detach(), 1e-4, 1e-4)
    with replaced(model, critic=LinearCritic(a - b), generator=PointMass(fake.clone())):
        found = model.generator_loss(z)
    truth = -(b * (a - b)).sum() / distance
    expect_close("generator_loss, the mean of -critic(fake)", found, truth, 1e-4, 1e-4)
    return note


@law(LAWS, "fresh noise", "In a training step each use of the generator draws new z ~ N(0, I).")
def _fresh_noise(subject: Subject) -> str:
    if subject.task is None:
        raise NotApplicable("no training task")
    model = copy.deepcopy(subject.model).train()
    spy = Recorder(model.generator)
    loop = StubLoop(subject, model)
    with replaced(model, generator=spy):
        for _ in range(2):
            loop.run_step()
    z = torch.cat([inputs.detach() for inputs in spy.inputs])
    if len(spy.inputs) < 2:
        raise Broken(f"expected several uses of the generator, found {len(spy.inputs)}")
    if len(z.unique(dim=0)) != len(z):
        repeated = len(z) - len(z.unique(dim=0))
        raise Broken(f"expected {len(z)} different z, found {repeated} that repeat others")
    expect_mean("mean of z", z.flatten(), 0.0)
    expect_mean("mean of z^2", z.flatten().square(), 1.0)
    return f"{len(spy.inputs)} batches of different z"


def _inputs(subject: Subject) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Real and fake examples that differ, z, and alpha well inside (0, 1)."""
    real, fake = subject.examples(BATCH, stream=31), subject.examples(BATCH, stream=32)
    z = subject.normal(BATCH, subject.model.latent_dim, stream=33)
    return real, fake, z, torch.linspace(0.1, 0.8, BATCH)


def _need_penalty(subject: Subject) -> None:
    if not hasattr(subject.model, "gradient_penalty"):
        raise NotApplicable("no gradient_penalty (optional in this family)")


def _scalar(value: Tensor, name: str) -> Tensor:
    if value.numel() != 1 or value.ndim:
        raise Broken(f"{name}: expected a scalar, found shape {tuple(value.shape)}")
    return value


def _expect_signs(
    name: str, loss: Tensor, spy: Recorder, expected: dict[str, tuple[Tensor, int]]
) -> None:
    """Broken unless d loss / d critic(x) has the given sign at each of the given examples."""
    if not spy.inputs:
        raise Broken(f"expected {name} to call self.critic, found no call")
    slopes = torch.autograd.grad(loss, spy.outputs, allow_unused=True, retain_graph=True)
    for kind, (examples, sign) in expected.items():
        for x in examples:
            total = sum(
                float(slope[(inputs == x).flatten(1).all(1)].sum())
                for inputs, slope in zip(spy.inputs, slopes, strict=True)
                if slope is not None
            )
            if not total * sign > 0:
                way = "increase" if sign > 0 else "decrease"
                raise Broken(
                    f"expected {name} to {way} with critic({kind}) of each example, found a"
                    f" derivative of {total:.3g}"
                )


LAWS.extend(discriminator.LAWS)
