"""Improved Training of Wasserstein GANs (Gulrajani et al., 2017, arXiv 1704.00028).

Over all functions D that are 1-Lipschitz, the largest value of E D(x) − E D(x̃) is the Wasserstein-1
distance between data x and samples x̃ = G(z) (Kantorovich–Rubinstein). The game of eq. (2),

    min over G, max over 1-Lipschitz D of  E D(x) − E D(G(z)),  z ~ N(0, I),

thus trains the generator to minimise that distance. Two ways to hold D near the 1-Lipschitz set:

- `lipschitz="penalty"` (this paper). An optimal critic has slope 1 almost everywhere on the lines
  between coupled points of data and samples (Proposition 1), so eq. (3) adds λ E(‖∇D(x̂)‖₂ − 1)²
  at random points x̂ of lines between pairs; Algorithm 1, λ = 10.
- `lipschitz="clipping"` (Arjovsky et al., 2017, arXiv 1701.07875), the alternative it is compared
  with: after each of the critic's updates every weight is clamped to [−c, c]; Algorithm 1 there,
  c = 0.01. D is then K-Lipschitz for some K that depends on c and the architecture.

Train it with `zoo train wgan_gp --recipe digits`; `recipe.py` holds Algorithm 1's loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Generator, Tensor, nn

Lipschitz = Literal["penalty", "clipping"]
PATCH = 4  # side of the squares of pixels that image networks take as channels


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, alpha: Tensor
) -> Tensor:
    """E[(‖∇D(x̂)‖₂ − 1)²] at x̂ = ε x + (1 − ε) x̃: the second term of eq. (3), without λ.

    Two-sided, as the paper does (Section 4): slopes below 1 are penalised as those above 1.

    Args:
        critic: D, (B, *event_shape) → (B,); the score of an example must not depend on the others
            in the batch (hence no batch normalisation), else ∇D is no gradient per example.
        real: data x, (B, *event_shape).
        fake: samples x̃ of the same shape.
        alpha: the paper's ε ~ U(0, 1), (B,), one number per pair.

    Returns:
        Scalar, differentiable in the critic's weights.
    """
    epsilon = alpha.view(-1, *[1] * (real.dim() - 1))  # (B, 1, …, 1)
    x_hat = (epsilon * real + (1 - epsilon) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x_hat).sum(), x_hat, create_graph=True)
    slope = gradient.flatten(start_dim=1).norm(dim=1)  # (B,)
    return (slope - 1).square().mean()


class WassersteinGAN(nn.Module):
    """A generator, a critic, and the two losses of Algorithm 1; both losses are minimised.

    Args:
        event_shape: (C, H, W) for images with values in [0, 1], H and W multiples of 4; (D,) for
            points of D real coordinates.
        latent_dim: dimension of z.
        width: for points the units of every hidden layer; for images the channels of the
            generator, twice those of the critic, and a quarter of the units of hidden layers.
        lipschitz: "penalty" or "clipping", see the head of this file.
        penalty_weight: λ of eq. (3), used with "penalty".
        clip: c, the bound of the critic's weights with "clipping".

    Raises:
        ValueError: another word for `lipschitz`, or images whose sides are no multiples of 4.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        latent_dim: int,
        width: int,
        lipschitz: Lipschitz = "penalty",
        penalty_weight: float = 10.0,
        clip: float = 0.01,
    ) -> None:
        super().__init__()
        if lipschitz not in get_args(Lipschitz):
            raise ValueError(f"lipschitz is one of {get_args(Lipschitz)}, not {lipschitz!r}")
        if len(event_shape) == 3 and any(side % PATCH for side in event_shape[1:]):
            raise ValueError(f"height and width must be multiples of {PATCH}: {event_shape}")
        self.event_shape, self.latent_dim = tuple(event_shape), latent_dim
        self.lipschitz, self.clip = lipschitz, clip
        self.penalty_weight = penalty_weight if lipschitz == "penalty" else 0.0
        networks = image_networks if len(event_shape) == 3 else point_networks
        self.generator, self.critic = networks(self.event_shape, latent_dim, width)

    gradient_penalty = staticmethod(gradient_penalty)

    def critic_loss(self, real: Tensor, z: Tensor, alpha: Tensor) -> Tensor:
        """L = E D(x̃) − E D(x) + λ E(‖∇D(x̂)‖₂ − 1)²: eq. (3), Algorithm 1 lines 5–7.

        With "clipping", −L/K is a lower bound of the Wasserstein distance in expectation; with the
        penalty −L may lie on either side of it (two points at distance d: at best d + d²/(4λ)).

        Args:
            real: data x, (B, *event_shape).
            z: standard normal, (B, latent_dim).
            alpha: uniform on [0, 1), (B,); unused with "clipping".
        """
        fake = self.generator(z).detach()  # the critic's step leaves the generator alone
        loss = self.critic(fake).mean() - self.critic(real).mean()
        if self.lipschitz == "penalty":
            penalty = self.gradient_penalty(self.critic, real, fake, alpha)
            loss = loss + self.penalty_weight * penalty
        return loss

    def generator_loss(self, z: Tensor) -> Tensor:
        """−E D(G(z)): Algorithm 1 line 12; z standard normal, (B, latent_dim)."""
        return -self.critic(self.generator(z)).mean()

    @torch.no_grad()
    def clip_critic(self) -> None:
        """Clamp every weight of the critic to [−c, c]: 1701.07875, Algorithm 1 line 7."""
        for weight in self.critic.parameters():
            weight.clamp_(-self.clip, self.clip)

    @torch.no_grad()
    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """Draw n examples G(z), (n, *event_shape)."""
        device = next(self.parameters()).device
        drawn_on = generator.device if generator else device
        z = torch.randn(n, self.latent_dim, generator=generator, device=drawn_on)
        return self.generator(z.to(device))


