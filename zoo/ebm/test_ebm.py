"""What is particular to this paper; the laws of its family are checked by conformance."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.core.conformance.energy import quadrature
from zoo.core.conformance.law import Subject
from zoo.core.data import test_images as images_of
from zoo.core.recipes import with_overrides
from zoo.core.training import train
from zoo.ebm.model import EnergyModel, energy_network
from zoo.ebm.recipe import RECIPES, Task


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(buffer_size: int = 6, **changes: float) -> EnergyModel:
    """A model of images of 2×2 pixels."""
    options = {"step_size": 0.2, "noise_scale": 0.1, "penalty": 0.5, "restart_rate": 0.25}
    options |= {"sampling_steps": 3, "buffer_size": buffer_size} | changes
    torch.manual_seed(0)
    return EnergyModel((1, 2, 2), width=3, patch=1, **options)


# -- the energy ------------------------------------------------------------------------------------


def test_network_takes_patches_as_channels_and_sees_every_pixel() -> None:
    torch.manual_seed(0)
    network = energy_network((1, 8, 8), width=4, patch=2)
    x = torch.rand(3, 1, 8, 8, generator=seeded(), requires_grad=True)
    first = network[1]
    assert first.weight.shape == (4, 4, 3, 3)
    patches = network[0](x)
    assert torch.equal(patches[0, :, 1, 2], x[0, 0, 2:4, 4:6].flatten())
    out = network(x)
    assert out.shape == (3, 1)
    (slope,) = torch.autograd.grad(out.sum(), x)
    assert (slope != 0).all()


def test_network_is_its_formula() -> None:
    torch.manual_seed(0)
    network = energy_network((1, 4, 4), width=3, patch=2).double()
    w = list(network.state_dict().values())  # four layers, weight and bias of each
    assert [tuple(part.shape) for part in w[::2]] == [(3, 4, 3, 3), (3, 3, 3, 3), (12, 12), (1, 12)]
    x = torch.rand(2, 1, 4, 4, generator=seeded()).double()

    def swish(h: Tensor) -> Tensor:
        return h / (1 + (-h).exp())

    h = x.view(2, 2, 2, 2, 2).permute(0, 2, 4, 1, 3).reshape(2, 4, 2, 2)  # P² channels of cells
    for weight, bias in ((w[0], w[1]), (w[2], w[3])):
        h = swish(F.conv2d(h, weight, bias, padding=1))
    h = swish(h.flatten(1) @ w[4].T + w[5])
    torch.testing.assert_close(network(x), h @ w[6].T + w[7])


def test_energy_is_smooth() -> None:
    """Swish has two continuous derivatives: along a line second differences go as h²."""
    network = energy_network((1, 4, 4), width=8, patch=2).double()
    a, b = torch.rand(2, 1, 4, 4, generator=seeded()).double()

    def second_difference(h: float) -> Tensor:
        t = torch.tensor([0.5 - h, 0.5, 0.5 + h]).double().view(3, 1, 1, 1)
        low, mid, high = network(4 * (a + t * (b - a)))[:, 0]
        return (low - 2 * mid + high) / h**2

    assert second_difference(1e-3).item() == pytest.approx(second_difference(1e-2).item(), rel=0.1)


def test_energy_of_one_image_each() -> None:
    model, x = small(), torch.rand(5, 1, 2, 2, generator=seeded())
    assert model.energy(x).shape == (5,)
    assert torch.equal(model.energy(x), model.network(x)[:, 0])


# -- the sampler -----------------------------------------------------------------------------------


def test_temperature_of_the_paper_and_of_its_code() -> None:
    assert small(step_size=0.01, noise_scale=0.1).temperature == pytest.approx(1)
    assert small(step_size=20.0, noise_scale=0.005).temperature == pytest.approx(1.25e-6)
    assert Task(RECIPES["mnist"]).build().temperature == pytest.approx(1.25e-6)


def test_one_langevin_step_by_hand() -> None:
    model = small(step_size=0.2, noise_scale=0.1)
    model.energy = lambda x: 3 * x[:, 0, 0, 0] ** 2 + x[:, 0, 1, 1]
    x = torch.tensor([[0.5, 0.5], [0.99, 0.05]]).view(1, 1, 2, 2)
    eps = torch.tensor([[1.0, -2.0], [1.0, 0.0]]).view(1, 1, 1, 2, 2)
    # −λ/2 · (6x, 0, 0, 1) + σ ε; the last two leave [0, 1] and are cut
    expected = [0.5 - 0.1 * 3 + 0.1, 0.5 - 0.2, 1.0, 0.0]
    assert model.langevin(x, eps).flatten().tolist() == pytest.approx(expected)


def test_each_step_of_a_chain_is_cut_to_the_cube() -> None:
    """Noise carries the chain over the wall and back; the second step starts at the wall."""
    model = small(step_size=0.2, noise_scale=0.1)
    model.energy = lambda x: 0 * x.flatten(1).sum(1)
    x = torch.tensor([0.9, 0.1]).view(1, 1, 1, 2)
    eps = torch.tensor([[4.0, -4.0], [-4.0, 4.0]]).view(2, 1, 1, 1, 2)
    assert model.langevin(x, eps).flatten().tolist() == pytest.approx([0.6, 0.4])


def test_langevin_chain_of_a_gaussian_has_the_biased_variance() -> None:
    """Many long chains on E = (x − ½)²/(2s²): σ²/(1 − a²) = T s²/(1 − λ/(4s²)), a = 1 − λ/(2s²)."""
    square, model = 0.004, small(step_size=0.004, noise_scale=0.02)
    model.energy = lambda x: ((x - 0.5) ** 2).flatten(1).sum(1) / (2 * square)
    x = torch.rand(8000, 1, 2, 2, generator=seeded())
    for _ in range(30):
        x = model.langevin(x, torch.randn((1, *x.shape), generator=seeded(7 + _)))
    a = 1 - 0.004 / (2 * square)
    biased = model.temperature * square / (1 - 0.004 / (4 * square))
    assert biased == pytest.approx(0.02**2 / (1 - a**2))
    assert x.var().item() == pytest.approx(biased, rel=0.05)
    assert biased > 1.2 * model.temperature * square  # what ever smaller steps would leave


def test_samples_start_in_uniform_noise_and_take_the_steps_asked_for() -> None:
    model, taken = small(sampling_steps=3), []
    start = model.sample(4, seeded(), steps=0)
    assert torch.equal(start, torch.rand(4, 1, 2, 2, generator=seeded()))
    step = model.langevin
    model.langevin = lambda x, eps: taken.append(len(eps)) or step(x, eps)
    model.sample(4, seeded())
    assert sum(taken) == 3
    model.sample(4, seeded(), steps=5)
    assert sum(taken) == 8


def test_samples_are_the_chain_of_the_generators_draws() -> None:
    model, generator = small(), seeded(3)
    x = torch.rand(2, 1, 2, 2, generator=generator)
    for _ in range(3):
        x = model.langevin(x, torch.randn(1, 2, 1, 2, 2, generator=generator))
    assert torch.equal(model.sample(2, seeded(3)), x)


def test_buffered_samples_start_from_the_buffer() -> None:
    model = small()
    model.store(torch.full((2, 1, 2, 2), 0.5))
    x = model.sample(50, seeded(), steps=0, buffered=True)
    assert ((x >= 0.5) & (x < 0.5 + 1 / 256)).all()
    assert x.unique().numel() > 1
    model.store(torch.tensor([0.1, 0.9]).view(2, 1, 1, 1).expand(2, 1, 2, 2))
    found = model.sample(50, seeded(), steps=0, buffered=True)[:, 0, 0, 0]
    assert (256 * found).int().unique().tolist() == [25, 128, 230]


# -- the replay buffer -----------------------------------------------------------------------------


def test_the_buffer_is_a_ring_of_bytes() -> None:
    model = small(buffer_size=3)
    assert model.written == 0
    assert (model.chains == 0).all()
    grey = torch.tensor([0.0, 0.5, 1.0, 0.25, 0.999])
    for part in grey.view(-1, 1, 1, 1).expand(5, 1, 2, 2).split(2):
        model.store(part)
    assert model.written.item() == 5
    # the fourth and the fifth took the places of the first and the second
    assert model.chains[:, 0, 0, 0].tolist() == [64, 255, 255]
    assert torch.equal(model.chains, model.chains[:, :, :1, :1].expand(3, 1, 2, 2))


def test_recall_picks_evenly_among_what_was_written() -> None:
    model = small(buffer_size=8)
    model.store((torch.arange(4) / 256).view(4, 1, 1, 1).expand(4, 1, 2, 2))
    choice, u = torch.arange(16) / 16, torch.rand(16, 1, 2, 2, generator=seeded())
    found = model.recall(choice, u)
    expected = torch.arange(4).repeat_interleave(4).view(16, 1, 1, 1)
    torch.testing.assert_close(256 * found, expected + u)
    for k in range(20):  # more than it holds: 12 to 19 are left, each in its place
        model.store(torch.full((1, 1, 2, 2), k / 256))
    found = (256 * model.recall(choice, 0 * u))[:, 0, 0, 0]
    assert found.tolist() == [k for k in [12, 13, 14, 15, 16, 17, 18, 19] for _ in "ab"]
    assert model.recall(torch.tensor([1.0]), u[:1]).shape == (1, 1, 2, 2)  # 1 − 1e-9 in float32


def test_storing_what_was_recalled_changes_nothing() -> None:
    model = small()
    model.store(torch.rand(6, 1, 2, 2, generator=seeded()))
    before = model.chains.clone()
    model.store(model.recall((torch.arange(6) + 0.5) / 6, torch.rand(6, 1, 2, 2)))
    assert torch.equal(model.chains, before)


def test_chains_restart_at_the_rate_and_while_the_buffer_is_empty() -> None:
    model = small(restart_rate=0.25)
    choice, u = torch.zeros(4), torch.rand(4, 1, 2, 2, generator=seeded())
    restart = torch.tensor([0.0, 0.24, 0.25, 0.9])
    start, anew = model.start_chains(choice, restart, u)
    assert torch.equal(start, u)
    assert anew.all()
    model.store(torch.ones(1, 1, 2, 2))
    start, anew = model.start_chains(choice, restart, u)
    assert anew.tolist() == [True, True, False, False]
    assert torch.equal(start[:2], u[:2])
    torch.testing.assert_close(start[2:], (255 + u[2:]) / 256)


def test_the_buffer_is_saved_with_the_model() -> None:
    model, other = small(), small()
    model.store(torch.rand(4, 1, 2, 2, generator=seeded()))
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.chains, model.chains)
    assert other.written.item() == 4


# -- the objective ---------------------------------------------------------------------------------


def test_loss_by_hand() -> None:
    model = small(penalty=0.5)
    model.energy = lambda x: x[:, 0, 0, 0]
    x = torch.tensor([1.0, 2.0]).view(2, 1, 1, 1).expand(2, 1, 2, 2)
    x_model = torch.tensor([5.0, 0.0, 1.0]).view(3, 1, 1, 1).expand(3, 1, 2, 2)
    expected = 1.5 - 2.0 + 0.5 * (5 / 2 + 26 / 3)
    assert model.loss(x, x_model).item() == pytest.approx(expected)


def exact_nll(model: EnergyModel, x: Tensor) -> float:
    """Mean of E/T + log Z over x, in nats, for two pixels; Z by quadrature."""
    nodes, log_weights = quadrature(Subject(model, "energy"))
    with torch.no_grad():
        log_z = (log_weights - model.energy(nodes.float()).double() / model.temperature).logsumexp(
            0
        )
        return (model.energy(x).double() / model.temperature).mean().item() + log_z.item()


def test_a_constant_energy_is_the_uniform_density_on_the_square() -> None:
    model = Task(RECIPES["tiny"]).build()
    model.energy = lambda x: 0 * x.flatten(1).sum(1) + 3.0
    x = torch.rand(5, 1, 1, 2)
    assert exact_nll(model, x) == pytest.approx(0, abs=1e-4)
    model.energy = lambda x: model.temperature * x.flatten(1).sum(1)
    expected = x.sum().item() / 5 + 2 * math.log(1 - math.exp(-1))
    assert exact_nll(model, x) == pytest.approx(expected, rel=1e-5)


def test_training_lowers_the_exact_negative_log_likelihood() -> None:
    """Two pixels in the middle of digits; a density that knows nothing has 0 nats.

    Six seeds with these settings had -0.64 to -0.48, with a deviation of 0.07 nats.
    """
    settings = {"steps": "300", "learning_rate": "5e-3", "ema_decay": "0.97"}
    settings |= {"chain_steps": "10", "batch_size": "64"}
    x, after = images_of("digits")[:, :, 3:4, 3:5], []
    for seed in (0, 1):
        task = Task(with_overrides(RECIPES["tiny"], settings | {"seed": str(seed)}))
        torch.manual_seed(seed)
        assert exact_nll(task.build(), x) == pytest.approx(0, abs=0.1)
        after.append(exact_nll(train(task, None, progress=False).model, x))
    assert sum(after) / 2 < -0.35
