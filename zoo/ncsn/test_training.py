"""The networks of NCSN, what its recipes train on, and its shipped weights."""

import pytest
import torch
from torch import nn

from zoo.core.conformance import perturbed
from zoo.core.data import load_dataset, scale
from zoo.core.densities import density
from zoo.core.errors import ZooError
from zoo.core.metrics.score_protocols import relative_error
from zoo.core.noise import Noise
from zoo.core.registry import get_entry
from zoo.ncsn.model import NCSN
from zoo.ncsn.networks import ConditionalInstanceNorm, Perceptron, UNet
from zoo.ncsn.recipe import RECIPES, Task

LEVELS = torch.tensor([0, 1])


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def unet():
    """A network of 8×8 images in float64 in which no layer is neutral."""
    torch.manual_seed(0)
    return perturbed(UNet(1, width=8, depth=1, levels=2), 0.5).double()


def perceptron():
    torch.manual_seed(0)
    return perturbed(Perceptron(64, width=8, depth=2, levels=2), 0.5).double()


def test_conditional_instance_normalisation_term_by_term():
    torch.manual_seed(0)
    norm = perturbed(ConditionalInstanceNorm(levels=3, channels=4), 0.5).double()
    x, level = 2 + 3 * normal(5, 4, 6, 6), torch.tensor([2, 0, 1, 2, 0])
    found = norm(x, level)
    for n, i in enumerate(level.tolist()):
        mu, s = x[n].mean((1, 2)), x[n].var((1, 2), correction=0).sqrt()
        m, v = mu.mean(), mu.var(correction=0).sqrt()
        for k in range(4):
            expected = norm.gain[i, k] * (x[n, k] - mu[k]) / s[k] + norm.shift[i, k]
            expected = expected + norm.mean_gain[i, k] * (mu[k] - m) / v
            torch.testing.assert_close(found[n, k], expected, atol=1e-3, rtol=1e-3)


def test_small_variances_of_means_are_normalised_with_the_constant():
    """Means 0 and 0.01: their variance, 2.5e-5, is no longer large beside 1e-5."""
    norm = ConditionalInstanceNorm(levels=1, channels=2).double()
    x = torch.tensor([0.0, 0.01]).double().view(1, 2, 1, 1).expand(1, 2, 4, 4)
    found = norm(x, torch.tensor([0])).mean((2, 3))
    expected = 0.005 / (2.5e-5 + 1e-5) ** 0.5
    torch.testing.assert_close(found, torch.tensor([[-expected, expected]]).double())


def test_normalisation_starts_without_preference():
    """γ = α = 1 and β = 0 at all levels: the level makes no difference before training."""
    norm, x = ConditionalInstanceNorm(levels=3, channels=4).double(), normal(1, 4, 5, 5)
    outputs = [norm(x, torch.tensor([i])) for i in range(3)]
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(outputs[0], outputs[2])
    mu = x.mean((2, 3))
    torch.testing.assert_close(outputs[0].mean((2, 3)), (mu - mu.mean()) / mu.std(correction=0),
                               atol=1e-3, rtol=1e-3)  # fmt: skip
    assert norm.gain.eq(1).all()
    mlp = Perceptron(2, width=8, depth=2, levels=3)
    assert mlp.gains.eq(1).all()
    assert mlp.shifts.eq(0).all()


@pytest.mark.parametrize(("make", "shape"), [(unet, (1, 8, 8)), (perceptron, (64,))])
def test_networks_are_told_the_level_and_mix_none(make, shape):
    network, x = make(), normal(1, *shape).expand(2, *shape)
    before = network(x, LEVELS)
    assert (before[0] - before[1]).abs().max() > 1e-3
    torch.testing.assert_close(network(x, LEVELS.flip(0)), before.flip(0))
    with torch.no_grad():  # what belongs to level 1 is nothing to level 0
        for name, parameter in network.named_parameters():
            if name.endswith(("gain", "shift")):
                parameter[1] += 0.5
            elif name in ("gains", "shifts"):
                parameter[:, 1] += 0.5
    after = network(x, LEVELS)
    assert torch.equal(after[0], before[0])
    assert (after[1] - before[1]).abs().max() > 1e-3


