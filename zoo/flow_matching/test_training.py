"""The networks of flow matching, and what its recipes train on."""

import math
from dataclasses import replace

import pytest
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


class Recorder(FlowMatching):
    """Remembers what it is trained on."""

    def loss(self, x0, x1, t):
        self.seen = x0, x1, t
        return x1.mean()


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

    model = Recorder(nn.Identity(), (1, 8, 8))
    task.loss(model, x, Noise(0, 0))
    x0, x1, t = model.seen
    torch.testing.assert_close(x1, 2 * x - 1)
    assert x0.shape == x1.shape
    assert t.shape == (4,)


@pytest.mark.parametrize("shape", [(20_000, 2), (20_000, 2, 2)])
def test_times_are_uniform_and_noise_is_standard_normal(shape):
    """By quantiles, each within five standard errors; one time for each example."""
    reflow = len(shape) == 3  # pairs bring their noise along
    task = Task(RECIPES["checkerboard-reflow" if reflow else "checkerboard"])
    model = Recorder(nn.Identity(), (2,))
    task.loss(model, torch.zeros(shape), Noise(0, 0))
    x0, _, t = model.seen
    assert t.shape == (20_000,)
    levels = torch.tensor([0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98])
    slack = 5 * (levels * (1 - levels) / len(t)).sqrt()
    below = (t[:, None] <= levels).float().mean(0)
    assert ((below - levels).abs() < slack).all()
    if not reflow:
        below = (x0[..., None] <= math.sqrt(2) * torch.erfinv(2 * levels - 1)).float().mean(0)
        assert ((below - levels).abs() < slack).all()
        assert torch.corrcoef(torch.cat([x0, t[:, None]], 1).T).triu(1).abs().max() < 0.04


def test_a_flow_is_built_from_every_field_of_its_recipe():
    """All fields differ from their defaults and from each other."""
    fields = {
        "width": 12, "depth": 5, "frequencies": 7, "octaves": 2,
        "sigma_min": 0.25, "solver": "euler", "solver_steps": 3,
    }  # fmt: skip
    for name, network in (
        ("checkerboard", Perceptron(2, 12, 5, frequencies=7, octaves=2)),
        ("digits", UNet(1, 12, 5, frequencies=7)),
    ):
        config = replace(RECIPES[name], **fields)
        flow = Task(config).build()
        assert flow.event_shape == config.event_shape
        assert (flow.sigma_min, flow.solver, flow.solver_steps) == (0.25, "euler", 3)
        assert str(flow.network) == str(network)
        assert flow.network.frequencies == 7
    assert Task(replace(RECIPES["checkerboard"], **fields)).build().network.octaves == 2


def test_the_optimiser_is_adam_at_the_recipes_rate():
    task = Task(replace(RECIPES["tiny"], learning_rate=0.125))
    adam = task.optimizers(task.build())["model"]
    assert type(adam) is torch.optim.Adam
    assert [group["lr"] for group in adam.param_groups] == [0.125]


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
    flow = Task(config).build()
    flow.velocity = lambda x, t: torch.full_like(x, 10.0)
    x = Task(config).prepare(data[:64], Noise(0, 1))
    assert Task(config).loss(flow, x, Noise(0, 1))["loss"].item() < 1e-9  # partners stay together
