"""Flow matching with the optimal-transport path, and rectified flow with reflow.

    FM: Lipman, Chen, Ben-Hamu, Nickel, Le: Flow Matching for Generative Modeling. 2210.02747
    RF: Liu, Gong, Liu: Flow Straight and Fast (rectified flow, reflow).           2209.03003

A vector field v(x, t) moves noise at t = 0 to data at t = 1. It is learned by regression on
straight lines between noise x_0 ~ N(0, I) and data x_1, without solving the equation in training:

    dx/dt = v(x, t), x(0) = x_0                      FM eq. 1        inverse, forward
    x_t = (1 − (1 − σ_min) t) x_0 + t x_1            FM eqs. 20, 22  interpolate
    target = dx_t/dt = x_1 − (1 − σ_min) x_0         FM eq. 23       target
    L_CFM = E ‖v(x_t, t) − (x_1 − (1 − σ_min) x_0)‖² FM eqs. 9, 23   loss
    d log p_t(x(t))/dt = −tr ∂v/∂x                   FM appendix C   forward, log_prob

The best v is the mean of the targets at (x, t) over all lines that cross there (FM eq. 8), and it
moves N(0, I) to the data (FM theorem 1). With σ_min = 0 this is the rectified flow of the second
paper (RF eq. 1). `couple` solves for pairs (x_0, x_1) of start and end; training again on the lines
between them is reflow (RF section 2.1), after which paths are straighter and one step goes far.

`velocity`, `interpolate`, `target`, `loss` and `couple` work on the flow's own scale, [−1, 1] for
images; `forward`, `inverse`, `log_prob` and `sample` speak [0, 1] there. Train with

    zoo train flow_matching --recipe checkerboard
"""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn

# Explicit Runge-Kutta methods in which every stage follows from the one before: nodes and weights.
SOLVERS = {
    "euler": ((0.0,), (1.0,)),
    "midpoint": ((0.0, 1 / 2), (0.0, 1.0)),
    "rk4": ((0.0, 1 / 2, 1 / 2, 1.0), (1 / 6, 1 / 3, 1 / 3, 1 / 6)),
}


def solve(
    field: Callable[[float, Tensor], Tensor],
    x: Tensor,
    start: float,
    end: float,
    steps: int,
    solver: str,
) -> Tensor:
    """x(end) of dx/dt = field(t, x), x(start) = x, by equal steps of a method in SOLVERS.

    Costs steps × (1, 2 or 4) evaluations of the field. The error is of order 1, 2 or 4 in the step.
    """
    nodes, weights = SOLVERS[solver]
    h = (end - start) / steps  # negative when time runs backwards
    for i in range(steps):
        t, slope, total = start + i * h, torch.zeros_like(x), torch.zeros_like(x)
        for node, weight in zip(nodes, weights, strict=True):
            slope = field(t + node * h, x + node * h * slope)
            total = total + weight * slope
        x = x + h * total
    return x


