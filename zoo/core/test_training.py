"""The loop: resumption, several processes, averages, schedules, interruption."""

import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
import time
from typing import Literal

import pytest
import torch
from torch import nn

from zoo.core.checkpoints import load_state
from zoo.core.errors import ZooError
from zoo.core.loop import MovingAverage
from zoo.core.recipes import Task, TrainingConfig, with_overrides
from zoo.core.training import train


class Autoencoder(Task):
    """A denoising autoencoder: noise, dropout-free, one optimiser."""

    def build(self):
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 64))

    def loss(self, model, x, noise):
        target = x.flatten(1)
        out = model(x + 0.1 * noise.normal(*x.shape))
        return {"loss": (out - target).square().sum(1).mean()}


class TwoPlayers(Autoencoder):
    """Two optimisers and a second batch per step, as adversarial training needs."""

    def optimizers(self, model):
        return {
            "first": torch.optim.RMSprop(model[1].parameters(), lr=1e-3),
            "second": torch.optim.Adam(model[3].parameters(), lr=1e-3, betas=(0.0, 0.9)),
        }

    def training_step(self, loop, x, noise):
        loop.minimise("first", self.loss(loop.model, x, noise)["loss"])
        out = self.loss(loop.model, *loop.next_batch())
        loop.minimise("second", out["loss"])
        return out


CONFIG = TrainingConfig(
    dataset="digits", steps=40, batch_size=64, schedule="cosine", warmup_steps=5, ema_decay=0.9
)


def same(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


@pytest.mark.parametrize("kind", [Autoencoder, TwoPlayers])
def test_resumed_equals_uninterrupted_bit_for_bit(tmp_path, kind):
    whole = train(kind(CONFIG), tmp_path / "whole", progress=False, log_every=7)
    train(kind(CONFIG), tmp_path / "parts", progress=False, log_every=7, max_steps=17)
    parts = train(kind(CONFIG), tmp_path / "parts", progress=False, log_every=7, resume=True)
    assert parts.finished
    assert same(whole.model, parts.model)
    weights = [(tmp_path / run / "weights.safetensors") for run in ("whole", "parts")]
    assert len(weights[0].read_bytes()) == len(weights[1].read_bytes())


class Slow(Autoencoder):
    """Leaves time to be killed between two checkpoints."""

    def training_step(self, loop, x, noise):
        time.sleep(0.02)
        return super().training_step(loop, x, noise)


def test_killed_run_resumes_to_the_uninterrupted_result(tmp_path):
    """SIGKILL at an arbitrary moment: the last checkpoint is whole and the result unchanged."""
    script = (
        "import sys; from zoo.core.test_training import *\n"
        "config = dataclasses.replace(CONFIG, steps=100_000)\n"
        "train(Slow(config), sys.argv[1], progress=False, checkpoint_seconds=0)"
    )
    run = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
    while not (tmp_path / "checkpoint.safetensors").exists() and run.poll() is None:
        time.sleep(0.02)
    time.sleep(0.3)
    run.kill()
    run.wait()
    step = load_state(tmp_path / "checkpoint.safetensors")["step"]
    long = Autoencoder(dataclasses.replace(CONFIG, steps=100_000))
    resumed = train(long, tmp_path, progress=False, resume=True, max_steps=step + 10)
    whole = train(long, None, progress=False, max_steps=step + 10)
    assert same(resumed.model, whole.model)


def test_interruption_saves_the_current_step(tmp_path):
    class Interrupted(Autoencoder):
        def training_step(self, loop, x, noise):
            if loop.step == 9:
                os.kill(os.getpid(), signal.SIGINT)
            return super().training_step(loop, x, noise)

    with pytest.raises(KeyboardInterrupt, match="after step 10 of 40"):
        train(Interrupted(CONFIG), tmp_path, progress=False)
    parts = train(Autoencoder(CONFIG), tmp_path, progress=False, resume=True)
    assert same(parts.model, train(Autoencoder(CONFIG), None, progress=False).model)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [10, 40]


def test_a_run_is_not_overwritten_nor_resumed_with_other_settings(tmp_path):
    train(Autoencoder(CONFIG), tmp_path, progress=False, max_steps=3)
    with pytest.raises(ZooError, match="--resume"):
        train(Autoencoder(CONFIG), tmp_path, progress=False)
    other = dataclasses.replace(CONFIG, learning_rate=1.0)
    with pytest.raises(ZooError, match=r"learning_rate=0\.001, now learning_rate=1\.0"):
        train(Autoencoder(other), tmp_path, progress=False, resume=True)


def test_infinite_loss_stops_and_keeps_the_checkpoint(tmp_path):
    class Diverging(Autoencoder):
        def loss(self, model, x, noise):
            scale = math.nan if self.diverge else 1.0
            return {"loss": super().loss(model, x, noise)["loss"] * scale}

        diverge = False

    task = Diverging(CONFIG)
    train(task, tmp_path, progress=False, max_steps=5)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    task.diverge = True
    with pytest.raises(ZooError, match="not finite"):
        train(task, tmp_path, progress=False, resume=True)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_diverged_weights_do_not_replace_a_good_checkpoint(tmp_path):
    class Diverging(Autoencoder):
        def training_step(self, loop, x, noise):
            out = super().training_step(loop, x, noise)
            if loop.step == 7:
                nn.init.constant_(loop.model[1].weight, math.nan)
            return out

    with pytest.raises(ZooError, match="not finite"):
        train(Diverging(CONFIG), tmp_path, progress=False, checkpoint_seconds=0)
    state = load_state(tmp_path / "checkpoint.safetensors")
    assert state["step"] == 7
    assert all(value.isfinite().all() for value in state["model"].values())


class Dropout(Autoencoder):
    """Draws from torch's own generator as well."""

    def build(self):
        return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 64))


