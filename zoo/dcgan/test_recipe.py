"""Recipes: order and inputs of the updates, optimisers, settings that arrive where they belong."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from torch import Tensor

from zoo.core.data import load_dataset
from zoo.core.errors import ZooError
from zoo.core.loop import Loop
from zoo.core.noise import Noise
from zoo.dcgan.recipe import RECIPES, Config, Task

CPU = torch.device("cpu")
CONDITIONAL = dataclasses.replace(RECIPES["tiny"], conditional=True)


class Witness(Loop):
    """A loop that records what the networks see and, per update, the loss and what it changed."""

    def __init__(self, task: Task) -> None:
        super().__init__(task, CPU)
        self.log: list[tuple[str, set[str]]] = []
        self.losses: list[Tensor] = []
        self.seen: dict[str, list[tuple[Tensor, ...]]] = {"critic": [], "generator": []}
        for name, calls in self.seen.items():
            getattr(self.model, name).register_forward_pre_hook(
                lambda _, inputs, calls=calls: calls.append(inputs)
            )

    def minimise(self, name: str, loss: Tensor) -> None:
        before = copy.deepcopy(dict(self.model.named_parameters()))
        super().minimise(name, loss)
        after = dict(self.model.named_parameters())
        changed = {k.split(".")[0] for k in before if not torch.equal(before[k], after[k])}
        self.log.append((name, changed))
        self.losses.append(loss.detach())


@pytest.mark.parametrize("conditional", [False, True])
def test_order_of_the_updates(conditional: bool) -> None:
    """D alone on data and on samples, then G alone on new samples; fresh z each time."""
    loop = Witness(Task(dataclasses.replace(RECIPES["tiny"], conditional=conditional)))
    logged = [loop.advance() for _ in range(3)]
    losses = [row[name] for row in logged for name in ("critic_loss", "generator_loss")]
    assert torch.equal(torch.stack(losses), torch.stack(loop.losses))
    assert loop.log == [("critic", {"critic"}), ("generator", {"generator"})] * 3
    assert len(loop.seen["critic"]) == 9  # data, samples, and samples in the generator's update
    z = [inputs[0] for inputs in loop.seen["generator"]]
    draws = [noise.normal(16, 4) for noise in (Noise(0, 0), Noise(0, 1), Noise(0, 2)) for _ in "DG"]
    assert torch.equal(torch.stack(z), torch.stack(draws))
    assert loop.model.training
    for k in range(3):
        real, fake, again = loop.seen["critic"][3 * k : 3 * k + 3]
        assert real[0].shape == fake[0].shape == (16, 1, 8, 8)
        assert not torch.equal(fake[0], again[0])
        assert not fake[0].requires_grad
        assert again[0].requires_grad
        assert len(real) == (2 if conditional else 1)
        batch = loop.task.prepare(loop.batches[k], Noise(0, k))
        pixels = batch[:, 1:].view(16, 1, 8, 8) if conditional else batch
        assert torch.equal(real[0], pixels)
        if conditional:
            assert torch.equal(real[1], batch[:, 0].long())
            told_to = [inputs[1] for inputs in loop.seen["generator"][2 * k : 2 * k + 2]]
            assert all(torch.equal(y, real[1]) for y in (fake[1], again[1], *told_to))


def test_data_and_their_labels_stay_together() -> None:
    data, task = load_dataset("digits", "train"), Task(CONDITIONAL)
    x = task.prepare(task.training_data()[:100], Noise(0, 0))
    assert torch.equal(x[:, 0], data.labels[:100].float())
    torch.testing.assert_close(x[:, 1:], data.images[:100].flatten(1) / 16)
    plain = Task(RECIPES["tiny"])
    images = plain.prepare(plain.training_data()[:100], Noise(0, 0))
    torch.testing.assert_close(images, data.images[:100] / 16)


def test_evaluation_uses_running_averages_of_the_training_batches() -> None:
    """After the one pass of D's update and that of G's: 0.9·(0.9·0 + 0.1·m₁) + 0.1·m₂."""
    loop = Loop(Task(RECIPES["tiny"]), CPU)
    norm, means = loop.model.generator.hidden[0].norm, []
    norm.register_forward_pre_hook(lambda _, x: means.append(x[0].detach().mean((0, 2, 3))))
    loop.advance()
    assert len(means) == 2
    torch.testing.assert_close(norm.running_mean, 0.09 * means[0] + 0.1 * means[1])
    loop.model.eval()
    before = norm.running_mean.clone()
    z = torch.randn(8, loop.model.latent_dim)
    alone, beside = loop.model.generator(z[:1]), loop.model.generator(z)[:1]
    torch.testing.assert_close(alone, beside)  # a sample does not depend on the others
    assert torch.equal(norm.running_mean, before)


def test_optimisers() -> None:
    """Adam at 2e-4 with β1 = 0.5, one for each network; Section 4."""
    model = (task := Task(RECIPES["tiny"])).build()
    optimizers = task.optimizers(model)
    assert set(optimizers) == {"critic", "generator"}
    plain = torch.optim.Adam([torch.zeros(1)], lr=2e-4, betas=(0.5, 0.999))
    for name, optimizer in optimizers.items():
        assert type(optimizer) is torch.optim.Adam
        assert optimizer.defaults == plain.defaults  # no decay of the weights, ε = 1e-8
        (group,) = optimizer.param_groups
        assert {k: v for k, v in group.items() if k != "params"} == plain.defaults
        assert {id(p) for p in group["params"]} == {
            id(p) for p in getattr(model, name).parameters()
        }
    faster = Task(dataclasses.replace(RECIPES["tiny"], learning_rate=1e-3)).optimizers(model)
    assert [optimizer.defaults["lr"] for optimizer in faster.values()] == [1e-3, 1e-3]


@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_mixed_precision_is_that_of_both_networks_in_both_updates(precision: str) -> None:
    loop, seen = Loop(Task(dataclasses.replace(RECIPES["tiny"], precision=precision)), CPU), []
    for network in (loop.model.generator, loop.model.critic):
        network.output.register_forward_hook(lambda layer, x, y: seen.append(y.dtype))
    losses = loop.advance()
    assert seen == [torch.bfloat16 if precision == "bf16" else torch.float32] * 5
    assert all(loss.dtype == torch.float32 for loss in losses.values())


#                         data, shape, latent, width, steps, batch, labels, precision
TABLE = {
    "tiny": ("digits", (1, 8, 8), 4, 4, 20, 16, False, "32"),
    "digits": ("digits", (1, 8, 8), 16, 32, 2000, 64, False, "32"),
    "digits-conditional": ("digits", (1, 8, 8), 16, 32, 2000, 64, True, "32"),
    "mnist": ("mnist", (1, 28, 28), 100, 32, 8000, 64, False, "bf16"),
    "mnist-conditional": ("mnist", (1, 28, 28), 100, 32, 7000, 64, True, "bf16"),
    "mnist-gpu": ("mnist", (1, 28, 28), 100, 128, 40_000, 128, False, "bf16"),
    "mnist-gpu-conditional": ("mnist", (1, 28, 28), 100, 128, 40_000, 128, True, "bf16"),
}


def test_recipes_are_those_of_the_card() -> None:
    for name, row in TABLE.items():
        c = RECIPES[name]
        assert row == (
            c.dataset, c.event_shape, c.latent_dim, c.width, c.steps, c.batch_size, c.conditional,
            c.precision,
        )  # fmt: skip
        assert (c.stages, c.objective, c.learning_rate) == (2, "non-saturating", 2e-4)
        assert (c.schedule, c.warmup_steps, c.seed) == ("constant", 0, 0)
        assert c.clip_norm is c.ema_decay is c.decay_steps is None
    assert set(RECIPES) == set(TABLE)


def test_a_recipe_passes_all_its_fields_on() -> None:
    """With values other than those of any recipe, so that a field forgotten on the way shows."""
    config = Config(
        dataset="digits", event_shape=(2, 8, 24), latent_dim=5, width=3, stages=3, steps=1,
        batch_size=2, conditional=True, objective="minimax",
    )  # fmt: skip
    model = Task(config).build()
    assert (model.event_shape, model.latent_dim) == ((2, 8, 24), 5)
    assert (model.classes, model.objective) == (10, "minimax")
    assert [h.layer.weight.shape for h in model.generator.hidden] == [
        (5, 12, 1, 3), (12, 6, 4, 4), (6, 3, 4, 4),
    ]  # fmt: skip
    assert [h.layer.out_channels for h in model.critic.hidden] == [3, 6, 12]
    plain = Task(dataclasses.replace(config, conditional=False, objective="non-saturating")).build()
    assert (plain.classes, plain.objective) == (0, "non-saturating")


@pytest.mark.parametrize("conditional", [False, True])
def test_training_finds_two_far_apart_images(conditional: bool) -> None:
    """Data of two images, bright above or below; with labels, the label says which."""

    class Halves(Task):
        def prepare(self, batch: Tensor, noise: Noise) -> Tensor:
            y = torch.arange(len(batch)) % 2
            x = torch.zeros(len(batch), 1, 4, 4)
            x[y == 0, :, :2], x[y == 1, :, 2:] = 1, 1
            return torch.cat((y[:, None].float(), x.flatten(1)), 1) if conditional else x

    torch.manual_seed(0)
    config = Config(
        dataset="digits", event_shape=(1, 4, 4), latent_dim=4, width=8, steps=250, batch_size=32,
        conditional=conditional, learning_rate=2e-3,
    )  # fmt: skip
    loop = Loop(Halves(config), CPU)
    for _ in range(config.steps):
        loop.advance()
    model = loop.model.eval()
    y = torch.arange(200) % 2
    x = model.sample(200, torch.Generator().manual_seed(0), labels=y if conditional else None)
    upper = x[:, 0, :2].mean((1, 2)) - x[:, 0, 2:].mean((1, 2))  # 1 or −1
    assert (upper.abs() > 0.6).double().mean() > (0.95 if conditional else 0.6)  # some lie between
    if conditional:
        assert ((upper > 0) == (y == 0)).double().mean() > 0.95
    else:
        assert 0.2 < (upper > 0).double().mean() < 0.8


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"objective": "hinge"}, "hinge"),
        ({"event_shape": (1, 10, 8)}, "multiples of 2\\^stages, 4"),
        ({"stages": 0}, "at least 1"),
        ({"width": 0}, "at least 1"),
        ({"latent_dim": 0}, "at least 1"),
        ({"steps": 0}, "steps"),  # the rules of every recipe still hold
    ],
)
def test_impossible_settings_are_refused_in_one_line(settings: dict, named: str) -> None:
    with pytest.raises(ZooError, match=named) as refused:
        dataclasses.replace(RECIPES["tiny"], **settings)
    assert "\n" not in str(refused.value)


def test_the_least_of_all_settings_is_accepted() -> None:
    least = dataclasses.replace(RECIPES["tiny"], width=1, latent_dim=1, stages=1)
    assert Task(least).build().sample(2).shape == (2, 1, 8, 8)
