"""Auto-Encoding Variational Bayes (Kingma & Welling 2013, arXiv 1312.6114).

A latent-variable model p(z) p(x|z) with z ~ N(0, I) and a Bernoulli decoder, trained together with
an approximate posterior q(z|x) = N(μ, diag σ²) by maximising the bound on log p(x)

    L(x) = −KL(q(z|x) ‖ p(z)) + E_q[log p(x|z)]                                               (3)
         ≈ ½ Σ_j (1 + log σ_j² − μ_j² − σ_j²) + log p(x|z),   z = μ + σ ⊙ ε,  ε ~ N(0, I)    (10)

with one draw of ε per example. Both networks are perceptrons with one hidden layer, as in appendix
C, but of rectified linear units (deviation 2 of the card); `units="tanh"` gives the paper's.

Train it with `zoo train vae --recipe mnist`.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Independent, Normal

UNITS = {"relu": nn.ReLU, "tanh": nn.Tanh}


class Bits(Bernoulli):
    """Bernoulli variables that refuse values other than 0 and 1, whatever torch's global default.

    Only values are checked. Logits that are not finite give a loss that is not finite, which the
    training loop reports.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}


class VAE(nn.Module):
    """The paper's model of binary images: Gaussian encoder, Bernoulli decoder.

    Args:
        event_shape: shape of one example; D is its number of elements.
        latent_dim: number J of latent dimensions.
        hidden: number H of hidden units in the encoder and in the decoder.
        units: the non-linearity f of the hidden units; the paper's is "tanh".

    Raises:
        ValueError: unknown hidden units.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        latent_dim: int = 20,
        hidden: int = 500,
        units: Literal["relu", "tanh"] = "relu",
    ) -> None:
        super().__init__()
        if units not in UNITS:
            raise ValueError(f"units must be 'relu' or 'tanh', not '{units}'")
        self.event_shape, self.latent_dim = tuple(event_shape), latent_dim
        size = math.prod(event_shape)
        self.encoder = nn.Sequential(  # equation (12): h = f(W₃x + b₃), then μ and log σ²
            nn.Linear(size, hidden), UNITS[units](), nn.Linear(hidden, 2 * latent_dim)
        )
        self.decoder = nn.Sequential(  # equation (11): logits of y = σ(W₂ f(W₁z + b₁) + b₂)
            nn.Linear(latent_dim, hidden), UNITS[units](), nn.Linear(hidden, size)
        )

    @property
    def prior(self) -> Independent:
        """p(z) = N(0, I), event shape (J,)."""
        zero = self.encoder[0].bias.new_zeros(self.latent_dim)
        return Independent(Normal(zero, 1.0), 1)

    def _posterior_parameters(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """μ and log σ² of q(z|x), each (B, J)."""
        mean, log_var = self.encoder(x.flatten(1)).chunk(2, dim=-1)
        return mean, log_var

    def encode(self, x: Tensor) -> Independent:
        """q(z|x) = N(μ, diag σ²) with event shape (J,); x is (B, *event_shape)."""
        mean, log_var = self._posterior_parameters(x)
        return Independent(Normal(mean, (0.5 * log_var).exp()), 1)

    def decode(self, z: Tensor) -> Independent:
        """p(x|z), independent Bernoulli pixels with event shape `event_shape`; z is (…, J)."""
        logits = self.decoder(z).unflatten(-1, self.event_shape)
        return Independent(Bits(logits=logits, validate_args=True), len(self.event_shape))

    def elbo(self, x: Tensor, eps: Tensor) -> Tensor:
        """The estimator (10) of the lower bound on log p(x), with L = 1.

        Args:
            x: binary examples, (B, *event_shape).
            eps: draws from N(0, I), (B, J).

        Returns:
            Nats per example, (B,): summed over latent dimensions and over pixels.
        """
        log_likelihood, kl = self.elbo_terms(x, eps)
        return log_likelihood - kl

    def elbo_terms(self, x: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
        """The two terms of the bound: log p(x|z) for a draw z, and KL(q(z|x) ‖ p(z)); (B,) each.

        The draw is a differentiable function of ε (§2.4), the divergence is exact (appendix B).
        """
        mean, log_var = self._posterior_parameters(x)  # (B, J)
        z = mean + (0.5 * log_var).exp() * eps
        kl = -0.5 * (1 + log_var - mean**2 - log_var.exp()).sum(-1)
        return self.decode(z).log_prob(x), kl

    @torch.no_grad()
    def log_prob_bound(self, x: Tensor, k: int, generator: torch.Generator | None = None) -> Tensor:
        """One estimate, from k draws of q, of the bound E[ln 1/k Σ_i p(x, z_i)/q(z_i|x)], (B,).

        The bound rises with k towards log p(x) (Burda et al. 2016, theorem 1); k = 1 is the bound
        (3), here without the closed form of the divergence, which has no place inside the
        logarithm. Memory grows with k·B·D.
        """
        q = self.encode(x)
        mean, std = q.base_dist.loc, q.base_dist.scale  # (B, J)
        drawn_on = generator.device if generator else mean.device
        eps = torch.randn(k, *mean.shape, generator=generator, device=drawn_on)
        z = mean + std * eps.to(mean.device)
        log_w = self.decode(z).log_prob(x) + self.prior.log_prob(z) - q.log_prob(z)  # (k, B)
        return log_w.logsumexp(0) - math.log(k)  # log-mean-exp for each example

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n examples from p(x), (n, *event_shape), values in {0, 1}: pixels are drawn too."""
        device = self.encoder[0].bias.device
        drawn_on = generator.device if generator else device
        z = torch.randn(n, self.latent_dim, generator=generator, device=drawn_on)
        mean = self.decode(z.to(device)).mean.to(drawn_on)
        return torch.bernoulli(mean, generator=generator).to(device)
