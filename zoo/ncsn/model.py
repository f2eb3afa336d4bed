"""Noise-conditional score networks, sampled by annealed Langevin dynamics.

    Song, Ermon: Generative Modeling by Estimating Gradients of the Data Distribution. 1907.05600

The score of a density is ∇_x log p(x). Data are perturbed with normal noise at L levels, and one
network learns the scores of all L perturbed densities at once:

    σ_1 > … > σ_L, a geometric sequence              section 4.1    geometric_levels
    q_σ(x̃ | x) = N(x̃; x, σ² I)                       section 4.1    perturb
    ℓ(θ; σ) = ½ E ‖s_θ(x̃, σ) + (x̃ − x) / σ²‖²        eq. 5          loss
    L(θ) = 1/L Σ_i λ(σ_i) ℓ(θ; σ_i), λ(σ) = σ²       eq. 6          loss
    α_i = ε σ_i² / σ_L²                              Algorithm 1    step_sizes
    x̃_t = x̃_{t−1} + α_i / 2 s_θ(x̃_{t−1}, σ_i) + √α_i z_t            langevin

Algorithm 1 starts from uniform noise, takes T such steps at each level, from the largest to the
smallest, and begins each level where the one before ended: `sample`. Large noise joins the modes of
the data, so that samples are shared out among them while they still can move (section 3.2.2).

The minimiser of eq. 5 is the score of the perturbed data. Since it is about as large as 1/σ, the
network's output is divided by σ, and the weight σ² makes all levels count alike (section 4.2).
Nothing is rescaled: images are in [0, 1], as everywhere at the interface. Train with

    zoo train ncsn --recipe two-modes
"""

import torch
from torch import Generator, Tensor, nn


def geometric_levels(first: float, last: float, count: int) -> Tensor:
    """σ_1 = first to σ_L = last with a constant ratio, (L,) float32, falling."""
    exponents = torch.linspace(0, 1, count, dtype=torch.float64)
    return (first * (last / first) ** exponents).float()


class NCSN(nn.Module):
    """Scores of perturbed data at all noise levels, their objective, and the sampler.

    Args:
        network: maps x (B, *event_shape) and levels (B,) in {0, …, L − 1} to (B, *event_shape).
        event_shape: (C, H, W) for images in [0, 1]; (D,) for points.
        sigma_first: σ_1, the largest noise.
        sigma_last: σ_L, the smallest; samples keep that much noise.
        levels: L.
        langevin_steps: T, the steps at each level.
        epsilon: ε, the step size at the last level.
        start: ends of the interval on which samples start, uniformly in each dimension.
    """

    def __init__(
        self,
        network: nn.Module,
        event_shape: tuple[int, ...],
        sigma_first: float = 1.0,
        sigma_last: float = 0.01,
        levels: int = 10,
        langevin_steps: int = 100,
        epsilon: float = 2e-5,
        start: tuple[float, ...] = (0.0, 1.0),
    ) -> None:
        super().__init__()
        self.network, self.event_shape = network, tuple(event_shape)
        self.langevin_steps, self.epsilon, self.start = langevin_steps, epsilon, tuple(start)
        sigmas = geometric_levels(sigma_first, sigma_last, levels)
        self.register_buffer("sigmas", sigmas, persistent=False)

    # -- scores and their objective ----------------------------------------------------------------

    def perturb(self, x: Tensor, sigma: Tensor, eps: Tensor) -> Tensor:
        """x̃ = x + σ eps (B, *event_shape), with a σ for each example, (B,)."""
        return x + _like(sigma, x) * eps

    def score(self, x: Tensor, sigma: Tensor) -> Tensor:
        """s_θ(x, σ) (B, *event_shape), the score of the data perturbed with σ (B,), of `sigmas`.

        The network sees x/√(1 + σ²), whose spread is nearly the same at all levels, and the number
        of the level.
        """
        gaps = (sigma.to(self.sigmas)[:, None].log() - self.sigmas.log()).abs()  # (B, L)
        sigma = _like(sigma, x)
        return self.network(x / (1 + sigma.square()).sqrt(), gaps.argmin(1)) / sigma

    def loss(self, x: Tensor, sigma: Tensor, eps: Tensor) -> Tensor:
        """σ² ½ ‖s_θ(x̃, σ) + (x̃ − x)/σ²‖² averaged over the batch (eqs. 5 and 6): a scalar.

        The square is a sum over dimensions. σ (B,) is drawn uniformly from `sigmas`, eps standard
        normal.
        """
        score = self.score(self.perturb(x, sigma, eps), sigma)
        sigma = _like(sigma, x)
        error = score + eps / sigma  # (x̃ − x) / σ² = eps / σ
        return (0.5 * sigma.square() * error.square()).flatten(1).sum(1).mean()

    def denoise(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Mean of the data given the perturbed x, as the network sees it: x + σ² s_θ(x, σ)."""
        return x + _like(sigma, x).square() * self.score(x, sigma)

    # -- sampling ----------------------------------------------------------------------------------

    @property
    def step_sizes(self) -> Tensor:
        """α_i = ε σ_i² / σ_L² for each level, (L,)."""
        return self.epsilon * (self.sigmas / self.sigmas[-1]).square()

    @property
    def evaluations(self) -> int:
        """Evaluations of the network for one sample: L T."""
        return len(self.sigmas) * self.langevin_steps

    def langevin(
        self, x: Tensor, sigma: Tensor, alpha: Tensor, generator: Generator | None = None
    ) -> Tensor:
        """T steps of Langevin dynamics at noise σ () with step size α (), from x."""
        level = sigma.expand(len(x))
        device = generator.device if generator else x.device
        for _ in range(self.langevin_steps):
            z = torch.randn(x.shape, generator=generator, device=device).to(x)
            x = x + alpha / 2 * self.score(x, level) + alpha.sqrt() * z
        return x

    @torch.no_grad()
    def sample(self, n: int, generator: Generator | None = None, annealed: bool = True) -> Tensor:
        """Draw n examples, (n, *event_shape), by Algorithm 1; images are clamped to [0, 1].

        As in the paper there is no step of denoising at the end.

        Args:
            n: number of examples.
            generator: source of all randomness.
            annealed: False for plain Langevin dynamics: as many steps, all at the last level.
        """
        place = next(self.parameters())
        device, (low, high) = generator.device if generator else place.device, self.start
        uniform = torch.rand(n, *self.event_shape, generator=generator, device=device)
        x = (low + (high - low) * uniform).to(place)
        for i in range(len(self.sigmas)):
            level = i if annealed else -1
            x = self.langevin(x, self.sigmas[level], self.step_sizes[level], generator)
        return x.clamp(0, 1) if len(self.event_shape) == 3 else x


def _like(sigma: Tensor, x: Tensor) -> Tensor:
    """Noise levels (B,) shaped (B, 1, …, 1) to multiply x."""
    return sigma.to(x.dtype).view(-1, *[1] * (x.dim() - 1))
