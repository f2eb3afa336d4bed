"""Distances between two sets of features: Fréchet, kernel, k-nearest-neighbour, class histogram.

Every function takes features (N, D) that somebody else computed, works in float64 on the CPU, and
has no options beyond the protocol's. A number of theirs means something only beside the same number
for real images against real images; `zoo.core.metrics.reference` keeps that row.
"""

import torch
from torch import Tensor

from zoo.core.errors import ZooError

NEIGHBOURS = 5
SUBSETS, SUBSET_SIZE = 100, 1000


def gaussian_statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (D,) and unbiased covariance (D, D) in float64; ZooError unless N > D."""
    n, dims = features.shape
    if n <= dims:
        raise ZooError(
            f"a Fréchet distance of {dims} features needs more than {dims} examples, got {n}: "
            "take more samples"
        )
    features = features.double()
    return features.mean(0), torch.cov(features.T)


def frechet_distance(
    first: tuple[Tensor, Tensor],
    second: tuple[Tensor, Tensor],
) -> float:
    """Squared Wasserstein-2 distance of two Gaussians given as (mean, covariance) in float64.

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) (Dowson and Landau 1982; Heusel et al. 2017, eq. 6).
    S1 S2 is similar to the symmetric S1^(1/2) S2 S1^(1/2), whose eigenvalues are real and not
    negative: the trace of the root is the sum of their roots, and no matrix root of an
    asymmetric product, with its imaginary parts, is taken.
    """
    (m1, s1), (m2, s2) = first, second
    values, vectors = torch.linalg.eigh(s1)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ s2 @ root).clamp(min=0).sqrt().sum()
    return ((m1 - m2).square().sum() + s1.trace() + s2.trace() - 2 * cross).item()


def unbiased_mmd(x: Tensor, y: Tensor) -> float:
    """Unbiased squared maximum mean discrepancy, kernel (x.y / D + 1)^3, diagonals left out.

    x: (N, D), y: (M, D). Binkowski et al. 2018, eq. 4; zero in expectation for equal distributions,
    so that a single value may be negative.
    """

    def pair_sum(a: Tensor, b: Tensor) -> Tensor:
        base = a @ b.T / a.shape[1] + 1
        return torch.vdot(base.square().flatten(), base.flatten())  # sum of cubes

    def within(a: Tensor) -> Tensor:
        diagonal = (a.square().mean(1) + 1).pow(3).sum()
        return (pair_sum(a, a) - diagonal) / (len(a) * (len(a) - 1))

    return (within(x) + within(y) - 2 * pair_sum(x, y) / (len(x) * len(y))).item()


def kernel_distance(x: Tensor, y: Tensor, seed: int = 0) -> tuple[float, float]:
    """KID: mean and standard deviation of `unbiased_mmd` over 100 subsets of 1000 of each side.

    The subsets are drawn without replacement inside a subset, from `seed`. x, y: (N, D), N >= 1000.
    """
    if min(len(x), len(y)) < SUBSET_SIZE:
        raise ZooError(f"KID draws subsets of {SUBSET_SIZE} examples: give it at least as many")
    generator = torch.Generator().manual_seed(seed)

    def subset(z: Tensor) -> Tensor:
        return z[torch.randperm(len(z), generator=generator)[:SUBSET_SIZE]].double()

    distances = [unbiased_mmd(subset(x), subset(y)) for _ in range(SUBSETS)]
    values = torch.tensor(distances, dtype=torch.float64)
    return values.mean().item(), values.std().item()


def neighbour_radii(x: Tensor, k: int = NEIGHBOURS) -> Tensor:
    """Distance of each of (N, D) points to its k-th nearest other point: (N,) float64."""
    x = x.double()
    # k + 1, because the nearest point of the set is the point itself
    return torch.cat([torch.cdist(rows, x).kthvalue(k + 1, 1).values for rows in x.split(1000)])


def neighbour_scores(real: Tensor, fake: Tensor, k: int = NEIGHBOURS) -> dict[str, float]:
    """Precision, recall, density and coverage with balls that reach the k-th neighbour.

    real: (N, D), fake: (M, D). Precision: share of fakes inside a ball of a real point; recall: the
    same with the roles exchanged (Kynkäänniemi et al. 2019, eq. 2-3). Density: mean number of real
    balls that hold a fake, over k; coverage: share of real balls that hold a fake (Naeem et al.
    2020, eq. 3-4). For equal distributions and N = M, density is 1 and coverage close to 1 - 2^-k.
    """
    real, fake = real.double(), fake.double()
    real_radii, fake_radii = neighbour_radii(real, k), neighbour_radii(fake, k)
    holders, covered = [], []  # real balls that hold each fake; whether each real ball holds one
    recalled = torch.zeros(len(real), dtype=torch.bool)
    covered = torch.zeros(len(real), dtype=torch.bool)
    for rows, radii in zip(fake.split(1000), fake_radii.split(1000), strict=True):
        distances = torch.cdist(rows, real)  # (rows, N)
        inside = distances <= real_radii
        holders.append(inside.sum(1))
        covered |= inside.any(0)
        recalled |= (distances <= radii[:, None]).any(0)
    counts = torch.cat(holders).double()
    return {
        "precision": (counts > 0).double().mean().item(),
        "recall": recalled.double().mean().item(),
        "density": counts.mean().item() / k,
        "coverage": covered.double().mean().item(),
    }


def class_histogram(labels: Tensor, classes: int = 10) -> Tensor:
    """Share of each class among integer labels (N,): (classes,) float64, sums to 1."""
    return torch.bincount(labels, minlength=classes).double() / len(labels)


def class_kl(model: Tensor, data: Tensor) -> float:
    """KL(model || data) of two class histograms in nats: finite when the model drops a class.

    A dropped class with share p costs at least -ln(1 - p): 0.105 nats for a tenth.
    """
    return torch.special.xlogy(model, model / data).sum().item()
