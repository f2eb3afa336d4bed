"""The recipes of PixelCNN: data, labels, loss, optimiser, and weights that are shipped."""

from __future__ import annotations

import dataclasses

import pytest
import torch

import zoo
from zoo.core.conformance.law import perturbed
from zoo.core.data import load_dataset, test_images
from zoo.core.errors import ZooError
from zoo.core.noise import Noise
from zoo.pixelcnn.recipe import RECIPES, Task


def test_impossible_recipes_are_refused() -> None:
    for changes in (
        {"dataset": "digits"},
        {"layers": 0},
        {"width": 0},
        {"kernel": 4},
        {"first_kernel": 1},
        {"steps": 0},
    ):
        with pytest.raises(ZooError, match=r"binary|at least 1|odd"):
            dataclasses.replace(RECIPES["tiny"], **changes)
    smallest = dataclasses.replace(RECIPES["tiny"], width=1, layers=1, kernel=1)
    assert len(Task(smallest).build().layers) == 1


def test_the_recipes_whose_names_say_so_are_conditional() -> None:
    for name, config in RECIPES.items():
        assert config.conditional == name.endswith("-conditional")
        assert Task(config).build().classes == (10 if config.conditional else 0)


def test_the_optimiser_is_adam_at_the_rate_of_the_recipe() -> None:
    task = Task(dataclasses.replace(RECIPES["tiny"], learning_rate=7e-3))
    model = task.build()
    (adam,) = task.optimizers(model).values()
    assert type(adam) is torch.optim.Adam
    (group,) = adam.param_groups
    settings = group["lr"], group["betas"], group["weight_decay"], group["amsgrad"]
    assert settings == (7e-3, (0.9, 0.999), 0, False)
    assert len(group["params"]) == len(list(model.parameters()))


@pytest.mark.parametrize("conditional", [False, True])
def test_bits_are_drawn_anew_at_every_visit_with_the_grey_value_as_probability(conditional) -> None:
    task = Task(dataclasses.replace(RECIPES["tiny"], conditional=conditional))
    data, grey = task.training_data()[:64], load_dataset("binarized-digits", "train").images[:64]
    first, again, other = (task.prepare(data, Noise(0, step)) for step in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    draws = torch.stack([task.prepare(data, Noise(0, step)) for step in range(600)])
    if conditional:
        assert torch.equal(draws[:, :, 0], data[:, 0].float().expand(600, 64))
        draws = draws[:, :, 1:].unflatten(2, (1, 3, 4))
    p = grey[:, :, 2:5, 2:6].float() / 16  # the middle of 8×8, values 0 … 16
    spread = (p * (1 - p) / 600).sqrt()
    assert ((draws.mean(0) - p).abs() <= 5 * spread).all()


def test_a_recipe_passes_all_its_fields_on() -> None:
    """With values other than the defaults, so that a field forgotten on the way shows."""
    changes = {"width": 5, "layers": 4, "kernel": 7, "first_kernel": 9, "conditional": True}
    model = Task(dataclasses.replace(RECIPES["tiny"], **changes)).build()
    assert model.event_shape == (1, 3, 4)
    assert [layer.reach for layer in model.layers] == [4, 3, 3, 3]
    assert {layer.output.in_channels for layer in model.layers} == {5}
    assert model.classes == 10


def test_the_loss_is_the_mean_of_nats_over_images() -> None:
    task = Task(RECIPES["tiny"])
    torch.manual_seed(0)
    model = task.build()
    x = task.prepare(task.training_data()[:32], Noise(0, 0))
    assert x.shape == (32, 1, 3, 4)
    assert set(x.unique().tolist()) == {0.0, 1.0}
    loss = task.loss(model, x, Noise(0, 1))["loss"].item()
    assert loss == pytest.approx(-model.log_prob(x).mean().item())


def test_the_conditional_loss_gives_every_image_its_own_label() -> None:
    task = Task(dataclasses.replace(RECIPES["tiny"], conditional=True))
    data, grey = task.training_data(), load_dataset("binarized-digits", "train")
    torch.manual_seed(0)
    model = perturbed(task.build())
    x = task.prepare(data[40:72], Noise(0, 0))
    plain = Task(RECIPES["tiny"]).prepare(grey.images[40:72], Noise(0, 0))
    y = grey.labels[40:72]
    loss = task.loss(model, x, Noise(0, 1))["loss"].item()
    assert loss == pytest.approx(-model.log_prob(plain, y).mean().item(), rel=1e-6)
    assert loss != pytest.approx(-model.log_prob(plain, y.roll(1)).mean().item(), rel=1e-6)


def test_the_conditional_weights_have_the_values_of_the_card() -> None:
    """They are under no claim; recomputed here on all 300 test images."""
    entry = zoo.get_entry("pixelcnn")
    if not (entry.folder / "weights" / "digits-conditional.safetensors").is_file():
        pytest.skip("no weights of recipe digits-conditional are shipped yet")
    x, y = test_images("binarized-digits"), load_dataset("binarized-digits", "test").labels
    model = zoo.load("pixelcnn", "digits-conditional")
    with torch.no_grad():
        each = model.log_prob_of_classes(x)
        mixture = -model.log_prob(x).mean().item()
    told = -each[torch.arange(300), y].mean().item()
    assert (told, mixture) == pytest.approx((20.0995, 22.1349), abs=1e-3)
    assert (each.argmax(1) == y).sum().item() == 271
