"""Laws that speak of training: what the entry's task feeds its model, and what it minimises."""

import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from zoo.core import recipes
from zoo.core.conformance import check_model, conformance_report
from zoo.core.conformance import examples as ex
from zoo.core.data import dequantize, levels_of
from zoo.core.noise import Noise

CONFIG = recipes.TrainingConfig(dataset="digits", steps=1, batch_size=8)


class FlowTask(recipes.Task):
    def build(self) -> ex.AffineFlow:
        return ex.AffineFlow((1, 1, 2))

    def prepare(self, batch: Tensor, noise: Noise) -> Tensor:
        batch = batch[:, :, :1, :2]
        return dequantize(batch, levels_of("digits"), noise.uniform(*batch.shape))

    def loss(self, model: ex.AffineFlow, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        return {"loss": -model.log_prob(x).mean()}


class GanTask(recipes.Task):
    def build(self) -> ex.SmallGAN:
        return ex.SmallGAN()

    def optimizers(self, model: ex.SmallGAN) -> dict[str, torch.optim.Optimizer]:
        return {
            name: torch.optim.SGD(getattr(model, name).parameters())
            for name in ("critic", "generator")
        }

    def noise(self, x: Tensor, noise: Noise) -> Tensor:
        return noise.normal(len(x), 2)

    def training_step(self, loop, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        z = self.noise(x, noise)
        loop.minimise("critic", loop.model.critic_loss(x, z, noise.uniform(len(x))))
        x, noise = loop.next_batch()
        loop.minimise("generator", loop.model.generator_loss(self.noise(x, noise)))
        return {}


def with_prepare(prepare: Callable[[Tensor, Noise], Tensor]) -> type[FlowTask]:
    class Changed(FlowTask):
        def prepare(self, batch: Tensor, noise: Noise) -> Tensor:
            return prepare(batch[:, :, :1, :2].float(), noise)

    return Changed


class SameNoise(GanTask):
    def noise(self, x: Tensor, noise: Noise) -> Tensor:
        return Noise(0, 0).normal(len(x), 2)


class OnlyCritic(GanTask):
    def training_step(self, loop, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        z = self.noise(x, noise)
        loop.minimise("critic", loop.model.critic_loss(x, z, noise.uniform(len(x))))
        return {}


class WithoutShift(FlowTask):
    def loss(self, model: ex.AffineFlow, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        return {"loss": model(x)[1].mean()}


class Restless(FlowTask):
    """Builds another model each time: the permutation is neither saved nor a constant."""

    def build(self) -> nn.Module:
        model = super().build()
        model.alpha = float(0.02 + 0.05 * torch.rand(()))
        return model


def dequantised(u: Callable[[Tensor, Noise], Tensor], levels: int = 17) -> type[FlowTask]:
    return with_prepare(lambda batch, noise: (batch + u(batch, noise)) / levels)


BROKEN = {
    "a level too few": (
        "flow",
        dequantised(lambda b, n: n.uniform(*b.shape), levels=16),
        "dequantisation",
    ),
    "no noise": ("flow", dequantised(lambda b, n: torch.zeros(b.shape)), "dequantisation"),
    "half the noise": (
        "flow",
        dequantised(lambda b, n: n.uniform(*b.shape) / 2),
        "dequantisation",
    ),
    "Gaussian noise": (
        "flow",
        dequantised(lambda b, n: (0.5 + 0.15 * n.normal(*b.shape)).clamp(0, 1)),
        "dequantisation",
    ),
    "loss that forgets parameters": ("flow", WithoutShift, "gradients"),
    "a constant that is not saved": ("flow", Restless, "saving"),
    "the same noise twice": ("adversarial", SameNoise, "fresh noise"),
    "a generator that is never trained": ("adversarial", OnlyCritic, "gradients"),
}


@pytest.mark.parametrize(("family", "kind"), [("flow", FlowTask), ("adversarial", GanTask)])
def test_honest_task_passes(family: str, kind: type[recipes.Task]) -> None:
    torch.manual_seed(0)
    task = kind(CONFIG)
    outcomes = check_model(task.build(), family, task)
    assert all(outcome.passed for outcome in outcomes), conformance_report(outcomes)
    applied = {outcome.law for outcome in outcomes if outcome.applies}
    assert {"flow": "dequantisation", "adversarial": "fresh noise"}[family] in applied


@pytest.mark.parametrize("name", BROKEN)
def test_broken_task_is_refused(name: str) -> None:
    family, kind, law = BROKEN[name]
    torch.manual_seed(0)
    task = kind(CONFIG)
    outcomes = check_model(task.build(), family, task)
    assert [outcome.law for outcome in outcomes if not outcome.passed] == [law]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lax(recipes.TrainingConfig):
    def __post_init__(self) -> None:  # forgets those of the base
        pass


def test_a_recipe_that_forgets_the_refusals_of_all_recipes_is_refused() -> None:
    outcomes = {}
    for config in (CONFIG, Lax(**dataclasses.asdict(CONFIG))):
        task = FlowTask(config)
        found = {o.law: o for o in check_model(task.build(), "flow", task)}
        outcomes[type(config)] = found["configuration"]
    assert outcomes[recipes.TrainingConfig].passed
    assert outcomes[recipes.TrainingConfig].applies
    assert not outcomes[Lax].passed
    assert "expected a refusal of steps = 0" in outcomes[Lax].message


class HalfDetached(FlowTask):
    def loss(self, model: ex.AffineFlow, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        log_p = model.log_prob(x)
        return {"loss": -(log_p + log_p.detach()).mean() / 2}


def test_a_loss_with_a_part_detached_is_refused() -> None:
    for kind, passes in ((FlowTask, True), (HalfDetached, False)):
        task = kind(CONFIG)
        found = {o.law: o for o in check_model(task.build(), "flow", task)}["derivative"]
        assert found.passed == passes
        assert "slope of loss: " in found.message


class NoisyTask(FlowTask):
    """The density of noisy examples, each with a draw of its own."""

    def draw(self, x: Tensor, noise: Noise) -> Tensor:
        return noise.normal(*x.shape)

    def loss(self, model: ex.AffineFlow, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        return {"loss": -model.log_prob((x + 0.01 * self.draw(x, noise)).clamp(0, 1)).mean()}


class OneDraw(NoisyTask):
    def draw(self, x: Tensor, noise: Noise) -> Tensor:
        return noise.normal(*x.shape)[:1].expand_as(x)


class Ignored(NoisyTask):
    def draw(self, x: Tensor, noise: Noise) -> Tensor:
        return 0 * noise.normal(*x.shape)


@pytest.mark.parametrize(("kind", "idle"), [(NoisyTask, 0), (OneDraw, 7), (Ignored, 8)])
def test_noise_that_is_ignored_or_shared_is_refused(kind: type[NoisyTask], idle: int) -> None:
    task = kind(CONFIG)
    found = {o.law: o for o in check_model(task.build(), "flow", task)}["own noise"]
    assert found.applies
    assert found.passed == (idle == 0)
    assert (
        idle == 0 or f"found {idle} examples whose noise is ignored or another's" in found.message
    )
