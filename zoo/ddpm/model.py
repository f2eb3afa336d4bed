"""Denoising diffusion probabilistic models, with implicit (DDIM) sampling.

    Ho, Jain, Abbeel: Denoising Diffusion Probabilistic Models, 2020. arXiv 2006.11239
    Song, Meng, Ermon: Denoising Diffusion Implicit Models, 2020.     arXiv 2010.02502

A fixed chain turns data into noise in T small Gaussian steps; the model learns to undo them.

    q(x_t | x_0)       = N(√ᾱ_t x_0, (1 − ᾱ_t) I)                          DDPM eq. 4   q_sample
    q(x_{t−1}|x_t,x_0) = N(μ̃_t, β̃_t I)                                    eqs. 6, 7    posterior
    p(x_{t−1} | x_t)   = N(μ_θ, σ_t² I), μ_θ = μ̃_t at x̂_0 of eq. 15       eq. 11       reverse
    L_simple           = E ‖ε − ε_θ(√ᾱ_t x_0 + √(1 − ᾱ_t) ε, t)‖²          eq. 14       loss
    −log p(x_0)       ≤ L_T + Σ_{t>1} L_{t−1} + L_0                        eq. 5        bound_terms

"DDPM eq." and "DDIM eq." tell the papers apart; a bare number is one of the first paper. What the
second paper calls α_t is ᾱ_t here. Arrays over time have T + 1 entries, so that index t is the
paper's t and index 0 is the data: ᾱ_0 = 1.

The equations live on the papers' scale [−1, 1], reached from images in [0, 1] by `scale`. Every
method that works inside the chain (`q_sample`, `posterior`, `predict`, `reverse`, `loss`) takes
that scale; `sample`, `bound_terms` and `log_prob_bound` speak [0, 1]. Train with

    zoo train ddpm --recipe mnist
"""

import torch
from torch import Generator, Tensor, nn


