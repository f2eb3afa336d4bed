"""Tests of what is particular to Real NVP; the laws of all flows are in zoo.core.conformance."""

import itertools
import math

import pytest
import torch
from torch import nn

from zoo.core.conformance import check_entry, conformance_report, perturbed
from zoo.core.data import is_available, load_dataset
from zoo.core.metrics.likelihood import bits_per_dim
from zoo.core.noise import Noise
from zoo.core.registry import get_entry
from zoo.realnvp.model import (
    Coupling,
    Logit,
    RealNVP,
    ResidualBlock,
    Scale,
    ScaleTranslate,
    channel_mask,
    checkerboard_mask,
    squeeze,
    unsqueeze,
)
from zoo.realnvp.recipe import RECIPES, Task


def flow(shape=(1, 4, 4), scales=2, alpha=0.05, **kwargs):
    """A small flow in float64 in which no layer is neutral."""
    torch.manual_seed(0)
    model = RealNVP(shape, scales=scales, width=4, blocks=1, alpha=alpha, **kwargs)
    return perturbed(model, 0.3).double()


def log_abs_det(function, x):
    """Log |det| of the Jacobian of a map of single examples, by autograd."""
    jacobian = torch.autograd.functional.jacobian(
        lambda flat: function(flat.view(1, *x.shape)).flatten(), x.flatten()
    )
    return torch.linalg.slogdet(jacobian).logabsdet


def test_masks_as_in_figure_3():
    assert checkerboard_mask(2, 3, 0).tolist() == [[[0, 1, 0], [1, 0, 1]]]
    assert channel_mask(4, 0).flatten().tolist() == [1, 1, 0, 0]
    for mask in (lambda p: checkerboard_mask(4, 4, p), lambda p: channel_mask(6, p)):
        assert torch.equal(mask(0) + mask(1), torch.ones_like(mask(0)))
        assert mask(0).mean() == 0.5


def test_masks_alternate_so_that_two_couplings_change_everything():
    for scale in flow().scales:
        for couplings in (scale.checkerboard, scale.channelwise):
            for one, two in itertools.pairwise(couplings):
                assert torch.equal(one.b + two.b, torch.ones_like(one.b))


def test_squeeze_as_in_figure_3():
    # Every 2×2 subsquare becomes one site with its four values in reading order.
    x = torch.arange(16.0).view(1, 1, 4, 4)
    y = squeeze(x)
    assert y.shape == (1, 4, 2, 2)
    assert y[0, :, 0, 0].tolist() == [0, 1, 4, 5]
    assert y[0, :, 1, 1].tolist() == [10, 11, 14, 15]
    images = torch.rand(2, 3, 6, 4)
    assert torch.equal(unsqueeze(squeeze(images)), images)
    assert torch.equal(squeeze(images)[:, 4:8], squeeze(images[:, 1:2]))  # channel by channel


def test_channel_mask_is_not_redundant_with_the_checkerboard():
    board, first = squeeze(checkerboard_mask(4, 4, 0)[None])[0], channel_mask(4, 0)
    for b in (board, 1 - board):
        assert (first * b).sum() == (first * (1 - b)).sum()


@pytest.mark.parametrize("alpha", [0.05, 1e-3])
def test_logit(alpha):
    logit = Logit(alpha)
    u = torch.rand(3, 1, 2, 2, dtype=torch.float64)
    y, log_det = logit(u)
    for one, value in zip(u, log_det, strict=True):
        torch.testing.assert_close(log_abs_det(lambda v: logit(v)[0], one), value)
    torch.testing.assert_close(logit.inverse(y), u)
    torch.testing.assert_close(y, (alpha + (1 - 2 * alpha) * u).logit())


