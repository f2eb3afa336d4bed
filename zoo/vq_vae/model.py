"""Neural Discrete Representation Learning (van den Oord, Vinyals & Kavukcuoglu 2017, 1711.00937).

An autoencoder whose latent variable is a small map of integers. The encoder's output z_e(x) is a
vector at each place of the map, and is replaced by the nearest of K vectors e_k, the codebook:

    q(z = k | x) = 1 for k = argmin_j ‖z_e(x) − e_j‖, else 0                                 (1)
    z_q(x) = e_k                                                                             (2)
    L = −log p(x | z_q(x)) + ‖sg[z_e(x)] − e‖² + β ‖z_e(x) − sg[e]‖²                         (3)

sg, the stop-gradient, is the identity whose derivative is zero. The first term trains the decoder
and, since the gradient of z_q is copied to z_e (straight-through), the encoder; the second moves
the codebook to the encoder's outputs, the third commits the encoder to the codebook. Over N places
the last two are averages. The sign of the first is turned, so that L is minimised.

q puts all its mass on one z, so that log p(x) ≥ log p(x, z) = log p(x | z) + log p(z) at any z,
the encoder's included: with a prior p(z) that is a bound on the likelihood in closed form. In the
first stage p(z) is uniform; the second fits a gated PixelCNN to the codes of the training set.

    zoo train vq_vae --recipe mnist
    zoo train vq_vae --recipe mnist-prior
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.vq_vae.pixels import GreyPixels
from zoo.vq_vae.prior import CodePrior


class Residual(nn.Module):
    """x + 1×1(ReLU(3×3(ReLU(x)))), section 4.1."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, h, w) → same."""
        return x + self.layers(x)


