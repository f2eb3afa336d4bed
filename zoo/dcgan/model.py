"""Deep convolutional generative adversarial networks (Radford et al., 2016, arXiv 1511.06434).

A discriminator D tells data x from samples G(z), and a generator G makes samples that it takes for
data: the game of Goodfellow et al. (2014, arXiv 1406.2661, cited as G),

    min over G, max over D of  V(D, G) = E log D(x) + E log(1 − D(G(z))),  z ~ N(0, I)   (G, eq. 1)

- For fixed G the best D is p/(p + q), p the density of data and q that of samples (G, Prop. 1), and
  V is then 2 JSD(p‖q) − log 4 (G, Theorem 1): the generator descends a divergence.
- `objective="minimax"`: G minimises E log(1 − D(G(z))), as eq. 1 has it. Its gradient vanishes
  where D is sure that a sample is one.
- `objective="non-saturating"`: G minimises −E log D(G(z)) instead (G, Section 3), with the same
  fixed point and a gradient that is strongest there. What this paper and everybody trains.
- With `classes`, both networks are told the label y (Mirza and Osindero, 2014, arXiv 1411.1784):
  E log D(x|y) + E log(1 − D(G(z|y)|y)).

D is kept as its logit s(x), `critic`, D = σ(s), so that both logarithms are finite. This paper's
part is the architecture (Section 3): convolutions with stride instead of pooling, no hidden fully
connected layers (the labels' maps are one exception, see `Told`), batch normalisation except at
G's output and D's input, ReLU in G with tanh at its end, leaky ReLU in D.

Train it with `zoo train dcgan --recipe digits`; the order of the updates is in `recipe.py`.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

Objective = Literal["non-saturating", "minimax"]
KERNEL = {"kernel_size": 4, "stride": 2, "padding": 1}  # halves or doubles a side
SLOPE = 0.2  # of the leaky ReLU below 0 (Section 4)
INITIAL_SD = 0.02  # of all weights (Section 4)


class Told(nn.Module):
    """A layer that a label shifts, W x + V h with h one-hot; batch normalisation follows.

    V is a dense map: one learned number per label and unit, an image for each label. Joining h to
    the input of a convolution, as constant maps, is less: one number per label and channel.

    Args:
        layer: convolutional, W, without a bias where it is normalised.
        shape: shape (C, H, W) of its output.
        classes: number of labels, 0 for none.
        norm: whether it is normalised.
    """

    def __init__(
        self, layer: nn.Module, shape: tuple[int, ...], classes: int, norm: bool = True
    ) -> None:
        super().__init__()
        self.layer, self.shape = layer, shape
        self.labels = nn.Embedding(classes, math.prod(shape)) if classes else None
        self.norm = nn.BatchNorm2d(shape[0]) if norm else nn.Identity()

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """Outputs (B, *shape) of x and labels (B,), None without classes."""
        h = self.layer(x)
        if self.labels is not None:
            h = h + self.labels(labels).unflatten(1, self.shape)
        return self.norm(h)


class GeneratorNetwork(nn.Module):
    """z is projected to a small image of many channels, and doubled in size until it is x.

    Args:
        event_shape: (C, H, W).
        latent_dim: dimension of z.
        width: channels of the last hidden layer; twice as many one stage earlier, and so on.
        stages: how often the side is doubled.
        classes: number of labels, 0 for none.
    """

    def __init__(
        self, event_shape: tuple[int, ...], latent_dim: int, width: int, stages: int, classes: int
    ) -> None:
        super().__init__()
        channels, *sides = event_shape
        above, self.hidden = latent_dim, nn.ModuleList()
        for stage in range(stages):
            shape = (width << (stages - 1 - stage), *(side >> (stages - stage) for side in sides))
            how = KERNEL if stage else {"kernel_size": shape[1:]}  # of z, 1×1: a linear map
            layer = nn.ConvTranspose2d(above, shape[0], **how, bias=False)
            self.hidden.append(Told(layer, shape, classes))
            above = shape[0]
        self.output = nn.ConvTranspose2d(width, channels, **KERNEL)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images (B, C, H, W) in (0, 1) from noise (B, latent_dim) and labels (B,)."""
        h = z[:, :, None, None]
        for layer in self.hidden:
            h = F.relu(layer(h, labels))
        return (1 + torch.tanh(self.output(h)).to(z)) / 2


