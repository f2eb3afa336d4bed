"""Tests particular to flow matching and reflow; the laws of flows are checked besides."""

import math

import pytest
import torch
from torch import Tensor, nn

from zoo.core.conformance import check_entry, conformance_report, perturbed
from zoo.core.metrics.path_protocols import straightness
from zoo.flow_matching.model import SOLVERS, FlowMatching, solve, velocity_and_trace
from zoo.flow_matching.networks import Perceptron, UNet


class Field(FlowMatching):
    """A flow of the plane along a given field v(x, t), in float64."""

    def __init__(self, field, **options):
        super().__init__(nn.Linear(1, 1).double(), (2,), **options)
        self.field = field

    def velocity(self, x: Tensor, t: Tensor) -> Tensor:
        return self.field(x, t)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


def images(**options):
    """A flow of 4×4 images with a U-Net in float64 in which no layer is neutral."""
    torch.manual_seed(0)
    network = perturbed(UNet(1, width=8, depth=1, frequencies=2), 0.5)
    return FlowMatching(network, (1, 4, 4), **options).double()


# -- the conditional path --------------------------------------------------------------------------


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_conditional_path_has_the_moments_of_equation_20(t):
    """Mean t x_1 and standard deviation 1 − (1 − σ_min) t: N(0, I), then N(x_1, σ_min² I)."""
    flow = Field(None, sigma_min=0.1)
    x1 = torch.tensor([[1.0, -2.0]]).double()
    x0 = normal(200_000, 2)
    x_t = flow.interpolate(x0, x1.expand_as(x0), torch.full((len(x0),), t))
    torch.testing.assert_close(x_t.mean(0), t * x1[0], atol=0.01, rtol=0)
    torch.testing.assert_close(
        x_t.std(0), torch.full((2,), 1 - 0.9 * t).double(), atol=0.005, rtol=0
    )


def test_conditional_velocity_of_equation_21():
    """In terms of x_t: (x_1 − (1 − σ_min) x) / (1 − (1 − σ_min) t)."""
    flow = Field(None, sigma_min=0.1)
    x0, x1, t = normal(50, 2), normal(50, 2, seed=1), torch.rand(50).double()
    x_t = flow.interpolate(x0, x1, t)
    expected = (x1 - 0.9 * x_t) / (1 - 0.9 * t)[:, None]
    torch.testing.assert_close(flow.target(x0, x1, t), expected)


def test_without_sigma_it_is_the_line_of_rectified_flow():
    flow = Field(None, sigma_min=0.0)
    x0, x1, t = normal(5, 2), normal(5, 2, seed=1), torch.rand(5).double()
    torch.testing.assert_close(flow.interpolate(x0, x1, t), torch.lerp(x0, x1, t[:, None]))
    torch.testing.assert_close(flow.target(x0, x1, t), x1 - x0)


POINTS = torch.tensor([[1.0, 0.0], [-1.0, 0.5], [0.0, -1.0]]).double()  # a data set of three


def marginal(x, t, sigma_min=0.1):
    """FM eq. 8 by enumeration: conditional velocities weighted by p_t(x | x_1) / p_t(x)."""
    spread = (1 - (1 - sigma_min) * t)[:, None]
    distance = (x[:, None] - t[:, None, None] * POINTS).square().sum(2)  # (B, 3)
    weights = torch.softmax(-distance / (2 * spread**2), 1)
    conditional = (POINTS - (1 - sigma_min) * x[:, None]) / spread[:, None]  # (B, 3, 2)
    return (weights[..., None] * conditional).sum(1)


def test_the_marginal_velocity_minimises_the_loss():
    """FM theorem 2: L_CFM(v) = L_CFM(u) + E ‖v − u‖² for the marginal velocity u and any v."""
    x0, t = normal(400_000, 2), torch.rand(400_000, generator=seeded(2)).double()
    x1 = POINTS[torch.randint(3, (400_000,), generator=seeded(3))]
    best = Field(marginal, sigma_min=0.1)
    x_t = best.interpolate(x0, x1, t)
    for bump in (lambda x, t: x.sin(), lambda x, t: t[:, None] * x):
        other = Field(lambda x, t, bump=bump: marginal(x, t) + 0.5 * bump(x, t), sigma_min=0.1)
        gap = (0.5 * bump(x_t, t)).square().mean()
        excess = other.loss(x0, x1, t) - best.loss(x0, x1, t)
        assert excess.item() == pytest.approx(gap.item(), rel=0.03)


