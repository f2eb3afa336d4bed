"""Protocols on the paths of a flow in time: how straight they are, where one step along them ends.

They speak of models with `velocity(x, t)`, whose noise at t = 0 is standard normal, and of 2-D
densities, where nothing need be left to the features of a network.
"""

import torch
from torch import Tensor, nn

from zoo.core.densities import DENSITIES, Density2D, density
from zoo.core.errors import ZooError
from zoo.core.metrics import Measurement
from zoo.core.metrics.reference import SAMPLES, SEEDS
from zoo.core.metrics.sample_protocols import draw

STEPS = 60  # of the fourth-order solver along a path; even, for Simpson's rule
ROWS = 2000  # distances to all points of the other sample that are held at once
_DATA_SEED = 30_000_001  # of the points that samples are compared with, and of two sets of data


@torch.no_grad()
def straightness(model: nn.Module, z: Tensor) -> tuple[float, float]:
    """S = ∫ E ‖(Z_1 − Z_0) − v(Z_t, t)‖² dt over paths from z (N, …), and E ‖Z_1 − Z_0‖².

    Liu et al. 2022 (2209.03003), section 2. As ∫ v(Z_t, t) dt = Z_1 − Z_0 along a path, S is the
    integral of E‖v‖² less E ‖Z_1 − Z_0‖²; Simpson's rule over the steps of a fourth-order solver.
    """
    x, energy, h = z, torch.zeros(len(z), dtype=torch.float64), 1 / STEPS

    def velocity(x: Tensor, t: float) -> Tensor:
        return model.velocity(x, x.new_full((len(x),), t))

    for i in range(STEPS + 1):
        t = i * h
        k1 = velocity(x, t)
        weight = 1 if i in (0, STEPS) else 4 if i % 2 else 2
        energy += (h / 3 * weight * k1.double().flatten(1).square().sum(1)).cpu()
        if i < STEPS:
            k2 = velocity(x + h / 2 * k1, t + h / 2)
            k3 = velocity(x + h / 2 * k2, t + h / 2)
            k4 = velocity(x + h * k3, t + h)
            x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    length = (x - z).double().flatten(1).square().sum(1).cpu()
    return (energy - length).mean().item(), length.mean().item()


def path_straightness(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """`straightness` of 10,000 paths from seeded noise, for three seeds."""
    _require_path(model, dataset, "path-straightness")
    found = []
    for seed in SEEDS:
        generator = torch.Generator().manual_seed(seed)
        z = torch.randn(SAMPLES, *model.event_shape, generator=generator)
        found.append(straightness(model, z.to(device)))
    values, lengths = torch.tensor(found, dtype=torch.float64).T
    details = {
        "per_seed": values.tolist(),
        "mean_squared_length": lengths.mean().item(),
        "protocol": f"{STEPS} steps of RK4 from t = 0 to 1, Simpson's rule for the integral",
    }
    return Measurement(values.mean().item(), values.std().item(), SAMPLES, SEEDS, details)


def energy_distance(x: Tensor, y: Tensor) -> float:
    """2 E‖X − Y‖ − E‖X − X'‖ − E‖Y − Y'‖ from samples (N, D) and (M, D), in units of length.

    Székely and Rizzo's distance, zero only between equal distributions. Pairs of a point with
    itself are left out, which makes the estimate unbiased: around zero, also below, for equal ones.
    """
    x, y = x.double(), y.double()

    def total(a: Tensor, b: Tensor) -> Tensor:
        return sum(torch.cdist(rows, b).sum() for rows in a.split(ROWS))

    between = total(x, y) / (len(x) * len(y))
    within = total(x, x) / (len(x) * (len(x) - 1)) + total(y, y) / (len(y) * (len(y) - 1))
    return (2 * between - within).item()


def one_step_energy(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """Energy distance of `sample(n, generator, steps=1)` to fresh points; also of all steps."""
    _require_path(model, dataset, "one-step-energy")
    target, rows = density(dataset), []
    for seed in SEEDS:
        fresh = torch.Generator().manual_seed(_DATA_SEED + seed)
        real, other = (target.sample(SAMPLES, fresh) for _ in range(2))
        generator = torch.Generator(device).manual_seed(seed)
        one = model.sample(SAMPLES, generator, steps=1).cpu()
        found = (one, draw(model, SAMPLES, seed, device, progress), other)
        rows.append([energy_distance(points, real) for points in found])
    values, many, floor = torch.tensor(rows, dtype=torch.float64).T
    details = {
        "per_seed": values.tolist(),
        "all_steps": many.mean().item(),
        "data_against_data": floor.mean().item(),
        "data_against_data_sd": floor.std().item(),
    }
    return Measurement(values.mean().item(), values.std().item(), SAMPLES, SEEDS, details)


def share_on_support(points: Tensor, target: Density2D) -> float:
    """Share of points (N, 2) at which the density is not zero."""
    return target.log_prob(points).isfinite().double().mean().item()


def one_step_support(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """`share_on_support` of `sample(n, generator, steps=1)`; of all steps and of the noise, too.

    Only a density that is zero somewhere can tell: the checkerboard, not a mixture of normals.
    """
    _require_path(model, dataset, "one-step-support")
    target = density(dataset)
    far = torch.full((1, 2), 10 * target.extent)
    if target.log_prob(far).isfinite().item():
        raise ZooError(f"one-step-support needs a density with a bounded support: not {dataset}")
    rows = []
    for seed in SEEDS:
        one = model.sample(SAMPLES, torch.Generator(device).manual_seed(seed), steps=1).cpu()
        noise = torch.randn(SAMPLES, 2, generator=torch.Generator().manual_seed(seed))
        found = (one, draw(model, SAMPLES, seed, device, progress), noise)
        rows.append([share_on_support(points, target) for points in found])
    values, many, nothing = torch.tensor(rows, dtype=torch.float64).T
    details = {
        "per_seed": values.tolist(),
        "all_steps": many.mean().item(),
        "noise": nothing.mean().item(),
    }
    return Measurement(values.mean().item(), values.std().item(), SAMPLES, SEEDS, details)


def _require_path(model: nn.Module, dataset: str, metric: str) -> None:
    if dataset not in DENSITIES:
        raise ZooError(
            f"{metric} is defined for 2-D densities, such as checkerboard: not {dataset}"
        )
    if not hasattr(model, "velocity"):
        raise ZooError(
            f"{metric} needs a model with velocity(x, t): it is not defined for this one"
        )