class DiscriminatorNetwork(nn.Module):
    """The mirror image: x is halved in size until one layer turns all of it into a logit.

    Args:
        event_shape: (C, H, W).
        width: channels of the first layer; twice as many one stage later, and so on.
        stages: how often the side is halved.
        classes: number of labels, 0 for none.
    """

    def __init__(self, event_shape: tuple[int, ...], width: int, stages: int, classes: int) -> None:
        super().__init__()
        below, *sides = event_shape
        self.hidden = nn.ModuleList()
        for stage in range(stages):
            shape = (width << stage, *(side >> (stage + 1) for side in sides))
            layer = nn.Conv2d(below, shape[0], **KERNEL, bias=stage == 0)
            self.hidden.append(Told(layer, shape, classes, norm=stage > 0))
            below = shape[0]
        self.output = nn.Conv2d(below, 1, shape[1:])

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits of D (B,) of images (B, C, H, W) in [0, 1] and labels (B,)."""
        h = 2 * x - 1  # to the range of tanh
        for layer in self.hidden:
            h = F.leaky_relu(layer(h, labels), SLOPE)
        return self.output(h).flatten().to(x)


class DCGAN(nn.Module):
    """A generator, a discriminator, and the two losses of their game; both losses are minimised.

    Args:
        event_shape: (C, H, W), H and W multiples of 2^stages; values in [0, 1].
        latent_dim: dimension of z.
        width: channels of the layers next to the image, see the two networks.
        stages: convolutions with stride in each network.
        classes: number K of labels of the conditional form, 0 for the unconditional one.
        objective: "non-saturating" or "minimax", see the head of this file.

    Raises:
        ValueError: another word for `objective`, or sides that cannot be halved so often.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        latent_dim: int,
        width: int,
        stages: int = 2,
        classes: int = 0,
        objective: Objective = "non-saturating",
    ) -> None:
        super().__init__()
        if objective not in get_args(Objective):
            raise ValueError(f"objective is one of {get_args(Objective)}, not {objective!r}")
        if stages < 1 or len(event_shape) != 3 or any(s % 2**stages for s in event_shape[1:]):
            raise ValueError(f"images with sides that halve {stages} times, not {event_shape}")
        self.event_shape, self.latent_dim = tuple(event_shape), latent_dim
        self.classes, self.objective = classes, objective
        self.generator = GeneratorNetwork(event_shape, latent_dim, width, stages, classes)
        self.critic = DiscriminatorNetwork(event_shape, width, stages, classes)
        self.apply(initialise)

    def _scores(self, x: Tensor, labels: Tensor | None) -> Tensor:
        return self.critic(x) if labels is None else self.critic(x, labels)

    def _fakes(self, z: Tensor, labels: Tensor | None) -> Tensor:
        if (labels is None) != (self.classes == 0):
            raise ValueError(f"labels are given to a model with classes: it has {self.classes}")
        return self.generator(z) if labels is None else self.generator(z, labels)

    def critic_loss(
        self,
        real: Tensor,
        z: Tensor,
        alpha: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> Tensor:
        """−E log D(x) − E log(1 − D(G(z))), minus the value V of the game: G, eq. 1, Algorithm 1.

        With s the logit, −log D = softplus(−s) and −log(1 − D) = softplus(s). Data and samples go
        through D one after the other: each batch is normalised by its own statistics.

        Args:
            real: data x, (B, *event_shape).
            z: standard normal, (B, latent_dim).
            alpha: unused; the family's place for random numbers of a penalty.
            labels: those of the data, (B,), of which the samples are drawn, too.
        """
        fake = self._fakes(z, labels).detach()  # the discriminator's step leaves G alone
        on_data, on_samples = self._scores(real, labels), self._scores(fake, labels)
        return F.softplus(-on_data).mean() + F.softplus(on_samples).mean()

    def generator_loss(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """−E log D(G(z)), or E log(1 − D(G(z))) with "minimax": G, Section 3.

        Their derivatives by the logit are −(1 − D) and −D: the first is strong, the second weak
        where D knows a sample for what it is.
        """
        score = self._scores(self._fakes(z, labels), labels)
        if self.objective == "minimax":
            return -F.softplus(score).mean()
        return F.softplus(-score).mean()

    @torch.no_grad()
    def sample(
        self, n: int, generator: Generator | None = None, labels: Tensor | None = None
    ) -> Tensor:
        """Draw n examples G(z) or, with classes, G(z|y), (n, *event_shape).

        Args:
            n: number of examples.
            generator: of the draws.
            labels: int64 (n,) for a conditional model; by default drawn with equal probabilities.
        """
        device = next(self.parameters()).device
        drawn_on = generator.device if generator else device
        if labels is None and self.classes:
            labels = torch.randint(self.classes, (n,), generator=generator, device=drawn_on)
        z = torch.randn(n, self.latent_dim, generator=generator, device=drawn_on).to(device)
        return self._fakes(z, labels if labels is None else labels.to(device))


def initialise(layer: nn.Module) -> None:
    """Weights from N(0, 0.02²) (Section 4); biases 0, gains of the normalisation 1."""
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Embedding)):
        nn.init.normal_(layer.weight, std=INITIAL_SD)
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)) and layer.bias is not None:
        nn.init.zeros_(layer.bias)
