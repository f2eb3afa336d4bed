"""Straightness of fields with known paths; energy distances by enumeration and in closed form."""

import math

import pytest
import torch
from torch import nn

from zoo.core.densities import density
from zoo.core.errors import ZooError
from zoo.core.metrics import measure
from zoo.core.metrics.path_protocols import energy_distance, share_on_support, straightness


class Path(nn.Module):
    """A flow of the plane given by its velocity; `sample` moves noise along it."""

    event_shape = (2,)

    def __init__(self, velocity) -> None:
        super().__init__()
        self.velocity = velocity

    def sample(self, n, generator=None, steps=100):
        x = torch.randn(n, 2, generator=generator)
        for i in range(steps):
            x = x + self.velocity(x, torch.full((n,), i / steps)) / steps
        return x


def turn(omega):
    matrix = torch.tensor([[0.0, omega], [-omega, 0.0]])
    return lambda x, t: x @ matrix.to(x)


def test_a_constant_field_is_straight() -> None:
    z = torch.randn(100, 2, dtype=torch.float64)
    bent, length = straightness(Path(lambda x, t: torch.full_like(x, 1.5)), z)
    assert bent == pytest.approx(0, abs=1e-12)
    assert length == pytest.approx(2 * 1.5**2)


def test_an_accelerated_field_is_not_although_its_paths_are_lines() -> None:
    """With v = 2t, ∫ (1 − 2t)² dt = 1/3 per dimension: a step of Euler would miss, too."""
    z = torch.randn(100, 2, dtype=torch.float64)
    bent, _ = straightness(Path(lambda x, t: 2 * t[:, None].expand_as(x)), z)
    assert bent == pytest.approx(2 / 3, rel=1e-9)


@pytest.mark.parametrize("omega", [0.5, 2.0])
def test_a_rotation_in_closed_form(omega) -> None:
    """‖v‖ = ω‖z‖ and ‖Z_1 − Z_0‖² = 2(1 − cos ω)‖z‖²."""
    z = torch.randn(50, 2, dtype=torch.float64)
    bent, length = straightness(Path(turn(omega)), z)
    squared = z.square().sum(1).mean().item()
    assert length == pytest.approx(2 * (1 - math.cos(omega)) * squared, rel=1e-5)
    assert bent == pytest.approx(squared * omega**2 - length, rel=1e-5)


def test_the_protocol_of_straightness() -> None:
    found = measure(Path(turn(1.0)), "path-straightness", "checkerboard", progress=False)
    assert found.value == pytest.approx(2 * (1 - 2 * (1 - math.cos(1.0))), rel=0.02)
    assert found.seeds == (0, 1, 2)


def test_energy_distance_by_enumeration() -> None:
    x, y = torch.tensor([[0.0, 0.0], [3.0, 4.0]]), torch.tensor([[0.0, 0.0], [0.0, 2.0]])
    between = (0 + 2 + 5 + math.hypot(3, 2)) / 4
    assert energy_distance(x, y) == pytest.approx(2 * between - 5 - 2)


def test_energy_distance_of_normals_in_one_dimension() -> None:
    """E|N(m, 2)| − E|N(0, 2)|, twice, for a shift by m."""
    generator, m = torch.Generator().manual_seed(0), 1.5
    x, y = torch.randn(2, 5000, 1, generator=generator)
    truth = 2 * (
        2 / math.sqrt(math.pi) * math.exp(-(m**2) / 4)
        + m * math.erf(m / 2)
        - 2 / math.sqrt(math.pi)
    )
    assert energy_distance(x + m, y) == pytest.approx(truth, rel=0.05)
    assert energy_distance(x, y) == pytest.approx(0, abs=0.01)


def test_one_step_that_ends_in_the_mean() -> None:
    """A point mass at 0 is 2 E‖Y‖ − E‖Y − Y'‖ = 1.976 away from the checkerboard."""
    found = measure(Path(lambda x, t: -x), "one-step-energy", "checkerboard", progress=False)
    y = density("checkerboard").sample(4000, torch.Generator().manual_seed(9))
    truth = 2 * y.norm(dim=1).mean() - torch.cdist(y[:2000], y[2000:]).mean()
    assert found.value == pytest.approx(1.976, abs=0.03)
    assert found.value == pytest.approx(truth.item(), abs=0.1)
    assert abs(found.details["data_against_data"]) < 0.01
    assert 0.1 < found.details["all_steps"] < found.value  # e^-1 of the noise is left


def on_the_squares() -> float:
    """Probability of the dark squares under N(0, I), by the normal distribution function."""
    edges = torch.arange(-4.0, 5.0, 2.0, dtype=torch.float64)
    mass = torch.special.ndtr(edges).diff()  # of the four rows, and of the four columns
    dark = (torch.arange(4)[:, None] + torch.arange(4)) % 2 == 0
    return (torch.outer(mass, mass) * dark).sum().item()


def test_the_support_of_the_checkerboard() -> None:
    board = density("checkerboard")
    ticks = torch.arange(-4.75, 5.0, 0.5)
    grid = torch.cartesian_prod(ticks, ticks)  # 20×20 cells of side 1/2, 8×16 of them dark
    assert share_on_support(grid, board) == 128 / 400
    assert share_on_support(board.sample(1000), board) == 1


def test_a_flow_that_does_nothing_is_not_on_the_support() -> None:
    """Straight and, by energy distance, near the data, yet half of it beside the squares."""
    still = Path(lambda x, t: torch.zeros_like(x))
    found = measure(still, "one-step-support", "checkerboard", progress=False)
    assert found.value == pytest.approx(on_the_squares(), abs=5 * 0.5 / math.sqrt(30_000))
    assert found.details["noise"] == pytest.approx(found.value, abs=0.015)
    assert found.details["all_steps"] == pytest.approx(found.value, abs=0.015)
    assert found.seeds == (0, 1, 2)
    assert measure(still, "path-straightness", "checkerboard", progress=False).value == 0


def test_one_step_of_the_support_is_one_step() -> None:
    """A field that jumps to (3, 3) at t = 0 and rests then: many steps go a part of the way."""
    towards = Path(lambda x, t: torch.where(t[:, None] == 0, 3 - x, torch.zeros_like(x)))
    found = measure(towards, "one-step-support", "checkerboard", progress=False)
    assert found.value == 1  # the middle of a square
    assert found.details["all_steps"] < 0.6


def test_what_they_are_not_defined_for() -> None:
    with pytest.raises(ZooError, match="needs a model with velocity"):
        measure(nn.Identity(), "path-straightness", "checkerboard", progress=False)
    with pytest.raises(ZooError, match="2-D densities"):
        measure(Path(turn(1.0)), "one-step-energy", "mnist", progress=False)
    with pytest.raises(ZooError, match="one-step-support needs a density with a bounded support"):
        measure(Path(turn(1.0)), "one-step-support", "grid25", progress=False)
