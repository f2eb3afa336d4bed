"""One training loop for every entry.

The loop owns what is the same for all papers: seeds, device, precision, batches, moving average,
clipping, logging, checkpoints, several processes. What is particular to a paper, the step of its
algorithm, is the entry's `Task`. All randomness is a function of (seed, step), see
`zoo.core.noise`: a resumed run equals an uninterrupted one bit for bit, and n processes compute
what one process computes with the same global batch, up to the order of floating-point sums.

Several processes run on Lightning Fabric, which is imported only then.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import logging
import math
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from zoo.core.checkpoints import load_state, save_state, save_weights
from zoo.core.devices import device_name, usable_device
from zoo.core.errors import ZooError
from zoo.core.loop import Loop
from zoo.core.recipes import Task
from zoo.core.runs import RunFolder

if TYPE_CHECKING:
    from lightning_fabric import Fabric


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
        device: "cpu" or "cuda"; by default CUDA where there is one.
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
    if task.config.batch_size % devices:
        raise ZooError(
            f"batch_size {task.config.batch_size} does not divide among {devices} devices"
        )
    place = usable_device(kind)
    if devices == 1:
        outcome = _run(None, task, place, options)
    else:
        outcome = _launch(task, kind, devices, options)
    return _result(task, *outcome)


def _launch(task: Task, kind: str, devices: int, options: _Options) -> tuple[Any, ...]:
    """Run in several processes, started here or, under torchrun or a scheduler, already there."""
    try:
        from lightning_fabric import Fabric  # a part of `lightning`, which installs it too
        from lightning_fabric.plugins.environments import TorchElasticEnvironment
    except ImportError:
        raise ZooError("several devices need Fabric: pip install 'genzoo[scale]'") from None
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    # Bound arguments: Fabric's launcher would try to rewrite frozen dataclasses passed as such.
    work = functools.partial(_run, task=task, device=None, options=options)
    if TorchElasticEnvironment.detect():
        return Fabric(accelerator=kind, devices=devices, strategy="ddp").launch(work)
    fabric = Fabric(accelerator=kind, devices=devices, strategy="ddp_spawn")
    with tempfile.TemporaryDirectory() as folder:
        # A file, because a large return value blocks the launcher's pipe.
        path = Path(folder) / "outcome.safetensors"
        try:
            fabric.launch(functools.partial(_run_and_store, work=work, path=path))
        except torch.multiprocessing.ProcessRaisedException as error:
            last_line = str(error).strip().splitlines()[-1]
            if "ZooError: " in last_line:
                raise ZooError(last_line.partition("ZooError: ")[2]) from None
            raise
        return tuple(load_state(path)["outcome"])


def _run_and_store(fabric: Fabric, work: Callable[[Fabric], tuple[Any, ...]], path: Path) -> None:
    outcome = work(fabric)
    if fabric.global_rank == 0:
        save_state(path, {"outcome": outcome})
    # All work is stored. Close the connections together, and leave without the destructors of C++,
    # which now and then abort a process that still has a communication thread.
    fabric.barrier()
    torch.distributed.destroy_process_group()
    atexit.register(os._exit, 0)


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
    if loop.average.tensors:
        loop.model.load_state_dict(loop.average.tensors)
    if folder and loop.step == task.config.steps:
        where = device_name(loop.device)
        training = {"steps": loop.step, "seconds": round(loop.seconds), "device": where}
        save_weights(folder.weights, loop.model, task.config, training=training)
    if stop.is_set():
        raise KeyboardInterrupt(f"stopped after step {loop.step} of {task.config.steps}")
    weights = {name: value.cpu() for name, value in loop.model.state_dict().items()}
    return weights, loop.device.type, loop.step, loop.seconds, rows


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
        due = halt or now - saved > options.checkpoint_seconds or loop.step == last
        if folder and due and loop.is_finite():  # a diverged model must not replace a good one
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
                f"{name} is not finite at step {loop.step}: start anew with another --out and a "
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
