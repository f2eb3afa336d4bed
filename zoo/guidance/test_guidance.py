"""Tests particular to guidance; the laws of diffusions and of guided ones are checked besides."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, Normal

from zoo.core.data import load_dataset, scale
from zoo.core.errors import ZooError
from zoo.core.noise import Noise
from zoo.core.registry import get_entry
from zoo.ddpm.model import DDPM
from zoo.ddpm.unet import UNet
from zoo.guidance.model import GuidedDDPM
from zoo.guidance.network import LabelledUNet
from zoo.guidance.recipe import RECIPES, Task

MEANS, STD = torch.tensor([-0.25, 0.25]).double(), 0.15  # of two classes on a line
GRID = torch.linspace(-6, 6, 24_001, dtype=torch.float64)


class TwoClasses(GuidedDDPM):
    """Two Gaussian classes, equally likely, with the exact noise of each and of their mixture.

    Guided predictions of x_0 lie within 0.25 (1 + w) ± 0.2: with w up to 2 nothing is clipped.
    """

    def __init__(self, **options):
        super().__init__(torch.nn.Identity(), (1, 1, 1), 256, 2, **options)
        self.calls = []

    def predict_given(self, x_t: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        self.calls.append((t, labels))
        a = self.alpha_bar[t].view(-1, 1, 1, 1)
        x, spread = x_t.double(), a * STD**2 + 1 - a
        # p(second class | x_t) of two Gaussians of equal variance
        odds = a.sqrt() * (MEANS[1] - MEANS[0]) * (x - a.sqrt() * MEANS.mean()) / spread
        second = torch.where(labels == 2, odds.flatten().sigmoid(), labels.double())
        mean = (MEANS[0] + second * (MEANS[1] - MEANS[0])).view(-1, 1, 1, 1)
        return ((1 - a).sqrt() * (x - a.sqrt() * mean) / spread).to(x_t.dtype)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noised(model: DDPM, t: int) -> tuple[Normal, MixtureSameFamily]:
    """The densities p_t(z | c) of both classes, and p_t(z)."""
    a = model.alpha_bar[t]
    parts = Normal(a.sqrt() * MEANS, (a * STD**2 + 1 - a).sqrt().expand(2))
    return parts, MixtureSameFamily(Categorical(probs=torch.ones(2).double()), parts)


def tilted_log_prob(model: DDPM, t: int, z: Tensor, label: int, weight: float) -> Tensor:
    """Log p_t(z | c) + w log p_t(c | z), with p(c) = 1/2: not normalised."""
    parts, mixture = noised(model, t)
    given = parts.log_prob(z[:, None])[:, label]
    return given + weight * (given + math.log(0.5) - mixture.log_prob(z))


# -- what the guided noise is the score of ---------------------------------------------------------


@pytest.mark.parametrize("weight", [-1.0, 0.0, 0.7, 3.0])
@pytest.mark.parametrize("t", [1, 60, 400, 1000])
def test_guided_noise_is_the_score_of_the_tilted_density_of_its_time(t, weight):
    """ε̃ = −√(1 − ᾱ_t) ∇ [log p_t(z | c) + w log p_t(c | z)], by autograd."""
    model = TwoClasses()
    for label in (0, 1):
        z = torch.linspace(-2, 2, 41, dtype=torch.float64).requires_grad_()
        (score,) = torch.autograd.grad(tilted_log_prob(model, t, z, label, weight).sum(), z)
        times, labels = torch.full((41,), t), torch.full((41,), label)
        found = model.guided(z.detach().view(-1, 1, 1, 1), times, labels, weight).flatten()
        torch.testing.assert_close(found, -(1 - model.alpha_bar[t]).sqrt() * score)


def test_a_scale_is_one_more_than_a_weight():
    """ε̃ = ε(∅) + s (ε(c) − ε(∅)) with s = 1 + w, as many programs have it."""
    model, labels = TwoClasses(), torch.arange(6) % 2
    x, t = torch.randn(6, 1, 1, 1, generator=seeded()), torch.full((6,), 300)
    given, free = model.predict_given(x, t, labels), model.predict(x, t)
    for s in (0.0, 1.0, 3.5):
        found = model.guided(x, t, labels, s - 1)
        torch.testing.assert_close(found, free + s * (given - free))


def test_the_densities_that_guidance_follows_are_not_those_of_a_noised_one():
    """Noise added to p_0(x | c) p_0(c | x)^w gives another score at t > 0 than the guided one."""
    model, weight, t = TwoClasses(), 2.0, 150
    a, step = model.alpha_bar[t], GRID[1] - GRID[0]
    start = tilted_log_prob(model, 0, GRID, 1, weight).softmax(0)  # masses on the grid, t = 0
    z = torch.linspace(-1, 1, 9, dtype=torch.float64).requires_grad_()
    kernel = Normal(a.sqrt() * GRID, (1 - a).sqrt())
    log_p = (kernel.log_prob(z[:, None]) + start.log()).logsumexp(1)
    (score,) = torch.autograd.grad(log_p.sum(), z)
    true = -(1 - a).sqrt() * score
    x, times = z.detach().view(-1, 1, 1, 1), torch.full((9,), t)
    found = model.guided(x, times, torch.ones_like(times), weight).flatten()
    assert (found - true).abs().max() > 0.1
    # For w = 0 both are the score of a noised Gaussian.
    plain = tilted_log_prob(model, 0, GRID, 1, 0.0).softmax(0)
    log_p = (kernel.log_prob(z[:, None]) + plain.log()).logsumexp(1)
    (score,) = torch.autograd.grad(log_p.sum(), z)
    found = model.guided(x, times, torch.ones_like(times), 0.0).flatten()
    torch.testing.assert_close(found, -(1 - a).sqrt() * score, rtol=1e-4, atol=float(step))


# -- what is sampled -------------------------------------------------------------------------------


def drawn(model, weight, n=4000, label=1, **setting):
    labels = None if label is None else torch.full((n,), label)
    return DDPM.scale(model.sample(n, seeded(), labels, weight, **setting)).flatten().double()


# DDIM with η = 1 on a sub-sequence leaves too little variance, here 8 % of the deviation.
@pytest.mark.parametrize(
    ("setting", "slack"),
    [
        ({}, 0.06),
        ({"steps": 250, "eta": 1.0}, 0.11),
        ({"steps": 250, "eta": 0.0}, 0.06),
    ],
)
def test_weight_zero_samples_the_class_and_no_label_the_mixture(setting, slack):
    model, n = TwoClasses(), 4000 if setting else 2000
    for label in (0, 1):
        x = drawn(model, 0.0, n, label, **setting)
        assert x.mean() == pytest.approx(MEANS[label].item(), abs=0.016)
        assert x.std() == pytest.approx(STD, rel=slack)
    for x in (drawn(model, -1.0, n, **setting), drawn(model, None, n, None, **setting)):
        assert x.mean() == pytest.approx(0, abs=0.03)
        assert x.std() == pytest.approx(math.hypot(STD, 0.25), rel=0.05)


def test_guided_samples_are_not_those_of_the_tilted_density():
    """Guidance overshoots p_0(x | c) p_0(c | x)^w, which it is often said to sample."""
    model, weight = TwoClasses(), 2.0
    mass = tilted_log_prob(model, 0, GRID, 1, weight).softmax(0)
    mean = (mass * GRID).sum()
    std = (mass * (GRID - mean).square()).sum().sqrt()
    x = drawn(model, weight, steps=250, eta=0.0)
    error = std / math.sqrt(len(x))
    assert x.mean() > mean + 10 * error
    assert x.mean() > MEANS[1] + 10 * error  # farther from the other class than the class itself


def test_every_example_has_its_own_label():
    model = TwoClasses()
    labels = torch.arange(2000) % 2
    x = DDPM.scale(model.sample(2000, seeded(), labels, 0.0, steps=100)).flatten().double()
    for label in (0, 1):
        found = x[labels == label].mean().item()
        assert found == pytest.approx(MEANS[label].item(), abs=0.02)


def test_evaluations_of_the_network():
    """Two for a step, but one where w = 0 or no label is given; every step of the recipe's S."""
    model, labels = TwoClasses(sampling_steps=7, weight=1.0), torch.tensor([0, 1, 1])
    for weight, expected in ((None, 14), (2.0, 14), (0.0, 7)):
        model.calls.clear()
        model.sample(3, seeded(), labels, weight)
        assert len(model.calls) == expected
        assert model.calls[0][1].tolist() == [0, 1, 1]
    model.calls.clear()
    model.sample(3, seeded())
    assert [c.tolist() for _, c in model.calls] == [[2, 2, 2]] * 7
    assert [int(t[0]) for t, _ in model.calls] == [1000, 857, 714, 571, 429, 286, 143]