def test_the_marginal_velocity_carries_noise_to_the_data():
    """FM theorem 1: its density at t = 1 is the mixture of N(x_1, σ_min² I)."""
    flow = Field(marginal, sigma_min=0.1, solver_steps=100)
    x = POINTS.repeat(4, 1) + 0.1 * normal(12, 2)
    squared = (x[:, None] - POINTS).square().sum(2)
    truth = torch.logsumexp(-squared / (2 * 0.01), 1) - math.log(3 * 2 * math.pi * 0.01)
    torch.testing.assert_close(flow.log_prob(x), truth, atol=2e-3, rtol=0)
    drawn = flow.couple(2000, seeded())[1]
    counts = torch.cdist(drawn.double(), POINTS).argmin(1).bincount()
    assert counts.tolist() == pytest.approx([667] * 3, abs=110)


# -- solver, trace, likelihood ---------------------------------------------------------------------


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("midpoint", 2), ("rk4", 4)])
def test_order_of_the_solver(solver, order):
    """On dx/dt = x cos t, x(1) = e^{sin 1}: half the step, 2^order times less error."""
    one = torch.ones(1, 1, dtype=torch.float64)
    errors = [
        abs(
            solve(lambda t, x: x * math.cos(t), one, 0, 1, n, solver).item() - math.exp(math.sin(1))
        )
        for n in (16, 32)
    ]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.2)


@pytest.mark.parametrize("solver", SOLVERS)
def test_evaluations_are_those_made(solver):
    calls = []
    flow = Field(lambda x, t: calls.append(t[0].item()) or -x, solver=solver, solver_steps=7)
    flow.inverse(normal(3, 2))
    assert len(calls) == flow.evaluations
    assert min(calls) == 0  # from noise at t = 0 …
    assert max(calls) <= 1  # … to data at t = 1
    flow.sample(3, seeded(), steps=5)
    assert len(calls) == flow.evaluations + 5
    for eps, times in ((torch.ones(3, 2).double(), 1), (None, 2)):  # two derivatives on the plane
        calls.clear()
        flow.log_prob(normal(3, 2), eps)
        assert len(calls) == times * flow.evaluations


def test_exact_trace_is_autograds():
    flow = images()
    x, t = normal(3, 1, 4, 4), torch.tensor([0.2, 0.5, 0.9]).double()
    eye = torch.eye(16).double().view(16, 1, 1, 4, 4)
    probes = [e.expand_as(x) for e in eye]
    v, trace = velocity_and_trace(lambda x: flow.velocity(x, t), x, probes)
    torch.testing.assert_close(v, flow.velocity(x, t))
    for i in range(3):
        jacobian = torch.autograd.functional.jacobian(
            lambda one, i=i: flow.velocity(one[None], t[i : i + 1])[0], x[i]
        )
        torch.testing.assert_close(trace[i], jacobian.view(16, 16).trace())


def test_log_det_of_images_counts_their_scale():
    """With v = 0 only the map to [−1, 1] is left: D ln 2."""
    flow = FlowMatching(UNet(1, 8, 1, 2), (1, 4, 4), solver_steps=1)  # v starts at zero
    z, log_det = flow(torch.full((2, 1, 4, 4), 0.25))
    assert torch.equal(z, torch.full((2, 1, 4, 4), -0.5))
    assert log_det.tolist() == pytest.approx([16 * math.log(2)] * 2)


