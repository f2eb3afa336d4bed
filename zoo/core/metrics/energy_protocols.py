"""Protocols for models with `energy(x)`: do samples reach the data, what looks strange.

An energy is known up to a constant and a scale, so that only differences in units of its own
spread, and orders, are measured. Nothing here is a likelihood.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.core.data import dequantize, levels_of, load_dataset, test_images
from zoo.core.errors import ZooError
from zoo.core.metrics import Measurement
from zoo.core.metrics.reference import SEEDS
from zoo.core.metrics.sample_protocols import BATCH

DRAWS = 2000  # chains per seed
LENGTHS = (100, 200, 400)  # steps after which chains are compared with the data
HARD = ("upside down", "means of two")  # kinds that differ from digits in shape alone
RESAMPLES = 20  # of the bootstrap
_RIDGE = 0.01  # added to the variances of the Gaussian among the baselines
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
    """The largest `gap_ratio` of chains after 100, 200 and 400 steps, mean of three seeds.

    At one number of steps nearly any descent has a small ratio: the one at which it crosses the
    data's mean energy. A chain that has arrived keeps it.
    """
    _require_energy(model, dataset, "energy-gap")
    test = energies(model, dequantised(test_images(dataset), dataset), device)
    noise = torch.rand(DRAWS, *model.event_shape, generator=_generator())
    noise = energies(model, noise, device)
    found = [_chain_energies(model, seed, device) for seed in SEEDS]
    ratios = [[gap_ratio(test, e, noise) for e in marks] for marks in found]
    worst = torch.tensor(ratios, dtype=torch.float64).max(1).values

    def by_length(value: Callable[[Tensor], float]) -> dict[str, float]:
        """Mean over the seeds for each length of the chains."""
        columns = zip(LENGTHS, zip(*found, strict=True), strict=True)
        return {str(k): sum(map(value, marks)) / len(SEEDS) for k, marks in columns}

    details = {
        "per_seed": worst.tolist(),
        "signed_gap_in_sd_of_test": by_length(
            lambda e: ((e.mean() - test.mean()) / test.std()).item()
        ),
        "auroc_samples_above_test": by_length(lambda e: auroc(test, e)),
        "auroc_noise_above_test": auroc(test, noise),
        "noise_gap_in_sd_of_test": ((noise.mean() - test.mean()) / test.std()).item(),
    }
    return Measurement(worst.mean().item(), worst.std().item(), DRAWS, SEEDS, details)


def _chain_energies(model: nn.Module, seed: int, device: str) -> list[Tensor]:
    """Energies of 2000 chains from uniform noise after each of LENGTHS steps."""
    generator, found = torch.Generator().manual_seed(seed), []
    x = torch.rand(DRAWS, *model.event_shape, generator=generator).to(device)
    for step in range(1, max(LENGTHS) + 1):
        x = model.langevin(x, torch.randn((1, *x.shape), generator=generator).to(device))
        if step in LENGTHS:
            found.append(energies(model, x, device))
    return found


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


def ood_lead(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """AUROC of the energy less that of the better baseline, mean over the two HARD kinds.

    The other kinds, which the mean training image tells apart as well, are in the details. The
    spread is a bootstrap over test and strange images.
    """
    _require_energy(model, dataset, "ood-lead")
    scores: dict[str, Callable[[Tensor], Tensor]] = {
        "energy": lambda x: energies(model, x, device),
        **baseline_scores(load_dataset(dataset, "train").images.float() / (levels_of(dataset) - 1)),
    }
    test = torch.stack([f(dequantised(test_images(dataset), dataset)) for f in scores.values()])
    kinds = strange_images(dataset)
    strange = {kind: torch.stack([f(x) for f in scores.values()]) for kind, x in kinds.items()}
    found = {
        name: {kind: auroc(test[row], strange[kind][row]) for kind in strange}
        for row, name in enumerate(scores)
    }
    hard, generator = [strange[kind] for kind in HARD], _generator()
    draws = torch.tensor(
        [
            lead(_resampled(test, generator), [_resampled(x, generator) for x in hard])
            for _ in range(RESAMPLES)
        ]
    )
    details = {
        "per_kind": found,
        "mean_of_all_kinds": {n: sum(row.values()) / len(row) for n, row in found.items()},
        "baselines": "independent pixels of the mean training image; the training set's Gaussian",
    }
    return Measurement(lead(test, hard), draws.std().item(), test.shape[1], (), details)


def baseline_scores(train: Tensor) -> dict[str, Callable[[Tensor], Tensor]]:
    """What two models without learned features find strange, from training images in [0, 1].

    "pixels" is the cross-entropy with the mean image, "gaussian" the Mahalanobis distance under
    mean and covariance with 0.01 added to the variances.
    """
    middle = train.mean(0).clamp(1e-3, 1 - 1e-3)
    flat = train.flatten(1).double()
    covariance = flat.T.cov() + _RIDGE * torch.eye(flat.shape[1]).double()
    root = torch.linalg.cholesky(covariance)

    def pixels(x: Tensor) -> Tensor:
        return -(x * middle.log() + (1 - x) * (-middle).log1p()).flatten(1).sum(1).double()

    def gaussian(x: Tensor) -> Tensor:
        off = (x.flatten(1).double() - flat.mean(0)).T
        return torch.linalg.solve_triangular(root, off, upper=False).square().sum(0)

    return {"pixels": pixels, "gaussian": gaussian}


def lead(test: Tensor, kinds: list[Tensor]) -> float:
    """AUROC of the first row less the best of the others, mean over kinds; scores are (M, N)."""
    leads = []
    for strange in kinds:
        first, *others = [auroc(low, high) for low, high in zip(test, strange, strict=True)]
        leads.append(first - max(others))
    return sum(leads) / len(leads)


def _resampled(scores: Tensor, generator: torch.Generator) -> Tensor:
    """As many columns of (M, N), drawn with replacement."""
    return scores[:, torch.randint(scores.shape[1], scores.shape[1:], generator=generator)]


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
