"""Implicit Generation and Modeling with Energy-Based Models (Du and Mordatch 2019, 1903.08689).

One network gives every image x an energy E_θ(x), low where data are. It stands for the density

    p_θ(x) = exp(−E_θ(x) / T) / Z(θ)   on the cube [0, 1]^D,                         `energy`

whose Z nobody knows. Images are what Langevin dynamics makes of noise,

    x^k = x^{k−1} − λ/2 ∇_x E_θ(x^{k−1}) + ω^k,   ω^k ~ N(0, σ² I),                   `langevin`

cut to the cube after each step. For small steps and away from the cube's walls it leaves p_θ with

    T = σ² / λ,                                                                       `temperature`

so that the paper's σ² = λ is T = 1. The authors' code, and this entry, take far less noise: T is
tiny, the chain nearly a descent. For a quadratic energy (x − m)²/(2s²) the chain is linear, and its
variance T s²/(1 − λ/(4s²)): T s² is the truth, the denominator the error of finite steps.

Learning lowers E on data x⁺ and raises it on samples x⁻,

    E_data[∇_θ E] − E_model[∇_θ E] = T ∇_θ(−log p_θ),
    loss = mean E(x⁺) − mean E(x⁻) + α mean(E(x⁺)² + E(x⁻)²).                         `loss`

x⁻ are constants in the loss: no gradient goes through the chain. Chains go on from a replay buffer
of earlier samples, except for a share (5 % in the paper) that begins anew in uniform noise. Train:

    zoo train ebm --recipe digits
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

GREYS = 256  # of the replay buffer, which keeps chains as bytes


class EnergyModel(nn.Module):
    """An energy, its Langevin sampler, and the replay buffer of its training.

    The buffer is part of the training's state, hence of `state_dict`: a resumed run goes on with
    the chains of the interrupted one. It is shipped with the weights; `sample` can start from it.

    Args:
        event_shape: (C, H, W), values in [0, 1].
        width: channels of the convolutions.
        patch: side P of the squares of pixels that the network takes as channels; H and W are
            multiples of it.
        step_size: λ; the energy's gradient is multiplied by λ/2.
        noise_scale: σ, standard deviation of the noise of one step.
        penalty: α, weight of the squared energies in the loss.
        sampling_steps: steps of `sample`'s chains.
        restart_rate: share of training chains that begin anew in uniform noise.
        buffer_size: N, number of samples in the replay buffer.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        width: int,
        patch: int,
        step_size: float,
        noise_scale: float,
        penalty: float,
        sampling_steps: int,
        restart_rate: float,
        buffer_size: int,
    ) -> None:
        super().__init__()
        self.event_shape, self.sampling_steps = tuple(event_shape), sampling_steps
        self.step_size, self.noise_scale = step_size, noise_scale
        self.penalty, self.restart_rate = penalty, restart_rate
        self.network = energy_network(self.event_shape, width, patch)
        chains = torch.zeros(buffer_size, *self.event_shape, dtype=torch.uint8)
        self.register_buffer("chains", chains)  # (N, C, H, W)
        self.register_buffer("written", torch.zeros((), dtype=torch.int64))  # samples so far

    @property
    def temperature(self) -> float:
        """T = σ²/λ of the density exp(−E/T)/Z that small Langevin steps leave; the paper's is 1."""
        return self.noise_scale**2 / self.step_size

    def energy(self, x: Tensor) -> Tensor:
        """E_θ(x), lower for likelier images; (B, C, H, W) -> (B,)."""
        return self.network(x).squeeze(1)

    # -- the sampler -------------------------------------------------------------------------------

    def langevin(self, x: Tensor, eps: Tensor) -> Tensor:
        """K steps of Langevin dynamics (eq. 2) from x, cut to [0, 1] after each.

        Args:
            x: (B, C, H, W) in [0, 1].
            eps: standard normal, (K, B, C, H, W); the noise of step k is σ eps[k].

        Returns:
            (B, C, H, W), without a graph: what is learned from it takes it for a constant.
        """
        x = x.detach()
        for draw in eps:
            with torch.enable_grad():
                x.requires_grad_()
                # The gradient of the sum holds each example's own: energies do not mix examples.
                (gradient,) = torch.autograd.grad(self.energy(x).sum(), x)
            x = x.detach() - self.step_size / 2 * gradient + self.noise_scale * draw
            x = x.clamp(0, 1)
        return x

    @torch.no_grad()
    def sample(
        self,
        n: int,
        generator: Generator | None = None,
        steps: int | None = None,
        buffered: bool = False,
    ) -> Tensor:
        """Draw n images, (n, C, H, W), by Langevin dynamics of that many steps.

        Args:
            n: number of images.
            generator: source of all noise.
            steps: length of the chains; None: `sampling_steps`.
            buffered: start from the replay buffer, as training does, instead of uniform noise.
        """
        device = self.chains.device
        drawn_on = generator.device if generator else device

        def uniform(*shape: int) -> Tensor:
            return torch.rand(shape, generator=generator, device=drawn_on).to(device)

        x = uniform(n, *self.event_shape)
        if buffered:
            x = self.recall(uniform(n), x)
        for _ in range(self.sampling_steps if steps is None else steps):
            eps = torch.randn((1, *x.shape), generator=generator, device=drawn_on)
            x = self.langevin(x, eps.to(device))
        return x

    # -- the replay buffer -------------------------------------------------------------------------

    def recall(self, choice: Tensor, u: Tensor) -> Tensor:
        """Samples of the buffer, drawn with replacement, (B, C, H, W) in [0, 1].

        Args:
            choice: uniform on [0, 1), (B,); picks one of the samples written so far.
            u: uniform on [0, 1), (B, C, H, W); spreads byte k over [k, k + 1)/256.
        """
        filled = self.written.clamp(max=len(self.chains))
        index = (choice * filled).long().clamp(max=len(self.chains) - 1)
        return (self.chains[index] + u) / GREYS

    def start_chains(self, choice: Tensor, restart: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """Where training's chains start, (B, C, H, W): the buffer, or the noise u.

        Args:
            choice: as in `recall`.
            restart: uniform on [0, 1), (B,); below `restart_rate` the chain starts from u.
            u: as in `recall`.

        Returns:
            The starts, and which of them are noise, bool (B,): all as long as the buffer is empty.
        """
        anew = (restart < self.restart_rate) | (self.written == 0)
        return torch.where(anew.view(-1, 1, 1, 1), u, self.recall(choice, u)), anew

    @torch.no_grad()
    def store(self, x: Tensor) -> None:
        """Put the ends of chains, (B, C, H, W) in [0, 1], in the place of the oldest samples."""
        places = (self.written + torch.arange(len(x), device=x.device)) % len(self.chains)
        self.chains[places] = (GREYS * x).clamp(max=GREYS - 1).byte()
        self.written += len(x)

    # -- the objective -----------------------------------------------------------------------------

    def loss(self, x: Tensor, x_model: Tensor) -> Tensor:
        """Return mean E(x⁺) − mean E(x⁻) + α mean(E(x⁺)² + E(x⁻)²), a scalar.

        The first two terms lower the energy of data and raise that of samples; a constant added to
        all energies leaves them as they are, and the third term holds it near 0.
        """
        plus, minus = self.energy(x), self.energy(x_model)  # (B,)
        squares = plus.square().mean() + minus.square().mean()
        return plus.mean() - minus.mean() + self.penalty * squares


def energy_network(event_shape: tuple[int, ...], width: int, patch: int) -> nn.Module:
    """Two convolutions over patches of pixels and two linear layers, with Swish; -> (B, 1)."""
    channels, cells = event_shape[0], event_shape[1] * event_shape[2] // patch**2
    return nn.Sequential(
        nn.PixelUnshuffle(patch),  # (B, C P², H/P, W/P)
        nn.Conv2d(channels * patch**2, width, 3, padding=1), nn.SiLU(),
        nn.Conv2d(width, width, 3, padding=1), nn.SiLU(),
        nn.Flatten(),
        nn.Linear(width * cells, 4 * width), nn.SiLU(),
        nn.Linear(4 * width, 1),  # (B, 1)
    )  # fmt: skip
