"""What is particular to PixelCNN: masks, receptive field, gates, labels and the cached sampler."""

from __future__ import annotations

import dataclasses
import itertools
import math

import pytest
import torch
from torch import Tensor, nn

from zoo.core.conformance import check_model, conformance_report
from zoo.core.conformance.law import perturbed
from zoo.core.data import load_dataset
from zoo.core.errors import ZooError
from zoo.core.noise import Noise
from zoo.pixelcnn.model import GatedLayer, Memory, PixelCNN, gate, shift_down
from zoo.pixelcnn.recipe import RECIPES, Task

SIZES = [
    pytest.param({"layers": 1, "first_kernel": 7}, id="one layer"),
    pytest.param({"layers": 2, "first_kernel": 3, "kernel": 3}, id="small kernels"),
    pytest.param({"layers": 3, "first_kernel": 5, "kernel": 3}, id="three layers"),
    pytest.param({"layers": 3, "first_kernel": 3, "kernel": 1}, id="kernels of one pixel"),
    pytest.param({"layers": 2, "first_kernel": 3, "kernel": 5}, id="first kernel the smaller one"),
]


def build(shape: tuple[int, int, int] = (1, 3, 4), **sizes: int) -> PixelCNN:
    """A small model with no neutral weights, in double precision."""
    torch.manual_seed(0)
    sizes = {"width": 6, "layers": 3, "kernel": 3, "first_kernel": 3} | sizes
    return perturbed(PixelCNN(shape, **sizes)).double()


def bits(n: int, shape: tuple[int, int, int] = (1, 3, 4)) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(2, (n, *shape), generator=generator).double()


def every_image(shape: tuple[int, int, int] = (1, 3, 4)) -> Tensor:
    rows = list(itertools.product([0.0, 1.0], repeat=math.prod(shape)))
    return torch.tensor(rows, dtype=torch.float64).view(-1, *shape)


@pytest.mark.parametrize("sizes", SIZES)
def test_a_logit_is_reached_from_exactly_the_earlier_pixels_in_its_field(sizes: dict) -> None:
    """By autograd, for every pixel of a wide image: no blind spot, no leak, no more than R."""
    height, width = 9, 11
    model = build((1, height, width), **sizes)
    reach = sizes["first_kernel"] // 2 + (sizes["layers"] - 1) * (sizes.get("kernel", 3) // 2)
    assert model.reach == reach
    x = torch.rand(3, 1, height, width, dtype=torch.float64, requires_grad=True)
    logits = model.logits(x)
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    for i, j in itertools.product(range(height), range(width)):
        (gradient,) = torch.autograd.grad(logits[:, 0, i, j].sum(), x, retain_graph=True)
        above = (row < i) & (row >= i - 1 - reach) & ((column - j).abs() <= reach)
        left = (row == i) & (column < j) & (column >= j - reach)
        assert torch.equal(gradient[:, 0].abs().amax(0) > 0, above | left), (i, j)


def test_one_layer_by_hand() -> None:
    """Equation 2 with loops over pixels and over what the kernels of Figure 2 cover."""
    torch.manual_seed(0)
    n, height, width, channels = 3, 4, 5, 2
    r = n // 2
    for mask in "AB":
        layer = GatedLayer(channels, channels, n, mask, classes=0).double()
        v, h = torch.randn(2, 1, channels, height, width, dtype=torch.float64)
        above = torch.zeros(2 * channels, height, width, dtype=torch.float64)
        beside = torch.zeros_like(above)
        for i, j in itertools.product(range(height), range(width)):
            above[:, i, j] = layer.vertical.bias
            beside[:, i, j] = layer.horizontal.bias
            for di, dj in itertools.product(range(-r, 1), range(-r, r + 1)):
                if i + di >= 0 and 0 <= j + dj < width:
                    weight = layer.vertical.weight[:, :, r + di, r + dj]
                    above[:, i, j] += weight @ v[0, :, i + di, j + dj]
            for dj in range(-r, 1 if mask == "B" else 0):  # A: the pixels to the left only
                if j + dj >= 0:
                    weight = layer.horizontal.weight[:, :, 0, r + dj]
                    beside[:, i, j] += weight @ h[0, :, i, j + dj]
        link, out = layer.link.weight[:, :, 0, 0], layer.output.weight[:, :, 0, 0]
        new_v, new_h = layer(v, h, None)
        for i, j in itertools.product(range(height), range(width)):
            a = above[:, i, j]
            torch.testing.assert_close(new_v[0, :, i, j], a[:2].tanh() * a[2:].sigmoid())
            row_above = above[:, i - 1, j] if i else torch.zeros(4, dtype=torch.float64)
            b = beside[:, i, j] + link @ row_above + layer.link.bias
            expected = h[0, :, i, j] + out @ (b[:2].tanh() * b[2:].sigmoid()) + layer.output.bias
            torch.testing.assert_close(new_h[0, :, i, j], expected)


