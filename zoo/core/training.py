"""One training loop for every entry.

The loop owns what is the same for all papers: seeds, device, precision, batches, moving average,
clipping, logging, checkpoints, several processes. What is particular to a paper, the step of its
algorithm, is the entry's `Task`. All randomness is a function of (seed, step), see
`zoo.core.noise`: a resumed run equals an uninterrupted one bit for bit, and n processes compute
what one process computes with the same global batch, up to the order of floating-point sums.

Several processes run on Lightning Fabric, which is imported only then.
"""

from __future__ import annotations

import contextlib
import functools
import math
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from zoo.core.checkpoints import save_weights, to_device
from zoo.core.data import Batches, training_tensor
from zoo.core.errors import ZooError
from zoo.core.noise import Noise
from zoo.core.recipes import Task
from zoo.core.runs import RunFolder

if TYPE_CHECKING:
    from lightning.fabric import Fabric


@dataclass
class TrainResult:
    """What a run leaves.

    Attributes:
        model: in evaluation mode, with the moving average of the weights where one is kept.
        steps: steps taken so far, over all resumptions.
        seconds: training time so far, over all resumptions.
        finished: whether all steps of the recipe are done.
        rows: logged scalars, one dict per logging step.
    """

    model: nn.Module
    steps: int
    seconds: float
    finished: bool
    rows: list[dict[str, float]] = field(default_factory=list)


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
        self.average = _Average(self.model, self.config.ema_decay)
        data = training_tensor(self.config.dataset, self.config.seed).to(device)
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
        out = self.task.training_step(self, *self.next_batch())
        self.step += 1
        self.average.update(self.model, self.step)
        return {name: value.detach() for name, value in out.items()}

    def agree(self, flag: bool) -> bool:
        """Whether any process raised the flag, so that all of them stop at the same step."""
        if self.fabric is None:
            return flag
        votes = self.fabric.all_reduce(torch.tensor(float(flag), device=self.device), "sum")
        return bool(votes.item() > 0)

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


class _Average:
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
        if self.decay is None:
            return
        decay = min(self.decay, (1 + step) / (10 + step))
        parameters = dict(model.named_parameters())
        for name, value in model.state_dict().items():
            if name in parameters:
                self.tensors[name].lerp_(value, 1 - decay)
            else:
                self.tensors[name].copy_(value)


@dataclass(frozen=True)
class _Options:
    out: Path | None
    resume: bool
    progress: bool
    max_seconds: float
    max_steps: float
    log_every: int
    checkpoint_seconds: float


def train(
    task: Task,
    out: Path | str | None = None,
    *,
    devices: int = 1,
    device: str | None = None,
    resume: bool = False,
    progress: bool = True,
    max_seconds: float = math.inf,
    max_steps: float = math.inf,
    log_every: int = 50,
    checkpoint_seconds: float = 120.0,
) -> TrainResult:
    """Train a task and return the model.

    Args:
        task: an entry's task; its configuration is in `task.config`.
        out: folder for metrics, checkpoint and weights; None writes nothing.
        devices: number of processes, each on its own device; the batch is divided among them.
        device: "cpu", "cuda" or "mps"; by default CUDA where there is one.
        resume: continue the run in `out`.
        progress: show a progress bar.
        max_seconds: stop after this time; the run can be resumed.
        max_steps: stop at this step; the run can be resumed.
        log_every: steps between two logged rows.
        checkpoint_seconds: seconds between two checkpoints.

    Raises:
        ZooError: the run cannot start (see the message) or the loss is not finite.
        KeyboardInterrupt: on Ctrl-C, after the current step is done and saved.
    """
    options = _Options(
        Path(out) if out is not None else None,
        resume,
        progress,
        max_seconds,
        max_steps,
        log_every,
        checkpoint_seconds,
    )
    kind = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if devices == 1:
        outcome = _run(None, task, torch.device(kind), options)
    else:
        outcome = _launch(task, kind, devices, options)
    return _result(task, *outcome)


