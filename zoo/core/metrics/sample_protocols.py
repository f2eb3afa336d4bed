"""Protocols that draw from a model: Fréchet distance, modes of a 2-D mixture, slope of a critic.

Each of the seeds 0, 1, 2 draws a fresh sample on the model's device; the value is the mean over
them and the spread their standard deviation. Everything a sampler returns is used: nothing is
picked, and images are clamped and rounded to 256 levels exactly as the real ones are.
"""

import torch
from torch import Tensor, nn
from tqdm import tqdm

from zoo.core.data import test_images
from zoo.core.densities import DENSITIES, density
from zoo.core.errors import ZooError
from zoo.core.metrics import Measurement
from zoo.core.metrics.reference import SAMPLES, SEEDS, image_scores, mean_scores, real_row

BATCH = 500
CRITIC_EXAMPLES = 2000


def draw(
    model: nn.Module,
    n: int,
    seed: int,
    device: str = "cpu",
    progress: bool = False,
) -> Tensor:
    """Draw n examples in batches of 500 from one seeded generator: (n, *event_shape) on the CPU.

    Raises:
        ZooError: a sample is not finite.
    """
    generator = torch.Generator(device).manual_seed(seed)
    sizes = [min(BATCH, n - start) for start in range(0, n, BATCH)]
    bar = tqdm(sizes, desc=f"samples, seed {seed}", disable=not progress, leave=False)
    samples = torch.cat([model.sample(size, generator).float().cpu() for size in bar])
    if not samples.isfinite().all():
        raise ZooError("the model's samples are not all finite: its training has diverged")
    return samples


def cnn_fd(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """Fréchet distance of MNIST samples in the pinned classifier's features, beside its floor."""
    if dataset != "mnist" or tuple(model.event_shape) != (1, 28, 28):
        raise ZooError("cnn-fd is defined for models of 1x28x28 images on data set 'mnist' only")
    rows = [
        image_scores(draw(model, SAMPLES, seed, device, progress), device, seed) for seed in SEEDS
    ]
    values = torch.tensor([row["fd"] for row in rows], dtype=torch.float64)
    value, floor = values.mean().item(), real_row()["fd"]
    details = {
        **{key: score for key, score in mean_scores(rows).items() if key != "fd"},
        "fd_per_seed": values.tolist(),
        "floor": floor,
        "ratio": value / floor,
        "real": real_row(),
    }
    return Measurement(value, values.std().item(), SAMPLES, SEEDS, details)


def cnn_fd_ratio(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """`cnn_fd` in multiples of the distance of real training images."""
    raw = cnn_fd(model, dataset, device, progress)
    floor = raw.details["floor"]
    details = {**raw.details, "fd": raw.value}
    return Measurement(raw.value / floor, raw.sd / floor, raw.n, raw.seeds, details)


def mode_counts(samples: Tensor, modes: Tensor, scale: float) -> Tensor:
    """Number of samples (N, 2) within 3 `scale` of each of modes (M, 2): (M,) integers."""
    distance, nearest = torch.cdist(samples, modes.to(samples)).min(1)
    return torch.bincount(nearest[distance <= 3 * scale], minlength=len(modes))


def within_mode_sd(samples: Tensor, modes: Tensor, scale: float) -> float:
    """Spread per coordinate of samples (N, 2) about the mean of those near the same mode (M, 2).

    Near is within 3 `scale`. The mean is that of the samples, so that a mode hit off its centre is
    not thought wide. Modes with fewer than two samples are left out; 0 when that leaves none.
    """
    distance, nearest = torch.cdist(samples, modes.to(samples)).min(1)
    near = [samples[(nearest == m) & (distance <= 3 * scale)].double() for m in range(len(modes))]
    groups = [group for group in near if len(group) > 1]
    if not groups:
        return 0.0
    squares = torch.cat([(group - group.mean(0)).square() for group in groups])
    return squares.mean().sqrt().item()


def grid_modes(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """Modes hit: at least a tenth of the share N / M within three standard deviations of it."""
    target = density(dataset)
    if target.modes is None:
        raise ZooError(f"grid-modes needs a density with modes, such as grid25, not {dataset}")
    hit, quality, kl, width = [], [], [], []
    for seed in SEEDS:
        samples = draw(model, SAMPLES, seed, device, progress)
        counts = mode_counts(samples, target.modes, target.scale).double()
        width.append(within_mode_sd(samples, target.modes, target.scale))
        hit.append((counts >= 0.1 * SAMPLES / len(counts)).sum().item())
        quality.append(counts.sum().item() / SAMPLES)
        shares = counts / counts.sum().clamp(min=1)
        kl.append(torch.special.xlogy(shares, shares * len(counts)).sum().item())
    values = torch.tensor(hit, dtype=torch.float64)
    details = {
        "modes": len(target.modes),
        "modes_per_seed": hit,
        "high_quality_share": sum(quality) / len(SEEDS),
        "kl_to_uniform": sum(kl) / len(SEEDS),
        "within_mode_sd": sum(width) / len(SEEDS),
        "sd_of_a_mode": target.scale,
        "protocol": "a mode is hit by >= 0.1 N/M samples within 3 sd; high quality: within 3 sd",
    }
    return Measurement(values.mean().item(), values.std().item(), SAMPLES, SEEDS, details)


def critic_slopes(model: nn.Module, real: Tensor, fake: Tensor, alpha: Tensor) -> Tensor:
    """Gradient norms (B,) of `model.critic` at alpha * real + (1 - alpha) * fake, alpha (B,)."""
    weight = alpha.view(-1, *[1] * (real.dim() - 1))
    points = (weight * real + (1 - weight) * fake).requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(model.critic(points).sum(), points)
    return gradient.flatten(1).norm(dim=1)


def critic_slope(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """Mean of `critic_slopes` over random pairs of a test example and a sample."""
    if not hasattr(model, "critic"):
        raise ZooError("critic-slope needs a model with critic(x): it is not defined for this one")
    means, spreads = [], []
    for seed in SEEDS:
        generator = torch.Generator().manual_seed(seed)
        fake = draw(model, CRITIC_EXAMPLES, seed, device, progress)
        if dataset in DENSITIES:
            real = density(dataset).sample(CRITIC_EXAMPLES, generator)
        else:
            images = test_images(dataset)
            real = images[torch.randint(len(images), (CRITIC_EXAMPLES,), generator=generator)]
        alpha = torch.rand(CRITIC_EXAMPLES, generator=generator)
        triples = zip(*(x.to(device).split(BATCH) for x in (real, fake, alpha)), strict=True)
        slopes = torch.cat([critic_slopes(model, *triple).cpu() for triple in triples]).double()
        means.append(slopes.mean().item())
        spreads.append(slopes.std().item())
    values = torch.tensor(means, dtype=torch.float64)
    details = {"slope_sd": sum(spreads) / len(SEEDS), "slope_per_seed": means}
    return Measurement(values.mean().item(), values.std().item(), CRITIC_EXAMPLES, SEEDS, details)