def test_log_det_of_images_against_the_determinant_of_the_solved_map():
    flow = images(solver_steps=6)
    x = torch.rand(1, 1, 4, 4, generator=seeded()).double()
    with torch.no_grad():
        z, log_det = flow(x)
        torch.testing.assert_close(flow.inverse(z), x, atol=1e-3, rtol=0)
    torch.testing.assert_close(flow.transport(flow.scale(x), 1.0, 0.0), z)
    jacobian = torch.autograd.functional.jacobian(
        lambda x: flow.transport(flow.scale(x), 1.0, 0.0), x
    ).view(16, 16)
    expected = torch.linalg.slogdet(jacobian).logabsdet
    torch.testing.assert_close(log_det[0], expected, atol=1e-2, rtol=0)


def test_hutchinson_is_exact_on_average_over_sign_vectors():
    """On the plane the four sign vectors can be enumerated: a fixed ε for each whole solve."""
    torch.manual_seed(0)
    network = perturbed(Perceptron(2, 8, 2, frequencies=1, octaves=1), 0.5).double()
    flow = FlowMatching(network, (2,), solver_steps=10)
    x = normal(4, 2)
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0]).double()] * 2)
    estimates = torch.stack([flow(x, e.expand_as(x))[1] for e in signs])
    torch.testing.assert_close(estimates.mean(0), flow(x)[1])
    assert estimates.std(0).min() > 1e-3
    for e in signs:  # z is not an estimate
        torch.testing.assert_close(flow(x, e.expand_as(x))[0], flow(x)[0])


def test_hutchinson_draws_no_noise_of_its_own():
    """The same ε at all times of the solve, and the same again: equal bits."""
    flow, x = images(solver_steps=2), torch.rand(2, 1, 4, 4).double()
    eps = normal(2, 1, 4, 4).sign()
    assert torch.equal(flow.log_prob(x, eps), flow.log_prob(x, eps))


# -- sampling and reflow ---------------------------------------------------------------------------


def test_samples_of_images_are_moved_into_the_cube():
    flow = images().float()
    x = flow.sample(50, seeded())
    with torch.no_grad():
        expected = flow.inverse(torch.randn(50, 1, 4, 4, generator=seeded()))
    torch.testing.assert_close(x, expected.clamp(0, 1))
    assert x.shape == (50, 1, 4, 4)
    assert x.min() == 0 or x.max() == 1
    assert 0 <= x.min() <= x.max() <= 1


def test_one_step_is_one_euler_step():
    flow = Field(lambda x, t: 3 * x + t[:, None])
    x0 = torch.randn(5, 2, generator=seeded()).double()
    torch.testing.assert_close(flow.sample(5, seeded(), steps=1), 4 * x0)


def test_couples_are_ends_of_paths():
    flow = Field(lambda x, t: -x, solver_steps=20)
    x0, x1 = flow.couple(7, seeded())
    torch.testing.assert_close(x1, x0 / math.e, atol=1e-6, rtol=1e-6)


def test_reflow_of_a_turn_is_straight():
    """The ends of a quarter turn are a linear function of the starts; so is the new marginal field.

    Between x_0 and R x_0 the line is x_t = ((1 − t) I + t R) x_0, whose matrix is invertible: no
    two lines cross, the loss can be zero, and every path is a line at constant speed.
    """
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]]).double()
    before = Field(lambda x, t: math.pi / 2 * x @ turn.T, solver_steps=50)
    x0, x1 = before.couple(500, seeded())

    def field(x, t):
        eye = torch.eye(2).double()
        matrix = (1 - t)[:, None, None] * eye + t[:, None, None] * turn
        return torch.einsum("ij,bjk,bk->bi", turn - eye, torch.linalg.inv(matrix), x)

    after = Field(field, sigma_min=0.0)
    assert after.loss(x0, x1, torch.rand(500).double()).item() < 1e-12
    assert straightness(before, x0)[0] > 0.4
    assert straightness(after, x0)[0] == pytest.approx(0, abs=1e-9)
    torch.testing.assert_close(after.sample(500, seeded(), steps=1), x1, atol=1e-6, rtol=0)


def test_laws_of_flows():
    outcomes = check_entry("flow_matching")
    assert all(outcome.passed for outcome in outcomes), conformance_report(outcomes)
