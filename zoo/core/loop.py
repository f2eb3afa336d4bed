"""The state of a training run, as an entry's `training_step` sees it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from zoo.core.checkpoints import to_device
from zoo.core.data import Batches
from zoo.core.noise import Noise, step_seed
from zoo.core.recipes import Task

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Loop:
    """The state of a run, as an entry's `training_step` sees it.

    Attributes:
        model: the model being trained, in training mode.
        step: number of the current step, from 0.
        device: where the model and the batches live.
    """

    def __init__(self, task: Task, device: torch.device, fabric: Fabric | None = None) -> None:
        self.task, self.config, self.device, self.fabric = task, task.config, device, fabric
        self.rank = fabric.global_rank if fabric else 0
        self.world = fabric.world_size if fabric else 1
        torch.manual_seed(self.config.seed)
        self.model = task.build().to(device).train()
        self.optimizers = task.optimizers(self.model)
        self.average = MovingAverage(self.model, self.config.ema_decay)
        data = task.training_data().to(device)
        self.batches = Batches(
            data, self.config.batch_size, self.config.seed, self.rank, self.world
        )
        self.step = 0
        self.batch_number = 0
        self.seconds = 0.0

    def next_batch(self) -> tuple[Tensor, Noise]:
        """A fresh prepared batch (B, *event_shape) and its noise, B being this process's share."""
        number, self.batch_number = self.batch_number, self.batch_number + 1
        noise = Noise(self.config.seed, number, self.rank, self.world, self.device)
        return self.task.prepare(self.batches[number], noise), noise

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Mixed precision where the recipe asks for it; wrap forward passes, not `minimise`."""
        return torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.config.precision == "bf16"
        )

    def minimise(self, name: str, loss: Tensor) -> None:
        """One step of the named optimiser: gradients, their mean over processes, clipping, step."""
        optimizer = self.optimizers[name]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        gradients = [p.grad for p in parameters if p.grad is not None]
        if self.fabric is not None:
            self._average_over_processes(gradients)
        if self.config.clip_norm is not None:
            nn.utils.clip_grad_norm_(parameters, self.config.clip_norm)
        optimizer.step()

    def _average_over_processes(self, gradients: list[Tensor]) -> None:
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        flat = self.fabric.all_reduce(flat, reduce_op="mean")
        sizes = [gradient.numel() for gradient in gradients]
        for gradient, mean in zip(gradients, flat.split(sizes), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def advance(self) -> dict[str, Tensor]:
        """Take one step and return its scalars, detached."""
        factor = self.config.learning_rate_at(self.step) / self.config.learning_rate
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group.setdefault("base_lr", group["lr"])
                group["lr"] = group["base_lr"] * factor
        self._seed_own_generators(step_seed(self.config.seed, self.step) + self.rank)
        out = self.task.training_step(self, *self.next_batch())
        self.step += 1
        self.average.update(self.model, self.step)
        return {name: value.detach() for name, value in out.items()}

    def _seed_own_generators(self, seed: int) -> None:
        """For what draws from torch's own generators, such as dropout; all else draws from Noise.

        Not torch.manual_seed, which also looks for devices that are not there, at a cost per step.
        """
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def agree(self, flag: bool) -> bool:
        """Whether any process raised the flag, so that all of them stop at the same step."""
        if self.fabric is None:
            return flag
        votes = self.fabric.all_reduce(
            torch.tensor(float(flag), device=self.device), reduce_op="sum"
        )
        return bool(votes.item() > 0)

    def is_finite(self) -> bool:
        """Whether every weight is a finite number."""
        return all(bool(value.isfinite().all()) for value in self.model.parameters())

    def state(self) -> dict[str, Any]:
        """All that a later run needs to continue from here."""
        return {
            "step": self.step,
            "batch_number": self.batch_number,
            "seconds": self.seconds,
            "model": self.model.state_dict(),
            "average": self.average.tensors,
            "optimizers": {name: o.state_dict() for name, o in self.optimizers.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        self.step, self.batch_number = state["step"], state["batch_number"]
        self.seconds = state["seconds"]
        self.model.load_state_dict(state["model"])
        self.average.tensors = to_device(state["average"], self.device)
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])


class MovingAverage:
    """Exponential moving average of the weights, θ̄ ← d·θ̄ + (1 − d)·θ.

    The decay rises as min(decay, (1 + step)/(10 + step)), so that the initial weights are
    forgotten even in short runs. Buffers and integer tensors are copied.
    """

    def __init__(self, model: nn.Module, decay: float | None) -> None:
        self.decay = decay
        self.tensors: dict[str, Tensor] = {}
        if decay is not None:
            self.tensors = {name: value.clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after `step` steps."""
        if self.decay is None:
            return
        decay = min(self.decay, (1 + step) / (10 + step))
        parameters = dict(model.named_parameters())
        for name, value in model.state_dict().items():
            if name in parameters:
                self.tensors[name].lerp_(value, 1 - decay)
            else:
                self.tensors[name].copy_(value)