def test_masks_by_hand() -> None:
    """Mask A in the first layer, mask B in all others (R, §3.4)."""
    model = PixelCNN((1, 8, 8), width=4, layers=3, kernel=3, first_kernel=7)
    assert [layer.seen.tolist() for layer in model.layers] == [[1, 1, 1, 0], [1, 1], [1, 1]]
    shapes = [tuple(layer.vertical.weight.shape[2:]) for layer in model.layers]
    assert shapes == [(4, 7), (2, 3), (2, 3)]  # ⌈n/2⌉ × n
    assert [layer.residual for layer in model.layers] == [False, True, True]


def test_shift_and_gate_by_hand() -> None:
    a = torch.arange(6.0).view(1, 1, 3, 2)
    assert shift_down(a)[0, 0].tolist() == [[0, 0], [0, 1], [2, 3]]
    assert gate(torch.tensor([[0.5, 0.0]])).item() == pytest.approx(math.tanh(0.5) / 2)


def test_the_signal_neither_dies_nor_grows_in_the_vertical_stack() -> None:
    torch.manual_seed(0)
    v = h = bits(4, (1, 28, 28)).float()
    sizes = []
    for layer in PixelCNN((1, 28, 28), layers=8).layers:
        v, h = layer(v, h, None)
        sizes.append(v.std().item())
    assert all(0.2 < size < 0.6 for size in sizes), sizes


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("classes", [0, 3])
def test_cached_sampler_equals_the_naive_loop(sizes: dict, classes: int) -> None:
    model = build((1, 6, 5), classes=classes, **sizes)
    y = torch.arange(40) % 3 if classes else None
    cached, naive = (
        model.sample_with_log_prob(40, torch.Generator().manual_seed(4), cache=cache, y=y)
        for cache in (True, False)
    )
    assert torch.equal(cached[0], naive[0])
    assert len(cached[0].unique(dim=0)) > 30
    torch.testing.assert_close(cached[1], naive[1])
    torch.testing.assert_close(cached[1], model.log_prob(cached[0], y))


def test_cached_features_are_those_of_the_whole_pass() -> None:
    """Pixel by pixel, for images the model would never draw."""
    model, x = build((1, 6, 5), layers=4), bits(7, (1, 6, 5))
    whole, memory = model.logits(x), Memory(model, 7, None)
    for i in range(6):
        later = torch.arange(6) > i
        memory.start_row(x.masked_fill(later[:, None], math.nan), i)
        for j in range(5):
            torch.testing.assert_close(memory.logit(x, i, j), whole[:, 0, i, j])


def test_single_precision_samples_are_equal_too() -> None:
    model = build((1, 8, 8), width=16, layers=4).float()
    cached, naive = (
        model.sample(64, torch.Generator().manual_seed(0), cache=cache) for cache in (True, False)
    )
    assert torch.equal(cached, naive)


def test_uniform_numbers_force_pixels_whatever_the_model_says() -> None:
    """In single precision a logit of ±200 has a sigmoid of exactly 0 or 1."""
    for bias in (-200.0, 200.0):
        model = build().float()
        nn.init.constant_(model.head[-1].bias, bias)
        forced = every_image().float()[::50]
        assert torch.equal(model.from_uniform(1 - forced)[0], forced)
        left_to_the_model = model.from_uniform(torch.full((1, 1, 3, 4), 0.5))[0]
        assert left_to_the_model.unique().tolist() == [float(bias > 0)]


