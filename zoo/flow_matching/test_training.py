"""The networks of flow matching, and what its recipes train on."""

import torch
from torch import nn

from zoo.core.conformance import perturbed
from zoo.core.noise import Noise
from zoo.flow_matching import recipe
from zoo.flow_matching.model import FlowMatching
from zoo.flow_matching.networks import Perceptron, UNet, time_features
from zoo.flow_matching.recipe import RECIPES, Task


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def unet():
    """A network of 4×4 images in float64 in which no layer is neutral."""
    torch.manual_seed(0)
    return perturbed(UNet(1, width=8, depth=1, frequencies=2), 0.5).double()


def test_time_features_tell_all_times_apart():
    t = torch.tensor([0.0, 0.5, 1.0])
    expected = torch.tensor([[1, 1, 0, 0], [0, -1, 1, 0], [-1, 1, 0, 0]])
    torch.testing.assert_close(time_features(t, 2), expected.float(), atol=1e-6, rtol=0)


def test_networks_are_told_the_time():
    x, t = normal(2, 1, 4, 4), torch.tensor([0.2, 0.8]).double()
    points = Perceptron(2, width=8, depth=2, frequencies=1, octaves=1).double()
    for network, at in ((unet(), x), (points, x.view(-1, 2)[:2])):
        assert (network(at, t) - network(at, t.flip(0))).abs().max() > 1e-3


def test_skip_connection_and_lower_path_both_reach_the_output():
    network = unet()
    x, t = normal(1, 1, 4, 4), torch.tensor([0.5]).double()
    for layer in ("encode", "down"):
        before = network(x, t)
        hook = getattr(network, layer).register_forward_hook(lambda m, i, out: out + 1.0)
        both = network(x, t)
        hook.remove()
        assert not torch.equal(before, both)
    hook = network.down.register_forward_hook(lambda m, i, out: 0 * out)
    for block in network.middle:
        block.register_forward_hook(lambda m, i, out: 0 * out)
    assert not torch.equal(network(x, t), network(x + 1, t))  # by the skip connection alone
    hook.remove()


def test_all_parameters_of_the_unet_get_a_gradient():
    flow = FlowMatching(unet(), (1, 4, 4))
    x0, x1 = normal(8, 1, 4, 4), normal(8, 1, 4, 4, seed=1)
    flow.loss(x0, x1, torch.rand(8).double()).backward()
    assert all(p.grad.abs().max() > 0 for p in flow.parameters())


def test_the_task_of_images_dequantises_and_scales():
    task = Task(RECIPES["digits"])
    batch = torch.full((4, 1, 8, 8), 16, dtype=torch.uint8)
    x = task.prepare(batch, Noise(0, 0))
    assert 16 / 17 <= x.min() < x.max() < 1

    class Recorder(FlowMatching):
        def loss(self, x0, x1, t):
            self.seen = x0, x1, t
            return x1.mean()

    model = Recorder(nn.Identity(), (1, 8, 8))
    task.loss(model, x, Noise(0, 0))
    x0, x1, t = model.seen
    torch.testing.assert_close(x1, 2 * x - 1)
    assert abs(x0.mean()) < 0.3
    assert x0.shape == x1.shape
    assert t.shape == (4,)
    assert 0 <= t.min() < t.max() < 1


def test_reflow_trains_on_the_pairs_of_one_flow(monkeypatch):
    class Teacher:
        def couple(self, n, generator):
            x0 = torch.randn(n, 2, generator=generator)
            return x0, 10 + x0

    class Entry:
        def load(self, name):
            assert name == "checkerboard"  # the shipped moving average, always the same
            return Teacher()

    monkeypatch.setattr(recipe, "get_entry", lambda name: Entry())
    config = RECIPES["checkerboard-reflow"]
    data = Task(config).training_data()
    assert data.shape == (config.pairs, 2, 2)
    assert len(data[:, 0].unique(dim=0)) == config.pairs
    torch.testing.assert_close(data[:, 1], data[:, 0] + 10)
    flow = FlowMatching(nn.Identity(), (2,), sigma_min=config.sigma_min)
    flow.velocity = lambda x, t: torch.full_like(x, 10.0)
    x = Task(config).prepare(data[:64], Noise(0, 1))
    assert Task(config).loss(flow, x, Noise(0, 1))["loss"].item() < 1e-9  # partners stay together
