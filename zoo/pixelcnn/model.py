"""Gated PixelCNN: stacks of convolutions that see only what was drawn before.

The model of van den Oord et al. 2016, "Conditional Image Generation with PixelCNN Decoders" (arXiv
1606.05328), with the masks of "Pixel Recurrent Neural Networks" (arXiv 1601.06759, cited as R). An
image is a chain of its pixels, row by row, and all conditionals come from one pass:

    p(x | h) = ∏_i p(x_i | x_1, …, x_{i−1}, h)                                             (1, 3)

Masked n×n convolutions alone have a blind spot, above to the right. Two stacks remove it (§2.2):
the vertical one reads all rows above, the horizontal one the pixels to the left in the same row
and, through a 1×1 convolution, the vertical one. In both the activation is a gate, which a label h
shifts by the same amount at every place:

    y = tanh(W_f ∗ x + V_fᵀ h) ⊙ σ(W_g ∗ x + V_gᵀ h)                                       (2, 4)

Pixels are binary here. Train it with `zoo train pixelcnn --recipe mnist`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def gate(a: Tensor) -> Tensor:
    """Tanh of the first half of the channels times σ of the second; (B, 2C, …) → (B, C, …)."""
    f, g = a.chunk(2, dim=1)
    return torch.tanh(f) * torch.sigmoid(g)


def shift_down(a: Tensor) -> Tensor:
    """Move all rows down by one, zeros come in at the top; (B, C, H, W) → same."""
    return F.pad(a, (0, 0, 1, 0))[:, :, :-1]


class GatedLayer(nn.Module):
    """One layer of both stacks, Figure 2.

    Row i of the vertical stack sees rows up to and with i. It moves down by one row on its way to
    the horizontal stack, which thus hears of rows above only.

    Args:
        channels: channels of the input; with mask B as many as of the output.
        width: channels C of the output.
        kernel: size n of the kernel, odd.
        mask: "A": pixel j of the horizontal stack does not see pixel j of its input; "B": it does,
            and the stack is residual. With A that would add to pixel j what it must not see.
        classes: number of labels, 0 for none.
    """

    def __init__(self, channels: int, width: int, kernel: int, mask: str, classes: int) -> None:
        super().__init__()
        r = self.reach = kernel // 2
        self.vertical = nn.Conv2d(channels, 2 * width, (r + 1, kernel))  # ⌈n/2⌉ × n
        self.horizontal = nn.Conv2d(channels, 2 * width, (1, r + 1))  # 1 × ⌈n/2⌉
        self.link = nn.Conv2d(2 * width, 2 * width, 1)  # vertical → horizontal
        self.output = nn.Conv2d(width, width, 1)
        self.residual = mask == "B"
        seen = torch.ones(r + 1)
        seen[-1] = float(mask == "B")  # the last column of the kernel is the pixel itself
        self.register_buffer("seen", seen, persistent=False)
        # V_f and V_g of equation 4 for both stacks; h is one-hot.
        self.labels = nn.Embedding(classes, 4 * width) if classes else None
        self._initialise()

    def _initialise(self) -> None:
        """Normal weights that keep the size of pre-activations from layer to layer.

        A gate passes on about a third of their standard deviation. The vertical stack is not
        residual: without the factor 3 its upper layers would begin with no signal at all.
        """
        parts = ((self.vertical, 3.0), (self.horizontal, 3.0 / 2**0.5), (self.link, 1.0 / 2**0.5))
        for part, gain in parts:
            nn.init.normal_(part.weight, std=gain / part.weight[0].numel() ** 0.5)
            nn.init.zeros_(part.bias)

    def biases(self, y: Tensor | None) -> tuple[Tensor, Tensor] | tuple[float, float]:
        """Vᵀh for the vertical and the horizontal stack, (B, 2C, 1, 1) each; 0 without labels."""
        if self.labels is None:
            return 0.0, 0.0
        return self.labels(y)[:, :, None, None].chunk(2, dim=1)

    def forward(self, v: Tensor, h: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        """Both stacks, one layer up.

        Args:
            v: vertical stack, (B, channels, H, W).
            h: horizontal stack, (B, channels, H, W).
            y: labels (B,), None without.

        Returns:
            Both stacks, (B, C, H, W) each.
        """
        r, (bias_v, bias_h) = self.reach, self.biases(y)
        a = self.vertical(F.pad(v, (r, r, r, 0))) + bias_v  # (B, 2C, H, W)
        kernel = self.horizontal.weight * self.seen
        b = F.conv2d(F.pad(h, (r, 0, 0, 0)), kernel, self.horizontal.bias)
        b = b + self.link(shift_down(a)) + bias_h  # (B, 2C, H, W)
        out = self.output(gate(b))  # (B, C, H, W)
        return gate(a), h + out if self.residual else out


class PixelCNN(nn.Module):
    """A distribution over binary images, for each label one if there are labels.

    Args:
        event_shape: (1, H, W).
        width: channels C of both stacks.
        layers: number of layers, the first one included.
        kernel: size n of the kernels, odd; those of the first layer may be larger.
        first_kernel: size of the first layer's kernels, odd and at least 3: with mask A one of a
            single pixel sees nothing in its own row.
        classes: number of labels; 0 for an unconditional model.

    Raises:
        ValueError: more than one channel, no layer, an even kernel or a first one below 3.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        width: int = 32,
        layers: int = 7,
        kernel: int = 5,
        first_kernel: int = 7,
        classes: int = 0,
    ) -> None:
        super().__init__()
        if len(event_shape) != 3 or event_shape[0] != 1:
            raise ValueError(f"images of one channel are needed, not {tuple(event_shape)}")
        if layers < 1 or not kernel % 2 or not first_kernel % 2 or first_kernel < 3:
            raise ValueError(
                "at least one layer and odd kernels, the first of 3 or more, are needed"
            )
        self.event_shape, self.classes = tuple(event_shape), classes
        first = GatedLayer(1, width, first_kernel, "A", classes)
        others = (GatedLayer(width, width, kernel, "B", classes) for _ in range(layers - 1))
        self.layers = nn.ModuleList((first, *others))
        self.head = nn.Sequential(  # R, Table 1
            nn.ReLU(), nn.Conv2d(width, width, 1), nn.ReLU(), nn.Conv2d(width, 1, 1)
        )

    @property
    def reach(self) -> int:
        """R: pixel (i, j) is predicted from the earlier ones in rows i − 1 − R … i, columns j ± R.

        In its own row that is j − R … j − 1.
        """
        return sum(layer.reach for layer in self.layers)

    def logits(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Logits of p(x_i = 1 | x_<i, y).

        Args:
            x: binary images, (B, 1, H, W).
            y: labels, int64 (B,), for a conditional model.

        Returns:
            (B, 1, H, W); pixel i depends on the pixels before it in raster order alone.

        Raises:
            ValueError: labels are missing, or given to an unconditional model.
        """
        if (y is None) != (self.classes == 0):
            raise ValueError(f"a model of {self.classes} classes: labels y where there are classes")
        v = h = x
        for layer in self.layers:
            v, h = layer(v, h, y)
        return self.head(h)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Log-likelihood in nats, (B,).

        Without labels a conditional model is the mixture of its classes with equal weights,
        ln 1/K Σ_y p(x | y).

        Raises:
            ValueError: x has values other than 0 and 1, of which cross-entropy is no likelihood.
        """
        if not ((x == 0) | (x == 1)).all():
            raise ValueError("binary images only: x has values outside the support {0, 1}")
        if y is None and self.classes:
            return self.log_prob_of_classes(x).logsumexp(1) - math.log(self.classes)
        logits = self.logits(x, y).to(x)  # to single precision, where training is in less
        losses = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
        return -losses.flatten(1).sum(1)

    def log_prob_of_classes(self, x: Tensor) -> Tensor:
        """Log p(x | y) for every label, nats, (B, K); its softmax is p(y | x) for equal p(y)."""
        every = torch.arange(self.classes, device=x.device)
        return torch.stack([self.log_prob(x, y.expand(len(x))) for y in every], dim=1)

    def sample(
        self,
        n: int,
        generator: torch.Generator | None = None,
        cache: bool = True,
        y: Tensor | None = None,
    ) -> Tensor:
        """Draw n images, (n, 1, H, W), values in {0, 1}.

        Args:
            n: number of images.
            generator: of the draws.
            cache: compute every feature once. Without, each pixel costs a pass over the whole
                image, which changes the time and nothing else.
            y: labels (n,) for a conditional model; by default drawn with equal probabilities.
        """
        return self.sample_with_log_prob(n, generator, cache, y)[0]

    @torch.no_grad()
    def sample_with_log_prob(
        self,
        n: int,
        generator: torch.Generator | None = None,
        cache: bool = True,
        y: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """As `sample`, and the log-probability of each image (given its label), nats, (n,)."""
        weight = self.head[1].weight
        drawn_on = generator.device if generator else weight.device
        if y is None and self.classes:
            y = torch.randint(self.classes, (n,), generator=generator, device=drawn_on)
        u = torch.rand(n, *self.event_shape, generator=generator, device=drawn_on).to(weight)
        x, logits = self.from_uniform(u, y if y is None else y.to(weight.device), cache)
        return x, -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum((1, 2, 3))

    @torch.no_grad()
    def from_uniform(
        self, u: Tensor, y: Tensor | None = None, cache: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Turn uniform numbers into images, x_i = 1[u_i < p(x_i = 1 | x_<i, y)] pixel by pixel.

        Args:
            u: numbers in [0, 1], (n, 1, H, W); 0 forces a pixel to 1, and 1 forces it to 0,
                whatever the model says of it.
            y: labels (n,), for a conditional model.
            cache: see `sample`.

        Returns:
            Images, values in {0, 1}, and the logits they were drawn with, (n, 1, H, W) each.
        """
        x, logits = torch.zeros_like(u), torch.zeros_like(u)  # (n, 1, H, W)
        memory = Memory(self, len(u), y) if cache else None
        for i in range(u.shape[2]):
            if memory:
                memory.start_row(x, i)
            for j in range(u.shape[3]):
                logit = memory.logit(x, i, j) if memory else self.logits(x, y)[:, 0, i, j]  # (n,)
                now = u[:, 0, i, j]
                # In single precision a very small probability is 0, and no u is below that.
                x[:, 0, i, j] = ((now < logit.sigmoid()) | (now == 0)).to(u)
                logits[:, 0, i, j] = logit
        return x, logits


class Memory:
    """What the sampler keeps: features of rows and pixels that no later draw can change.

    The vertical stack is computed once for every row, as soon as the row is complete, and the
    horizontal one once for every pixel. Altogether that is the arithmetic of one pass.

    Args:
        model: the model.
        n: number of images.
        y: labels (n,) for a conditional model.
    """

    def __init__(self, model: PixelCNN, n: int, y: Tensor | None) -> None:
        self.layers, self.head = list(model.layers), model.head
        self.biases = [layer.biases(y) for layer in self.layers]
        _, height, width = model.event_shape
        weight, self.rows, self.row, self.above = self.head[1].weight, [], [], []
        for layer in self.layers:
            r, channels = layer.reach, layer.vertical.in_channels
            # Inputs of the layer with the zeros of the padding: whole maps, and the current row.
            self.rows.append(weight.new_zeros(n, channels, r + height, r + width + r))
            self.row.append(weight.new_zeros(n, channels, r + width))
            self.above.append(weight.new_zeros(n, 2 * layer.output.in_channels, width))
        self.kernels = [
            (layer.horizontal.weight * layer.seen).flatten(1) for layer in self.layers
        ]  # (2C, channels · (r + 1)) each

    def start_row(self, x: Tensor, i: int) -> None:
        """Take in row i − 1, which is complete, and prepare what row i hears of the rows above."""
        v = x[:, :, i - 1 : i]  # (n, 1, 1, W); nothing for i = 0
        for k, (layer, (bias_v, bias_h)) in enumerate(zip(self.layers, self.biases, strict=True)):
            r = layer.reach
            if i == 0:
                a = torch.zeros_like(self.above[k])[:, :, None]  # what shift_down brings in
            else:
                self.rows[k][:, :, r + i - 1, r : r + x.shape[3]] = v[:, :, 0]
                a = layer.vertical(self.rows[k][:, :, i - 1 : i + r]) + bias_v  # (n, 2C, 1, W)
                v = gate(a)
            self.above[k] = (layer.link(a) + bias_h)[:, :, 0]  # (n, 2C, W)

    def logit(self, x: Tensor, i: int, j: int) -> Tensor:
        """Logit of pixel (i, j), (n,), once all pixels before it are in x."""
        if j > 0:
            self.row[0][:, :, self.layers[0].reach + j - 1] = x[:, :, i, j - 1]
        for k, layer in enumerate(self.layers):
            window = self.row[k][:, :, j : j + layer.reach + 1]  # (n, channels, r + 1)
            b = F.linear(window.flatten(1), self.kernels[k], layer.horizontal.bias)
            out = F.linear(
                gate(b + self.above[k][:, :, j]), layer.output.weight[:, :, 0, 0], layer.output.bias
            )  # (n, C)
            if layer.residual:
                out = out + window[:, :, -1]
            if k + 1 < len(self.layers):
                following = self.layers[k + 1]
                self.row[k + 1][:, :, following.reach + j] = out
        return self.head(out[:, :, None, None]).flatten()
