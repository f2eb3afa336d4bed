"""Stand-ins for critics and generators, which make the losses of a game computable by hand."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Recorder(nn.Module):
    """Passes inputs on to a function and remembers them with the outputs."""

    def __init__(self, function: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        """Return the function's output."""
        y = self.function(x)
        self.inputs.append(x)
        self.outputs.append(y)
        return y


class LinearCritic(nn.Module):
    """D(x) = <slope * direction, x> with a unit direction; its gradient has norm ``slope``."""

    def __init__(self, direction: Tensor, slope: float = 1.0) -> None:
        super().__init__()
        direction = direction.flatten()
        self.register_buffer("direction", direction / direction.norm())
        self.slope = nn.Parameter(torch.tensor(slope))

    def forward(self, x: Tensor) -> Tensor:
        """Scores (B,)."""
        return self.slope * (x.flatten(1) @ self.direction)


class SquareCritic(nn.Module):
    """D(x) = |x|^2 / 2, whose gradient at x is x: every example has a slope of its own."""

    def forward(self, x: Tensor) -> Tensor:
        """Scores (B,)."""
        return 0.5 * x.flatten(1).square().sum(1)


class PointMass(nn.Module):
    """A generator that returns given examples, whatever z is."""

    def __init__(self, points: Tensor) -> None:
        super().__init__()
        self.points = nn.Parameter(points)

    def forward(self, z: Tensor) -> Tensor:
        """Return the first len(z) points."""
        return self.points[: len(z)]
