"""Protocols on scores of perturbed data, where those are exactly known: mixtures on the plane.

They speak of models with `score(x, sigma)` and noise levels `sigmas`, and of 2-D mixtures.
"""

import inspect
from collections.abc import Callable

import torch
from torch import Tensor, nn

from zoo.core.densities import GaussianMixture, density
from zoo.core.errors import ZooError
from zoo.core.metrics import Measurement
from zoo.core.metrics.reference import SAMPLES, SEEDS
from zoo.core.metrics.sample_protocols import BATCH, draw

_DATA_SEED = 40_000_001  # of the points at which scores are compared


def relative_error(score: Callable[[Tensor], Tensor], mixture: GaussianMixture, x: Tensor) -> float:
    """E‖s(x) − ∇ log p(x)‖² / E‖∇ log p(x)‖² over points x (N, 2) of p: 0 is exact, 1 is s = 0."""
    exact = mixture.score(x.double())
    return ((score(x).double().cpu() - exact).square().sum() / exact.square().sum()).item()


@torch.no_grad()
def score_error(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """`relative_error` at 10,000 fresh points of each perturbed density, averaged over levels."""
    target = _mixture(dataset, "score-error")
    if not hasattr(model, "score"):
        raise ZooError("score-error needs a model with score(x, sigma): not defined for this one")
    sigmas, rows, simple = model.sigmas.tolist(), [], []
    for seed in SEEDS:
        generator = torch.Generator().manual_seed(_DATA_SEED + seed)
        for sigma in sigmas:
            perturbed = target.perturbed(sigma)
            x = perturbed.sample(SAMPLES, generator)
            level = torch.full((SAMPLES,), sigma, device=device)
            rows.append(
                relative_error(lambda x, s=level: model.score(x.to(device), s), perturbed, x)
            )
            simple.append(relative_error(_normal_score(perturbed), perturbed, x))
    errors = torch.tensor(rows, dtype=torch.float64).view(len(SEEDS), -1)  # (seeds, L)
    values = errors.mean(1)
    details = {
        "per_seed": values.tolist(),
        "per_level": errors.mean(0).tolist(),
        "sigmas": sigmas,
        "score_zero": 1.0,
        "score_of_one_gaussian": sum(simple) / len(simple),
    }
    return Measurement(values.mean().item(), values.std().item(), SAMPLES, SEEDS, details)


def weight_error(samples: Tensor, mixture: GaussianMixture) -> float:
    """Total variation between the weights of the modes and the shares of samples nearest them."""
    nearest = torch.cdist(samples, mixture.modes.to(samples)).argmin(1)
    shares = torch.bincount(nearest, minlength=len(mixture.modes)).double() / len(samples)
    return 0.5 * (shares - mixture.shares).abs().sum().item()


def mode_weights(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """`weight_error` of 10,000 samples; also of plain Langevin (first seed), and of fresh data."""
    target = _mixture(dataset, "mode-weights")
    plain = "annealed" in inspect.signature(model.sample).parameters
    found, floor = [], []
    for seed in SEEDS:
        found.append(weight_error(draw(model, SAMPLES, seed, device, progress), target))
        fresh = torch.Generator().manual_seed(_DATA_SEED + seed)
        floor.append(weight_error(target.sample(SAMPLES, fresh), target))
    values = torch.tensor(found, dtype=torch.float64)
    details = {
        "per_seed": found,
        "plain_langevin": weight_error(_plain(model, SEEDS[0], device), target) if plain else None,
        "equal_weights": weight_error(target.modes, target),
        "data": sum(floor) / len(SEEDS),
    }
    return Measurement(values.mean().item(), values.std().item(), SAMPLES, SEEDS, details)


def _plain(model: nn.Module, seed: int, device: str) -> Tensor:
    """As many samples by plain Langevin dynamics at the smallest noise."""
    generator = torch.Generator(device).manual_seed(seed)
    parts = [model.sample(BATCH, generator, annealed=False) for _ in range(SAMPLES // BATCH)]
    return torch.cat(parts).float().cpu()


def _normal_score(mixture: GaussianMixture) -> Callable[[Tensor], Tensor]:
    """Score of the normal density with the mixture's mean and covariance."""
    shares = mixture.shares[:, None]
    mean = (shares * mixture.modes.double()).sum(0)
    away = mixture.modes.double() - mean
    covariance = (shares * away).T @ away + mixture.scale**2 * torch.eye(2)
    return lambda x: torch.linalg.solve(covariance, (mean - x.double()).T).T


def _mixture(dataset: str, metric: str) -> GaussianMixture:
    target = density(dataset)
    if not isinstance(target, GaussianMixture):
        raise ZooError(f"{metric} needs a mixture of Gaussians, such as two-modes, not {dataset}")
    return target
