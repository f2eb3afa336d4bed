"""The prior over codes: a gated PixelCNN (arXiv 1606.05328) of K-valued places.

Layers and the sampler's memory are those of the entry `pixelcnn`; what differs is what goes in, an
embedding of the code, and what comes out, K logits for each place.
"""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import Tensor, nn

from zoo.pixelcnn.model import GatedLayer, Memory


class CodePrior(nn.Module):
    """p(z) = ∏_i p(z_i | z_<i) over maps of codes, row by row.

    Args:
        event_shape: (h, w).
        vocab_size: number K of codes.
        embedding: channels of a code's embedding, not equal to `width`.
        width: channels of both stacks.
        layers: number of layers, the first one included.
        kernel: size of the kernels, odd; the first layer's is larger by 2.

    Raises:
        ValueError: as many channels of the embedding as of the stacks.
    """

    def __init__(
        self,
        event_shape: tuple[int, int],
        vocab_size: int,
        embedding: int = 16,
        width: int = 32,
        layers: int = 5,
        kernel: int = 3,
    ) -> None:
        super().__init__()
        if embedding == width:  # a layer residual by its widths would show a code itself
            raise ValueError("the embedding must not have as many channels as the stacks")
        self.event_shape, self.vocab_size = tuple(event_shape), vocab_size
        self.embedding = nn.Embedding(vocab_size, embedding)
        first = GatedLayer(embedding, width, kernel + 2, "A", 0)
        others = (GatedLayer(width, width, kernel, "B", 0) for _ in range(layers - 1))
        self.layers = nn.ModuleList((first, *others))
        self.head = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 1),
            nn.ReLU(),
            nn.Conv2d(2 * width, vocab_size, 1),
        )

    def embed(self, z: Tensor) -> Tensor:
        """Embeddings of codes, (B, …) → (B, channels, …)."""
        return self.embedding(z).movedim(-1, 1)

    def logits(self, z: Tensor) -> Tensor:
        """Logits of p(z_i | z_<i), (B, h, w) int64 → (B, h, w, K)."""
        v = h = self.embed(z)
        for layer in self.layers:
            v, h = layer(v, h, None)
        return self.head(h).movedim(1, -1)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-probability of maps of codes (B, h, w), nats, (B,)."""
        log_p = self.logits(z).to(self.embedding.weight).log_softmax(-1)
        return log_p.gather(-1, z[..., None]).flatten(1).sum(1)

    def sample(
        self, n: int, generator: torch.Generator | None = None, cache: bool = True
    ) -> Tensor:
        """Draw n maps of codes, (n, h, w); `cache` changes the time and nothing else."""
        return self.sample_with_log_prob(n, generator, cache)[0]

    @torch.no_grad()
    def sample_with_log_prob(
        self, n: int, generator: torch.Generator | None = None, cache: bool = True
    ) -> tuple[Tensor, Tensor]:
        """As `sample`, and the log-probability of each map, nats, (n,)."""
        (height, width), weight = self.event_shape, self.embedding.weight
        on = generator.device if generator else weight.device
        u = torch.rand(n, height, width, generator=generator, device=on).to(weight)
        z = torch.zeros(n, height, width, dtype=torch.int64, device=weight.device)
        drawn = self.embed(z)  # what the memory reads: only places before the current one
        total, memory = weight.new_zeros(n), self.memory(n) if cache else None
        for i in range(height):
            if memory:
                memory.start_row(drawn, i)
            for j in range(width):
                if memory:
                    logits = memory.logit(drawn, i, j).view(n, -1)  # (n, K)
                else:
                    logits = self.logits(z)[:, i, j]
                log_p = logits.log_softmax(1)
                # The last code takes what rounding leaves of the sum of the others.
                z[:, i, j] = (u[:, i, j, None] >= log_p.exp().cumsum(1)[:, :-1]).sum(1)
                total += log_p.gather(1, z[:, i, j, None])[:, 0]
                drawn[:, :, i, j] = self.embed(z[:, i, j])
        return z, total

    def memory(self, n: int) -> Memory:
        """What the sampler keeps of n maps; `pixelcnn` asks only for layers, head and shape."""
        shape = (self.embedding.embedding_dim, *self.event_shape)
        model = SimpleNamespace(layers=self.layers, head=self.head, event_shape=shape)
        return Memory(model, n, None)