def test_skip_connection_and_lower_path_both_reach_the_output():
    network, x = unet(), normal(1, 1, 8, 8)
    level = LEVELS[:1]
    for layer in ("encode", "down"):
        before = network(x, level)
        hook = getattr(network, layer).register_forward_hook(lambda m, i, out: 2 * out)
        assert not torch.equal(network(x, level), before)
        hook.remove()
    network.down.register_forward_hook(lambda m, i, out: 0 * out)
    assert not torch.equal(network(x, level), network(x + normal(1, 1, 8, 8, seed=1), level))


def test_blocks_start_as_the_identity_and_the_network_at_zero():
    network, x = UNet(1, width=8, depth=1, levels=2), torch.randn(2, 1, 8, 8)
    assert network(x, LEVELS).abs().max() == 0
    h = torch.randn(2, 8, 4, 4)
    assert torch.equal(network.encode(h, LEVELS), h)


def test_all_parameters_of_the_unet_get_a_gradient():
    model = NCSN(unet(), (1, 8, 8), levels=2).double()
    x = torch.rand(8, 1, 8, 8).double()
    model.loss(x, model.sigmas[torch.arange(8) % 2], normal(8, 1, 8, 8)).backward()
    assert all(p.grad.abs().max() > 0 for p in model.parameters())


class Recorder(NCSN):
    def loss(self, x, sigma, eps):
        self.seen = x, sigma, eps
        return x.mean()


def test_the_task_draws_every_level_alike_and_fresh_noise():
    task, model = Task(RECIPES["digits"]), Recorder(nn.Identity(), (1, 8, 8))
    x = task.prepare(torch.full((4000, 1, 8, 8), 8, dtype=torch.uint8), Noise(0, 0))
    assert x.min() == x.max() == 0.5  # k/16: nothing is rescaled, nothing dequantised
    task.loss(model, x, Noise(0, 0))
    seen, sigma, eps = model.seen
    assert torch.equal(seen, x)
    counts = (sigma[:, None] == model.sigmas).sum(0)
    assert counts.sum() == 4000
    assert 320 < counts.min() <= counts.max() < 480
    assert eps.mean().item() == pytest.approx(0, abs=0.01)
    assert eps.var().item() == pytest.approx(1, abs=0.01)
    drawn = Noise(0, 0).integers(0, 10, 4000)  # the first draw: level by level, none shifted
    assert torch.equal(sigma, model.sigmas[drawn])
    task.loss(model, x, Noise(0, 1))
    assert not torch.equal(model.seen[2], eps)


def test_recipes_build_what_they_say():
    for name, config in RECIPES.items():
        if name == "mnist-gpu":
            continue  # large; its numbers are compared below
        model = Task(config).build()
        assert model.sigmas[[0, -1]].tolist() == pytest.approx(
            [config.sigma_first, config.sigma_last]
        )
        assert model.evaluations == config.levels * config.langevin_steps
        assert (model.epsilon, model.start) == (config.epsilon, config.start)
        assert model.event_shape == config.event_shape


