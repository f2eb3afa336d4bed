"""Classifier-free diffusion guidance.

    Ho, Salimans: Classifier-Free Diffusion Guidance, 2022.   arXiv 2207.12598

One network learns the noise with and without the class: in training the class c is replaced by a
null token ∅ now and then. Sampling goes along a combination of its two answers,

    c ← ∅ with probability p_uncond, for each example     Algorithm 1    drop
    L = E ‖ε − ε_θ(z, c)‖²                                Algorithm 1    loss_given
    ε̃(z, c) = (1 + w) ε_θ(z, c) − w ε_θ(z, ∅)             eq. 6          guided

w is the paper's: w = 0 is the conditional model and w = −1 the unconditional one. Many programs
have a "guidance scale" s = 1 + w instead, ε̃ = ε_θ(z, ∅) + s (ε_θ(z, c) − ε_θ(z, ∅)), for which
s = 1 is the conditional model.

Noise is a score in other units: for the true ε, ε(z) = −σ ∇ log p(z) with σ = √(1 − ᾱ_t). By Bayes'
rule ∇ log p(z | c) − ∇ log p(z) = ∇ log p(c | z), so

    ε̃(z, c) = −σ ∇ [log p(z | c) + w log p(c | z)],

at each time t with the densities of that time. That is the score of p_t(z | c) p_t(c | z)^w at all
t, and yet the samples are none of p_0(x | c) p_0(c | x)^w: adding noise to that density does not
give the densities of the later times.

The diffusion, its schedule, its posterior and both samplers are those of `zoo.ddpm`. What the paper
calls z_λ is x_t here. Train with

    zoo train guidance --recipe mnist
"""

import copy

import torch
from torch import Generator, Tensor, nn

from zoo.ddpm.model import DDPM


class GuidedDDPM(DDPM):
    """A diffusion whose network may be told the class, and its guided samples.

    `predict`, and all that goes through it (`sample` without labels, the bound), is the
    unconditional model p(x), which the network is for the null label.

    Args:
        network: ε_θ, maps x_t (B, *event_shape), t (B,) and labels (B,) in {0, …, K} to the noise
            (B, *event_shape); label K is ∅.
        event_shape: shape of one example, (C, H, W).
        levels: number of grey values of the data.
        classes: K, the number of classes.
        p_uncond: probability with which `drop` takes the class away.
        weight: guidance weight w of samples unless `sample` is told otherwise.
        options: of the diffusion, see `DDPM`.
    """

    def __init__(
        self,
        network: nn.Module,
        event_shape: tuple[int, ...],
        levels: int,
        classes: int,
        p_uncond: float = 0.1,
        weight: float = 1.0,
        **options: float | None,
    ) -> None:
        super().__init__(network, event_shape, levels, **options)
        self.classes, self.null = classes, classes  # labels 0, …, K − 1, and K for ∅
        self.p_uncond, self.weight = p_uncond, weight

    # -- the network's two answers, and their combination ------------------------------------------

    def predict_given(self, x_t: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        """ε_θ(x_t, c): the noise in x_t (B, *event_shape) given labels (B,), ∅ among them."""
        return self.network(x_t, t, labels)

    def predict(self, x_t: Tensor, t: Tensor) -> Tensor:
        """ε_θ(x_t, ∅): the noise in x_t (B, *event_shape), whatever the class."""
        return self.predict_given(x_t, t, torch.full_like(t, self.null))

    def guided(self, x_t: Tensor, t: Tensor, labels: Tensor, weight: float) -> Tensor:
        """ε̃ = (1 + w) ε_θ(x_t, c) − w ε_θ(x_t, ∅) (eq. 6), (B, *event_shape).

        Two evaluations of the network; one for w = 0, where ε̃ is ε_θ(x_t, c) to the last bit.
        """
        given = self.predict_given(x_t, t, labels)
        if weight == 0:
            return given
        return (1 + weight) * given - weight * self.predict(x_t, t)

    # -- training: both models in one network (Algorithm 1) ----------------------------------------

    def drop(self, labels: Tensor, uniform: Tensor) -> Tensor:
        """Labels (B,), with ∅ wherever the example's own uniform draw (B,) is below p_uncond."""
        return torch.where(uniform < self.p_uncond, self.null, labels)

    def loss_given(self, x0: Tensor, t: Tensor, eps: Tensor, labels: Tensor) -> Tensor:
        """‖ε − ε_θ(x_t, c)‖² of Algorithm 1, averaged over batch and dimensions: a scalar.

        Labels (B,) come out of `drop`; t is uniform on {1, …, T} and eps from N(0, I).
        """
        return (eps - self.predict_given(self.q_sample(x0, t, eps), t, labels)).square().mean()

    # -- sampling (Algorithm 2, on the chain of DDPM) ----------------------------------------------

    @torch.no_grad()
    def sample(
        self,
        n: int,
        generator: Generator | None = None,
        labels: Tensor | None = None,
        weight: float | None = None,
        steps: int | None = None,
        eta: float = 1.0,
    ) -> Tensor:
        """Draw n examples in [0, 1], shape (n, *event_shape).

        Args:
            n: number of examples.
            generator: source of all noise.
            labels: classes (n,) in {0, …, K − 1} to be guided to; None: the unconditional model.
            weight: w; None: the model's own. Without labels it has no meaning.
            steps: S ≤ T evaluations along a sub-sequence of the times (DDIM); None: the model's
                `sampling_steps`, and if that is None too, all T ancestral steps.
            eta: noise of DDIM; 1 is that of DDPM.
        """
        if labels is None:
            return super().sample(n, generator, steps, eta)
        assert labels.shape == (n,), f"expected labels of shape {(n,)}, found {labels.shape}"
        weight = self.weight if weight is None else weight
        labels = labels.to(self.alpha_bar.device)
        chain = copy.copy(self)  # the same weights and schedule, another prediction of the noise
        chain.predict = lambda x_t, t: self.guided(x_t, t, labels, weight)
        return DDPM.sample(chain, n, generator, steps, eta)
