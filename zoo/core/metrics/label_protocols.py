"""Protocols on the labels of MNIST samples: obeyed, spread over the classes, fit to learn from.

Conditional models are those with `classes` and `sample(n, generator, labels=…)`, labels int64 (n,).
They are asked for the labels of real images in file order, so that the classes have the shares of
the data. Each of the seeds 0, 1, 2 draws a fresh sample; nothing is picked.
"""

from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from zoo.core.data import load_dataset, scale, test_images
from zoo.core.errors import ZooError
from zoo.core.metrics import Measurement, fidelity
from zoo.core.metrics.classifier import features, quantize
from zoo.core.metrics.reference import (
    SAMPLES,
    SEEDS,
    image_scores,
    mean_scores,
    real_features,
    real_row,
)
from zoo.core.metrics.sample_protocols import BATCH, draw

DIGITS = 10
EXAMPLES = 50_000  # labelled samples that the nearest-neighbour classifier compares with


def draw_labelled(
    model: nn.Module, labels: Tensor, seed: int, device: str = "cpu", progress: bool = False
) -> Tensor:
    """One example for each of labels (n,), from one seeded generator: (n, *event_shape), CPU.

    Raises:
        ZooError: a sample is not finite.
    """
    generator = torch.Generator(device).manual_seed(seed)
    parts = labels.split(BATCH)
    bar = tqdm(parts, desc=f"samples, seed {seed}", disable=not progress, leave=False)
    draws = [model.sample(len(y), generator, labels=y.to(device)).float().cpu() for y in bar]
    samples = torch.cat(draws)
    if not samples.isfinite().all():
        raise ZooError("the model's samples are not all finite: its training has diverged")
    return samples


def conditional_accuracy(
    model: nn.Module, dataset: str, device: str, progress: bool
) -> Measurement:
    """Share of samples that the pinned classifier reads as the label they were drawn for.

    The labels are those of the 10,000 test images. One good image per class would score 1, hence
    the Fréchet distance, precision and recall of the same samples beside the value.
    """
    _require_digits(model, dataset, "conditional-accuracy", labelled=True)
    asked = load_dataset("mnist", "test").labels[:SAMPLES]
    values, by_class, rows = [], [], []
    for seed in SEEDS:
        samples = draw_labelled(model, asked, seed, device, progress)
        right = (features(samples, device)[1] == asked).double()
        values.append(right.mean().item())
        by_class.append(torch.stack([right[asked == y].mean() for y in range(DIGITS)]))
        rows.append(image_scores(samples, device, seed))
    right = (real_features(device)[1][:SAMPLES] == asked).double()
    details = {
        "per_seed": values,
        "per_class": torch.stack(by_class).mean(0).tolist(),
        "chance": 1 / DIGITS,
        "real_test_images": right.mean().item(),
        "samples": mean_scores(rows),
        "real": real_row(),
    }
    return _measurement(values, details, SAMPLES)


def class_kl(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """KL divergence of the samples' classes, as the pinned classifier reads them, from the data's.

    A class counts as present when it has at least a tenth of its share of the samples.
    """
    _require_digits(model, dataset, "class-kl", labelled=False)
    real = fidelity.class_histogram(real_features(device)[1])
    shares, values = [], []
    for seed in SEEDS:
        read = features(draw(model, SAMPLES, seed, device, progress), device)[1]
        shares.append(fidelity.class_histogram(read))
        values.append(fidelity.class_kl(shares[-1], real))
    found = torch.stack(shares)  # (seeds, 10)
    details = {
        "per_seed": values,
        "classes_present": (found >= 0.1 * real).sum(1).min().item(),
        "class_histogram": found.mean(0).tolist(),
        "real": {"class_kl": real_row()["class_kl"], "class_histogram": real.tolist()},
    }
    return _measurement(values, details, SAMPLES)


def nearest_labels(examples: Tensor, labels: Tensor, queries: Tensor) -> Tensor:
    """Label of the example nearest to each query, Euclidean over all pixels.

    Args:
        examples: (N, *event_shape).
        labels: theirs, (N,).
        queries: (M, *event_shape).

    Returns:
        (M,); of equally near examples the first.
    """
    known = examples.flatten(1)
    offset = known.square().sum(1) / 2  # ‖q − e‖² / 2 = ‖q‖² / 2 − (q·e − ‖e‖² / 2)
    return torch.cat(
        [labels[(q @ known.T - offset).argmax(1)] for q in queries.flatten(1).split(BATCH)]
    )


def neighbour_error(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """Test error of a nearest-neighbour classifier that knows 50,000 labelled samples only.

    Radford et al. (2016), appendix. The samples' labels are those of the first 50,000 training
    images, whose own error is the row of real data.
    """
    _require_digits(model, dataset, "neighbour-error", labelled=True)
    train, test = load_dataset("mnist", "train"), load_dataset("mnist", "test")
    queries, asked = test_images("mnist"), train.labels[:EXAMPLES]

    def error(examples: Tensor) -> float:
        return (nearest_labels(examples, asked, queries) != test.labels).double().mean().item()

    values = [
        error(quantize(draw_labelled(model, asked, seed, device, progress))) for seed in SEEDS
    ]
    real = error(scale(train.images[:EXAMPLES], train.levels))
    details = {"per_seed": values, "examples": len(asked), "real_training_images": real}
    return _measurement(values, details, len(queries))


def _measurement(values: list[float], details: dict[str, Any], n: int) -> Measurement:
    found = torch.tensor(values, dtype=torch.float64)
    return Measurement(found.mean().item(), found.std().item(), n, SEEDS, details)


def _require_digits(model: nn.Module, dataset: str, metric: str, labelled: bool) -> None:
    if dataset != "mnist" or tuple(model.event_shape) != (1, 28, 28):
        raise ZooError(f"{metric} is defined for models of 1x28x28 images on data set 'mnist' only")
    if labelled and getattr(model, "classes", 0) != DIGITS:
        raise ZooError(
            f"{metric} needs a model with classes = {DIGITS} and sample(n, generator, labels=…)"
        )