# What the card says of each recipe: the sampler's constants, then those of training.
SAMPLERS = {  # σ_1, σ_L, L, T, ε, start
    "two-modes": (20.0, 1.0, 10, 100, 0.1, (-8.0, 8.0)),
    "digits": (1.0, 0.01, 10, 10, 4e-5, (0.0, 1.0)),
    "mnist": (1.0, 0.01, 10, 8, 8e-5, (0.0, 1.0)),
    "mnist-gpu": (1.0, 0.01, 10, 100, 2e-5, (0.0, 1.0)),
}
TRAINING = {  # steps, batch, step size, warm-up, moving average, largest norm, precision
    "two-modes": (10_000, 512, 2e-3, 200, 0.999, None, "32"),
    "digits": (3000, 64, 2e-3, 100, 0.999, 1000.0, "32"),
    "mnist": (5000, 64, 2e-3, 100, 0.999, 1000.0, "bf16"),
    "mnist-gpu": (200_000, 128, 1e-3, 100, 0.9999, 1000.0, "bf16"),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_constants_of_the_recipes_are_those_of_the_card(name):
    c = RECIPES[name]
    sampler = (c.sigma_first, c.sigma_last, c.levels, c.langevin_steps, c.epsilon, c.start)
    training = (c.steps, c.batch_size, c.learning_rate, c.warmup_steps, c.ema_decay, c.clip_norm,
                c.precision)  # fmt: skip
    assert sampler == SAMPLERS[name]
    assert training == TRAINING[name]
    assert c.schedule == "cosine"


def test_the_optimiser_is_adam_with_its_usual_betas():
    task = Task(RECIPES["mnist"])
    (optimizer,) = task.optimizers(task.build()).values()
    (group,) = optimizer.param_groups
    assert type(optimizer) is torch.optim.Adam
    assert (group["lr"], group["betas"], group["eps"]) == (2e-3, (0.9, 0.999), 1e-8)
    assert group["weight_decay"] == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"event_shape": "1,7,8"},
        {"sigma_last": "2"},
        {"levels": "1"},
        {"epsilon": "4e-4"},
        {"start": "1,0"},
        {"langevin_steps": "0"},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ZooError):
        get_entry("ncsn").config("digits", wrong)


@pytest.mark.parametrize(
    "wrong", [{"sigma_last": "1"}, {"sigma_last": "0"}, {"epsilon": "0"}, {"start": "1,1"}]
)
def test_the_ends_of_what_is_possible_are_refused(wrong):
    with pytest.raises(ZooError, match=f"^{next(iter(wrong))} must"):
        get_entry("ncsn").config("digits", wrong)


def test_the_least_that_is_possible_is_allowed():
    least = {"levels": "2", "width": "1", "depth": "1", "langevin_steps": "1"}
    config = get_entry("ncsn").config("digits", least)
    assert (config.levels, config.width, config.depth, config.langevin_steps) == (2, 1, 1, 1)


def shipped(name):
    entry = get_entry("ncsn")
    if not entry.weights_path(name).exists():
        pytest.skip(f"no weights of recipe {name} are shipped yet")
    return entry.load(name)


def test_shipped_scores_of_the_two_modes_are_nearly_exact():
    model = shipped("two-modes")
    for sigma in model.sigmas.tolist():
        target = density("two-modes").perturbed(sigma)
        x = target.sample(2000, torch.Generator().manual_seed(0))
        with torch.no_grad():
            error = relative_error(
                lambda x, s=sigma: model.score(x, torch.full((len(x),), s)), target, x
            )
        assert error < 0.02**2  # two per cent, root mean square


# The more noise, the more normal x̃ is, and the less there is to gain over a linear denoiser.
@pytest.mark.parametrize(("level", "share"), [(1, 1.0), (4, 0.9), (7, 0.9)])
def test_shipped_digits_beat_the_best_denoiser_that_is_linear(level, share):
    """For normal data with the mean and covariance of the digits, E[x | x̃] is linear in x̃."""
    model = shipped("digits")
    known, new = (load_dataset("digits", s) for s in ("train", "test"))
    train = scale(known.images, known.levels).flatten(1).double()
    x = scale(new.images, new.levels)
    sigma = model.sigmas[level].expand(len(x))
    generator = torch.Generator().manual_seed(level)
    noisy = model.perturb(x, sigma, torch.randn(x.shape, generator=generator))
    covariance, mean = torch.cov(train.T), train.mean(0)
    away = noisy.flatten(1).double() - mean
    whole = covariance + model.sigmas[level].double() ** 2 * torch.eye(64)
    linear = mean + (covariance @ torch.linalg.solve(whole, away.T)).T
    with torch.no_grad():
        error = (model.denoise(noisy, sigma) - x).square().mean()
    assert error < share * (linear - x.flatten(1)).square().mean()
