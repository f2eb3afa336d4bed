"""The recipes of MAF: fields that arrive where they belong, data, optimiser."""

import dataclasses

import pytest
import torch

from zoo.core.data import is_available, load_dataset
from zoo.core.errors import ZooError
from zoo.core.noise import Noise
from zoo.maf.model import BatchNorm, MaskedAffine
from zoo.maf.recipe import RECIPES, Config, Task


def test_impossible_recipes_are_refused_and_extreme_ones_are_not():
    for changes in (
        {"layers": 0},
        {"hidden": (4, 0)},
        {"event_shape": (1, 1, 1)},
        {"margin": 0.0},
        {"margin": 0.5},
        {"held_out": -1},
        {"weight_decay": -1.0},
        {"dataset": "binarized-digits"},
        {"steps": 0},
    ):
        with pytest.raises(ZooError):
            dataclasses.replace(RECIPES["tiny"], **changes)
    for changes in (
        {"layers": 1, "hidden": (1,)},
        {"hidden": ()},
        {"event_shape": (1, 1, 2)},
        {"weight_decay": 0.0, "held_out": 0},
    ):
        assert Task(dataclasses.replace(RECIPES["tiny"], **changes)).build()


def test_a_recipe_passes_all_its_fields_on():
    """With values other than the defaults, so that a field forgotten on the way shows."""
    changes = {"event_shape": (1, 3, 2), "layers": 4, "hidden": (7, 9), "margin": 0.01, "seed": 5}
    changes |= {"batch_norm": False, "learning_rate": 7e-3, "weight_decay": 0.03, "held_out": 100}
    config = dataclasses.replace(RECIPES["tiny"], **changes)
    task = Task(config)
    model = task.build()
    assert (model.event_shape, model.logit.margin) == ((1, 3, 2), 0.01)
    assert [type(b) for b in model.bijections] == [MaskedAffine] * 4
    assert [[h.out_features for h in b.hidden] for b in model.bijections] == [[7, 9]] * 4
    other = Task(dataclasses.replace(config, seed=6)).build()
    assert torch.equal(model.bijections[1].hidden[1].masks, other.bijections[0].hidden[1].masks)
    assert len(task.training_data()) == len(load_dataset("digits", "train").images) - 100
    (adam,) = task.optimizers(model).values()
    assert type(adam) is torch.optim.Adam
    (group,) = adam.param_groups
    assert (group["lr"], group["betas"], group["weight_decay"]) == (7e-3, (0.9, 0.999), 0.03)
    assert len(group["params"]) == len(list(model.parameters()))


def test_a_batch_normalisation_stands_before_each_made_by_default():
    bijections = Task(RECIPES["tiny"]).build().bijections
    assert [type(b) for b in bijections] == [BatchNorm, MaskedAffine] * 3
    assert {b.momentum for b in bijections if isinstance(b, BatchNorm)} == {0.01}


def test_paper_recipe():
    config = RECIPES["mnist-gpu"]
    assert (config.layers, config.hidden, config.batch_size) == (5, (1024, 1024), 100)
    for name in ("mnist", "mnist-gpu"):
        task = Task(RECIPES[name])
        assert task.build().logit.margin == 1e-6
        if is_available("mnist"):
            assert torch.equal(task.training_data(), load_dataset("mnist", "train").images[:50_000])


def test_prepare_crops_the_centre_and_dequantises():
    batch = torch.arange(64).view(1, 1, 8, 8).remainder(17).to(torch.uint8)
    x = Task(RECIPES["tiny"]).prepare(batch, Noise(0, 0))
    assert torch.equal((x * 17).floor().to(torch.uint8), batch[..., 3:5, 2:5])


def test_dequantisation_noise_is_fresh_at_every_step():
    task = Task(RECIPES["tiny"])
    batch = task.training_data()[:32]
    first, again, other = (task.prepare(batch, Noise(0, step)) for step in (0, 0, 1))
    assert torch.equal(first, again)
    assert (first != other).all()


def test_points_are_modelled_as_they_are():
    task = Task(
        Config(dataset="ring8", event_shape=(2,), layers=2, hidden=(8,), steps=1, batch_size=4)
    )
    assert task.build().logit is None
    points = task.training_data()[:4]
    assert torch.equal(task.prepare(points, Noise(0, 0)), points)