def test_a_completion_keeps_what_is_given_and_draws_the_rest_from_the_model() -> None:
    """The first row is forced; the others then have the model's conditional distribution."""
    model = build((1, 2, 2)).float()
    given, n = torch.tensor([1.0, 0.0]), 20_000
    u = torch.rand(n, 1, 2, 2, generator=torch.Generator().manual_seed(2))
    u[:, 0, 0] = 1 - given
    x = model.from_uniform(u)[0]
    assert (x[:, 0, 0] == given).all()
    states = every_image((1, 2, 2)).float()
    states = states[(states[:, 0, 0] == given).all(1)]
    p = model.log_prob(states).softmax(0)
    counts = torch.stack([(x == state).flatten(1).all(1).sum() for state in states])
    chi2 = ((counts - n * p) ** 2 / (n * p)).sum().item()
    assert chi2 < 16.3  # 99.9 % quantile with 3 degrees of freedom; the seed is fixed


class GivenLabel(nn.Module):
    """p(x | y) of a conditional model as a model of its own."""

    def __init__(self, model: PixelCNN, label: int) -> None:
        super().__init__()
        self.model, self.label, self.event_shape = model, label, model.event_shape

    def y(self, n: int) -> Tensor:
        return torch.full((n,), self.label)

    def logits(self, x: Tensor) -> Tensor:
        return self.model.logits(x, self.y(len(x)))

    def log_prob(self, x: Tensor) -> Tensor:
        return self.model.log_prob(x, self.y(len(x)))

    def sample(
        self, n: int, generator: torch.Generator | None = None, cache: bool = True
    ) -> Tensor:
        return self.model.sample(n, generator, cache, self.y(n))


@pytest.mark.parametrize("label", [0, 2])
def test_a_conditional_model_obeys_all_laws_under_every_label(label: int) -> None:
    torch.manual_seed(0)
    model = PixelCNN((1, 3, 3), width=6, layers=3, kernel=3, first_kernel=3, classes=3)
    outcomes = check_model(GivenLabel(model, label), "autoregressive")
    assert all(outcome.passed for outcome in outcomes), conformance_report(outcomes)


def test_labels_change_the_distribution_at_every_pixel() -> None:
    """Each label has a distribution of its own, also where nothing is known yet (pixel 0)."""
    model, x = build(classes=3), bits(5)
    logits = torch.stack([model.logits(x, torch.full((5,), c)) for c in range(3)])
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert ((logits[a] - logits[b]).abs() > 1e-9).all()


def test_labels_go_through_both_gates_of_both_stacks() -> None:
    """Equation 4: a label is a constant that is added to all four pre-activations of a layer."""
    torch.manual_seed(0)
    layer = GatedLayer(2, 2, 3, "B", classes=3).double()
    v, h = torch.randn(2, 1, 2, 4, 4, dtype=torch.float64)
    y = torch.tensor([1])
    told = layer(v, h, y)
    with torch.no_grad():
        layer.vertical.bias += layer.labels.weight[1, :4]
        layer.horizontal.bias += layer.labels.weight[1, 4:]
    layer.labels = None
    plain = layer(v, h, None)
    torch.testing.assert_close(told[0], plain[0])
    torch.testing.assert_close(told[1], plain[1])