class FlowMatching(nn.Module):
    """A continuous normalising flow and the objectives that train it.

    Args:
        network: v, maps x (B, *event_shape) and t (B,) in [0, 1] to velocities (B, *event_shape).
        event_shape: (C, H, W) for images in [0, 1]; (D,) for points.
        sigma_min: σ_min, the standard deviation around a data point at t = 1.
        solver: "euler", "midpoint" or "rk4".
        solver_steps: equal steps of the solver from t = 0 to t = 1.
    """

    def __init__(
        self,
        network: nn.Module,
        event_shape: tuple[int, ...],
        sigma_min: float = 1e-4,
        solver: str = "rk4",
        solver_steps: int = 25,
    ) -> None:
        super().__init__()
        self.network, self.event_shape, self.sigma_min = network, tuple(event_shape), sigma_min
        self.solver, self.solver_steps = solver, solver_steps

    @property
    def evaluations(self) -> int:
        """NFE: evaluations of the network for one sample, or one `forward` with `eps`.

        The exact trace makes D times as many, D being the number of dimensions.
        """
        return self.solver_steps * len(SOLVERS[self.solver][0])

    # -- the scale of the data ---------------------------------------------------------------------

    def scale(self, x: Tensor) -> Tensor:
        """Images from [0, 1] to [−1, 1]; points as they are."""
        return 2 * x - 1 if len(self.event_shape) == 3 else x

    def unscale(self, x: Tensor) -> Tensor:
        """The inverse of `scale`."""
        return (x + 1) / 2 if len(self.event_shape) == 3 else x

    @property
    def scale_log_det(self) -> float:
        """Log-determinant of `scale`: D ln 2 for images."""
        return math.prod(self.event_shape) * math.log(2) if len(self.event_shape) == 3 else 0.0

    # -- the conditional path and the objective ----------------------------------------------------

    def interpolate(self, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        """x_t on the line from noise x0 to data x1 (FM eq. 22); t (B,) in [0, 1]."""
        t = _like(t, x1)
        return (1 - (1 - self.sigma_min) * t) * x0 + t * x1

    def target(self, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        """Velocity dx_t/dt of the line (FM eq. 23), the same at all times t (B,)."""
        return x1 - (1 - self.sigma_min) * x0

    def velocity(self, x: Tensor, t: Tensor) -> Tensor:
        """v(x, t) (B, *event_shape), t (B,)."""
        return self.network(x, t)

    def loss(self, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        """L_CFM, averaged over batch and dimensions: a scalar.

        x0 is standard normal, independent of x1 in flow matching and its partner in a reflow;
        t (B,) is uniform on [0, 1].
        """
        x_t = self.interpolate(x0, x1, t)
        return (self.velocity(x_t, t) - self.target(x0, x1, t)).square().mean()

    # -- the flow ----------------------------------------------------------------------------------

    def transport(
        self,
        x: Tensor,
        start: float,
        end: float,
        steps: int | None = None,
        solver: str | None = None,
    ) -> Tensor:
        """Carry x along v from time `start` to `end`, on the flow's scale.

        By default the model's solver with its number of steps.
        """

        def field(t: float, x: Tensor) -> Tensor:
            return self.velocity(x, x.new_full((len(x),), t))

        return solve(field, x, start, end, steps or self.solver_steps, solver or self.solver)

    def inverse(self, z: Tensor) -> Tensor:
        """Data from noise: z (B, *event_shape) at t = 0 to x at t = 1."""
        return self.unscale(self.transport(z, 0.0, 1.0))

    def forward(self, x: Tensor, eps: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Noise z (B, *event_shape) from data x, and log |det dz/dx| (B,) (FM appendix C).

        The field and its trace are integrated together, backwards from t = 1 to t = 0.

        Args:
            x: data (B, *event_shape).
            eps: independent entries of mean 0 and variance 1, of x's shape, for Hutchinson's
                estimate εᵀ(∂v/∂x)ε of the trace, the same ε at all times of the solve; None: the
                exact trace, at the cost of D directional derivatives instead of one.
        """
        batch, shape = len(x), x.shape
        probes = [eps] if eps is not None else _unit_vectors(x)

        def field(t: float, state: Tensor) -> Tensor:
            time = state.new_full((batch,), t)
            v, trace = velocity_and_trace(
                lambda x: self.velocity(x, time), state[:, :-1].reshape(shape), probes
            )
            return torch.cat([v.flatten(1), trace[:, None]], dim=1)  # (B, D + 1)

        state = torch.cat([self.scale(x).flatten(1), x.new_zeros(batch, 1)], dim=1)
        state = solve(field, state, 1.0, 0.0, self.solver_steps, self.solver)
        return state[:, :-1].reshape(shape), state[:, -1] + self.scale_log_det

    def log_prob(self, x: Tensor, eps: Tensor | None = None) -> Tensor:
        """Log-density of x in nats, (B,): log N(z; 0, I) + log |det dz/dx|.

        With `eps` an unbiased estimate, see `forward`.
        """
        z, log_det = self(x, eps)
        return -0.5 * (z.flatten(1).square() + math.log(2 * math.pi)).sum(1) + log_det

    @torch.no_grad()
    def sample(
        self, n: int, generator: Generator | None = None, steps: int | None = None
    ) -> Tensor:
        """Draw n examples, (n, *event_shape); images are moved into [0, 1].

        Args:
            n: number of examples.
            generator: source of the noise at t = 0, which is all the randomness there is.
            steps: that many Euler steps, each of one evaluation of the network, as the second paper
                counts them; None: the model's solver and number of steps.
        """
        x1 = self.couple(n, generator, steps, "euler" if steps else None)[1]
        x = self.unscale(x1)
        return x.clamp(0, 1) if len(self.event_shape) == 3 else x

    @torch.no_grad()
    def couple(
        self,
        n: int,
        generator: Generator | None = None,
        steps: int | None = None,
        solver: str | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Draw noise x_0 and solve for the end x_1 of its path: (n, *event_shape), unclamped."""
        place = next(self.parameters())
        device = generator.device if generator else place.device
        x0 = torch.randn(n, *self.event_shape, generator=generator, device=device).to(place)
        return x0, self.transport(x0, 0.0, 1.0, steps, solver)


def velocity_and_trace(
    field: Callable[[Tensor], Tensor], x: Tensor, probes: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """field(x) (B, …) and the sum over probes e of eᵀ (∂field/∂x) e per example, (B,).

    With the D unit vectors as probes the sum is the trace; with one random probe of zero mean and
    unit covariance it is so in expectation (Hutchinson).
    """
    trace = x.new_zeros(len(x))
    for e in probes:
        v, derivative = torch.func.jvp(field, (x,), (e,))  # ∂field/∂x e: one forward pass
        trace = trace + (e * derivative).flatten(1).sum(1)
    return v, trace


def _unit_vectors(x: Tensor) -> list[Tensor]:
    """The D unit vectors of an example's space, each repeated for the batch."""
    unit = torch.eye(x[0].numel(), device=x.device, dtype=x.dtype)
    return [row.view(1, *x.shape[1:]).expand_as(x) for row in unit]


def _like(t: Tensor, x: Tensor) -> Tensor:
    """Times (B,) shaped (B, 1, …, 1) to multiply x."""
    return t.to(x.dtype).view(-1, *[1] * (x.dim() - 1))
