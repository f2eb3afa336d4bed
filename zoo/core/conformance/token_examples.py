"""A small honest model of tokens, for the laws to be written on and for their tests to break."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn


class TokenChain(nn.Module):
    """A recurrent network with one tanh layer: h_t = tanh(W h_{t-1} + e(x_{t-1})), logits V h_t."""

    def __init__(self, vocab_size: int = 3, length: int = 4, width: int = 6) -> None:
        super().__init__()
        self.vocab_size, self.event_shape = vocab_size, (length,)
        self.tokens = nn.Embedding(vocab_size + 1, width)  # the last row: nothing was read
        self.recurrent, self.output = nn.Linear(width, width), nn.Linear(width, vocab_size)

    def step(self, h: Tensor, token: Tensor) -> Tensor:
        """The state (B, width) after one more token (B,)."""
        return (self.recurrent(h) + self.tokens(token)).tanh()

    def first(self, n: int) -> tuple[Tensor, Tensor]:
        """State and token before the first one."""
        return torch.zeros(n, self.output.in_features), torch.full((n,), self.vocab_size)

    def continued(
        self, x: Tensor, carried: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Logits (B, L, K) of x given what was read before it, and what to carry on."""
        h, token = carried or self.first(len(x))
        logits = []
        for following in x.T:
            h = self.step(h, token)
            logits.append(self.output(h))
            token = following
        return torch.stack(logits, dim=1), (h, token)

    def logits(self, x: Tensor) -> Tensor:
        """Logits (B, T, K) of each token given those before it."""
        return self.continued(x)[0]

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-probability, nats, (B,)."""
        return self.logits(x).log_softmax(2).gather(2, x[:, :, None]).flatten(1).sum(1)

    @torch.no_grad()
    def sample_with_log_prob(
        self, n: int, generator: Generator | None = None, cache: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Draw (n, T), and the sum of the logarithms of what each token was drawn from, (n,)."""
        x, total = torch.zeros(n, 0, dtype=torch.int64), torch.zeros(n)
        h, token = self.first(n)
        for _ in range(self.event_shape[0]):
            h = self.step(h, token)
            logits = self.output(h) if cache else self.logits(torch.cat((x, token[:, None]), 1))
            log_p = (logits if cache else logits[:, -1]).log_softmax(1)
            token = torch.multinomial(log_p.exp(), 1, generator=generator)[:, 0]
            total += log_p.gather(1, token[:, None])[:, 0]
            x = torch.cat((x, token[:, None]), 1)
        return x, total

    def sample(self, n: int, generator: Generator | None = None, cache: bool = True) -> Tensor:
        """Draw (n, T); without the cache the chain is read anew for each token."""
        return self.sample_with_log_prob(n, generator, cache)[0]