class VQVAE(nn.Module):
    """A vector-quantised autoencoder of grey images, with a prior over its codes.

    Args:
        event_shape: (C, H, W); H and W are multiples of 2^`halvings`.
        levels: number L of grey values k/(L − 1).
        codes: number K of vectors in the codebook.
        code_dim: dimension D of a vector.
        width: channels of the encoder and of the decoder.
        halvings: strided convolutions, each of which halves H and W.
        components: logistic components of a pixel.
        commitment: β.
        prior: p(z) over maps of codes; None: uniform, as in the first stage.

    Raises:
        ValueError: sides that cannot be halved so often, or a prior over other maps of codes.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        levels: int,
        codes: int = 128,
        code_dim: int = 16,
        width: int = 64,
        halvings: int = 2,
        components: int = 4,
        commitment: float = 0.25,
        prior: CodePrior | None = None,
    ) -> None:
        super().__init__()
        channels, *sides = event_shape
        self.event_shape, self.levels, self.commitment = tuple(event_shape), levels, commitment
        self.code_shape = tuple(side // 2**halvings for side in sides)
        if any(side % 2**halvings for side in sides):
            raise ValueError(f"both sides must be multiples of {2**halvings}")
        if prior and (prior.event_shape, prior.vocab_size) != (self.code_shape, codes):
            raise ValueError(f"a prior over {self.code_shape} places of {codes} codes is needed")
        down, up = [], []
        for i in range(halvings):
            down += [nn.Conv2d(width if i else channels, width, 4, 2, 1), nn.ReLU()]
            last = i == halvings - 1
            out = 3 * components * channels if last else width
            up += [nn.ReLU(), nn.ConvTranspose2d(width, out, 4, 2, 1)]
        self.encoder = nn.Sequential(
            *down[:-1], Residual(width), Residual(width), nn.ReLU(), nn.Conv2d(width, code_dim, 1)
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(code_dim, width, 3, padding=1), Residual(width), Residual(width), *up
        )
        self.codebook = nn.Parameter(F.normalize(torch.randn(codes, code_dim), dim=1))
        self.prior = prior

    # -- the code ----------------------------------------------------------------------------------

    def embed(self, x: Tensor) -> Tensor:
        """z_e(x), vectors of length 1 at each place, (B, C, H, W) → (B, D, h, w)."""
        return F.normalize(self.encoder(2 * x - 1).to(self.codebook), dim=1)

    def quantise(self, z_e: Tensor) -> Tensor:
        """K of equation 1, (B, D, h, w) → int64 (B, h, w)."""
        with torch.autocast(z_e.device.type, enabled=False):  # ‖e‖² − 2 e·z_e, in full precision
            products = torch.einsum("bdhw,kd->bkhw", z_e, self.codebook)
            lengths = self.codebook.square().sum(1)[:, None, None]
            return (lengths - 2 * products).argmin(1)

    def encode(self, x: Tensor) -> Tensor:
        """The code z of images, int64 (B, h, w)."""
        return self.quantise(self.embed(x))

    def lookup(self, z: Tensor) -> Tensor:
        """Codebook vectors e_z, (B, h, w) → (B, D, h, w)."""
        return F.embedding(z, self.codebook).movedim(-1, 1)

    def decode(self, z_q: Tensor) -> GreyPixels:
        """p(x | z) from codebook vectors z_q, (B, D, h, w)."""
        return GreyPixels(self.decoder(z_q).to(self.codebook), self.event_shape[0], self.levels)

    # -- the objective -----------------------------------------------------------------------------

    def loss_terms(self, x: Tensor) -> dict[str, Tensor]:
        """The three terms of equation 3 without β, (B,) each, and the code, "codes" (B, h, w).

        "reconstruction" is in nats per pixel; "codebook" and "commitment" are squared distances,
        averaged over the places. Both have the same value and gradients to different sides.
        """
        z_e = self.embed(x)
        codes = self.quantise(z_e)
        e = self.lookup(codes)
        codebook = (z_e.detach() - e).square().sum(1).flatten(1).mean(1)
        commitment = (z_e - e.detach()).square().sum(1).flatten(1).mean(1)
        z_q = z_e + (e - z_e).detach()  # the value of e, the gradient to z_e
        nats = -self.decode(z_q).log_prob(x)
        return {
            "reconstruction": nats / math.prod(self.event_shape),
            "codebook": codebook,
            "commitment": commitment,
            "codes": codes,
        }

    def loss(self, terms: dict[str, Tensor]) -> Tensor:
        """Equation 3 from its terms, averaged over the batch: a scalar."""
        weighted = self.commitment * terms["commitment"]
        return (terms["reconstruction"] + terms["codebook"] + weighted).mean()

    @torch.no_grad()
    def restart(self, z_e: Tensor, u: Tensor) -> int:
        """Move every code that none of the outputs z_e (B, D, h, w) chose to one of these outputs.

        Which of them, the numbers u (K,) in [0, 1) tell. Returns how many codes were moved.
        """
        vectors = z_e.movedim(1, -1).flatten(0, 2)  # (B·h·w, D)
        used = self.quantise(z_e).flatten().bincount(minlength=len(self.codebook)) > 0
        chosen = vectors[(u * len(vectors)).long()].to(self.codebook)
        self.codebook.copy_(torch.where(used[:, None], self.codebook, chosen))
        return int((~used).sum())

    # -- the generative model ----------------------------------------------------------------------

    def prior_log_prob(self, z: Tensor) -> Tensor:
        """Log p(z) of maps of codes (B, h, w), nats, (B,)."""
        if self.prior is None:
            places, codes = math.prod(self.code_shape), len(self.codebook)
            return self.codebook.new_full((len(z),), -places * math.log(codes))
        return self.prior.log_prob(z)

    def log_joint(self, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Log p(x | z) and log p(z) of images with codes z (B, h, w), nats, (B,) each."""
        return self.decode(self.lookup(z)).log_prob(x), self.prior_log_prob(z)

    def log_prob_bound(self, x: Tensor) -> Tensor:
        """Log p(x, z) at the encoder's code z, at most log p(x), nats, (B,).

        p(x) is the sum of p(x, z) over all K^N codes, of which this is one.
        """
        likelihood, prior = self.log_joint(x, self.encode(x))
        return likelihood + prior

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """The decoder's mean at the code of x, (B, C, H, W)."""
        return self.decode(self.lookup(self.encode(x))).mean

    @torch.no_grad()
    def sample_codes(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n maps of codes from p(z), int64 (n, h, w)."""
        if self.prior is not None:
            return self.prior.sample(n, generator)
        on = generator.device if generator else self.codebook.device
        shape = (n, *self.code_shape)
        z = torch.randint(len(self.codebook), shape, generator=generator, device=on)
        return z.to(self.codebook.device)

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n images from p(x), (n, C, H, W), values k/(L − 1): pixels are drawn, too."""
        z = self.sample_codes(n, generator)
        return self.decode(self.lookup(z)).sample(generator)
