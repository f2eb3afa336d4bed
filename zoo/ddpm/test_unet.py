"""Tests of the network that predicts the noise, and of its shipped weights."""

import math

import pytest
import torch

from zoo.core.data import load_dataset, scale
from zoo.core.registry import get_entry
from zoo.ddpm.unet import UNet, time_embedding


def test_time_embedding_is_the_transformers():
    embedding = time_embedding(torch.tensor([0, 3]), 8)
    assert embedding[0].tolist() == [0] * 4 + [1] * 4
    expected = [math.sin(3 / 10_000 ** (i / 4)) for i in range(4)]
    assert embedding[1, :4].tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 28, 28), (3, 8, 12)])
def test_network_maps_images_to_noise_of_their_shape(shape):
    network = UNet(shape[0], width=8, depth=1)
    x, t = torch.randn(2, *shape), torch.tensor([1, 500])
    assert network(x, t).abs().max() == 0  # the last convolution starts at zero
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    assert network(x, t).shape == x.shape
    assert (network(x, t) - network(x, t.flip(0))).abs().min() > 0  # the time reaches every pixel


def test_skip_connection_and_lower_path_both_reach_the_output():
    """With one of the two inputs of `decode` switched off, the other still carries the image."""
    torch.manual_seed(0)
    network = UNet(1, width=8, depth=1)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    x, t = torch.randn(2, 1, 8, 8), torch.tensor([5, 5])

    def differs():
        out = network(x, t)
        return ((out[0] - out[1]).abs() > 1e-4).all()

    decode, width = network.decode.forward, network.width
    for kept in (slice(0, width), slice(width, 2 * width)):  # the lower path, the skip connection
        mask = torch.zeros(1, 2 * width, 1, 1)
        mask[:, kept] = 1
        network.decode.forward = lambda h, time, mask=mask: decode(h * mask, time)
        assert differs()
    network.decode.forward = lambda h, time: decode(h * 0, time)
    assert not differs()  # there is no third path


@pytest.mark.parametrize("t", [10, 30, 100])
def test_shipped_digits_beat_the_best_predictor_that_is_linear(t):
    """For Gaussian data with the mean and covariance of the digits, E[ε | x_t] is linear in x_t."""
    entry = get_entry("ddpm")
    if not entry.weights_path("digits").exists():
        pytest.skip("no weights of recipe digits are shipped yet")
    model, known, new = (
        entry.load("digits"),
        *(load_dataset("digits", s) for s in ("train", "test")),
    )
    train = model.scale(scale(known.images, known.levels)).flatten(1).double()
    x0, a = model.scale(scale(new.images, new.levels)), model.alpha_bar[t]
    eps = torch.randn(x0.shape, generator=torch.Generator().manual_seed(t))
    time = torch.full((len(x0),), t)
    away = model.q_sample(x0, time, eps).flatten(1).double() - a.sqrt() * train.mean(0)  # (N, 64)
    covariance = a * torch.cov(train.T) + (1 - a) * torch.eye(64)
    linear = (1 - a).sqrt() * torch.linalg.solve(covariance, away.T).T
    error = (linear - eps.flatten(1)).square().mean()
    with torch.no_grad():
        assert model.loss(x0, time, eps) < 0.9 * error
