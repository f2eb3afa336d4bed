"""What is particular to PixelCNN: receptive field, labels and the cached sampler."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor, nn

from zoo.core.conformance import check_model, conformance_report
from zoo.core.conformance.law import perturbed
from zoo.pixelcnn.model import Memory, PixelCNN

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


def test_at_width_1_no_pixel_sees_itself() -> None:
    """The first layer's input has as many channels as its output: it must not be residual."""
    for seed in range(5):
        torch.manual_seed(seed)
        model = PixelCNN((1, 2, 3), width=1, layers=2, kernel=3, first_kernel=3).double()
        total = model.log_prob(every_image((1, 2, 3))).exp().sum().item()
        assert total == pytest.approx(1, abs=1e-12), seed


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


def test_with_the_cache_no_image_passes_through_the_whole_network(monkeypatch) -> None:
    """The images are equal either way; what tells the two apart is the work."""
    model, passes = build(), []
    whole = PixelCNN.logits
    monkeypatch.setattr(PixelCNN, "logits", lambda self, *x: passes.append(1) or whole(self, *x))
    model.sample(2)
    assert not passes
    model.sample(2, cache=False)
    assert len(passes) == 12


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


def test_labels_enter_every_layer_and_reach_every_pixel_from_it() -> None:
    """With the labels of one layer alone the classes still differ, also at pixel 0."""
    model, x = build(classes=2), bits(5)
    kept = [layer.labels.weight.detach().clone() for layer in model.layers]
    for k in range(3):
        for j, layer in enumerate(model.layers):
            layer.labels.weight.data = kept[j] * (j == k)
        zero, one = (model.logits(x, torch.full((5,), c)) for c in range(2))
        assert ((zero - one).abs() > 1e-9).all(), k


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


def test_gradients_pass_through_the_mixture() -> None:
    """Those of ln 1/K Σ_y p(x | y): each class's, weighted by p(y | x)."""
    model, x = build(classes=3), bits(4)
    each = torch.stack([model.log_prob(x, torch.full((4,), c)) for c in range(3)], dim=1)
    expected = (each.softmax(1).detach() * each).sum()
    for a, b in zip(
        torch.autograd.grad(model.log_prob(x).sum(), model.parameters()),
        torch.autograd.grad(expected, model.parameters()),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_labels_are_drawn_from_the_generator() -> None:
    model, drawn = build(classes=3), []
    for seed in (1, 2):  # of the global stream, which must not matter
        torch.manual_seed(seed)
        drawn.append(model.sample(50, torch.Generator().manual_seed(0)))
    assert torch.equal(*drawn)


def test_nothing_drawn_carries_a_gradient_and_masks_are_not_saved() -> None:
    model = build()
    x, logits = model.from_uniform(torch.rand(2, 1, 3, 4, dtype=torch.float64))
    assert not x.requires_grad
    assert not logits.requires_grad
    assert not any("seen" in name for name in model.state_dict())


def test_likelihoods_are_summed_in_single_precision() -> None:
    """Logits of half-precision training become float32 before the sum over pixels."""
    model, x = build((1, 8, 8)).float(), bits(6, (1, 8, 8)).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, found = model.logits(x), model.log_prob(x)
    assert (logits.dtype, found.dtype) == (torch.bfloat16, torch.float32)
    expected = torch.where(x == 1, 1.0, -1.0).double() * logits.double()
    expected = nn.functional.logsigmoid(expected).sum((1, 2, 3))
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=0)


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


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_samples_follow_the_generator_wherever_the_model_is() -> None:
    model = build(classes=3).float()
    here = model.sample(20, torch.Generator().manual_seed(0))
    there = model.cuda().sample(20, torch.Generator().manual_seed(0))
    assert torch.equal(there.cpu(), here)
