"""Protocols for models with `energy(x)`: do samples reach the data, what looks strange.

An energy is known up to a constant and a scale, so that only differences in units of its own
spread, and orders, are measured. Nothing here is a likelihood.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.core.data import dequantize, levels_of, load_dataset, test_images
from zoo.core.errors import ZooError
from zoo.core.metrics import Measurement
from zoo.core.metrics.reference import SEEDS
from zoo.core.metrics.sample_protocols import BATCH, draw

DRAWS = 2000  # samples per seed
_STRANGE_SEED = 190_308_689  # of everything that is random in the strange images


@torch.no_grad()
def energies(model: nn.Module, images: Tensor, device: str) -> Tensor:
    """E of each image, float64 (N,) on the CPU."""
    return torch.cat([model.energy(x.to(device)).double().cpu() for x in images.split(BATCH)])


def auroc(low: Tensor, high: Tensor) -> float:
    """Probability that an entry of `high` exceeds one of `low`, ties half; 0.5 is chance."""
    low = low.sort().values
    below = torch.searchsorted(low, high) + torch.searchsorted(low, high, right=True)
    return (below.double().mean() / (2 * len(low))).item()


def gap_ratio(test: Tensor, samples: Tensor, noise: Tensor) -> float:
    """|mean E(samples) - mean E(test)| over the smaller of test's spread and noise's distance.

    Near 0 chains end where the data are. A chain that goes nowhere gives at least 1, whatever the
    energy: its samples are the noise. So does one that falls below the data by a deviation.
    """
    away = (noise.mean() - test.mean()).abs()
    return ((samples.mean() - test.mean()).abs() / torch.minimum(test.std(), away)).item()


def energy_gap(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """`gap_ratio` of 2000 samples for each of three seeds, against the test images."""
    _require_energy(model, dataset, "energy-gap")
    test = energies(model, dequantised(test_images(dataset), dataset), device)
    noise = torch.rand(DRAWS, *model.event_shape, generator=_generator())
    noise = energies(model, noise, device)
    ratios, signed, order = [], [], []
    for seed in SEEDS:
        found = energies(model, draw(model, DRAWS, seed, device, progress), device)
        ratios.append(gap_ratio(test, found, noise))
        signed.append(((found.mean() - test.mean()) / test.std()).item())
        order.append(auroc(test, found))
    values = torch.tensor(ratios, dtype=torch.float64)
    details = {
        "per_seed": ratios,
        "signed_gap_in_sd_of_test": sum(signed) / len(SEEDS),
        "auroc_samples_above_test": sum(order) / len(SEEDS),
        "auroc_noise_above_test": auroc(test, noise),
        "noise_gap_in_sd_of_test": ((noise.mean() - test.mean()) / test.std()).item(),
    }
    return Measurement(values.mean().item(), values.std().item(), DRAWS, SEEDS, details)


def strange_images(dataset: str) -> dict[str, Tensor]:
    """Images that are not of the data set, made without a download, dequantised; (N, C, H, W).

    Uniform noise; constant grey; test images with one permutation of the pixels; inverted; upside
    down; means of two (the paper's interpolations); and, beside MNIST, the smaller handwritten
    digits that scikit-learn ships, enlarged.
    """
    test, generator = test_images(dataset), _generator()
    order = torch.randperm(test[0].numel(), generator=generator)
    partner = torch.randperm(len(test), generator=generator)
    grey = torch.rand(len(test), 1, 1, 1, generator=generator)
    strange = {
        "uniform noise": torch.rand(test.shape, generator=generator),
        "constant": grey.expand_as(test),
        "shuffled pixels": test.flatten(1)[:, order].view_as(test),
        "inverted": 1 - test,
        "upside down": test.flip(2),
        "means of two": (test + test[partner]) / 2,
    }
    if dataset == "mnist":
        small = load_dataset("digits", "test").images.float() / (levels_of("digits") - 1)
        strange["small digits"] = F.interpolate(small, size=test.shape[2:], mode="bilinear")
    return {name: dequantised(images, dataset) for name, images in strange.items()}


def ood_auroc(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """AUROC of the energy of strange images over that of test images, mean over the kinds."""
    _require_energy(model, dataset, "ood-auroc")
    images = dequantised(test_images(dataset), dataset)
    train = load_dataset(dataset, "train").images.float().mean(0) / (levels_of(dataset) - 1)
    mean = train.clamp(1e-3, 1 - 1e-3)

    def surprise(x: Tensor) -> Tensor:
        """Cross-entropy with the mean training image: what independent pixels make of x."""
        return -(x * mean.log() + (1 - x) * (-mean).log1p()).flatten(1).sum(1).double()

    test, plain = energies(model, images, device), surprise(images)
    found, baseline = {}, {}
    for name, strange in strange_images(dataset).items():
        found[name] = auroc(test, energies(model, strange, device))
        baseline[name] = auroc(plain, surprise(strange))
    values = torch.tensor(list(found.values()), dtype=torch.float64)
    details = {
        "per_kind": found,
        "worst": values.min().item(),
        "baseline": "independent pixels of the mean training image",
        "baseline_per_kind": baseline,
        "baseline_mean": sum(baseline.values()) / len(baseline),
    }
    return Measurement(values.mean().item(), values.std().item(), len(images), (), details)


def dequantised(images: Tensor, dataset: str) -> Tensor:
    """Images in [0, 1] rounded to the data's grey values k, then (k + U)/levels with seeded U.

    So are the images that energies are learned on, and no set is told apart by its rounding.
    """
    levels = levels_of(dataset)
    grey = (images.clamp(0, 1) * (levels - 1)).round()
    return dequantize(grey, levels, torch.rand(grey.shape, generator=_generator()))


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(_STRANGE_SEED)


def _require_energy(model: nn.Module, dataset: str, metric: str) -> None:
    if dataset not in ("mnist", "digits"):
        raise ZooError(f"{metric} is defined for grey images, mnist or digits: not {dataset}")
    if not hasattr(model, "energy"):
        raise ZooError(f"{metric} needs a model with energy(x): it is not defined for this one")
