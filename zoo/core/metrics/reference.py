"""Real against real: the row without which no sample-quality number means anything.

The reference of every comparison is the 10,000 MNIST test images. The row kept in
`mnist_reference.json` scores random subsets of 10,000 training images against it (the *floor*:
what a generator that returned real images would get), what known faults do to the scores, and the
last 10,000 training images, whose writers differ a little: real images can be two floors away. The
classifier has seen the training images, which costs their row a little density and coverage. The
command recomputes it and prints the table:

    OMP_NUM_THREADS=1 python -m zoo.core.metrics.reference
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.core.data import load_dataset, scale, test_images
from zoo.core.errors import ZooError
from zoo.core.metrics import fidelity
from zoo.core.metrics.classifier import SHA256, accuracy, features, load_classifier

REFERENCE = Path(__file__).with_name("mnist_reference.json")
SEEDS = (0, 1, 2)
SAMPLES = 10_000


@lru_cache(maxsize=2)
def real_features(device: str) -> tuple[Tensor, Tensor]:
    """Features (10000, 64) float64 and predicted labels (10000,) of the MNIST test images."""
    return features(test_images("mnist"), device)


def image_scores(images: Tensor, device: str = "cpu", seed: int = 0) -> dict[str, Any]:
    """Score images (N, 1, 28, 28) in [0, 1] against the MNIST test images.

    Returns fd, kid, kid_sd, precision, recall, density, coverage, class_histogram (10 shares),
    class_kl (nats). `seed` draws KID's subsets. ZooError when N is not above the feature dimension
    or below KID's subset size.
    """
    found, labels = features(images, device)
    real, real_labels = real_features(device)
    histogram = fidelity.class_histogram(labels)
    kid, kid_sd = fidelity.kernel_distance(found, real, seed)
    return {
        "fd": fidelity.frechet_distance(
            fidelity.gaussian_statistics(found), fidelity.gaussian_statistics(real)
        ),
        "kid": kid,
        "kid_sd": kid_sd,
        **fidelity.neighbour_scores(real, found),
        "class_histogram": histogram.tolist(),
        "class_kl": fidelity.class_kl(histogram, fidelity.class_histogram(real_labels)),
    }


def mean_scores(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean over seeds of every score of `image_scores`, lists elementwise."""
    means = {
        key: torch.tensor([row[key] for row in rows], dtype=torch.float64).mean(0)
        for key in rows[0]
    }
    return {key: value.tolist() for key, value in means.items()}


@lru_cache(maxsize=1)
def real_row() -> dict[str, Any]:
    """Scores of real training images, as `image_scores` names them, and "fd_sd" over the seeds."""
    reference = json.loads(REFERENCE.read_text())
    if reference["classifier_sha256"] != SHA256:
        raise ZooError(
            f"{REFERENCE.name} belongs to another classifier: "
            "run python -m zoo.core.metrics.reference"
        )
    return reference["real"]


def training_subset(seed: int) -> Tensor:
    """10,000 MNIST training images in [0, 1], drawn without replacement."""
    data = load_dataset("mnist", "train")
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
    return scale(data.images[order[:SAMPLES]], data.levels)


def last_training_images() -> Tensor:
    """The last 10,000 MNIST training images in file order, in [0, 1]."""
    data = load_dataset("mnist", "train")
    return scale(data.images[-SAMPLES:], data.levels)


def _faults() -> dict[str, Tensor]:
    """Real training images with one known fault each."""
    data = load_dataset("mnist", "train")
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))
    images, labels = scale(data.images[order], data.levels), data.labels[order]
    whole = images[:SAMPLES]
    generator = torch.Generator().manual_seed(0)
    noise = 0.1 * torch.randn(whole.shape, generator=generator)
    return {
        "no 1s": images[labels != 1][:SAMPLES],
        "no 8s": images[labels != 8][:SAMPLES],
        "only 7s, 6000": images[labels == 7][:6000],
        "100 images, each 100 times": whole[:100].repeat(100, 1, 1, 1),
        "shifted by 1 pixel": whole.roll(1, 3),
        "shifted by 2 pixels": whole.roll(2, 3),
        "noise of sd 0.1": whole + noise,
        "thresholded at 0.5": (whole > 0.5).float(),
        "uniform noise": torch.rand(whole.shape, generator=generator),
    }


def main() -> None:
    """Recompute the real row and the table of faults, write the JSON, print both."""
    rows = [image_scores(training_subset(seed), seed=seed) for seed in SEEDS]
    fds = torch.tensor([row["fd"] for row in rows], dtype=torch.float64)
    reference = {
        "classifier_sha256": SHA256,
        "classifier_test_accuracy": accuracy(load_classifier()),
        "protocol": "10000 random training images against the 10000 test images, seeds 0 1 2",
        "real": {**mean_scores(rows), "fd_sd": fds.std().item()},
        "last": image_scores(last_training_images()),
        "faults": {name: image_scores(images) for name, images in _faults().items()},
    }
    REFERENCE.write_text(json.dumps(reference, indent=1) + "\n")
    columns = ("fd", "kid", "precision", "recall", "density", "coverage", "class_kl")
    print(f"{'':28}" + "".join(f"{c:>10}" for c in columns))
    table = {"real": reference["real"], "last 10,000 training images": reference["last"]}
    for name, row in {**table, **reference["faults"]}.items():
        print(f"{name:28}" + "".join(f"{row[c]:10.4f}" for c in columns))


if __name__ == "__main__":
    main()