@pytest.mark.parametrize("squeezed", [False, True])
@pytest.mark.parametrize("kind", ["checkerboard", "channel"])
def test_coupling(kind, squeezed):
    torch.manual_seed(1)
    mask = checkerboard_mask(4, 4, 0) if kind == "checkerboard" else channel_mask(2, 0)
    coupling = perturbed(Coupling(mask, ScaleTranslate(2, 4, 1, squeezed)), 0.5).double()
    x = torch.randn(2, 2, 4, 4, dtype=torch.float64)
    y, log_det = coupling(x)
    kept = mask.expand(2, 2, 4, 4).bool()
    assert torch.equal(y[kept], x[kept])
    assert (y[~kept] != x[~kept]).all()
    torch.testing.assert_close(coupling.inverse(y), x)
    for one, value in zip(x, log_det, strict=True):
        torch.testing.assert_close(log_abs_det(lambda v: coupling(v)[0], one), value)
        assert value != 0


def test_coupling_formula_with_known_s_and_t():
    class Known(nn.Module):
        def forward(self, x):
            return torch.full_like(x, 0.5), torch.full_like(x, 2.0)

    coupling = Coupling(checkerboard_mask(1, 2, 0), Known())
    y, log_det = coupling(torch.tensor([[[[3.0, 7.0]]]]))
    torch.testing.assert_close(y.flatten(), torch.tensor([3.0 * math.exp(0.5) + 2.0, 7.0]))
    torch.testing.assert_close(log_det, torch.tensor([0.5]))


@pytest.mark.parametrize("last", [False, True])
def test_scale(last):
    torch.manual_seed(2)
    scale = perturbed(Scale((1, 4, 4), 4, 1, 3, last), 0.3).double()
    x = torch.randn(2, 1, 4, 4, dtype=torch.float64)
    h, log_det = scale(x)
    assert h.shape == ((2, 1, 4, 4) if last else (2, 4, 2, 2))
    torch.testing.assert_close(scale.inverse(h), x)
    for one, value in zip(x, log_det, strict=True):
        torch.testing.assert_close(log_abs_det(lambda v: scale(v)[0], one), value)


@pytest.mark.parametrize("recipe", ["digits", "mnist"])
def test_numbers_of_couplings_are_those_of_section_4_1(recipe):
    scales = Task(RECIPES[recipe]).build().scales
    counts = [(len(scale.checkerboard), len(scale.channelwise)) for scale in scales]
    assert counts == [(3, 3)] * (RECIPES[recipe].scales - 1) + [(4, 0)]


def test_residual_block_adds_its_input():
    torch.manual_seed(4)
    block, h = ResidualBlock(3), torch.randn(2, 3, 4, 4)
    change = block.conv2(block.conv1(h.relu()).relu())
    torch.testing.assert_close(block(h), h + change)
    nn.init.zeros_(block.conv2.weight), nn.init.zeros_(block.conv2.bias)
    assert torch.equal(block(h), h)


def test_all_factored_variables_face_the_prior():
    model = flow((1, 8, 8), scales=3)
    assert [math.prod(shape) for shape in model.z_shapes] == [32, 16, 16]  # D/2, D/4 and the rest
    x = torch.rand(2, 1, 8, 8, dtype=torch.float64)
    z, log_det = model(x)
    normal = torch.distributions.Normal(0.0, 1.0)
    torch.testing.assert_close(model.log_prob(x), normal.log_prob(z).sum(1) + log_det)
    torch.testing.assert_close(model.inverse(z), x)


def test_density_integrates_to_the_mass_inside_the_square():
    # A 1×2 image: quadrature on the square, against the share of f⁻¹(z) that falls into it.
    model = flow((1, 1, 2), scales=1)
    points = (torch.arange(200, dtype=torch.float64) + 0.5) / 200
    grid = torch.cartesian_prod(points, points).view(-1, 1, 1, 2)
    with torch.no_grad():
        mass = model.log_prob(grid).exp().mean().item()
        x = model.inverse(torch.randn(20_000, 2, dtype=torch.float64))
    inside = ((x > 0) & (x < 1)).flatten(1).all(1).double().mean().item()
    assert 0.1 < mass < 1
    assert mass == pytest.approx(inside, abs=0.02)


