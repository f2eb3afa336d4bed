"""What an entry tells the training loop: a frozen configuration and a `Task`."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from zoo.core.errors import ZooError, nearest

if TYPE_CHECKING:
    from zoo.core.loop import Loop
    from zoo.core.noise import Noise


SCHEDULES = ("constant", "linear", "cosine")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Fields every recipe has; an entry's `Config` adds those of its model.

    Attributes:
        dataset: name of the data (see `zoo.core.data.DATASETS`, `zoo.core.densities.DENSITIES`
            and `zoo.core.text.TEXTS`).
        steps: number of optimisation steps (of the last optimiser, where there are several).
        batch_size: examples per step over all processes.
        learning_rate: step size after warm-up.
        warmup_steps: steps over which the step size rises linearly from 0.
        schedule: what follows the warm-up: "constant", or "linear" or "cosine" decay to 0.
        decay_steps: length of the decay at the end of the run; None: all steps after the warm-up.
        clip_norm: largest gradient norm, or None for no clipping.
        ema_decay: decay of the exponential moving average of the weights, or None for no average.
        precision: "32", or "bf16" for mixed precision.
        seed: seed of the initial weights, the batch order and all noise.
    """

    dataset: str
    steps: int
    batch_size: int
    learning_rate: float = 1e-3
    warmup_steps: int = 0
    schedule: str = "constant"
    decay_steps: int | None = None
    clip_norm: float | None = None
    ema_decay: float | None = None
    precision: str = "32"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch_size < 1:
            raise ZooError("steps and batch_size must be at least 1")
        if not 0 < self.learning_rate < math.inf:
            raise ZooError("learning_rate must be positive")
        if self.clip_norm is not None and self.clip_norm <= 0:
            raise ZooError("clip_norm must be positive, or none")
        if self.ema_decay is not None and not 0 <= self.ema_decay < 1:
            raise ZooError("ema_decay must lie in [0, 1), or be none")
        if self.warmup_steps < 0 or (self.decay_steps or 0) < 0:
            raise ZooError("warmup_steps and decay_steps must not be negative")
        if self.schedule not in SCHEDULES:
            raise ZooError(
                f"unknown schedule '{self.schedule}': {nearest(self.schedule, SCHEDULES)}"
            )
        if self.precision not in ("32", "bf16"):
            raise ZooError(f"unknown precision '{self.precision}': use 32 or bf16")

    def learning_rate_at(self, step: int) -> float:
        """Step size for step `step` = 0, 1, …, steps − 1."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        length = self.decay_steps or max(1, self.steps - self.warmup_steps)
        progress = max(0.0, 1.0 - (self.steps - step) / length)
        factor = {
            "constant": 1.0,
            "linear": 1.0 - progress,
            "cosine": 0.5 * (1.0 + math.cos(math.pi * progress)),
        }[self.schedule]
        return self.learning_rate * factor


class Task:
    """One entry's part of training; subclass it in `zoo/<model>/recipe.py`.

    Subclasses must define `build` and either `loss` (one objective, one optimiser) or
    `training_step` (several optimisers, as in adversarial training).
    """

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config

    def build(self) -> nn.Module:
        """A new model with initial weights; the loop seeds torch before it calls this."""
        raise NotImplementedError("a Task defines build()")

    def optimizers(self, model: nn.Module) -> dict[str, torch.optim.Optimizer]:
        """Optimisers by name; by default Adam on all parameters, named "model"."""
        return {"model": torch.optim.Adam(model.parameters(), lr=self.config.learning_rate)}

    def training_data(self) -> Tensor:
        """What batches are drawn from by index, (N, …); by default the recipe's data set."""
        from zoo.core.data import training_tensor

        return training_tensor(self.config.dataset, self.config.seed)

    def prepare(self, batch: Tensor, noise: Noise) -> Tensor:
        """Model input (B, *event_shape) from a raw batch, uint8 (B, C, H, W) for images.

        By default a fresh binary draw for binarised data sets, else grey values in [0, 1]; points
        of a 2-D density are passed on unchanged.
        """
        from zoo.core.data import binarize, is_binarized, levels_of, scale

        if batch.dtype != torch.uint8:
            return batch
        levels = levels_of(self.config.dataset)
        if is_binarized(self.config.dataset):
            return binarize(batch, levels, noise.uniform(*batch.shape))
        return scale(batch, levels)

    def loss(self, model: nn.Module, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        """Scalars of one batch, averaged over examples; "loss" is minimised, the rest is logged."""
        raise NotImplementedError("a Task defines loss() or training_step()")

    def training_step(self, loop: Loop, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        """One step of the paper's algorithm; by default one gradient step on `loss`."""
        with loop.autocast():
            out = self.loss(loop.model, x, noise)
        loop.minimise("model", out["loss"])
        return out


def with_overrides(config: TrainingConfig, settings: dict[str, str]) -> TrainingConfig:
    """A copy of `config` with fields replaced by values given as text, e.g. {"steps": "100"}.

    Raises:
        ZooError: unknown field, or a text that is not a value of the field's type.
    """
    hints = typing.get_type_hints(type(config))
    values: dict[str, Any] = {}
    for name, text in settings.items():
        if name not in hints:
            raise ZooError(f"no field '{name}' in this recipe: {nearest(name, hints)}")
        values[name] = _parse(name, text, hints[name])
    return dataclasses.replace(config, **values)


def _parse(name: str, text: str, hint: Any) -> Any:
    options = [hint]
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        options = list(typing.get_args(hint))
    if type(None) in options and text.lower() in ("none", "null"):
        return None
    for option in options:
        origin = typing.get_origin(option)
        try:
            if origin is tuple:
                item = typing.get_args(option)[0]
                return tuple(item(part) for part in text.strip("()").split(",") if part.strip())
            if origin is typing.Literal:
                if text in typing.get_args(option):
                    return text
                continue
            if option is bool:
                return {"true": True, "false": False}[text.lower()]
            if option is not type(None):
                return option(text)
        except (ValueError, KeyError):
            continue
    if words := [word for option in options for word in _words(option)]:
        raise ZooError(f"'{text}' is no value for {name}: {nearest(text, words)}")
    wanted = getattr(hint, "__name__", str(hint))
    raise ZooError(f"'{text}' is no value for {name}: a value of type {wanted} is needed")


def _words(hint: Any) -> tuple[str, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()
