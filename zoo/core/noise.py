"""Random numbers that depend on the step, not on history or on the number of processes.

Every draw in a training step comes from a generator seeded by (seed, step). A process that holds
examples `rank·B … rank·B + B − 1` of the global batch draws the numbers of the whole batch and
keeps its own rows. Two consequences follow without further code: an interrupted run that resumes
at step t draws what it would have drawn, and two processes with B examples draw exactly what one
process with 2·B examples draws.
"""

from __future__ import annotations

import torch
from torch import Tensor


def step_seed(seed: int, step: int) -> int:
    """A 32-bit seed for one step, all that torch's CPU generator looks at.

    The odd multiplier (2³²/φ) is a bijection that moves the streams of small seeds far apart, so
    that no step of one run shares its draws with a step of another.
    """
    return (seed * 0x9E3779B1 & 0xFFFFFFFF) ^ (step & 0xFFFFFFFF)


class Noise:
    """Draws for one step; the first dimension of every shape is the local batch.

    Args:
        seed: seed of the run.
        step: number of the step (or of the batch) the draws belong to.
        rank: index of this process.
        world: number of processes.
        device: where the tensors live.
    """

    def __init__(
        self,
        seed: int,
        step: int,
        rank: int = 0,
        world: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        self.rank, self.world, self.device = rank, world, torch.device(device)
        self.generator = torch.Generator(self.device).manual_seed(step_seed(seed, step))

    def _mine(self, draws: Tensor, batch: int) -> Tensor:
        return draws[self.rank * batch : (self.rank + 1) * batch]

    def normal(self, *shape: int) -> Tensor:
        """Standard normal draws, float32, of the given shape."""
        full = (shape[0] * self.world, *shape[1:])
        return self._mine(torch.randn(full, generator=self.generator, device=self.device), shape[0])

    def uniform(self, *shape: int) -> Tensor:
        """Uniform draws from [0, 1), float32, of the given shape."""
        full = (shape[0] * self.world, *shape[1:])
        return self._mine(torch.rand(full, generator=self.generator, device=self.device), shape[0])

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """Uniform integers from {low, …, high − 1}, int64, of the given shape."""
        full = (shape[0] * self.world, *shape[1:])
        draws = torch.randint(low, high, full, generator=self.generator, device=self.device)
        return self._mine(draws, shape[0])