def test_dropout_is_resumed_bit_for_bit(tmp_path):
    whole = train(Dropout(CONFIG), None, progress=False)
    train(Dropout(CONFIG), tmp_path, progress=False, max_steps=11)
    torch.rand(5)
    parts = train(Dropout(CONFIG), tmp_path, progress=False, resume=True)
    assert same(whole.model, parts.model)


@pytest.mark.parametrize(
    ("field", "value"),
    [("learning_rate", "0"), ("clip_norm", "-1"), ("ema_decay", "1"), ("warmup_steps", "-1")],
)
def test_settings_that_mean_nothing_are_refused(field, value):
    with pytest.raises(ZooError, match=field):
        with_overrides(CONFIG, {field: value})


def test_devices_that_cannot_be_used_are_refused():
    with pytest.raises(ZooError, match="device 'cud' cannot be used here"):
        train(Autoencoder(CONFIG), None, device="cud", progress=False)


def test_batch_larger_than_the_data_is_refused():
    config = dataclasses.replace(CONFIG, batch_size=1498)
    with pytest.raises(ZooError, match="more than the 1497 training examples"):
        train(Autoencoder(config), None, progress=False)


def test_average_follows_its_recursion():
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 0.0)
    average = MovingAverage(model, 0.5)
    expected = 0.0
    for step in range(1, 6):
        nn.init.constant_(model.weight, float(step))
        average.update(model, step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    assert average.tensors["weight"].item() == pytest.approx(expected)


def test_returned_model_has_the_average_and_is_in_evaluation_mode():
    averaged = train(Autoencoder(CONFIG), None, progress=False).model
    plain = train(
        Autoencoder(dataclasses.replace(CONFIG, ema_decay=None)), None, progress=False
    ).model
    assert not averaged.training
    assert not same(averaged, plain)


def test_learning_rate_schedules():
    config = dataclasses.replace(CONFIG, steps=105, learning_rate=1.0)
    rates = [config.learning_rate_at(step) for step in range(105)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[55] == pytest.approx(0.5)
    assert rates[104] == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.99)))
    config = dataclasses.replace(config, steps=100, schedule="linear", decay_steps=20)
    rates = [config.learning_rate_at(step) for step in (4, 50, 80, 90, 99)]
    assert rates == pytest.approx([1.0, 1.0, 1.0, 0.5, 0.05])


def test_clipping_bounds_the_step():
    class Sgd(Autoencoder):
        def optimizers(self, model):
            return {"model": torch.optim.SGD(model.parameters(), lr=1.0)}

    config = dataclasses.replace(
        CONFIG, clip_norm=0.01, ema_decay=None, steps=1, schedule="constant", warmup_steps=0
    )
    torch.manual_seed(config.seed)
    before = Sgd(config).build().state_dict()
    after = train(Sgd(config), None, progress=False).model.state_dict()
    moved = torch.cat([(after[name] - before[name]).flatten() for name in before])
    assert moved.norm().item() == pytest.approx(0.01, rel=1e-3)


def test_overrides_are_typed_and_named():
    config = with_overrides(CONFIG, {"steps": "7", "clip_norm": "0.5", "ema_decay": "none"})
    assert (config.steps, config.clip_norm, config.ema_decay) == (7, 0.5, None)
    with pytest.raises(ZooError, match="did you mean 'learning_rate'"):
        with_overrides(CONFIG, {"learning-rate": "1"})
    with pytest.raises(ZooError, match="'many' is no value for steps"):
        with_overrides(CONFIG, {"steps": "many"})
    with pytest.raises(ZooError, match="steps and batch_size"):
        with_overrides(CONFIG, {"steps": "0"})
    with pytest.raises(ZooError, match="did you mean 'hidden'"):
        with_overrides(Choice(dataset="digits", steps=1, batch_size=1), {"kind": "hiden"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice(TrainingConfig):
    kind: Literal["hidden", "visible"] = "hidden"


def test_batch_that_does_not_divide_among_devices_is_refused_before_anything_starts():
    with pytest.raises(ZooError, match="does not divide among 3 devices"):
        train(Autoencoder(CONFIG), None, devices=3)
