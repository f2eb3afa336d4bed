"""The law of noise in training: what is drawn for an example must matter to its loss."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from zoo.core.conformance.law import Broken, Law, NotApplicable, Subject, law
from zoo.core.noise import Noise
from zoo.core.recipes import Task

LAWS: list[Law] = []
ROWS = 8


class WatchedNoise(Noise):
    """Noise that remembers its draws, so that one can differentiate with respect to them."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, 0)
        self.drawn: list[tuple[str, Tensor]] = []

    def _watched(self, kind: str, draws: Tensor) -> Tensor:
        self.drawn.append((kind, draws.requires_grad_()))
        return draws.clone()  # which may be changed in place, as other draws may

    def normal(self, *shape: int) -> Tensor:
        """Standard normal draws."""
        return self._watched("normal", super().normal(*shape))

    def uniform(self, *shape: int) -> Tensor:
        """Uniform draws."""
        return self._watched("uniform", super().uniform(*shape))


@law(
    LAWS,
    "own noise",
    "Every example of a batch has noise of its own, and the loss depends on all of it.",
)
def _own_noise(subject: Subject) -> str:
    task = subject.task
    if task is None or type(task).loss is Task.loss:
        raise NotApplicable("there is no loss of a task")
    model, noise = copy.deepcopy(subject.model), WatchedNoise(subject.seed)
    x: Any = subject.examples(ROWS)
    if hasattr(model, "predict_given"):  # images with their classes
        x = x, torch.arange(ROWS) % model.classes
    loss = task.loss(model, x, noise)["loss"]
    if not noise.drawn or not loss.requires_grad:
        raise NotApplicable("the loss draws no noise")
    draws = [draws for _, draws in noise.drawn]
    gradients = torch.autograd.grad(loss, draws, allow_unused=True)
    notes = []
    for (kind, _), gradient in zip(noise.drawn, gradients, strict=True):
        if gradient is None:  # compared with a threshold, or meant for another part of the model
            continue
        idle = int((gradient.reshape(len(gradient), -1).abs().amax(1) == 0).sum())
        if idle:
            rule = f"expected {kind} noise of each of {len(gradient)} examples to change the loss"
            raise Broken(f"{rule}, found {idle} examples whose noise is ignored or another's")
        notes.append(f"{kind} {tuple(gradient.shape)}")
    if not notes:
        raise NotApplicable("the loss is no smooth function of its noise")
    return f"{', '.join(notes)}: all of it changes the loss"
