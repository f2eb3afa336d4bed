"""Masked Autoregressive Flow and Inverse Autoregressive Flow.

Papamakarios, Pavlakou, Murray 2017, arXiv 1705.07057 (MAF), whose equations are cited as (n), and
Kingma et al. 2016, arXiv 1606.04934 (IAF). Where to find what:

- (3), x_i = u_i exp(α_i) + μ_i with μ_i, α_i functions of x_1..x_{i−1}: `MaskedAffine.inverse`
- (4), u_i = (x_i − μ_i) exp(−α_i), one pass through a MADE: `MaskedAffine.forward`
- (5), log |det du/dx| = −Σ_i α_i, because the Jacobian is triangular: `MaskedAffine.forward`
- a stack of such layers, their order reversed from one to the next (§3.1): `MAF`
- batch normalisation as a layer of the flow, with its log-determinant (appendix B): `BatchNorm`
- the logit that takes images to R^D (§4.3): `Logit`
- the same network the other way round, fast to sample and slow to score (§3.2): `IAF`

The masks are those of `zoo.made`; the bound on α (`bounded`) is not the papers'. Train with
`zoo train maf --recipe mnist`.
"""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.made.model import MaskedLinear, sample_degrees

ALPHA_MAX = 2.0  # largest |α| of one layer; a stack of L reaches L times as much


class Logit(nn.Module):
    """From the unit cube to R^D: y = logit(λ + (1 − 2λ)u), one pixel at a time (§4.3).

    Args:
        margin: λ in (0, 1/2), which keeps black and white finite.
    """

    def __init__(self, margin: float) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Map u in [0, 1], (B, D), to y, (B, D), with log |det dy/du|, (B,)."""
        slope = 1 - 2 * self.margin
        log_p = (self.margin + slope * u).log()
        log_q = (self.margin + slope * (1 - u)).log()  # of 1 − p, without its cancellation at p = 1
        # dy/du = (1 − 2λ) / (p(1 − p))
        return log_p - log_q, (math.log(slope) - log_p - log_q).sum(1)

    def inverse(self, y: Tensor) -> Tensor:
        """Map y back to u. Beyond the images of 0 and 1, which are finite, u leaves [0, 1]."""
        return (torch.sigmoid(y) - self.margin) / (1 - 2 * self.margin)


class BatchNorm(nn.Module):
    """Batch normalisation as a bijection (appendix B): u = (x − m) (v + ε)^{−1/2} exp(γ) + β.

    In training m and v are those of the batch, and gradients flow through them; in evaluation, and
    in the inverse always, they are running averages.

    Args:
        dim: number D of dimensions.
        momentum: share of the new batch in the running averages.
        eps: ε, added to the variance.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, dim: int, momentum: float = 0.01, eps: float = 1e-5) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.gamma = nn.Parameter(torch.zeros(dim))
        self.beta = nn.Parameter(torch.zeros(dim))
        self.register_buffer("running_mean", torch.zeros(dim))
        self.register_buffer("running_var", torch.ones(dim))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Normalise x (B, D); also log |det du/dx| = Σ_i (γ_i − ½ log(v_i + ε)), (B,)."""
        m, v = self.running_mean, self.running_var
        if self.training:
            m, v = x.mean(0), x.var(0, unbiased=False)
            self._remember(m, v)
        log_scale = self.gamma - 0.5 * (v + self.eps).log()  # (D,)
        return (x - m) * log_scale.exp() + self.beta, log_scale.sum().expand(len(x))

    def inverse(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Undo `forward` in evaluation mode; also log |det dx/du|, (B,)."""
        log_scale = self.gamma - 0.5 * (self.running_var + self.eps).log()
        x = (u - self.beta) * (-log_scale).exp() + self.running_mean
        return x, -log_scale.sum().expand(len(u))

    @torch.no_grad()
    def _remember(self, m: Tensor, v: Tensor) -> None:
        """Running averages, a plain mean over the first batches so that the start is forgotten."""
        self.batches += 1
        share = max(self.momentum, 1 / int(self.batches))
        self.running_mean.lerp_(m, share)
        self.running_var.lerp_(v, share)