def test_sampling_leaves_the_model_as_it_was():
    model, t = TwoClasses(sampling_steps=5), torch.full((3,), 200)
    x = torch.randn(3, 1, 1, 1, generator=seeded())
    before = model.predict(x, t), model.sample(3, seeded())
    model.sample(3, seeded(), torch.tensor([0, 1, 1]), 2.0)
    assert torch.equal(model.predict(x, t), before[0])
    assert torch.equal(model.sample(3, seeded()), before[1])


def test_labels_are_one_for_each_example():
    with pytest.raises(AssertionError, match="labels of shape"):
        TwoClasses().sample(3, seeded(), torch.tensor([0, 1]))


# -- training --------------------------------------------------------------------------------------


def test_drop_is_decided_by_each_examples_draw():
    model = TwoClasses(p_uncond=0.25)
    found = model.drop(torch.tensor([0, 1, 0, 1, 1]), torch.tensor([0.0, 0.24, 0.25, 0.3, 0.999]))
    assert found.tolist() == [2, 2, 0, 1, 1]


@pytest.mark.parametrize("recipe", ["tiny", "digits"])
def test_images_and_labels_belong_together(recipe):
    task, data = Task(RECIPES[recipe]), load_dataset("digits", "train")
    rows = torch.tensor([3, 700, 41])
    x, labels = task.prepare(task.training_data()[rows], Noise(0, 0))
    side = task.config.event_shape[1]
    cut = slice((8 - side) // 2, (8 + side) // 2)
    assert torch.equal((x * 16).round().byte(), data.images[rows, :, cut, cut])
    assert torch.equal(labels, data.labels[rows])
    assert len(task.training_data()) == len(data)


def test_the_task_is_algorithm_1():
    task = Task(RECIPES["digits"])
    model, seen = task.build(), []
    model.loss_given = lambda *inputs: seen.append(inputs) or torch.zeros(())
    x, labels = task.prepare(task.training_data(), Noise(0, 0))
    for number in range(4):
        task.loss(model, (x, labels), Noise(0, number))
    assert all(torch.equal(inputs[0], 2 * x - 1) for inputs in seen)
    t, eps, told = (torch.cat([inputs[i] for inputs in seen]) for i in (1, 2, 3))
    assert (int(t.min()), int(t.max())) == (1, 1000)
    assert abs(t.float().mean() - 500.5) < 20  # 5 standard errors
    assert abs(eps.mean()) < 0.01
    assert eps.std().item() == pytest.approx(1, abs=0.01)
    assert len(eps.flatten(1).unique(dim=0)) == 4 * len(x)  # noise of its own for each example
    gone = told == model.null
    assert torch.equal(told[~gone], labels.repeat(4)[~gone])
    assert gone.double().mean().item() == pytest.approx(0.1, abs=0.02)
    # Whether a label is dropped has nothing to do with the time, nor with the noise.
    assert abs(t[gone].float().mean() - 500.5) < 60
    assert abs(eps[gone].mean()) < 0.03


def test_loss_compares_with_the_true_noise_of_the_labelled_network():
    model, t = TwoClasses(), torch.tensor([1, 300, 1000])
    x0, eps = torch.rand(3, 1, 1, 1), torch.randn(3, 1, 1, 1, generator=seeded())
    labels = torch.tensor([0, 2, 1])
    answer = model.predict_given(model.q_sample(x0, t, eps), t, labels)
    expected = sum((eps[i] - answer[i]).item() ** 2 for i in range(3)) / 3
    assert model.loss_given(x0, t, eps, labels).item() == pytest.approx(expected, rel=1e-5)


def test_both_models_are_needed():
    for p in ("0", "1.0"):
        with pytest.raises(ZooError, match="p_uncond"):
            get_entry("guidance").config("digits", {"p_uncond": p})


# -- the network -----------------------------------------------------------------------------------


def lively(seed=0):
    """A network in which no layer is zero."""
    torch.manual_seed(seed)
    network = LabelledUNet(1, width=8, depth=1, labels=4)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return network


def test_with_a_silent_label_the_network_is_ddpms():
    network = lively()
    torch.nn.init.zeros_(network.label.weight)
    x, t = torch.randn(3, 1, 8, 8), torch.tensor([1, 70, 1000])
    assert torch.equal(network(x, t, torch.tensor([0, 3, 1])), UNet.forward(network, x, t))


def test_the_label_reaches_every_pixel_and_every_block():
    network = lively()
    x, t = torch.randn(1, 1, 8, 8).expand(4, -1, -1, -1), torch.full((4,), 50)
    out = network(x, t, torch.arange(4))
    for i in range(4):
        for j in range(i):
            assert (out[i] - out[j]).abs().min() > 0
    told = []
    for block in (network.encode, *network.middle, network.decode):
        block.register_forward_hook(lambda m, inputs, out: told.append(inputs[1]))
    network(x, t, torch.arange(4))
    assert len(told) == 3
    assert all(torch.equal(time, told[0]) for time in told)
    shift = network.label.weight - network.label.weight[0]
    torch.testing.assert_close(told[0] - told[0][0], shift, atol=1e-5, rtol=1e-5)


# -- shipped weights -------------------------------------------------------------------------------


def test_shipped_digits_know_their_labels():
    """On test digits the loss is lowest with the true label, higher with ∅, highest otherwise."""
    entry = get_entry("guidance")
    if not entry.weights_path("digits").exists():
        pytest.skip("no weights of recipe digits are shipped yet")
    model, data = entry.load("digits"), load_dataset("digits", "test")
    x0, n = model.scale(scale(data.images, data.levels)), len(data)
    t, eps = torch.full((n,), 300), torch.randn(x0.shape, generator=seeded())
    labels = {
        "true": data.labels,
        "null": torch.full_like(data.labels, model.null),
        "wrong": (data.labels + 1) % 10,
    }
    with torch.no_grad():
        loss = {name: model.loss_given(x0, t, eps, y).item() for name, y in labels.items()}
    assert loss["true"] < 0.97 * loss["null"] < 0.97 * loss["wrong"]


def test_guidance_makes_shipped_digits_easier_to_read():
    """By the nearest training digit, which knows nothing of the model."""
    entry = get_entry("guidance")
    if not entry.weights_path("digits").exists():
        pytest.skip("no weights of recipe digits are shipped yet")
    model, data = entry.load("digits"), load_dataset("digits", "train")
    labels, real = torch.arange(300) % 10, scale(data.images, data.levels).flatten(1)

    def accuracy(weight):
        x = model.sample(300, seeded(), labels, weight).flatten(1)
        return (data.labels[torch.cdist(x, real).argmin(1)] == labels).float().mean().item()

    assert accuracy(-1.0) < 0.3  # the unconditional model was told nothing
    assert 0.85 < accuracy(0.0) < accuracy(2.0)
