"""Protocols on a guided model: what a larger guidance weight buys, and what it costs.

They speak of models of MNIST with `classes` and `sample(n, generator, labels=, weight=)`, where the
weight w is that of Ho and Salimans (2022): 0 for the conditional model. For each of the seeds 0 and
1 and each w of a fixed list, 500 samples are drawn, classes in turn. *Accuracy* is the share that
the pinned classifier reads as the class that was asked for; *recall* the share of the 10,000 test
images inside a ball of a sample, in the classifier's features. The whole sweep is kept beside the
value, with the unconditional model and real training images for comparison. Metrics of the same
weights share one sweep.
"""

import hashlib
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from zoo.core.data import load_dataset, scale
from zoo.core.errors import ZooError
from zoo.core.metrics import Measurement, fidelity
from zoo.core.metrics.classifier import features
from zoo.core.metrics.reference import real_features

WEIGHTS = (0.0, 0.5, 1.0, 2.0, 4.0)
NONE, GUIDED, LARGEST = 0.0, 2.0, 4.0  # the weights that the values speak of
SAMPLES, BATCH, SEEDS = 500, 100, (0, 1)
_last: dict[str, dict[str, Any]] = {}  # the sweep of the model that was measured last


def scores(images: Tensor, labels: Tensor, device: str) -> dict[str, float]:
    """Accuracy, precision, recall, and Fréchet distance of images (N, 1, 28, 28) in [0, 1].

    labels (N,) are the classes that the images are meant to show; all but the accuracy compare with
    the 10,000 MNIST test images.
    """
    found, read = features(images, device)
    real, _ = real_features(device)
    near = fidelity.neighbour_scores(real, found)
    return {
        "accuracy": (read == labels).double().mean().item(),
        "precision": near["precision"],
        "recall": near["recall"],
        "fd": fidelity.frechet_distance(
            fidelity.gaussian_statistics(found), fidelity.gaussian_statistics(real)
        ),
    }


@torch.no_grad()
def sweep(model: nn.Module, device: str, progress: bool) -> dict[str, Any]:
    """Scores of every weight, seed by seed: {"w=2": [{…}, {…}], …, "unconditional": …, "real": …}.

    The unconditional samples are held against classes in turn that they were never told: chance.
    """
    rows: dict[str, Any] = {}
    settings = {f"w={weight:g}": weight for weight in WEIGHTS} | {"unconditional": None}
    bar = tqdm(total=len(settings) * len(SEEDS), desc="guidance", disable=not progress, leave=False)
    labels = torch.arange(SAMPLES) % model.classes
    for name, weight in settings.items():
        rows[name] = []
        for seed in SEEDS:
            generator = torch.Generator(device).manual_seed(seed)
            images = [
                model.sample(len(part), generator)
                if weight is None
                else model.sample(len(part), generator, labels=part.to(device), weight=weight)
                for part in labels.split(BATCH)
            ]
            rows[name].append(scores(torch.cat(images).float().cpu(), labels, device))
            bar.update()
    bar.close()
    rows["real"] = [scores(*_training_images(seed), device) for seed in SEEDS]
    return rows


def _training_images(seed: int) -> tuple[Tensor, Tensor]:
    """As many MNIST training images in [0, 1] as a sample has, and their labels."""
    data = load_dataset("mnist", "train")
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))[:SAMPLES]
    return scale(data.images[order], data.levels), data.labels[order]


def guided_accuracy(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """Accuracy at w = 2."""
    rows = _sweep_of(model, dataset, device, progress)
    return _measurement(_column(rows, GUIDED, "accuracy"), rows)


def accuracy_gain(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """Accuracy at w = 2 less that of the conditional model, w = 0."""
    rows = _sweep_of(model, dataset, device, progress)
    gain = _column(rows, GUIDED, "accuracy") - _column(rows, NONE, "accuracy")
    return _measurement(gain, rows)


def recall_loss(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """Recall of the conditional model, w = 0, less that at w = 4."""
    rows = _sweep_of(model, dataset, device, progress)
    return _measurement(_column(rows, NONE, "recall") - _column(rows, LARGEST, "recall"), rows)


def _column(rows: dict[str, Any], weight: float, key: str) -> Tensor:
    return torch.tensor([row[key] for row in rows[f"w={weight:g}"]], dtype=torch.float64)


def _measurement(values: Tensor, rows: dict[str, Any]) -> Measurement:
    details = {
        name: {key: sum(row[key] for row in found) / len(found) for key in found[0]}
        for name, found in rows.items()
    }
    details = {"per_seed": values.tolist(), "sweep": details}
    return Measurement(values.mean().item(), values.std().item(), SAMPLES, SEEDS, details)


def _sweep_of(model: nn.Module, dataset: str, device: str, progress: bool) -> dict[str, Any]:
    if dataset != "mnist" or tuple(model.event_shape) != (1, 28, 28):
        raise ZooError("guidance is measured on models of 1x28x28 images of data set 'mnist' only")
    if not hasattr(model, "classes") or not hasattr(model, "weight"):
        raise ZooError("guidance is measured on models with classes and a guidance weight")
    digest = hashlib.sha256(f"{model} {model.sampling_steps} {device}".encode())
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode() + value.cpu().numpy().tobytes())
    key = digest.hexdigest()
    if key not in _last:
        found = sweep(model, device, progress)
        _last.clear()
        _last[key] = found
    return _last[key]
