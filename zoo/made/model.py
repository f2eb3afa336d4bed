"""MADE: Masked Autoencoder for Distribution Estimation (Germain et al. 2015, arXiv 1502.03509).

An autoencoder whose weights are multiplied by binary masks, so that output d sees only the inputs
that come before x_d in an ordering. Its outputs are then the conditionals of

    p(x) = ∏_d p(x_d | x_<d),    p(x_d = 1 | x_<d) = x̂_d                                     (4)

and its cross-entropy is an exact negative log-likelihood (§3). Each unit k of layer l has a
degree m^l(k), the last position it may look at; m^0 is the ordering itself:

    M^{W^l}_{k',k} = 1[m^l(k') ≥ m^{l−1}(k)]    between layers                               (12)
    M^V_{d,k}      = 1[m^0(d) > m^L(k)]         at the output                                (13)

Train it with `zoo train made --recipe mnist`.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MaskedLinear(nn.Linear):
    """A linear map whose weight matrix is multiplied by one of K binary masks.

    Args:
        masks: bool, (K, out, in).
        bias: whether to add a bias.
    """

    def __init__(self, masks: Tensor, bias: bool = True) -> None:
        super().__init__(masks.shape[2], masks.shape[1], bias)
        # Not saved: the masks follow from the constructor's arguments. As bytes: 32 masks of 2000
        # units on MNIST would need 0.48 GB as floats. Not as bool: torch converts that ten times
        # more slowly on a CPU.
        self.register_buffer("masks", masks.to(torch.uint8), persistent=False)

    def forward(self, x: Tensor, k: int) -> Tensor:
        """(W ⊙ M) x + b under mask k, (B, in) → (B, out)."""
        return F.linear(x, self.weight * self.masks[k].to(self.weight), self.bias)


class MADE(nn.Module):
    """A masked autoencoder over binary images.

    With K > 1 masks the same weights serve K autoregressive models, one per mask: that is the
    paper's connectivity-agnostic training (§4.3), and with random orderings also its
    order-agnostic training (§4.2). The density is then their equal mixture.

    Args:
        event_shape: shape of one example; D is its number of elements.
        hidden: number of units of each hidden layer.
        direct: whether inputs are connected directly to outputs as well (matrix A, equation 11).
        order: "natural" (raster scan under every mask) or "random" (one permutation per mask).
        masks: number K of masks.
        seed: seed of the orderings and of the degrees of the hidden units.

    Raises:
        ValueError: an unknown order, or less than one mask.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        hidden: tuple[int, ...] = (500,),
        direct: bool = True,
        order: Literal["natural", "random"] = "natural",
        masks: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if order not in ("natural", "random"):
            raise ValueError(f"order must be 'natural' or 'random', not '{order}'")
        if masks < 1:
            raise ValueError(f"at least one mask is needed, not {masks}")
        self.event_shape = tuple(event_shape)
        self.n_masks = masks
        m = sample_degrees(math.prod(event_shape), hidden, order, masks, seed)
        self.degrees = m  # m[l]: (K, number of units of layer l); m[0] is the ordering
        self.hidden = nn.ModuleList(
            MaskedLinear(m[i + 1][:, :, None] >= m[i][:, None, :])  # (12)
            for i in range(len(hidden))
        )
        self.output = MaskedLinear(m[0][:, :, None] > m[-1][:, None, :])  # (13)
        self.direct = (
            MaskedLinear(m[0][:, :, None] > m[0][:, None, :], bias=False) if direct else None
        )

    @property
    def orderings(self) -> Tensor:
        """Position, from 0, of each flattened element under each mask, (K, D)."""
        return self.degrees[0] - 1

    def logits(self, x: Tensor, k: int = 0) -> Tensor:
        """Logits of p(x_d = 1 | x_<d) under mask k.

        Args:
            x: binary examples, (B, *event_shape).
            k: which mask.

        Returns:
            (B, *event_shape); element d does not depend on x_d or on anything after it.
        """
        x = x.flatten(1)  # (B, D)
        h = x
        for layer in self.hidden:
            h = F.relu(layer(h, k))  # (B, H)
        out = self.output(h, k)  # (B, D)
        if self.direct is not None:
            out = out + self.direct(x, k)
        return out.unflatten(1, self.event_shape)

    def log_prob_of_mask(self, x: Tensor, k: int) -> Tensor:
        """Log-likelihood in nats of the autoregressive model under mask k, (B,); equations 3, 4.

        Raises:
            ValueError: x has values other than 0 and 1, of which cross-entropy is no likelihood.
        """
        if not ((x == 0) | (x == 1)).all():
            raise ValueError("binary examples only: x has values outside the support {0, 1}")
        losses = F.binary_cross_entropy_with_logits(self.logits(x, k), x, reduction="none")
        return -losses.flatten(1).sum(1)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-likelihood in nats, (B,), of the equal mixture of the K models.

        Probabilities of whole images are averaged, ln (1/K Σ_k p_k(x)). An average of logits over
        different orderings belongs to no distribution.
        """
        terms = torch.stack([self.log_prob_of_mask(x, k) for k in range(self.n_masks)])  # (K, B)
        return terms.logsumexp(0) - math.log(self.n_masks)

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n examples, (n, *event_shape), values in {0, 1}: each from one of the K models."""
        device = self.output.weight.device
        drawn_on = generator.device if generator else device
        size = math.prod(self.event_shape)
        u = torch.rand(n, size, generator=generator, device=drawn_on).to(device)
        which = torch.randint(self.n_masks, (n,), generator=generator, device=drawn_on).to(device)
        x = torch.empty_like(u)
        for k in range(self.n_masks):
            x[which == k] = self.from_uniform(u[which == k], k)
        return x.unflatten(1, self.event_shape)

    @torch.no_grad()
    def from_uniform(self, u: Tensor, k: int = 0) -> Tensor:
        """Turn uniform numbers into a sample, x_d = 1[u_d < p(x_d = 1 | x_<d)] one after another.

        Args:
            u: numbers in [0, 1], (n, D); 0 forces an element to 1, and 1 forces it to 0, whatever
                the model says of it.
            k: which mask.

        Returns:
            Flattened examples, (n, D), values in {0, 1}.

        A unit of degree i is complete as soon as the first i elements are known. So each unit is
        computed once, at that moment, and all D steps together do the arithmetic of one forward
        pass. What is not yet known is zero, and what is known may be used: the masks need not be
        applied.
        """
        x = torch.zeros_like(u)  # (n, D)
        h = [x, *(u.new_zeros(len(u), layer.out_features) for layer in self.hidden)]
        for i, d in enumerate(self.degrees[0][k].argsort().tolist(), start=1):
            logit = h[-1] @ self.output.weight[d] + self.output.bias[d]  # (n,)
            if self.direct is not None:
                logit = logit + x @ self.direct.weight[d]
            # The sigmoid of a logit below −104 is 0 in float32, and no u is below that.
            x[:, d] = ((u[:, d] < logit.sigmoid()) | (u[:, d] == 0)).to(u)
            for j, layer in enumerate(self.hidden):
                new = (self.degrees[j + 1][k] == i).nonzero().flatten()
                h[j + 1][:, new] = F.relu(F.linear(h[j], layer.weight[new], layer.bias[new]))
        return x


def sample_degrees(
    size: int, hidden: tuple[int, ...], order: str, masks: int, seed: int
) -> list[Tensor]:
    """Draw the orderings and the degrees m^l(k) of §4.1 to §4.3 for K masks.

    Args:
        size: number D of inputs.
        hidden: number of units of each hidden layer.
        order: "natural" or "random".
        masks: number K of masks.
        seed: seed of the draws.

    Returns:
        m^0, …, m^L with m^l of shape (K, units), int64. m^0 holds the positions 1 … D of the
        inputs; hidden units draw uniformly from {min_k' m^{l−1}(k'), …, D − 1}.
    """
    # RandomState's stream is frozen by NumPy's policy: a seed means the same masks for ever.
    rng = np.random.RandomState(seed)
    chains = []
    for _ in range(masks):
        m = [np.arange(1, size + 1) if order == "natural" else rng.permutation(size) + 1]
        for units in hidden:
            # A unit below the lowest degree of the layer beneath would have no input at all.
            m.append(rng.randint(m[-1].min(), size, units))
        chains.append(m)
    return [torch.from_numpy(np.stack(layer)).long() for layer in zip(*chains, strict=True)]