def _launch(task: Task, kind: str, devices: int, options: _Options) -> tuple[Any, ...]:
    """Run in several processes, started here or, under torchrun or a scheduler, already there."""
    try:
        from lightning.fabric import Fabric
        from lightning.fabric.plugins.environments import TorchElasticEnvironment
    except ImportError:
        try:
            from lightning_fabric import Fabric
            from lightning_fabric.plugins.environments import TorchElasticEnvironment
        except ImportError:
            raise ZooError(
                "several devices need Lightning Fabric: pip install 'genzoo[scale]'"
            ) from None
    strategy = "ddp" if TorchElasticEnvironment.detect() else "ddp_spawn"
    fabric = Fabric(accelerator=kind, devices=devices, strategy=strategy)
    # Bound arguments: Fabric's launcher would try to rewrite frozen dataclasses passed as such.
    work = functools.partial(_run, task=task, device=None, options=options)
    try:
        return fabric.launch(work)
    except torch.multiprocessing.ProcessRaisedException as error:
        last_line = str(error).strip().splitlines()[-1]
        if "ZooError: " in last_line:
            raise ZooError(last_line.partition("ZooError: ")[2]) from None
        raise


def _run(
    fabric: Fabric | None, task: Task, device: torch.device | None, options: _Options
) -> tuple[Any, ...]:
    """The loop in one process; returns plain data, which a parent process can receive."""
    loop = Loop(task, device or fabric.device, fabric)
    folder = None
    if options.out is not None and loop.rank == 0:
        folder = RunFolder(options.out, task.config, options.resume)
    state = folder.state if folder else None
    if fabric is not None:
        state = fabric.broadcast(state)
    if state is not None:
        loop.restore(state)
    rows = folder.rows() if folder else []
    bar = tqdm(
        total=task.config.steps,
        initial=loop.step,
        disable=not (options.progress and loop.rank == 0),
        desc=task.config.dataset,
        unit="step",
        mininterval=0.5,
    )
    with bar, _stop_signals() as stop:
        try:
            _steps(loop, folder, rows, options, bar, stop)
        finally:
            if folder:
                folder.close()
    if folder and loop.step == task.config.steps:
        _apply_average(loop.model, loop.average.tensors)
        save_weights(folder.weights, loop.model, task.config)
    if stop.is_set():
        raise KeyboardInterrupt(f"stopped after step {loop.step} of {task.config.steps}")
    weights = loop.average.tensors or loop.model.state_dict()
    return (
        to_device(dict(weights), torch.device("cpu")),
        loop.device.type,
        loop.step,
        loop.seconds,
        rows,
    )


def _steps(
    loop: Loop,
    folder: RunFolder | None,
    rows: list[dict[str, float]],
    options: _Options,
    bar: tqdm,
    stop: threading.Event,
) -> None:
    started, before = time.monotonic(), loop.seconds
    saved, pending = started, []
    last = min(loop.config.steps, options.max_steps)
    while loop.step < last:
        pending.append(loop.advance())
        bar.update()
        now = time.monotonic()
        loop.seconds = before + now - started
        halt = loop.agree(stop.is_set() or now - started > options.max_seconds)
        if halt or loop.step % options.log_every == 0 or loop.step == last:
            row = _mean_row(pending, loop)
            pending.clear()
            rows.append(row)
            bar.set_postfix(loss=f"{next(iter(row.values())):.4g}")
            if folder:
                folder.log(row)
        if folder and (halt or now - saved > options.checkpoint_seconds or loop.step == last):
            folder.save(loop.state())
            saved = now
        if halt:
            break


def _mean_row(pending: list[dict[str, Tensor]], loop: Loop) -> dict[str, float]:
    """Means of the scalars since the last row; one synchronisation with the device."""
    row = {}
    for name in pending[-1]:
        value = torch.stack([out[name].float() for out in pending if name in out]).mean()
        if loop.fabric is not None:
            value = loop.fabric.all_reduce(value, reduce_op="mean")
        row[name] = value.item()
        if not math.isfinite(row[name]):
            raise ZooError(
                f"{name} is not finite at step {loop.step}: the last checkpoint is kept; try a "
                "smaller --set learning_rate=… or --set clip_norm=1"
            )
    return {**row, "step": loop.step, "seconds": round(loop.seconds, 3)}


@contextlib.contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """Turn Ctrl-C and SIGTERM into a flag that the loop reads between two steps."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    old = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
    for number in old:
        signal.signal(number, lambda *_: stop.set())
    try:
        yield stop
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _apply_average(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    if tensors:
        model.load_state_dict(tensors)


def _result(
    task: Task,
    weights: dict[str, Tensor],
    kind: str,
    steps: int,
    seconds: float,
    rows: list[dict[str, float]],
) -> TrainResult:
    torch.manual_seed(task.config.seed)
    model = task.build()
    model.load_state_dict(weights)
    return TrainResult(model.to(kind).eval(), steps, seconds, steps == task.config.steps, rows)