class MaskedAffine(nn.Module):
    """One MADE with Gaussian conditionals as a bijection between its data and its random numbers.

    The output weights start at zero, so that the layer starts as the identity.

    Args:
        degrees: m^0, …, m^L of MADE, each (1, units); m^0 holds the positions 1..D of the inputs.
    """

    def __init__(self, degrees: list[Tensor]) -> None:
        super().__init__()
        self.degrees = [m[0] for m in degrees]
        self.hidden = nn.ModuleList(
            MaskedLinear(m[:, :, None] >= below[:, None, :])
            for below, m in itertools.pairwise(degrees)
        )
        mask = degrees[0][:, :, None] > degrees[-1][:, None, :]  # (1, D, H)
        self.output = MaskedLinear(torch.cat([mask, mask], dim=1))  # μ, then α
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def conditionals(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """μ and α of all dimensions, (B, D) each; those of i depend on what comes before x_i."""
        h = x
        for layer in self.hidden:
            h = F.relu(layer(h, 0))  # (B, H)
        mu, a = self.output(h, 0).chunk(2, dim=1)
        return mu, bounded(a)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Random numbers u (B, D) of x (B, D) by (4), and log |det du/dx| by (5), (B,)."""
        mu, alpha = self.conditionals(x)
        return (x - mu) * (-alpha).exp(), -alpha.sum(1)

    def inverse(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Data x (B, D) of u (B, D) by (3), one dimension at a time; also log |det dx/du|, (B,).

        A unit of degree i is complete as soon as the first i dimensions are known. So each unit is
        computed once, at that moment, and all D steps together do the arithmetic of one forward
        pass. What is not yet known is zero, and what is known may be used: no mask is applied.
        """
        h = [torch.zeros_like(u)]  # x, then the hidden layers
        h += [u.new_zeros(len(u), layer.out_features) for layer in self.hidden]
        log_det = u.new_zeros(len(u))
        weight, bias = self.output.weight, self.output.bias
        for i, d in enumerate(self.degrees[0].argsort().tolist(), start=1):
            rows = [d, d + u.shape[1]]
            mu, a = F.linear(h[-1], weight[rows], bias[rows]).unbind(1)  # (B,)
            alpha = bounded(a)
            log_det = log_det + alpha
            h[0] = _with_columns(h[0], torch.tensor([d]), (u[:, d] * alpha.exp() + mu)[:, None])
            for j, layer in enumerate(self.hidden):
                new = (self.degrees[j + 1] == i).nonzero().flatten()
                if len(new):
                    units = F.relu(F.linear(h[j], layer.weight[new], layer.bias[new]))
                    h[j + 1] = _with_columns(h[j + 1], new, units)
        return h[0], log_det


def bounded(a: Tensor) -> Tensor:
    """Log-scale α = c tanh(a/c) of the network's output a, near 0 the same; not in the paper.

    Without a bound samples can run away: α grows with x, x with exp(α), dimension after dimension.
    """
    return ALPHA_MAX * torch.tanh(a / ALPHA_MAX)


def _with_columns(h: Tensor, columns: Tensor, values: Tensor) -> Tensor:
    """A copy of h with these columns replaced: autograd forbids writing in place."""
    return h.index_copy(1, columns.to(h.device), values)


class MAF(nn.Module):
    """A stack of MADEs, each of which models the random numbers of the one before it (§3.1).

    Args:
        event_shape: shape of one example; D is its number of elements, at least 2.
        layers: number of MADEs. The first has the natural order (raster scan), the second the
            reversed order, and so on.
        hidden: units of each hidden layer of each MADE.
        batch_norm: whether a batch normalisation stands before each MADE.
        margin: λ of the logit for images in [0, 1]; None for real data.
        seed: seed of the degrees of the hidden units.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        *,
        layers: int,
        hidden: tuple[int, ...],
        batch_norm: bool = True,
        margin: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.event_shape = tuple(event_shape)
        dim = math.prod(event_shape)
        self.logit = None if margin is None else Logit(margin)
        self.bijections = nn.ModuleList()
        for k in range(layers):
            degrees = sample_degrees(dim, hidden, "natural", 1, seed + k)
            if k % 2:
                degrees[0] = dim + 1 - degrees[0]
            if batch_norm:
                self.bijections.append(BatchNorm(dim))
            self.bijections.append(MaskedAffine(degrees))

    def to_real(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Data in R^D: logits of images, else x itself, (B, D); with log |det dy/dx|, (B,)."""
        x = x.flatten(1)
        return (x, x.new_zeros(len(x))) if self.logit is None else self.logit(x)

    def to_noise(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """From data in R^D to noise, (B, D) → (B, D), with log |det du/dy|, (B,): one pass."""
        log_det = y.new_zeros(len(y))
        for bijection in self.bijections:
            y, term = bijection(y)
            log_det = log_det + term
        return y, log_det

    def to_data(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """From noise to data in R^D, (B, D) → (B, D), and log |det dy/du|, (B,): D steps a MADE."""
        log_det = u.new_zeros(len(u))
        for bijection in reversed(self.bijections):
            u, term = bijection.inverse(u)
            log_det = log_det + term
        return u, log_det

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x (B, *event_shape) to z (B, D), and log |det dz/dx| (B,), the logit's included."""
        y, log_det = self.to_real(x)
        z, term = self.to_noise(y)
        return z, log_det + term

    def inverse(self, z: Tensor) -> Tensor:
        """Map z (B, D) to x (B, *event_shape)."""
        return self._from_real(self.to_data(z)[0])

    def inverse_with_log_prob(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Examples x = inverse(z) and log p(x) = log N(z; 0, I) − log |det dx/dz|, (B,), in one go.

        What variational inference with an IAF needs: gradients flow through both.
        """
        y, log_det = self.to_data(z)
        x = self._from_real(y)
        return x, self.base_log_prob(z) - log_det + self.to_real(x)[1]

    def base_log_prob(self, z: Tensor) -> Tensor:
        """Log-density of the standard normal base, nats, (B, D) → (B,)."""
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of each x (B, *event_shape) in nats, (B,); of images as u in [0, 1]^D."""
        z, log_det = self(x)
        return self.base_log_prob(z) + log_det

    def log_prob_in_logit_space(self, x: Tensor) -> Tensor:
        """Log-density of the logits of x, nats, (B,): what Table 2 of the paper reports (§4.3)."""
        u, log_det = self.to_noise(self.to_real(x)[0])
        return self.base_log_prob(u) + log_det

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n examples (n, *event_shape).

        The support of an image is wider than the cube by λ/(1 − 2λ) at both ends of each pixel;
        what lies there is moved to 0 or 1.
        """
        weight = next(self.parameters())
        drawn_on = generator.device if generator else weight.device
        shape = (n, math.prod(self.event_shape))
        z = torch.randn(shape, generator=generator, device=drawn_on, dtype=weight.dtype)
        x = self.inverse(z.to(weight.device))
        return x if self.logit is None else x.clamp(0, 1)

    def _from_real(self, y: Tensor) -> Tensor:
        x = y if self.logit is None else self.logit.inverse(y)
        return x.unflatten(1, self.event_shape)


class IAF(MAF):
    """The network of a MAF the other way round: μ and α are functions of the noise (§3.2).

    x_i = (u_i − μ_i(u_1..u_{i−1})) exp(−α_i(u_1..u_{i−1})): all x_i in one pass. It is the step
    z_t = μ_t + σ_t ⊙ z_{t−1} of 1606.04934 (section 4) with σ_t = exp(−α) and μ_t = −μ exp(−α).
    The density of given data needs u first, D steps a layer. Use `batch_norm=False` where an IAF
    is trained: its batches would be of noise and its averages of what noise becomes.
    """

    def to_noise(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """From data in R^D to noise, with log |det du/dy|: D steps a layer."""
        return super().to_data(y)

    def to_data(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """From noise to data in R^D, with log |det dy/du|: one pass."""
        return super().to_noise(u)
