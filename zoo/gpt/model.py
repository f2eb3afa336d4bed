"""A decoder-only transformer over characters.

The decoder of Vaswani et al. (2017, arXiv 1706.03762) without its encoder, trained as a language
model by Radford et al. ("Improving Language Understanding by Generative Pre-Training", 2018, cited
as R below; its successor of 2019 as R2). A text is a chain of conditionals, R equation 1,

    p(x) = ∏_t p(x_t | x_<t; Θ)

and all of them come from one pass in which position t attends to what stands before it:

    Attention(Q, K, V) = softmax(Q Kᵀ / √d_k) V                                               (1)
    h_0 = W_e[u] + W_p,   h_l = block(h_{l−1}),   p = softmax(LN(h_n) W_eᵀ)                (R, 2)

LN, the layer normalisation after the last block, is what R2 (§2.3) adds to R's equation.
The input u is the text one place later, u = (start, x_1, …, x_{T−1}): the start symbol stands for
whatever was written before the window, so that the first character has a probability, too.

Train it with `zoo train gpt --recipe tinyshakespeare`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Cache:
    """Keys and values of the tokens read so far, (B, heads, T, d_k) for each layer."""

    def __init__(self, layers: int) -> None:
        self.keys: list[Tensor | None] = [None] * layers
        self.values: list[Tensor | None] = [None] * layers

    def __len__(self) -> int:
        return 0 if self.keys[-1] is None else self.keys[-1].shape[2]

    def append(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Take in the keys and values of new tokens; return those of all tokens so far."""
        if self.keys[layer] is not None:
            k = torch.cat((self.keys[layer], k), dim=2)
            v = torch.cat((self.values[layer], v), dim=2)
        self.keys[layer], self.values[layer] = k, v
        return k, v


class Attention(nn.Module):
    """Causal self-attention with several heads, §3.2.

    Args:
        width: d_model, the width of the residual stream; divisible by heads.
        heads: number of heads h; d_k = d_v = width / heads.
        dropout: rate on the attention weights.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.rate = heads, dropout
        self.qkv = nn.Linear(width, 3 * width)  # W^Q, W^K and W^V of all heads
        self.output = nn.Linear(width, width)  # W^O

    def forward(self, x: Tensor, layer: int, cache: Cache | None) -> Tensor:
        """Attend from every position of x to itself and what comes before.

        B batch, L new positions, S all positions, the cached ones included, H heads.

        Args:
            x: (B, L, width).
            layer: number of the layer, for the cache.
            cache: what was read before x; None: nothing.

        Returns:
            (B, L, width).
        """
        q, k, v = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2)  # (B, H, L, d_k)
            for part in self.qkv(x).chunk(3, dim=2)
        )
        if cache is not None:
            k, v = cache.append(layer, k, v)  # (B, H, S, d_k)
        scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[3])  # (B, H, L, S), equation 1
        new, all_ = scores.shape[2:]
        later = torch.ones(new, all_, dtype=torch.bool, device=x.device).triu(all_ - new + 1)
        weights = scores.masked_fill(later, -math.inf).softmax(dim=3)
        weights = F.dropout(weights, self.rate, self.training)
        return self.output((weights @ v).transpose(1, 2).flatten(2))  # (B, L, width)


class Block(nn.Module):
    """Attention and a position-wise network, each added to its input (§3.1).

    Layer normalisation stands before each of the two (R2, §2.3), not after it.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.before_attention, self.before_network = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.expand, self.contract = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, layer: int, cache: Cache | None) -> Tensor:
        """(B, L, width) → (B, L, width)."""
        x = x + self.dropout(self.attention(self.before_attention(x), layer, cache))
        hidden = F.gelu(self.expand(self.before_network(x)))  # (B, L, 4 width)
        return x + self.dropout(self.contract(hidden))