def test_new_model_is_a_gaussian_on_logits():
    # Every coupling starts as the identity: the density is known in closed form.
    model = RealNVP((1, 4, 4), scales=2, width=4, blocks=1, alpha=0.05).double()
    u = torch.rand(5, 1, 4, 4, dtype=torch.float64)
    p = 0.05 + 0.9 * u
    y = p.logit()
    expected = torch.distributions.Normal(0.0, 1.0).log_prob(y) + (0.9 / (p * (1 - p))).log()
    torch.testing.assert_close(model.log_prob(u), expected.flatten(1).sum(1))


def test_training_loss_is_bits_per_dim_of_the_uniform_density():
    class Uniform(nn.Module):
        def log_prob(self, x):
            return torch.zeros(len(x))

    task = Task(RECIPES["digits"])
    loss = task.loss(Uniform(), torch.rand(3, 1, 8, 8), Noise(0, 0))["loss"]
    assert loss == pytest.approx(math.log2(17))


def test_prepare_crops_the_centre_and_dequantises():
    batch = torch.arange(64).view(1, 1, 8, 8).remainder(17).to(torch.uint8)
    x = Task(RECIPES["tiny"]).prepare(batch, Noise(0, 0))
    assert torch.equal((x * 17).floor().to(torch.uint8), batch[..., 2:6, 2:6])


def test_samples_are_images():
    model = flow().float()
    x = model.sample(50, torch.Generator().manual_seed(0))
    assert x.shape == (50, 1, 4, 4)
    assert x.min() >= 0
    assert x.max() <= 1


def test_laws_of_flows():
    outcomes = check_entry("realnvp")
    assert all(outcome.passed for outcome in outcomes), conformance_report(outcomes)


def shipped_bits(recipe, n):
    """Bits per dimension of n dequantised test images under the shipped weights."""
    entry = get_entry("realnvp")
    if not entry.weights_path(recipe).exists():
        pytest.skip(f"no weights of recipe {recipe} are shipped yet")
    config = entry.config(recipe)
    if not is_available(config.dataset):
        pytest.skip(f"{config.dataset} is not on this machine")
    data = load_dataset(config.dataset, "test")
    x = entry.task(config).prepare(data.images[:n], Noise(1, 0))
    with torch.no_grad():
        log_prob = entry.load(recipe).log_prob(x).mean()
    return bits_per_dim(log_prob, x[0].numel(), data.levels)


@pytest.mark.parametrize("recipe", ["digits", "mnist"])
def test_samples_leave_the_cube_by_no_more_than_the_margin(recipe):
    """Each pixel's sliver is α/(1 − 2α) wide; few pixels are in it, but nearly every image is."""
    entry = get_entry("realnvp")
    if not entry.weights_path(recipe).exists():
        pytest.skip(f"no weights of recipe {recipe} are shipped yet")
    model, alpha = entry.load(recipe), entry.config(recipe).alpha
    dim, margin = math.prod(model.event_shape), alpha / (1 - 2 * alpha)
    with torch.no_grad():
        x = model.inverse(torch.randn(200, dim, generator=torch.Generator().manual_seed(0)))
    assert x.min() >= -margin - 1e-6
    assert x.max() <= 1 + margin + 1e-6
    outside = ((x < 0) | (x > 1)).flatten(1)
    assert 0.002 < outside.double().mean() < 0.03  # of the pixels
    if recipe == "mnist":
        assert outside.any(1).double().mean() > 0.99  # of the images


def test_shipped_digits_beat_independent_pixels():
    counts = torch.nn.functional.one_hot(load_dataset("digits", "train").images.long(), 17)
    p = (counts.sum(0) + 0.1) / (counts.sum(0) + 0.1).sum(-1, keepdim=True)  # (1, 8, 8, 17)
    test = torch.nn.functional.one_hot(load_dataset("digits", "test").images.long(), 17)
    independent = -(test * p.log2()).sum((1, 2, 3, 4)).mean() / 64
    assert shipped_bits("digits", 300) < independent - 0.1


def test_shipped_mnist_beats_independent_pixels():
    assert shipped_bits("mnist", 200) < 1.689 - 0.2
