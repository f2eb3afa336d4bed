"""The training loop against the same model in a plain PyTorch loop."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from zoo.core.data import is_available, load_dataset
from zoo.core.loop import Loop
from zoo.core.recipes import Task, TrainingConfig

STEPS, ROUNDS, BATCH = 200, 5, 100


class Autoencoder(Task):
    """A 784-500-784 autoencoder (64-500-64 on digits): the size of the zoo's smallest models."""

    def build(self) -> nn.Module:
        """Two linear layers."""
        pixels = load_dataset(self.config.dataset, "train").images[0].numel()
        return nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, 500), nn.ReLU(), nn.Linear(500, pixels)
        )

    def loss(self, model: nn.Module, x: Tensor, noise: object) -> dict[str, Tensor]:
        """Squared error."""
        return {"loss": (model(x) - x.flatten(1)).square().sum(1).mean()}


class Nothing(Task):
    """A model of one number: what remains is the loop's own work."""

    def build(self) -> nn.Module:
        """One weight."""
        return nn.Linear(1, 1, bias=False)

    def loss(self, model: nn.Module, x: Tensor, noise: object) -> dict[str, Tensor]:
        """The weight's square."""
        return {"loss": model.weight.square().sum()}


def rows() -> list[tuple[str, str, str]]:
    """Rows (what, figure, note) of the report; medians of five interleaved rounds."""
    dataset = "mnist" if is_available("mnist") else "digits"
    task = Autoencoder(TrainingConfig(dataset=dataset, steps=10**6, batch_size=BATCH))
    loop = Loop(task, torch.device("cpu"))
    ours, loader, transforms = _interleaved(
        loop.advance, _plain(task, tensors=True), _plain(task, tensors=False)
    )
    nothing = Loop(
        Nothing(TrainingConfig(dataset="digits", steps=10**6, batch_size=BATCH)),
        torch.device("cpu"),
    )
    overhead, bare = _interleaved(nothing.advance, _bare())
    size = f"autoencoder on {dataset}, batch {BATCH}"
    return [
        ("training loop", f"{1 / ours:.0f} steps/s", size),
        ("plain loop, DataLoader over tensors", f"{1 / loader:.0f} steps/s", size),
        ("plain loop, torchvision data set, DataLoader", f"{1 / transforms:.0f} steps/s", size),
        (
            "overhead of the loop per step",
            f"{(overhead - bare) * 1e3:.2f} ms",
            "model of one number",
        ),
    ]


def _interleaved(*steps: Callable[[], object]) -> list[float]:
    """Median seconds per step of each, measured in turn so that all see the same machine."""
    seconds: list[list[float]] = [[] for _ in steps]
    for _ in range(ROUNDS):
        for times, step in zip(seconds, steps, strict=True):
            started = time.perf_counter()
            for _ in range(STEPS):
                step()
            times.append((time.perf_counter() - started) / STEPS)
    return [statistics.median(times) for times in seconds]


def _plain(task: Task, tensors: bool) -> Callable[[], None]:
    """The usual script: DataLoader, model, Adam, `loss.item()` now and then."""
    model = task.build()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    batches = _endless(DataLoader(_dataset(task, tensors), batch_size=BATCH, shuffle=True))

    def step() -> None:
        x = next(batches)
        loss = task.loss(model, x, None)["loss"]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def _dataset(task: Task, tensors: bool) -> object:
    data = load_dataset(task.config.dataset, "train")
    floats = data.images.float() / (data.levels - 1)
    if tensors or data.name != "mnist":
        return torch.utils.data.TensorDataset(floats)
    from zoo.core._torchvision import datasets
    from zoo.core.data import data_folder

    def to_tensor(image: object) -> Tensor:
        import numpy as np

        return torch.from_numpy(np.array(image, dtype=np.float32)[None] / 255)

    return datasets.MNIST(str(data_folder()), transform=to_tensor)


def _endless(loader: DataLoader) -> object:
    while True:
        for batch in loader:
            yield batch[0]


def _bare() -> Callable[[], None]:
    model = nn.Linear(1, 1, bias=False)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        model.weight.square().sum().backward()
        optimizer.step()

    return step