def image_networks(
    event_shape: tuple[int, ...], latent_dim: int, width: int
) -> tuple[nn.Module, nn.Module]:
    """Mirror images of each other: patches of 4×4 pixels as channels, a convolution, two layers.

    The critic has half as many channels, as it is updated n_critic times as often. It has no batch
    normalisation, which would make the score of an example depend on the whole batch.

    Returns:
        The generator, (B, latent_dim) → (B, C, H, W) in (0, 1), and the critic, with scores (B,).
    """
    channels, rows, columns = event_shape[0], event_shape[1] // PATCH, event_shape[2] // PATCH
    pixels, cells, hidden = channels * PATCH**2, rows * columns, 4 * width
    generator = nn.Sequential(
        nn.Linear(latent_dim, hidden), nn.ReLU(),
        nn.Linear(hidden, width * cells), nn.ReLU(),
        nn.Unflatten(1, (width, rows, columns)),
        nn.Conv2d(width, pixels, 3, padding=1),  # (B, 16C, H/4, W/4)
        nn.PixelShuffle(PATCH), nn.Sigmoid(),
    )  # fmt: skip
    critic = nn.Sequential(
        nn.PixelUnshuffle(PATCH),  # (B, 16C, H/4, W/4)
        nn.Conv2d(pixels, width // 2, 3, padding=1), nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(width // 2 * cells, hidden), nn.LeakyReLU(0.2),
        nn.Linear(hidden, 1), nn.Flatten(0),  # (B,)
    )  # fmt: skip
    return generator, critic


def point_networks(
    event_shape: tuple[int, ...], latent_dim: int, width: int
) -> tuple[nn.Module, nn.Module]:
    """Three hidden layers of rectifiers each, as in the authors' published script for the plane.

    Returns:
        The generator, (B, latent_dim) → (B, D), and the critic, with scores (B,).
    """

    def perceptron(inputs: int, outputs: int) -> list[nn.Module]:
        return [
            nn.Linear(inputs, width), nn.ReLU(),
            nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, outputs),
        ]  # fmt: skip

    dimensions = event_shape[0]
    generator = nn.Sequential(*perceptron(latent_dim, dimensions))
    critic = nn.Sequential(*perceptron(dimensions, 1), nn.Flatten(0))
    return generator, critic