class DDPM(nn.Module):
    """A Gaussian diffusion and the network ε_θ that predicts its noise.

    The variance of the reversal is σ_t² = β̃_t, the smaller of the two choices of section 3.2. As
    β̃_1 = 0, the decoder p(x_0 | x_1) has σ_1² = β̃_2, which is what the authors' code does.

    Args:
        network: ε_θ, maps x_t (B, *event_shape) and t (B,) to the noise (B, *event_shape).
        event_shape: shape of one example, (C, H, W).
        levels: number of grey values k / (levels − 1) of the data, for the decoder of L_0.
        timesteps: T ≥ 2.
        beta_first, beta_last: β_1 and β_T; the schedule is linear between them (section 4).
        sampling_steps: length S of the sub-sequence on which `sample` runs DDIM unless it is told
            otherwise; None: all T steps of Algorithm 2.
    """

    def __init__(
        self,
        network: nn.Module,
        event_shape: tuple[int, ...],
        levels: int,
        timesteps: int = 1000,
        beta_first: float = 1e-4,
        beta_last: float = 0.02,
        sampling_steps: int | None = None,
    ) -> None:
        super().__init__()
        self.network, self.event_shape, self.levels = network, event_shape, levels
        self.timesteps, self.sampling_steps = timesteps, sampling_steps
        # Float64, because 1 − ᾱ_1 = 1e-4 would lose three digits in float32. β_0 only pads.
        beta = torch.linspace(beta_first, beta_last, timesteps, dtype=torch.float64)
        beta = torch.cat([beta.new_zeros(1), beta])
        self.register_buffer("beta", beta, persistent=False)  # (T + 1,)
        self.register_buffer("alpha_bar", (1 - beta).cumprod(0), persistent=False)  # (T + 1,)

    # -- the scale of the data ---------------------------------------------------------------------

    @staticmethod
    def scale(x: Tensor) -> Tensor:
        """[0, 1] -> [−1, 1] (section 3.3)."""
        return 2 * x - 1

    @staticmethod
    def unscale(x: Tensor) -> Tensor:
        """[−1, 1] -> [0, 1], the inverse of `scale`."""
        return (x + 1) / 2

    # -- the forward process q and its posterior ---------------------------------------------------

    def q_sample(self, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """x_t = √ᾱ_t x_0 + √(1 − ᾱ_t) ε (eq. 4); t (B,) in {0, …, T}."""
        alpha_bar = _like(self.alpha_bar[t], x0)
        return alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * eps

    def posterior(self, x0: Tensor, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Mean μ̃_t and variance β̃_t of q(x_{t−1} | x_t, x_0) (eqs. 6, 7); t (B,) in {1, …, T}."""
        beta, now, before = self.beta[t], self.alpha_bar[t], self.alpha_bar[t - 1]
        mean_x0 = before.sqrt() * beta / (1 - now)
        mean_xt = (1 - beta).sqrt() * (1 - before) / (1 - now)
        mean = _like(mean_x0, x0) * x0 + _like(mean_xt, x0) * x_t
        return mean, _like(self._beta_tilde(t), x0)

    def _beta_tilde(self, t: Tensor) -> Tensor:
        return (1 - self.alpha_bar[t - 1]) / (1 - self.alpha_bar[t]) * self.beta[t]

    # -- the learned reversal p --------------------------------------------------------------------

    def predict(self, x_t: Tensor, t: Tensor) -> Tensor:
        """ε_θ(x_t, t): the noise that the network sees in x_t (B, *event_shape); t (B,)."""
        return self.network(x_t, t)

    def predict_x0(self, x_t: Tensor, t: Tensor) -> Tensor:
        """x̂_0, the image that x_t is predicted to come from (eq. 15), clipped to [−1, 1]."""
        alpha_bar = _like(self.alpha_bar[t], x_t)
        x0_hat = (x_t - (1 - alpha_bar).sqrt() * self.predict(x_t, t)) / alpha_bar.sqrt()
        return x0_hat.clamp(-1, 1)

    def reverse(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Mean μ_θ and variance σ_t² of p(x_{t−1} | x_t); t (B,) in {1, …, T}.

        The mean is that of the posterior with x̂_0 in the place of x_0, which is eq. 11 wherever
        clipping changes nothing.
        """
        mean, _ = self.posterior(self.predict_x0(x_t, t), x_t, t)
        return mean, _like(self._beta_tilde(t.clamp(min=2)), x_t)

    def loss(self, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """L_simple (eq. 14), averaged over batch and dimensions: a scalar.

        Algorithm 1 draws t uniformly from {1, …, T} and eps from N(0, I).
        """
        return (eps - self.predict(self.q_sample(x0, t, eps), t)).square().mean()

    # -- sampling ----------------------------------------------------------------------------------

    @torch.no_grad()
    def sample(
        self,
        n: int,
        generator: Generator | None = None,
        steps: int | None = None,
        eta: float = 1.0,
    ) -> Tensor:
        """Draw n examples in [0, 1], shape (n, *event_shape).

        Args:
            n: number of examples.
            generator: source of all noise.
            steps: S ≤ T, the number of network evaluations of DDIM; None: `sampling_steps`, and if
                that is None too, Algorithm 2 with all T steps.
            eta: noise of DDIM, from 0 (deterministic) to 1 (that of DDPM; with steps = T this is
                Algorithm 2).
        """
        x_T = _noise(torch.empty(n, *self.event_shape, device=self.alpha_bar.device), generator)
        steps = self.sampling_steps if steps is None else steps
        if steps is None:
            x0 = self.ancestral(x_T, generator)
        else:
            x0 = self.ddim(x_T, steps, eta, generator)
        return self.unscale(x0).clamp(0, 1)

    def ancestral(self, x_T: Tensor, generator: Generator | None = None) -> Tensor:
        """Algorithm 2: all T steps of the learned chain from x_T to x_0; no noise at the last."""
        x = x_T
        for t in range(self.timesteps, 0, -1):
            mean, variance = self.reverse(x, self._times(t, len(x)))
            x = mean + variance.sqrt() * _noise(x, generator) if t > 1 else mean
        return x

    def ddim(self, x_T: Tensor, steps: int, eta: float, generator: Generator | None) -> Tensor:
        """DDIM (its eqs. 12 and 16) over times τ_S = T > … > τ_1 > τ_0 = 0, evenly spaced.

        Where clipping changes x̂_0, ε is the noise that leads from it to x_t, so that S = T with
        η = 1 stays Algorithm 2.
        """
        assert 1 <= steps <= self.timesteps, f"DDIM takes 1 to {self.timesteps} steps, not {steps}"
        tau = torch.linspace(0, self.timesteps, steps + 1).round().long().tolist()
        x = x_T
        for t, s in zip(tau[:0:-1], tau[-2::-1], strict=True):  # one step: from time t to s < t
            now, before = self.alpha_bar[t], self.alpha_bar[s]  # neighbours in the sub-sequence
            x0_hat = self.predict_x0(x, self._times(t, len(x)))
            eps_hat = (x - now.sqrt() * x0_hat) / (1 - now).sqrt()
            sigma = eta * ((1 - before) / (1 - now) * (1 - now / before)).sqrt()
            x = before.sqrt() * x0_hat + (1 - before - sigma**2).sqrt() * eps_hat
            if s > 0 and eta > 0:
                x = x + sigma * _noise(x, generator)
        return x

    def _times(self, t: int, n: int) -> Tensor:
        return torch.full((n,), t, device=self.alpha_bar.device)

    # -- the variational bound ---------------------------------------------------------------------

    @torch.no_grad()
    def bound_terms(self, x: Tensor, generator: Generator | None = None) -> dict[str, Tensor]:
        """The terms of eq. 5 in nats, for grey values x = k / (levels − 1), (B, *event_shape).

        Other numbers in [0, 1], such as samples that are not rounded, have no L_0: its bins lie
        around the grey values, and overlap around anything else.

        Returns:
            "L_T" (B,), exact; "L_t" (B, T − 1), the terms L_{t−1} for t = 2, …, T; and "L_0" (B,),
            both with one draw of x_t for each t. T evaluations of the network.
        """
        x0 = self.scale(x)
        L_t = x0.new_empty(len(x0), self.timesteps - 1)
        for t in range(2, self.timesteps + 1):
            L_t[:, t - 2] = self._step_term(x0, self._times(t, len(x0)), _noise(x0, generator))
        L_0 = self._decoder_term(x0, _noise(x0, generator))
        return {"L_T": self._prior_term(x0), "L_t": L_t, "L_0": L_0}

    def log_prob_bound(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        """−(L_T + Σ L_{t−1} + L_0) in nats, (B,), of grey values x: in expectation ≤ log p(x)."""
        terms = self.bound_terms(x, generator)
        return -(terms["L_T"] + terms["L_t"].sum(1) + terms["L_0"])

    def _prior_term(self, x0: Tensor) -> Tensor:
        """L_T = KL(q(x_T | x_0) ‖ N(0, I)), (B,)."""
        alpha_bar = self.alpha_bar[-1]
        kl = 0.5 * (alpha_bar * x0.double().square() - alpha_bar - torch.log1p(-alpha_bar))
        return kl.flatten(1).sum(1).to(x0.dtype)

    def _step_term(self, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """L_{t−1} = KL(q(x_{t−1} | x_t, x_0) ‖ p(x_{t−1} | x_t)) for t ≥ 2, (B,).

        Both Gaussians have the variance β̃_t, so eq. 8 holds with C = 0.
        """
        x_t = self.q_sample(x0, t, eps)
        mean_q, variance = self.posterior(x0, x_t, t)
        mean_p, _ = self.reverse(x_t, t)
        return ((mean_q - mean_p).square() / (2 * variance)).flatten(1).sum(1)

    def _decoder_term(self, x0: Tensor, eps: Tensor) -> Tensor:
        """L_0 = −log p(x_0 | x_1) with the discretised Gaussian of section 3.3 (eq. 13), (B,)."""
        t = self._times(1, len(x0))
        mean, variance = self.reverse(self.q_sample(x0, t, eps), t)
        return -discretised_log_prob(x0, mean, variance.sqrt(), self.levels).flatten(1).sum(1)


def discretised_log_prob(x0: Tensor, mean: Tensor, std: Tensor, levels: int) -> Tensor:
    """Log of the mass that N(mean, std²) puts on the bin of grey value x0 (eq. 13), elementwise.

    The values k / (levels − 1) of [0, 1] lie 2 / (levels − 1) apart on [−1, 1]. A bin reaches half
    that way to both sides; the two edge bins take the tails, so that the masses sum to 1.
    """
    half = 1 / (levels - 1)
    upper = torch.where(x0 > 1 - half, torch.inf, (x0 + half - mean) / std).double()
    lower = torch.where(x0 < -1 + half, -torch.inf, (x0 - half - mean) / std).double()
    # Φ(b) − Φ(a) = Φ(−a) − Φ(−b): subtract where Φ is small, or a far bin would be rounded to 0.
    flip = lower > 0
    a, b = torch.where(flip, -upper, lower), torch.where(flip, -lower, upper)
    log_a, log_b = torch.special.log_ndtr(a), torch.special.log_ndtr(b)
    return (log_b + torch.log(-torch.expm1(log_a - log_b))).to(x0.dtype)


def _like(coefficient: Tensor, x: Tensor) -> Tensor:
    """Per-example coefficients (B,) in x's type, shaped (B, 1, …, 1) to multiply x."""
    return coefficient.to(x.dtype).view(-1, *[1] * (x.dim() - 1))


def _noise(x: Tensor, generator: Generator | None) -> Tensor:
    """Standard normal noise in the shape, type and place of x, drawn where the generator lives."""
    device = generator.device if generator else x.device
    return torch.randn(x.shape, generator=generator, device=device, dtype=x.dtype).to(x.device)
