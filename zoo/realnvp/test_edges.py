"""Edges: images that are not square, mixed precision, one example, gradients of the density."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from zoo.core.conformance import perturbed
from zoo.core.errors import ZooError
from zoo.core.metrics.likelihood import bits_per_dim
from zoo.core.noise import Noise
from zoo.realnvp.model import RealNVP, ScaleTranslate
from zoo.realnvp.recipe import RECIPES, Task


def flow(shape: tuple[int, int, int]) -> RealNVP:
    """A small flow in float64 in which no layer is neutral."""
    torch.manual_seed(0)
    return perturbed(RealNVP(shape, scales=2, width=4, blocks=1, alpha=0.05)).double()


def test_images_need_not_be_square() -> None:
    model, x = flow((2, 4, 8)), torch.rand(3, 2, 4, 8, dtype=torch.float64)
    assert model.z_shapes == [(4, 2, 4), (4, 2, 4)]
    z, _ = model(x)
    torch.testing.assert_close(model.inverse(z), x)


def test_scale_and_translation_keep_single_precision_under_autocast() -> None:
    net = perturbed(ScaleTranslate(1, 4, 1, squeezed=True))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        s, t = net(torch.rand(2, 1, 4, 4))
    assert s.dtype == t.dtype == torch.float32
    # The last layer is exact: equal channels of its input give t to all digits of float32.
    with torch.no_grad():
        net.last.weight.zero_()
        net.last.bias.fill_(1 + 2**-20)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            _, t = net(torch.rand(2, 1, 4, 4))
    assert (t == 1 + 2**-20).all()


def test_gradients_of_the_density_are_those_of_differences() -> None:
    """Through z as well as through the determinant."""
    model = flow((1, 4, 4))
    x = torch.rand(2, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(model.log_prob, (x,))


def test_the_margin_of_the_logit_lies_strictly_inside() -> None:
    for alpha in (0.0, 0.5):
        with pytest.raises(ZooError, match="alpha must lie strictly between"):
            dataclasses.replace(RECIPES["tiny"], alpha=alpha)


def test_the_loss_is_a_mean_over_the_batch_and_one_example_is_a_batch() -> None:
    task = Task(RECIPES["tiny"])
    torch.manual_seed(0)
    model, x = perturbed(task.build()), torch.rand(6, 1, 4, 4)
    noise = Noise(0, 0)
    each = torch.stack([task.loss(model, row[None], noise)["loss"] for row in x])
    torch.testing.assert_close(task.loss(model, x, noise)["loss"], each.mean())
    torch.testing.assert_close(each[0], bits_per_dim(model.log_prob(x[:1]), 16, 17)[0])
