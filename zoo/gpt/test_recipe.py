"""The recipes of GPT: loss, optimiser, and fields that arrive where they belong."""

import dataclasses

import pytest
import torch

from zoo.core.errors import ZooError
from zoo.core.noise import Noise
from zoo.core.text import load_text
from zoo.gpt.model import GPT
from zoo.gpt.recipe import RECIPES, Task


def test_the_loss_is_nats_per_character_of_windows_of_the_training_text() -> None:
    config = dataclasses.replace(RECIPES["docstrings"], context=16)
    task = Task(config)
    data = task.training_data()
    tokens = load_text("docstrings", "train").tokens
    assert data.shape == (len(tokens) - 15, 16)
    assert torch.equal(data[100], tokens[100:116])
    torch.manual_seed(0)
    model = task.build()
    x = task.prepare(data[:3], Noise(0, 0))
    assert x.dtype == torch.int64
    loss = task.loss(model, x, Noise(0, 0))["loss"].item()
    assert loss == pytest.approx(-model.log_prob(x).sum().item() / x.numel(), rel=1e-6)


def test_the_loss_is_float32_whatever_the_precision_of_the_network() -> None:
    """In bfloat16 the loss of a window would be rounded to whole nats."""
    task = Task(dataclasses.replace(RECIPES["docstrings"], width=16, context=64))
    torch.manual_seed(0)
    model, x = task.build(), task.prepare(task.training_data()[:9], Noise(0, 0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model.logits(x)
        loss = task.loss(model, x, Noise(0, 0))["loss"]
    assert logits.dtype == torch.bfloat16
    assert loss.dtype == torch.float32
    expected = -logits.double().log_softmax(2).gather(2, x[:, :, None]).mean().item()
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_matrices_decay_and_vectors_do_not() -> None:
    task = Task(RECIPES["tiny"])
    model = task.build()
    decaying, others = task.optimizers(model)["model"].param_groups
    assert decaying["weight_decay"] == 0.1
    assert others["weight_decay"] == 0.0
    assert all(p.ndim > 1 for p in decaying["params"])
    assert all(p.ndim == 1 for p in others["params"])
    assert len(decaying["params"]) + len(others["params"]) == len(list(model.parameters()))


def test_a_recipe_passes_all_its_fields_on() -> None:
    """With values other than the defaults, so that a field forgotten on the way shows."""
    changes = {"context": 9, "width": 10, "heads": 5, "layers": 3, "dropout": 0.3, "alphabet": None}
    changes |= {"learning_rate": 7e-3, "weight_decay": 0.05}
    task = Task(dataclasses.replace(RECIPES["tiny"], **changes))
    model = task.build()
    groups = task.optimizers(model)["model"].param_groups
    assert [(g["lr"], g["betas"]) for g in groups] == [(7e-3, (0.9, 0.99))] * 2
    assert [g["weight_decay"] for g in groups] == [0.05, 0.0]
    assert (model.context, model.vocab_size, len(model.blocks)) == (9, 37, 3)
    assert model.positions.shape == (9, 10)
    assert {block.attention.heads for block in model.blocks} == {5}
    rates = {m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)}
    assert rates | {block.attention.rate for block in model.blocks} == {0.3}


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="does not divide"):
        GPT(7, 6, width=10, heads=4)
    for changes in ({"heads": 5}, {"layers": 0}, {"dataset": "digits"}):
        with pytest.raises(ZooError, match=r"divide|at least 1|unknown text"):
            dataclasses.replace(RECIPES["tiny"], **changes)
