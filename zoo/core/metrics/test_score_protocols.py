"""Score errors and mode weights of models whose values are known."""

import pytest
import torch
from torch import nn

from zoo.core.densities import density
from zoo.core.errors import ZooError
from zoo.core.metrics import measure
from zoo.core.metrics.score_protocols import relative_error, weight_error

MIXTURE = density("two-modes")


class Model(nn.Module):
    """The exact scores at three levels, times a factor; samples with given shares."""

    event_shape = (2,)

    def __init__(self, factor=1.0, shares=(0.2, 0.8), plain=(0.5, 0.5)) -> None:
        super().__init__()
        self.factor, self.shares, self.plain = factor, shares, plain
        self.register_buffer("sigmas", torch.tensor([9.0, 3.0, 1.0]))

    def score(self, x, sigma):
        return self.factor * MIXTURE.perturbed(float(sigma[0])).score(x)

    def sample(self, n, generator=None, annealed=True):
        shares = torch.tensor(self.shares if annealed else self.plain)
        which = torch.multinomial(shares, n, True, generator=generator)
        return MIXTURE.modes[which] + torch.randn(n, 2, generator=generator)


@pytest.mark.parametrize(("factor", "error"), [(1.0, 0.0), (0.0, 1.0), (2.0, 1.0), (1.1, 0.01)])
def test_error_of_a_multiple_of_the_score(factor, error) -> None:
    found = measure(Model(factor), "score-error", "two-modes", progress=False)
    assert found.value == pytest.approx(error, abs=1e-6)
    assert found.details["per_level"] == pytest.approx([error] * 3, abs=1e-6)
    assert found.n == 10_000


def test_error_of_one_gaussian_is_small_where_noise_hides_the_modes() -> None:
    x = MIXTURE.perturbed(100.0).sample(5000, torch.Generator().manual_seed(0))
    wide = MIXTURE.perturbed(100.0)
    mean = (MIXTURE.shares[:, None] * MIXTURE.modes).sum(0)
    assert relative_error(lambda x: (mean - x) / wide.scale**2, wide, x) < 0.01
    simple = measure(Model(), "score-error", "two-modes", progress=False).details
    assert 0.1 < simple["score_of_one_gaussian"] < 1


def test_weight_error_by_hand() -> None:
    x = torch.tensor([[-5.0, -4.0], [4.0, 5.0], [1.0, 0.0], [-1.0, 0.0]])
    assert weight_error(x, MIXTURE) == pytest.approx(0.3)
    assert weight_error(x[1:3], MIXTURE) == pytest.approx(0.2)


def test_mode_weights_of_both_samplers() -> None:
    found = measure(Model(shares=(0.25, 0.75)), "mode-weights", "two-modes", progress=False)
    assert found.value == pytest.approx(0.05, abs=0.01)
    assert found.details["plain_langevin"] == pytest.approx(0.3, abs=0.01)
    assert found.details["equal_weights"] == pytest.approx(0.3)
    assert found.details["data"] < 0.01


def test_what_they_are_not_defined_for() -> None:
    with pytest.raises(ZooError, match="mixture of Gaussians"):
        measure(Model(), "mode-weights", "checkerboard", progress=False)
    with pytest.raises(ZooError, match="score-error needs a model with score"):
        measure(nn.Identity(), "score-error", "two-modes", progress=False)
