"""Data: splits, the published draw, dequantisation, batches, damage and being offline."""

import math
import shutil

import numpy as np
import pytest
import torch

from zoo.core import data
from zoo.core.data import Batches, binarize, dequantize, load_dataset, training_tensor
from zoo.core.densities import DENSITIES, density
from zoo.core.errors import ZooError
from zoo.core.noise import Noise

needs_mnist = pytest.mark.skipif(
    not data.is_available("mnist"), reason="MNIST is not on this machine (see zoo doctor)"
)


def test_digits_are_split_without_overlap_and_cover_all_classes():
    train, test = load_dataset("digits", "train"), load_dataset("digits", "test")
    assert train.images.shape == (1497, 1, 8, 8)
    assert test.images.shape == (300, 1, 8, 8)
    assert train.images.dtype == torch.uint8
    assert int(train.images.max()) == train.levels - 1 == 16
    assert torch.bincount(test.labels, minlength=10).min() >= 15
    seen = {image.numpy().tobytes() for image in train.images}
    assert sum(image.numpy().tobytes() in seen for image in test.images) <= 3  # equal drawings


def test_fixed_draw_is_binary_and_unbiased():
    grey = data.scale(load_dataset("digits", "test").images, 17)
    bits = data.test_images("binarized-digits")
    assert set(bits.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(bits[grey == 0], torch.zeros_like(bits[grey == 0]))
    assert torch.equal(bits[grey == 1], torch.ones_like(bits[grey == 1]))
    error = (grey * (1 - grey)).sum().sqrt() / grey.numel()
    assert abs(bits.mean() - grey.mean()) < 4 * error


def test_fixed_draw_that_differs_is_refused(monkeypatch):
    data.test_images.cache_clear()
    monkeypatch.setattr(data, "_TEST_DRAW_SEED", 1)
    with pytest.raises(ZooError, match="not the published one"):
        data.test_images("binarized-digits")
    data.test_images.cache_clear()


@needs_mnist
def test_mnist_pixels_are_the_pinned_ones():
    assert load_dataset("mnist", "test").images.shape == (10_000, 1, 28, 28)
    assert data.test_images("binarized-mnist").mean() == pytest.approx(0.1326, abs=1e-4)


@needs_mnist
def test_damaged_mnist_is_refused(tmp_path, monkeypatch):
    shutil.copytree(data.data_folder() / "MNIST", tmp_path / "MNIST")
    path = tmp_path / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    monkeypatch.setenv("ZOO_DATA", str(tmp_path))
    with pytest.raises(ZooError, match="damaged"):
        data._mnist("test")


def test_missing_mnist_while_offline_says_what_to_do(tmp_path, monkeypatch):
    from zoo.core._torchvision import datasets

    monkeypatch.setenv("ZOO_DATA", str(tmp_path))
    monkeypatch.setattr(datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(ZooError, match="cannot be downloaded") as error:
        data._mnist("test")
    assert "dataset=digits" in str(error.value)
    assert "\n" not in str(error.value)


def test_unknown_names_get_the_nearest():
    with pytest.raises(ZooError, match="did you mean 'binarized-mnist'"):
        load_dataset("binarised-mnist", "train")
    with pytest.raises(ZooError, match="did you mean 'checkerboard'"):
        training_tensor("chekerboard")


def test_binarize_has_the_grey_value_as_mean():
    grey = torch.full((40_000,), 4, dtype=torch.uint8)
    mean = binarize(grey, 17, torch.rand(40_000, generator=torch.manual_seed(0))).mean()
    assert mean == pytest.approx(0.25, abs=4 * math.sqrt(0.25 * 0.75 / 40_000))


def test_dequantized_values_stay_in_their_bin_and_below_one():
    grey = torch.arange(256, dtype=torch.uint8)
    for uniform in (torch.zeros(256), torch.full((256,), 1 - 2.0**-24)):
        u = dequantize(grey, 256, uniform)
        assert (u < 1).all()
        inside = torch.floor(u.double() * 256)
        # 1 − 2⁻²⁴ is the largest float below 1; beside large k it may round up to the next bin
        assert ((inside == grey) | (inside == grey + 1.0)).all()
    middle = dequantize(grey, 256, torch.full((256,), 0.5))
    assert torch.allclose(middle, (grey + 0.5) / 256)


def test_an_epoch_visits_every_example_once():
    batches = Batches(torch.arange(60), 20, seed=3)
    epoch = torch.cat([batches[i] for i in range(3)])
    assert sorted(epoch.tolist()) == list(range(60))
    again = torch.cat([batches[i] for i in range(3, 6)])
    assert not torch.equal(epoch, again)
    assert torch.equal(Batches(torch.arange(60), 20, seed=3)[4], batches[4])


def test_processes_share_the_batch_of_one_process():
    whole = Batches(torch.arange(100), 20, seed=0)[7]
    parts = [Batches(torch.arange(100), 20, 0, rank, world=2)[7] for rank in (0, 1)]
    assert torch.equal(torch.cat(parts), whole)
    for kind in ("normal", "uniform"):
        whole = getattr(Noise(0, 5), kind)(8, 3)
        parts = [getattr(Noise(0, 5, rank, 2), kind)(4, 3) for rank in (0, 1)]
        assert torch.equal(torch.cat(parts), whole)
    whole = Noise(0, 5).integers(1, 9, 8)
    assert torch.equal(torch.cat([Noise(0, 5, r, 2).integers(1, 9, 4) for r in (0, 1)]), whole)


def test_batch_that_does_not_divide_is_refused():
    with pytest.raises(ZooError, match="does not divide"):
        Batches(torch.arange(10), 5, 0, world=2)


def test_steps_and_seeds_have_different_noise():
    draws = [Noise(seed, step).normal(4) for seed in (0, 1) for step in (0, 1)]
    assert len({tuple(draw.tolist()) for draw in draws}) == 4


@pytest.mark.parametrize("name", DENSITIES)
def test_densities_integrate_to_one_and_to_their_entropy(name):
    target = density(name)
    n = 1000
    ticks = (torch.arange(n, dtype=torch.float64) + 0.5) / n * 2 - 1
    points = torch.cartesian_prod(ticks, ticks) * target.extent
    log_p = torch.cat([target.log_prob(part) for part in points.split(200_000)])
    cell = (2 * target.extent / n) ** 2
    p = log_p.exp()
    assert float(p.sum() * cell) == pytest.approx(1, abs=2e-3)
    entropy = -float((p * log_p.nan_to_num(neginf=0)).sum() * cell)
    assert entropy == pytest.approx(target.entropy, abs=8e-3)


@pytest.mark.parametrize("name", DENSITIES)
def test_densities_sample_what_they_score(name):
    target = density(name)
    x = target.sample(20_000, torch.Generator().manual_seed(0))
    log_p = target.log_prob(x)
    assert torch.isfinite(log_p).all()
    error = log_p.std() / np.sqrt(len(x))
    assert -float(log_p.mean()) == pytest.approx(target.entropy, abs=4 * float(error) + 1e-3)


@pytest.mark.parametrize("name", ["ring8", "two-modes"])
def test_score_of_a_perturbed_mixture_is_the_gradient_of_its_log_density(name):
    target = density(name).perturbed(0.7)
    x = 3 * torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(target.log_prob(x).sum(), x)
    torch.testing.assert_close(target.score(x), gradient)
    assert target.scale == pytest.approx(np.hypot(density(name).scale, 0.7))


def test_modes_of_unequal_weight_are_drawn_by_their_weights():
    target = density("two-modes")
    x = target.sample(20_000, torch.Generator().manual_seed(1))
    assert (x.sum(1) < 0).float().mean().item() == pytest.approx(0.2, abs=0.015)
    ratio = target.log_prob(target.modes).diff().exp().item()
    assert ratio == pytest.approx(4)  # the second mode is four times as high
