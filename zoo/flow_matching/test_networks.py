"""The networks of flow matching against their formulas, and the limits of their recipes."""

from dataclasses import replace

import pytest
import torch

from zoo.core.conformance import perturbed
from zoo.core.errors import ZooError
from zoo.core.noise import Noise
from zoo.flow_matching import recipe
from zoo.flow_matching.networks import Block, Perceptron, UNet, time_features
from zoo.flow_matching.recipe import RECIPES, Task


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def silu(x):
    return x / (1 + (-x).exp())


def fold(x):
    """2×2 pixels into channels: (B, C, 2H, 2W) -> (B, 4C, H, W)."""
    b, c, h, w = x.shape
    return (
        x.view(b, c, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(b, 4 * c, h // 2, -1)
    )


def unfold(x):
    """Its inverse."""
    b, c, h, w = x.shape
    return x.view(b, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(b, c // 4, 2 * h, 2 * w)


def block_formula(block, h, time):
    gain, shift = (time @ block.time.weight.T + block.time.bias).split(h.shape[1], dim=1)
    inner = block.norm2(block.conv1(silu(block.norm1(h))))
    inner = inner + gain[..., None, None] * inner + shift[..., None, None]
    return h + block.conv2(silu(inner))


def test_a_block_is_its_formula():
    torch.manual_seed(0)
    block = perturbed(Block(6, 5), 0.5).double()
    h, time = normal(3, 6, 4, 4), normal(3, 5, seed=1)
    torch.testing.assert_close(block(h, time), block_formula(block, h, time))


def test_the_unet_is_its_formula():
    torch.manual_seed(0)
    net = perturbed(UNet(2, width=8, depth=2, frequencies=3), 0.5).double()
    x, t = normal(3, 2, 8, 4), torch.tensor([0.1, 0.5, 0.9]).double()
    first, second = net.time[0], net.time[2]
    time = silu(second(silu(first(time_features(t, 3)))))
    skip = block_formula(net.encode, net.enter(fold(x)), time)
    h = net.down(fold(skip))
    assert len(net.middle) == 2
    for block in net.middle:
        h = block_formula(block, h, time)
    h = net.join(torch.cat([unfold(net.up(h)), skip], dim=1))
    expected = unfold(net.leave(silu(block_formula(net.decode, h, time))))
    torch.testing.assert_close(net(x, t), expected)
    assert second.out_features == 4 * 8
    assert net.middle[0].conv1.out_channels == 2 * 8


def test_the_unet_starts_at_zero_and_its_blocks_as_the_identity():
    torch.manual_seed(0)
    h = normal(2, 6, 4, 4)
    assert torch.equal(Block(6, 5).double()(h, normal(2, 5)), h)
    assert not UNet(1, 8, 1, 2).double()(normal(2, 1, 4, 4), torch.rand(2).double()).any()


def test_the_perceptron_is_its_formula():
    torch.manual_seed(0)
    net = perturbed(Perceptron(2, width=8, depth=2, frequencies=3, octaves=3), 0.5).double()
    x, t = normal(4, 2), torch.rand(4).double()
    waves = torch.cat([x, 2 * x, 4 * x], dim=1)
    h = torch.cat([x, waves.sin(), waves.cos(), time_features(t, 3)], dim=1)
    first, second, last = net.layers[0], net.layers[2], net.layers[4]
    torch.testing.assert_close(net(x, t), last(silu(second(silu(first(h))))))
    assert len(net.layers) == 5
    assert first.in_features == h.shape[1]


@pytest.mark.parametrize(
    "fields",
    [
        {"event_shape": (1, 6, 8)}, {"event_shape": (1, 8, 6)}, {"sigma_min": 1.0},
        {"sigma_min": -0.1}, {"solver": "rk5"}, {"width": 0}, {"pairs": 0}, {"solver_steps": 0},
        {"batch_size": 0},
    ],
)  # fmt: skip
def test_recipes_that_cannot_be(fields):
    with pytest.raises(ZooError):
        replace(RECIPES["digits"], **fields)


def test_every_pixel_of_every_image_has_its_own_noise():
    batch = torch.zeros(500, 1, 8, 8, dtype=torch.uint8)
    u = 17 * Task(RECIPES["digits"]).prepare(batch, Noise(0, 0))
    assert len(u.unique()) > 0.99 * u.numel()
    assert u.mean().item() == pytest.approx(1 / 2, abs=0.01)
    assert u.var().item() == pytest.approx(1 / 12, abs=0.005)


def test_the_last_pairs_are_fewer_and_all_come_from_the_seed(monkeypatch):
    class Teacher:
        def couple(self, n, generator):
            x0 = torch.randn(n, 2, generator=generator)
            return x0, 10 + x0

    class Entry:
        def load(self, name):
            return Teacher()

    monkeypatch.setattr(recipe, "get_entry", lambda name: Entry())
    data = Task(replace(RECIPES["checkerboard-reflow"], pairs=5001, seed=7)).training_data()
    generator = torch.Generator().manual_seed(7)
    expected = [torch.randn(n, 2, generator=generator) for n in (5000, 1)]
    assert torch.equal(data, torch.stack([torch.cat(expected), 10 + torch.cat(expected)], 1))
