"""Sample-quality distances against closed forms, scipy, scikit-learn and brute force."""

import itertools
import math

import numpy as np
import pytest
import scipy.linalg
import torch
from sklearn.neighbors import NearestNeighbors

from zoo.core.errors import ZooError
from zoo.core.metrics import fidelity


def normal(n: int, dims: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return shift + torch.randn(n, dims, generator=generator, dtype=torch.float64)


def random_covariance(dims: int, seed: int) -> torch.Tensor:
    root = normal(dims, dims, seed)
    return root @ root.T


def test_frechet_of_commuting_gaussians_is_closed_form():
    m1, m2 = torch.tensor([0.0, 1.0]).double(), torch.tensor([3.0, 1.0]).double()
    d1, d2 = torch.tensor([4.0, 9.0]).double(), torch.tensor([1.0, 16.0]).double()
    c, s = math.cos(0.3), math.sin(0.3)
    r = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)
    s1, s2 = r @ d1.diag() @ r.T, r @ d2.diag() @ r.T
    # 9 + (2 - 1)^2 + (3 - 4)^2
    assert fidelity.frechet_distance((m1, s1), (m2, s2)) == pytest.approx(11.0, abs=1e-10)


def test_frechet_equals_the_matrix_root_of_the_product():
    s1, s2 = random_covariance(12, 1), random_covariance(12, 2)
    zero = torch.zeros(12).double()
    root = scipy.linalg.sqrtm((s1 @ s2).numpy()).real
    expected = (s1.trace() + s2.trace()).item() - 2 * np.trace(root)
    assert fidelity.frechet_distance((zero, s1), (zero, s2)) == pytest.approx(expected, rel=1e-9)
    assert fidelity.frechet_distance((zero, s2), (zero, s1)) == pytest.approx(expected, rel=1e-9)


def test_frechet_is_zero_for_itself_even_when_a_feature_is_constant():
    x = normal(200, 8, 0)
    x[:, 3] = 0.5
    statistics = fidelity.gaussian_statistics(x)
    assert fidelity.frechet_distance(statistics, statistics) == pytest.approx(0.0, abs=1e-6)


def test_frechet_refuses_fewer_examples_than_features():
    with pytest.raises(ZooError, match="more than 8 examples, got 8"):
        fidelity.gaussian_statistics(normal(8, 8, 0))


def test_mmd_equals_the_double_sum_over_distinct_pairs():
    x, y = normal(7, 3, 0), normal(5, 3, 1)

    def kernel(a: torch.Tensor, b: torch.Tensor) -> float:
        return ((a @ b).item() / 3 + 1) ** 3

    xx = [kernel(a, b) for a, b in itertools.permutations(x, 2)]
    yy = [kernel(a, b) for a, b in itertools.permutations(y, 2)]
    xy = [kernel(a, b) for a, b in itertools.product(x, y)]
    expected = np.mean(xx) + np.mean(yy) - 2 * np.mean(xy)
    assert fidelity.unbiased_mmd(x, y) == pytest.approx(expected, rel=1e-12)


def test_mmd_is_unbiased_on_equal_distributions():
    values = [
        fidelity.unbiased_mmd(normal(40, 4, 2 * i), normal(40, 4, 2 * i + 1)) for i in range(800)
    ]
    error = np.std(values) / math.sqrt(len(values))
    assert abs(np.mean(values)) < 4 * error
    # with the diagonals the estimate would be off by E[k(x, x) - k(x, y)] / 20, many errors
    assert error < 0.02


def test_kernel_distance_of_a_shift_matches_its_closed_form(monkeypatch):
    """D = 1, N(0, 1) against N(1, 1): E (xy + 1)^3 from the moments of independent normals."""
    monkeypatch.setattr(fidelity, "SUBSETS", 20)
    moments = {0: (0, 1, 0), 1: (1, 2, 4)}  # E x, E x^2, E x^3

    def expected_kernel(a: int, b: int) -> int:
        p, q = moments[a], moments[b]
        return p[2] * q[2] + 3 * p[1] * q[1] + 3 * p[0] * q[0] + 1

    truth = expected_kernel(0, 0) + expected_kernel(1, 1) - 2 * expected_kernel(0, 1)
    value, _ = fidelity.kernel_distance(normal(20_000, 1, 0), normal(20_000, 1, 1, shift=1.0))
    assert value == pytest.approx(truth, abs=1.2)  # 3 standard errors of 20,000 draws
    value, _ = fidelity.kernel_distance(normal(20_000, 1, 0), normal(20_000, 1, 1))
    assert value == pytest.approx(0.0, abs=0.05)


def test_kernel_distance_refuses_fewer_examples_than_a_subset():
    with pytest.raises(ZooError, match="subsets of 1000"):
        fidelity.kernel_distance(normal(999, 2, 0), normal(2000, 2, 1))


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_neighbour_scores_equal_a_reading_of_the_definitions(shift):
    k, real, fake = 5, normal(150, 3, 0), normal(120, 3, 1, shift)

    def radii(x: torch.Tensor) -> np.ndarray:
        # scikit-learn leaves each point out of its own neighbours when asked without arguments
        return NearestNeighbors(n_neighbors=k).fit(x.numpy()).kneighbors()[0][:, -1]

    distances = np.linalg.norm(fake.numpy()[:, None] - real.numpy()[None], axis=2)  # (M, N)
    in_real = distances <= radii(real)[None]
    in_fake = distances <= radii(fake)[:, None]
    scores = fidelity.neighbour_scores(real, fake, k)
    assert scores["precision"] == pytest.approx(in_real.any(1).mean())
    assert scores["recall"] == pytest.approx(in_fake.any(0).mean())
    assert scores["density"] == pytest.approx(in_real.sum() / (k * 120))
    assert scores["coverage"] == pytest.approx(in_real.any(0).mean())


def test_density_and_coverage_of_equal_distributions_have_their_expectations():
    """Coverage: 1 - prod_{i=1..k} (N - i) / (2 N - i) (Naeem et al. 2020, lemma 2); density: 1."""
    n, k = 3000, 5
    scores = fidelity.neighbour_scores(normal(n, 2, 0), normal(n, 2, 1), k)
    expected = 1 - math.prod((n - i) / (2 * n - i) for i in range(1, k + 1))
    assert scores["coverage"] == pytest.approx(expected, abs=0.015)
    assert scores["density"] == pytest.approx(1.0, abs=0.05)


def test_class_histogram_and_kl():
    histogram = fidelity.class_histogram(torch.tensor([0, 0, 1, 3]), classes=4)
    assert histogram.tolist() == [0.5, 0.25, 0.0, 0.25]
    uniform = torch.full((4,), 0.25).double()
    assert fidelity.class_kl(uniform, uniform) == pytest.approx(0.0, abs=1e-15)
    dropped = torch.tensor([1 / 3, 1 / 3, 1 / 3, 0.0]).double()
    assert fidelity.class_kl(dropped, uniform) == pytest.approx(-math.log(0.75))
