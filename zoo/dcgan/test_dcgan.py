"""What is particular to the papers; the family's laws are checked by `zoo.core.conformance`."""

from __future__ import annotations

import copy
import dataclasses
import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from zoo.core.conformance.law import perturbed, replaced
from zoo.core.data import load_dataset
from zoo.core.errors import ZooError
from zoo.core.loop import Loop
from zoo.core.noise import Noise
from zoo.dcgan.model import DCGAN
from zoo.dcgan.recipe import RECIPES, Config, Task

CPU = torch.device("cpu")
CONDITIONAL = dataclasses.replace(RECIPES["tiny"], conditional=True)


def model_of(classes: int = 0, **settings: object) -> DCGAN:
    """A small model in double precision with nothing neutral about it."""
    torch.manual_seed(0)
    return perturbed(DCGAN((1, 8, 8), 3, 4, classes=classes, **settings).double())


# The game


def gradient_by_logit(objective: str, logit: float) -> float:
    """Derivative of generator_loss by the logit s of one sample whose logit is s."""
    model = model_of(objective=objective)
    s = torch.tensor([logit], dtype=torch.float64, requires_grad=True)
    with replaced(model, critic=lambda x: s, generator=lambda z: z):
        (gradient,) = torch.autograd.grad(model.generator_loss(torch.zeros(1, 3)), s)
    return gradient.item()


@pytest.mark.parametrize("logit", [-8.0, -1.0, 0.0, 1.0, 8.0])
def test_both_gradients_and_where_they_vanish(logit: float) -> None:
    d = 1 / (1 + math.exp(-logit))
    assert gradient_by_logit("minimax", logit) == pytest.approx(-d)
    assert gradient_by_logit("non-saturating", logit) == pytest.approx(-(1 - d))


def divergences(a: float, b: float) -> tuple[float, float]:
    """KL(q‖p) and JSD(p‖q) of p = N(a, 1) and q = N(b, 1), the second by quadrature."""
    x = torch.linspace(-12, 12, 24_001, dtype=torch.float64)
    p, q = (Normal(mean, 1.0).log_prob(x) for mean in (a, b))
    half = torch.logaddexp(p, q) - math.log(2)
    integrand = (p.exp() * (p - half) + q.exp() * (q - half)) / 2
    return (a - b) ** 2 / 2, torch.trapezoid(integrand, x).item()


def at_the_best_discriminator(model: DCGAN, a: float, b: float) -> tuple[float, float]:
    """critic_loss, and d generator_loss / d b, for data N(a, 1), samples b + z, s = log p/q."""

    def best(x: Tensor) -> Tensor:
        return (a - b) * x[:, 0] + (b**2 - a**2) / 2

    quantiles = (torch.arange(400_000, dtype=torch.float64) + 0.5) / 400_000
    z = Normal(0.0, 1.0).icdf(quantiles)[:, None]  # a grid instead of random draws
    shift = torch.tensor(b, dtype=torch.float64, requires_grad=True)
    with replaced(model, critic=best, generator=lambda z: z + shift):
        loss = model.critic_loss(z + a, z)
        (gradient,) = torch.autograd.grad(model.generator_loss(z), shift)
    return loss.item(), gradient.item()


@pytest.mark.parametrize(("a", "b"), [(0.8, -0.4), (-1.0, 1.5)])
def test_the_game_descends_a_divergence(a: float, b: float) -> None:
    """At D = p/(p + q): V = 2 JSD − log 4, and ∇ of the minimax loss is ∇ 2 JSD.

    ∇ of the non-saturating loss is ∇ [KL(q‖p) − 2 JSD] (Arjovsky and Bottou, 2017).
    """
    h = 1e-4
    (kl_up, jsd_up), (kl_down, jsd_down) = divergences(a, b + h), divergences(a, b - h)
    kl_slope, jsd_slope = (kl_up - kl_down) / (2 * h), (jsd_up - jsd_down) / (2 * h)
    loss, minimax = at_the_best_discriminator(model_of(objective="minimax"), a, b)
    assert -loss == pytest.approx(2 * divergences(a, b)[1] - math.log(4), abs=1e-4)
    assert minimax == pytest.approx(2 * jsd_slope, abs=1e-4)
    _, other = at_the_best_discriminator(model_of(), a, b)
    assert other == pytest.approx(kl_slope - 2 * jsd_slope, abs=1e-4)


# Labels


def test_both_networks_are_told_the_label() -> None:
    model = model_of(10)
    z = torch.randn(1, 3, dtype=torch.float64).expand(10, 3)
    every = torch.arange(10)
    x = model.generator(z, every)
    assert (torch.cdist(x.flatten(1), x.flatten(1)) + torch.eye(10)).min() > 1e-3
    scores = model.critic(x[:1].expand(10, 1, 8, 8), every)
    assert len(scores.unique()) == 10


