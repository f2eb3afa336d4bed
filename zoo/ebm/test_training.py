"""What training hands to the energy: chains from the buffer, dequantised data, equal resumption."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from zoo.core.errors import ZooError
from zoo.core.noise import Noise
from zoo.core.recipes import with_overrides
from zoo.core.training import train
from zoo.ebm.model import EnergyModel
from zoo.ebm.recipe import RECIPES, Task


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Recorder(EnergyModel):
    """Remembers what training hands to its methods."""

    def start_chains(self, choice: Tensor, restart: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        self.draws = {"choice": choice, "restart": restart, "u": u}
        return super().start_chains(choice, restart, u)

    def langevin(self, x: Tensor, eps: Tensor) -> Tensor:
        self.seen = {"start": x, "eps": eps, **self.draws}
        self.seen["end"] = super().langevin(x, eps)
        return self.seen["end"]

    def loss(self, x: Tensor, x_model: Tensor) -> Tensor:
        self.seen |= {"data": x, "samples": x_model, "chains": self.chains.clone()}
        return super().loss(x, x_model)


class RecordingTask(Task):
    seen: list[dict[str, Tensor]]

    def build(self) -> EnergyModel:
        model = super().build()
        model.__class__ = Recorder
        return model

    def training_step(self, loop, x, noise):
        out = super().training_step(loop, x, noise)
        self.seen.append(loop.model.seen | {"x": x, "out": out})
        return out


def recorded(**settings: str) -> RecordingTask:
    config = with_overrides(RECIPES["digits"], {"steps": "4", "batch_size": "64", **settings})
    task = RecordingTask(config)
    task.seen = []
    train(task, None, progress=False)
    return task


def test_training_chains_go_on_from_the_buffer() -> None:
    task = recorded(restart_rate="0.1", buffer_size="64", chain_steps="7")
    first, second = task.seen[:2]
    assert first["out"]["restarts"] == 1
    assert first["start"].std() == pytest.approx(1 / math.sqrt(12), abs=0.01)  # uniform noise
    assert second["out"]["restarts"] < 0.3
    for seen in task.seen:
        assert seen["eps"].shape == (7, 64, 1, 8, 8)
        assert abs(seen["eps"].mean()) < 0.03  # five standard errors
        assert seen["eps"].std() == pytest.approx(1, abs=0.03)
        assert torch.equal(seen["samples"], seen["end"])
        assert torch.equal(seen["data"], seen["x"])
        assert torch.equal(seen["chains"], (256 * seen["end"]).clamp(max=255).byte())
    bytes_ = (256 * second["start"]).floor().byte()  # each from the buffer, or new
    known = (bytes_[:, None] == first["chains"]).flatten(2).all(2).any(1)
    assert known.float().mean() == pytest.approx(1 - second["out"]["restarts"].item())
    assert not torch.equal(first["eps"], second["eps"])


def test_all_that_is_random_in_a_training_step_is_drawn_apart() -> None:
    task = recorded(batch_size="512", chain_steps="6", steps="2")
    for seen in task.seen:
        rows = [seen["choice"], seen["restart"], seen["u"][:, 0, 3, 4], seen["x"][:, 0, 3, 4]]
        rows += [step[:, 0, 3, 4] for step in seen["eps"]]
        related = torch.stack(rows).corrcoef() - torch.eye(len(rows))
        assert related.abs().max() < 0.22  # five standard errors of 512 pairs
        for part in (seen["choice"], seen["restart"], seen["u"]):
            assert part.min() >= 0
            assert part.max() < 1
            assert part.mean().item() == pytest.approx(0.5, abs=0.07)
    for name in ("choice", "restart", "u", "eps"):
        assert not torch.equal(task.seen[0][name], task.seen[1][name])


def test_the_gradient_of_the_penalty_is_twice_the_energy() -> None:
    """For E = a x: d/da (mean of (a x)²) = 2 a mean x², of data and of samples."""
    model = Task(with_overrides(RECIPES["digits"], {"penalty": "0.3"})).build()
    a = torch.tensor(0.7, requires_grad=True)
    model.energy = lambda x: a * x.flatten(1).sum(1)
    x, x_model = torch.rand(2, 5, 1, 8, 8, generator=seeded())
    (slope,) = torch.autograd.grad(model.loss(x, x_model), a)
    ink = [part.flatten(1).sum(1) for part in (x, x_model)]
    squares = sum(part.square().mean() for part in ink)
    expected = ink[0].mean() - ink[1].mean() + 0.3 * 2 * 0.7 * squares
    assert slope.item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_recipes_have_the_settings_of_the_card() -> None:
    for name in ("digits", "digits-seed1", "digits-seed2", "mnist"):
        model, config = Task(RECIPES[name]).build(), RECIPES[name]
        assert (model.step_size, model.noise_scale, model.penalty) == (20.0, 0.005, 0.1)
        assert (model.restart_rate, config.chain_steps, config.batch_size) == (0.05, 20, 32)
        assert (config.learning_rate, config.schedule, config.ema_decay) == (1e-3, "linear", 0.99)
    assert [RECIPES[name].seed for name in ("digits", "digits-seed1", "digits-seed2")] == [0, 1, 2]
    for name, buffer, steps, length, width, patch in (
        ("digits", 1024, 1500, 120, 32, 2),
        ("mnist", 4096, 5000, 200, 32, 4),
        ("mnist-gpu", 10_000, 60_000, 200, 128, 4),
    ):
        model = Task(RECIPES[name]).build()
        assert (len(model.chains), model.sampling_steps) == (buffer, length)
        assert RECIPES[name].steps == steps
        assert model.network[1].weight.shape == (width, patch**2, 3, 3)
    gpu = RECIPES["mnist-gpu"]
    assert (gpu.batch_size, gpu.chain_steps, gpu.learning_rate) == (128, 60, 3e-4)
    assert (gpu.ema_decay, gpu.schedule, gpu.penalty) == (0.999, "linear", 0.1)


def test_data_are_dequantised() -> None:
    seen = recorded().seen[0]["data"]
    assert seen.shape == (64, 1, 8, 8)
    assert 0 <= seen.min() < 1 / 17
    assert 16 / 17 < seen.max() < 1
    assert seen.unique().numel() > 4000


def test_the_optimiser_is_adam_without_momentum() -> None:
    task = Task(RECIPES["digits"])
    (optimizer,) = task.optimizers(task.build()).values()
    assert optimizer.defaults["betas"] == (0.0, 0.999)
    assert optimizer.defaults["lr"] == task.config.learning_rate


def test_the_gap_that_is_logged_is_samples_above_data() -> None:
    class Ink(EnergyModel):
        def energy(self, x: Tensor) -> Tensor:
            return 0 * self.network(x)[:, 0] + x.flatten(1).sum(1)

    class InkTask(RecordingTask):
        def build(self) -> EnergyModel:
            model = super().build()
            model.__class__ = type("InkRecorder", (Recorder, Ink), {})
            return model

    task = InkTask(with_overrides(RECIPES["digits"], {"steps": "1", "step_size": "1e-9"}))
    task.seen = []
    train(task, None, progress=False)
    seen = task.seen[0]
    expected = (seen["end"].sum() - seen["data"].sum()) / 32
    assert not seen["out"]["energy_gap"].requires_grad
    assert seen["out"]["energy_gap"].item() == pytest.approx(expected.item(), rel=1e-4)


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path) -> None:
    task = Task(with_overrides(RECIPES["tiny"], {"steps": "12", "ema_decay": "0.9"}))
    whole = train(task, None, progress=False).model.state_dict()
    train(task, tmp_path, progress=False, max_steps=5)
    parts = train(task, tmp_path, progress=False, resume=True).model.state_dict()
    assert whole["written"] == 12 * 16
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())


class OtherProcess:
    """Gathers what this process has, and as rows of another one their negatives in [0, 1]."""

    def all_gather(self, x: Tensor) -> Tensor:
        return torch.stack([x, 1 - x])


def test_every_process_keeps_the_samples_of_all() -> None:
    config = RECIPES["digits"]
    task = Task(config)
    model = task.build()
    loop = SimpleNamespace(model=model, fabric=OtherProcess(), minimise=lambda name, loss: None)
    task.training_step(loop, torch.rand(8, 1, 8, 8, generator=seeded()), Noise(0, 0))
    assert model.written == 16
    assert ((model.chains[:8].int() + model.chains[8:16].int() - 255).abs() <= 1).all()
    assert model.chains[:8].float().std() > 1


@pytest.mark.parametrize(
    "setting",
    [
        {"restart_rate": "0"},
        {"restart_rate": "1"},
        {"penalty": "0"},
        {"noise_scale": "1e-9"},
        {"step_size": "1e-9"},
        {"buffer_size": "32"},
    ],
)
def test_recipes_at_the_limit_are_accepted(setting) -> None:
    with_overrides(RECIPES["digits"], setting)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"patch": "3"}, "multiples of 3"),
        ({"restart_rate": "1.5"}, "restart_rate"),
        ({"restart_rate": "-0.1"}, "restart_rate"),
        ({"noise_scale": "0"}, "noise_scale"),
        ({"step_size": "0"}, "step_size"),
        ({"penalty": "-1"}, "penalty"),
        ({"buffer_size": "31"}, "buffer_size"),
    ],
)
def test_impossible_recipes_are_refused(setting, message) -> None:
    with pytest.raises(ZooError, match=message):
        with_overrides(RECIPES["digits"], setting)