class GPT(nn.Module):
    """A language model over K tokens with a context of T positions.

    Args:
        vocab_size: number K of tokens.
        context: number T of positions; the model sees at most T − 1 tokens and the start symbol.
        width: width of the residual stream.
        heads: attention heads of each block.
        layers: number of blocks.
        dropout: rate on embeddings, attention weights and what the blocks add.

    Raises:
        ValueError: the width does not divide among the heads.
    """

    def __init__(
        self,
        vocab_size: int,
        context: int,
        width: int = 128,
        heads: int = 4,
        layers: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} does not divide among {heads} heads")
        self.vocab_size, self.context, self.event_shape = vocab_size, context, (context,)
        self.start = vocab_size  # the start symbol's row of the embedding
        self.tokens = nn.Embedding(vocab_size + 1, width)  # W_e
        self.positions = nn.Parameter(torch.empty(context, width))  # W_p
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self._initialise()

    def _initialise(self) -> None:
        """Normal weights of standard deviation 0.02 (R §4.1); what is added to the stream, less."""
        nn.init.normal_(self.positions, std=0.02)
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.ndim == 2:
                added = name.endswith(("output.weight", "contract.weight"))
                scale = math.sqrt(2 * len(self.blocks)) if added else 1.0  # R2 §2.3
                nn.init.normal_(parameter, std=0.02 / scale)

    def forward(self, u: Tensor, cache: Cache | None = None) -> Tensor:
        """Logits of the token that follows each input token.

        Args:
            u: input tokens, the start symbol among them, (B, L).
            cache: what was read before u; it takes in u. None: u is all there is.

        Returns:
            (B, L, K).

        Raises:
            ValueError: more than T positions.
        """
        first = len(cache) if cache is not None else 0
        if first + u.shape[1] > self.context:
            raise ValueError(f"{first + u.shape[1]} tokens do not fit into {self.context}")
        h = self.tokens(u) + self.positions[first : first + u.shape[1]]  # (B, L, width), R eq. 2
        h = self.dropout(h)
        for layer, block in enumerate(self.blocks):
            h = block(h, layer, cache)
        return F.linear(self.norm(h), self.tokens.weight[: self.vocab_size])  # (B, L, K)

    def logits(self, x: Tensor) -> Tensor:
        """Logits of p(x_t | x_<t) for every t; (B, L) → (B, L, K), L at most T."""
        return self(torch.cat((torch.full_like(x[:, :1], self.start), x[:, :-1]), dim=1))

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-likelihood in nats of texts of at most T tokens; (B, L) → (B,)."""
        log_p = self.logits(x).log_softmax(dim=2)  # (B, L, K)
        return log_p.gather(2, x[:, :, None]).flatten(1).sum(1)

    @torch.no_grad()
    def generate(
        self,
        prompt: Tensor,
        length: int,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        generator: torch.Generator | None = None,
        cache: bool = True,
    ) -> tuple[Tensor, Tensor]:
        """Continue texts, token by token.

        Once T tokens stand before the next one they no longer fit beside the start symbol: the
        window then moves on, and begins anew with the last T // 2 of them.

        Args:
            prompt: texts of equal length to be continued, int64 (n, P); P = 0 for none.
            length: number of tokens to draw after it.
            temperature: divides the logits, see `filtered`.
            top_k: see `filtered`.
            top_p: see `filtered`.
            generator: of the draws.
            cache: keep keys and values from step to step. Without, every step reads the whole
                window again, which changes the time and nothing else.

        Returns:
            The texts with their continuations, (n, P + length), and the log-probability of each
            drawn token under the distribution it was drawn from, (n, length).
        """
        device = self.positions.device
        texts, drawn = prompt.to(device), []
        memory, read_from = None, None
        for t in range(prompt.shape[1], prompt.shape[1] + length):
            first = self.window_start(t)
            if cache and first == read_from:
                u = texts[:, -1:]  # all before it is in the cache
            else:
                memory, read_from = Cache(len(self.blocks)) if cache else None, first
                start = texts.new_full((len(texts), 1), self.start)
                u = torch.cat((start, texts[:, first:]), dim=1)
            log_p = filtered(self(u, memory)[:, -1].float(), temperature, top_k, top_p)  # (n, K)
            p = log_p.exp().to(generator.device if generator else device)
            token = torch.multinomial(p, 1, generator=generator).to(device)  # (n, 1)
            drawn.append(log_p.gather(1, token))
            texts = torch.cat((texts, token), dim=1)
        return texts, torch.cat(drawn, dim=1)

    def window_start(self, t: int) -> int:
        """First token that is seen when t tokens stand before the next one; t − it is below T."""
        step = self.context - self.context // 2
        return 0 if t < self.context else step * (1 + (t - self.context) // step)

    def sample_with_log_prob(
        self, n: int, generator: torch.Generator | None = None, cache: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Draw n texts of T tokens, (n, T), and the log-probability of each, (n,)."""
        nothing = torch.zeros(n, 0, dtype=torch.int64)
        texts, log_p = self.generate(nothing, self.context, generator=generator, cache=cache)
        return texts, log_p.sum(1)

    def sample(
        self, n: int, generator: torch.Generator | None = None, cache: bool = True
    ) -> Tensor:
        """Draw n texts of T tokens, int64 (n, T)."""
        return self.sample_with_log_prob(n, generator, cache)[0]


def filtered(
    logits: Tensor, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> Tensor:
    """The distribution that the next token is drawn from.

    Args:
        logits: (n, K).
        temperature: p ∝ exp(logit / temperature); below 1 it favours what is likely already.
        top_k: only the k most probable tokens, k = 1 being the greedy choice.
        top_p: only the nucleus, the smallest set of most probable tokens whose probabilities add
            up to top_p or more (Holtzman et al. 2020, arXiv 1904.09751, equations 2 and 3).

    Returns:
        Log-probabilities (n, K), −∞ for tokens left out. Both sets are judged at the given
        temperature; with both, a token must be in each. Among equals the first one is kept.

    Raises:
        ValueError: a temperature or a threshold that leaves nothing.
    """
    if not temperature > 0:
        raise ValueError(f"the temperature must be positive, not {temperature}: greedy is top_k=1")
    if (top_k is not None and top_k < 1) or (top_p is not None and not 0 < top_p <= 1):
        raise ValueError(f"top_k={top_k} and top_p={top_p} leave nothing to choose from")
    log_p = (logits / temperature).log_softmax(dim=1)
    falling, order = log_p.sort(dim=1, descending=True, stable=True)
    left_out = torch.zeros_like(falling, dtype=torch.bool)
    if top_k is not None:
        left_out[:, top_k:] = True
    if top_p is not None and top_p < 1:
        p = falling.double().softmax(dim=1)
        left_out |= p.cumsum(dim=1) - p >= top_p  # what comes before it is enough already
    left_out = left_out.scatter(1, order, left_out)
    return log_p.masked_fill(left_out, -math.inf).log_softmax(dim=1)