def test_without_labels_a_conditional_model_is_the_equal_mixture_of_its_classes() -> None:
    model, x = build((1, 2, 4), classes=3), every_image((1, 2, 4))
    each = torch.stack([model.log_prob(x, torch.full((len(x),), c)).exp() for c in range(3)])
    torch.testing.assert_close(each.sum(1), torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(model.log_prob(x).exp(), each.mean(0))
    torch.testing.assert_close(model.log_prob_of_classes(x).exp(), each.T)
    n, place = 20_000, 2.0 ** torch.arange(7, -1, -1)
    drawn = model.float().sample(n, torch.Generator().manual_seed(3)).flatten(1) @ place
    expected = n * each.mean(0)
    chi2 = ((drawn.long().bincount(minlength=256) - expected) ** 2 / expected).sum().item()
    assert chi2 < 330.6  # 99.9 % quantile with 255 degrees of freedom; the seed is fixed


def test_bayes_rule_finds_the_label_an_image_was_drawn_with() -> None:
    """Two classes that differ in the first pixel alone: the posterior is known in closed form."""
    model = build((1, 1, 1), classes=2, layers=1)
    p = model.logits(torch.zeros(2, 1, 1, 1).double(), torch.tensor([0, 1])).sigmoid().flatten()
    x = torch.tensor([0.0, 1.0]).double().view(2, 1, 1, 1)
    expected = torch.stack(((1 - p) / (2 - p.sum()), p / p.sum()))
    torch.testing.assert_close(model.log_prob_of_classes(x).softmax(1), expected)


def test_labels_are_asked_for_and_refused() -> None:
    with pytest.raises(ValueError, match="labels"):
        build(classes=3).logits(bits(2))
    with pytest.raises(ValueError, match="labels"):
        build().logits(bits(2), torch.tensor([0, 1]))


def test_grey_values_are_refused() -> None:
    """Cross-entropy is a likelihood of zeros and ones only."""
    with pytest.raises(ValueError, match="support"):
        build().log_prob(torch.full((1, 1, 3, 4), 0.5).double())


def test_impossible_settings_are_refused() -> None:
    for changes in ({"kernel": 4}, {"first_kernel": 2}, {"first_kernel": 1}, {"layers": 0}):
        with pytest.raises(ValueError, match="odd"):
            PixelCNN((1, 3, 4), **changes)
    with pytest.raises(ValueError, match="one channel"):
        PixelCNN((3, 3, 4))
    for changes in ({"dataset": "digits"}, {"layers": 0}, {"kernel": 4}, {"first_kernel": 1}):
        with pytest.raises(ZooError, match=r"binary|at least 1|odd"):
            dataclasses.replace(RECIPES["tiny"], **changes)


def test_a_recipe_passes_all_its_fields_on() -> None:
    """With values other than the defaults, so that a field forgotten on the way shows."""
    changes = {"width": 5, "layers": 4, "kernel": 7, "first_kernel": 9, "conditional": True}
    model = Task(dataclasses.replace(RECIPES["tiny"], **changes)).build()
    assert model.event_shape == (1, 3, 4)
    assert [layer.reach for layer in model.layers] == [4, 3, 3, 3]
    assert {layer.output.in_channels for layer in model.layers} == {5}
    assert model.classes == 10


def test_the_loss_is_the_mean_of_nats_over_images() -> None:
    task = Task(RECIPES["tiny"])
    torch.manual_seed(0)
    model = task.build()
    x = task.prepare(task.training_data()[:32], Noise(0, 0))
    assert x.shape == (32, 1, 3, 4)
    assert set(x.unique().tolist()) == {0.0, 1.0}
    loss = task.loss(model, x, Noise(0, 1))["loss"].item()
    assert loss == pytest.approx(-model.log_prob(x).mean().item())


def test_the_conditional_loss_gives_every_image_its_own_label() -> None:
    task = Task(dataclasses.replace(RECIPES["tiny"], conditional=True))
    data, grey = task.training_data(), load_dataset("binarized-digits", "train")
    torch.manual_seed(0)
    model = perturbed(task.build())
    x = task.prepare(data[40:72], Noise(0, 0))
    plain = Task(RECIPES["tiny"]).prepare(grey.images[40:72], Noise(0, 0))
    y = grey.labels[40:72]
    loss = task.loss(model, x, Noise(0, 1))["loss"].item()
    assert loss == pytest.approx(-model.log_prob(plain, y).mean().item(), rel=1e-6)
    assert loss != pytest.approx(-model.log_prob(plain, y.roll(1)).mean().item(), rel=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_samples_follow_the_generator_wherever_the_model_is() -> None:
    model = build(classes=3).float()
    here = model.sample(20, torch.Generator().manual_seed(0))
    there = model.cuda().sample(20, torch.Generator().manual_seed(0))
    assert torch.equal(there.cpu(), here)
