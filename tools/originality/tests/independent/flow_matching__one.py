"""Flow Matching for Generative Modeling (arXiv 2210.02747).

An independent implementation, for the calibration of the originality check.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn


class ConditionalPath(ABC):
    """A family of Gaussian paths p_t(x | x1) = N(mu_t(x1), sigma_t(x1)^2)."""

    @abstractmethod
    def interpolate(self, x0: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return the point psi_t(x0) and its velocity d/dt psi_t(x0)."""


class OptimalTransportPath(ConditionalPath):
    """Straight lines: mu_t = t x1 and sigma_t = 1 - (1 - sigma_min) t."""

    def __init__(self, sigma_min: float = 1e-4) -> None:
        self.sigma_min = sigma_min

    def interpolate(self, x0: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return the point and the constant velocity of its line."""
        shrink = 1.0 - self.sigma_min
        return (1.0 - shrink * t) * x0 + t * x1, x1 - shrink * x0


class VariancePreservingPath(ConditionalPath):
    """The diffusion path with a linear beta, reversed so that t = 1 is data."""

    def __init__(self, beta_min: float = 0.1, beta_max: float = 20.0) -> None:
        self.beta_min, self.beta_max = beta_min, beta_max

    def interpolate(self, x0: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return the point and its velocity through the derivative of alpha."""
        s = 1.0 - t
        integral = self.beta_min * s + 0.5 * (self.beta_max - self.beta_min) * s.square()
        rate = self.beta_min + (self.beta_max - self.beta_min) * s
        alpha = torch.exp(-0.5 * integral)
        d_alpha = 0.5 * rate * alpha
        sigma = torch.sqrt((1.0 - alpha.square()).clamp_min(1e-5))
        d_sigma = -alpha * d_alpha / sigma
        return alpha * x1 + sigma * x0, d_alpha * x1 + d_sigma * x0


class VectorField(nn.Module):
    """Multilayer perceptron v(t, x)."""

    def __init__(self, dim: int, width: int = 256, depth: int = 4) -> None:
        super().__init__()
        modules: list[nn.Module] = [nn.Linear(dim + 1, width), nn.ELU()]
        for _ in range(depth - 1):
            modules.extend((nn.Linear(width, width), nn.ELU()))
        modules.append(nn.Linear(width, dim))
        self.net = nn.Sequential(*modules)

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        """Evaluate the field; t is (B, 1)."""
        return self.net(torch.cat((x, t), dim=-1))


def cfm_loss(field: nn.Module, path: ConditionalPath, x1: Tensor) -> Tensor:
    """Conditional flow matching: regress on the velocity of the conditional path."""
    t = torch.rand(x1.shape[0], 1)
    x_t, velocity = path.interpolate(torch.randn_like(x1), x1, t)
    return (field(t, x_t) - velocity).square().sum(dim=-1).mean()


def midpoint(f: Callable[[float, Tensor], Tensor], y: Tensor, a: float, b: float, n: int) -> Tensor:
    """Integrate dy/dt = f(t, y) from a to b in n midpoint steps."""
    h = (b - a) / n
    for i in range(n):
        t = a + i * h
        y = y + h * f(t + 0.5 * h, y + 0.5 * h * f(t, y))
    return y


@torch.no_grad()
def sample(field: nn.Module, n: int, dim: int, steps: int = 50) -> Tensor:
    """Carry noise at t = 0 to data at t = 1."""
    return midpoint(
        lambda t, y: field(torch.full((n, 1), t), y), torch.randn(n, dim), 0.0, 1.0, steps
    )


def log_likelihood(field: nn.Module, x: Tensor, steps: int = 50) -> Tensor:
    """Exact-trace instantaneous change of variables, integrating from data to noise."""

    def augmented(t: float, state: Tensor) -> Tensor:
        y = state[:, :-1].detach().requires_grad_(True)
        with torch.enable_grad():
            v = field(torch.full((len(y), 1), t), y)
            rows = [
                torch.autograd.grad(v[:, i].sum(), y, retain_graph=True)[0][:, i]
                for i in range(y.shape[1])
            ]
        divergence = torch.stack(rows, dim=1).sum(dim=1, keepdim=True)
        return torch.cat((v.detach(), divergence), dim=1)

    start = torch.cat((x, torch.zeros(len(x), 1)), dim=1)
    end = midpoint(augmented, start, 1.0, 0.0, steps)
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(end[:, :-1]).sum(dim=1)
    return prior + end[:, -1]


def train(
    field: nn.Module, path: ConditionalPath, data: Iterator[Tensor], steps: int, lr: float = 1e-3
) -> list[float]:
    """Fit the field to `steps` batches."""
    optimizer = torch.optim.Adam(field.parameters(), lr=lr)
    losses: list[float] = []
    for _, x1 in zip(range(steps), data, strict=False):
        loss = cfm_loss(field, path, x1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


if __name__ == "__main__":
    torch.manual_seed(0)
    for chosen in (OptimalTransportPath(), VariancePreservingPath()):
        v_field = VectorField(2, width=32, depth=2)
        print(train(v_field, chosen, iter(lambda: torch.randn(64, 2) + 3, None), steps=2))
        points = sample(v_field, 3, 2, steps=5)
        print(log_likelihood(v_field, points, steps=5))