def test_samples_are_judged_with_the_label_they_were_drawn_for() -> None:
    """E log D(x|y) + E log(1 − D(G(z|y)|y)): the same y for the sample and its judgement."""
    model = DCGAN((1, 8, 8), 3, 4, classes=10)
    y, x, heard = torch.tensor([4, 4, 7]), torch.rand(3, 1, 8, 8), []

    def generator(z: Tensor, labels: Tensor) -> Tensor:
        return (z[:, :1, None, None] + labels[:, None, None, None]).expand(-1, 1, 8, 8)

    def critic(images: Tensor, labels: Tensor) -> Tensor:
        heard.append((images, labels))
        return images.mean((1, 2, 3))

    z = torch.zeros(3, 3)
    with replaced(model, generator=generator, critic=critic):
        model.critic_loss(x, z, labels=y)
        model.generator_loss(z, y)
    for (images, labels), expected in zip(
        heard, (x, generator(z, y), generator(z, y)), strict=True
    ):
        assert torch.equal(labels, y)
        assert torch.equal(images, expected)


def test_labels_of_samples() -> None:
    model = model_of(10).float()
    asked = torch.arange(50) % 10
    found = model.sample(50, torch.Generator().manual_seed(5), labels=asked)
    z = torch.randn(50, 3, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        torch.testing.assert_close(found, model.generator(z, asked))
    spoken: list[Tensor] = []
    with replaced(model, generator=lambda z, labels: spoken.append(labels) or z):
        model.sample(20_000, torch.Generator().manual_seed(6))
    shares = torch.bincount(spoken[0], minlength=10) / 20_000
    assert (shares - 0.1).abs().max() < 0.015


def test_labels_are_for_conditional_models() -> None:
    with pytest.raises(ValueError, match="it has 0"):
        model_of().float().sample(2, labels=torch.tensor([1, 2]))
    with pytest.raises(ValueError, match="it has 10"):
        model_of(10).generator_loss(torch.randn(2, 3, dtype=torch.float64))


# Training


class Witness(Loop):
    """A loop that records what the networks see and, per update, which weights changed."""

    def __init__(self, task: Task) -> None:
        super().__init__(task, CPU)
        self.log: list[tuple[str, set[str]]] = []
        self.seen: dict[str, list[tuple[Tensor, ...]]] = {"critic": [], "generator": []}
        for name, calls in self.seen.items():
            getattr(self.model, name).register_forward_pre_hook(
                lambda _, inputs, calls=calls: calls.append(inputs)
            )

    def minimise(self, name: str, loss: Tensor) -> None:
        before = copy.deepcopy(dict(self.model.named_parameters()))
        super().minimise(name, loss)
        after = dict(self.model.named_parameters())
        changed = {k.split(".")[0] for k in before if not torch.equal(before[k], after[k])}
        self.log.append((name, changed))


@pytest.mark.parametrize("conditional", [False, True])
def test_order_of_the_updates(conditional: bool) -> None:
    """D alone on data and on samples, then G alone on new samples; fresh z each time."""
    loop = Witness(Task(dataclasses.replace(RECIPES["tiny"], conditional=conditional)))
    for _ in range(3):
        loop.advance()
    assert loop.log == [("critic", {"critic"}), ("generator", {"generator"})] * 3
    assert len(loop.seen["critic"]) == 9  # data, samples, and samples in the generator's update
    z = torch.cat([inputs[0] for inputs in loop.seen["generator"]])
    assert len(z) == 6 * loop.config.batch_size == len(z.unique(dim=0))
    assert loop.model.training
    for k in range(3):
        real, fake, again = loop.seen["critic"][3 * k : 3 * k + 3]
        assert real[0].shape == fake[0].shape == (16, 1, 8, 8)
        assert not torch.equal(fake[0], again[0])
        assert not fake[0].requires_grad
        assert again[0].requires_grad
        assert len(real) == (2 if conditional else 1)
        batch = loop.task.prepare(loop.batches[k], Noise(0, k))
        pixels = batch[:, 1:].view(16, 1, 8, 8) if conditional else batch
        assert torch.equal(real[0], pixels)
        if conditional:
            assert torch.equal(real[1], batch[:, 0].long())
            told_to = [inputs[1] for inputs in loop.seen["generator"][2 * k : 2 * k + 2]]
            assert all(torch.equal(y, real[1]) for y in (fake[1], again[1], *told_to))


def test_data_and_their_labels_stay_together() -> None:
    data, task = load_dataset("digits", "train"), Task(CONDITIONAL)
    x = task.prepare(task.training_data()[:100], Noise(0, 0))
    assert torch.equal(x[:, 0], data.labels[:100].float())
    torch.testing.assert_close(x[:, 1:], data.images[:100].flatten(1) / 16)
    plain = Task(RECIPES["tiny"])
    images = plain.prepare(plain.training_data()[:100], Noise(0, 0))
    torch.testing.assert_close(images, data.images[:100] / 16)


def test_evaluation_uses_running_averages_of_the_training_batches() -> None:
    """After the one pass of D's update and that of G's: 0.9·(0.9·0 + 0.1·m₁) + 0.1·m₂."""
    loop = Loop(Task(RECIPES["tiny"]), CPU)
    norm, means = loop.model.generator.hidden[0].norm, []
    norm.register_forward_pre_hook(lambda _, x: means.append(x[0].detach().mean((0, 2, 3))))
    loop.advance()
    assert len(means) == 2
    torch.testing.assert_close(norm.running_mean, 0.09 * means[0] + 0.1 * means[1])
    loop.model.eval()
    before = norm.running_mean.clone()
    z = torch.randn(8, loop.model.latent_dim)
    alone, beside = loop.model.generator(z[:1]), loop.model.generator(z)[:1]
    torch.testing.assert_close(alone, beside)  # a sample does not depend on the others
    assert torch.equal(norm.running_mean, before)


def test_optimisers() -> None:
    """Adam at 2e-4 with β1 = 0.5, one for each network; Section 4."""
    for name, config in RECIPES.items():
        assert config.learning_rate == 2e-4, name
        assert config.schedule == "constant", name
        assert config.objective == "non-saturating", name
    model = (task := Task(RECIPES["tiny"])).build()
    optimizers = task.optimizers(model)
    assert set(optimizers) == {"critic", "generator"}
    for name, optimizer in optimizers.items():
        assert isinstance(optimizer, torch.optim.Adam)
        assert optimizer.defaults["betas"] == (0.5, 0.999)
        assert optimizer.defaults["lr"] == 2e-4
        own = {id(p) for group in optimizer.param_groups for p in group["params"]}
        assert own == {id(p) for p in getattr(model, name).parameters()}


def test_recipes_build_what_they_name() -> None:
    for name, config in RECIPES.items():
        assert config.conditional == ("conditional" in name)
        if "gpu" in name:
            continue
        model = Task(config).build()
        assert model.classes == (10 if config.conditional else 0)
        assert model.latent_dim == config.latent_dim
        assert model.objective == config.objective


@pytest.mark.parametrize("conditional", [False, True])
def test_training_finds_two_far_apart_images(conditional: bool) -> None:
    """Data of two images, bright above or below; with labels, the label says which."""

    class Halves(Task):
        def prepare(self, batch: Tensor, noise: Noise) -> Tensor:
            y = torch.arange(len(batch)) % 2
            x = torch.zeros(len(batch), 1, 4, 4)
            x[y == 0, :, :2], x[y == 1, :, 2:] = 1, 1
            return torch.cat((y[:, None].float(), x.flatten(1)), 1) if conditional else x

    torch.manual_seed(0)
    config = Config(
        dataset="digits", event_shape=(1, 4, 4), latent_dim=4, width=8, steps=250, batch_size=32,
        conditional=conditional, learning_rate=2e-3,
    )  # fmt: skip
    loop = Loop(Halves(config), CPU)
    for _ in range(config.steps):
        loop.advance()
    model = loop.model.eval()
    y = torch.arange(200) % 2
    x = model.sample(200, torch.Generator().manual_seed(0), labels=y if conditional else None)
    upper = x[:, 0, :2].mean((1, 2)) - x[:, 0, 2:].mean((1, 2))  # 1 or −1
    assert (upper.abs() > 0.6).double().mean() > (0.95 if conditional else 0.6)  # some lie between
    if conditional:
        assert ((upper > 0) == (y == 0)).double().mean() > 0.95
    else:
        assert 0.2 < (upper > 0).double().mean() < 0.8


# Refusals


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"objective": "hinge"}, "hinge"),
        ({"event_shape": (1, 10, 8)}, "multiples of 2\\^stages, 4"),
        ({"stages": 0}, "at least 1"),
        ({"width": 0}, "at least 1"),
        ({"latent_dim": 0}, "at least 1"),
        ({"steps": 0}, "steps"),  # the rules of every recipe still hold
    ],
)
def test_impossible_settings_are_refused_in_one_line(settings: dict, named: str) -> None:
    with pytest.raises(ZooError, match=named) as refused:
        dataclasses.replace(RECIPES["tiny"], **settings)
    assert "\n" not in str(refused.value)


def test_the_model_refuses_what_it_cannot_be() -> None:
    with pytest.raises(ValueError, match="hinge"):
        DCGAN((1, 8, 8), 3, 4, objective="hinge")
    for shape, stages in (((1, 28, 28), 3), ((1, 28, 28), 0), ((28, 28), 2)):
        with pytest.raises(ValueError, match=f"halve {stages} times"):
            DCGAN(shape, 3, 4, stages=stages)
