"""Attention Is All You Need (arXiv 1706.03762), its decoder alone as a language model.

An independent implementation, for the calibration of the originality check.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn as nn
from torch.nn import functional as F


@dataclass
class ModelConfig:
    """Sizes of the network."""

    vocab: int
    context: int = 128
    layers: int = 4
    heads: int = 4
    width: int = 128
    dropout: float = 0.1


class MultiHeadAttention(nn.Module):
    """Causal self-attention with separate projections, written out by hand."""

    def __init__(self, cfg):
        super().__init__()
        assert cfg.width % cfg.heads == 0
        self.heads = cfg.heads
        self.query = nn.Linear(cfg.width, cfg.width)
        self.key = nn.Linear(cfg.width, cfg.width)
        self.value = nn.Linear(cfg.width, cfg.width)
        self.output = nn.Linear(cfg.width, cfg.width)
        self.attention_dropout = nn.Dropout(cfg.dropout)
        future = torch.triu(torch.ones(cfg.context, cfg.context), diagonal=1).bool()
        self.register_buffer("future", future, persistent=False)

    def split(self, x):
        """(batch, time, width) to (batch, heads, time, width per head)."""
        batch, time, width = x.shape
        return x.view(batch, time, self.heads, width // self.heads).transpose(1, 2)

    def forward(self, x):
        """Let each position look at itself and at what came before."""
        batch, time, width = x.shape
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
        scores = scores.masked_fill(self.future[:time, :time], float("-inf"))
        weights = self.attention_dropout(F.softmax(scores, dim=-1))
        mixed = (weights @ v).transpose(1, 2).reshape(batch, time, width)
        return self.output(mixed)


class DecoderLayer(nn.Module):
    """Attention and a feed-forward network, each normalised first and added to the stream."""

    def __init__(self, cfg):
        super().__init__()
        self.norm_attention = nn.LayerNorm(cfg.width)
        self.attention = MultiHeadAttention(cfg)
        self.norm_feedforward = nn.LayerNorm(cfg.width)
        self.feedforward = nn.Sequential(
            nn.Linear(cfg.width, 4 * cfg.width),
            nn.GELU(),
            nn.Linear(4 * cfg.width, cfg.width),
        )
        self.dropout = nn.Dropout(cfg.dropout)

    def forward(self, x):
        """Apply both sub-layers."""
        x = x + self.dropout(self.attention(self.norm_attention(x)))
        return x + self.dropout(self.feedforward(self.norm_feedforward(x)))


class LanguageModel(nn.Module):
    """Learned token and position embeddings, a stack of layers, and tied output weights."""

    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.tokens = nn.Embedding(cfg.vocab, cfg.width)
        self.positions = nn.Embedding(cfg.context, cfg.width)
        self.dropout = nn.Dropout(cfg.dropout)
        self.layers = nn.ModuleList([DecoderLayer(cfg) for _ in range(cfg.layers)])
        self.final_norm = nn.LayerNorm(cfg.width)
        self.apply(self._initialise)

    def _initialise(self, module):
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)

    def forward(self, ids):
        """Return next-token logits for each position."""
        where = torch.arange(ids.size(1), device=ids.device)
        x = self.dropout(self.tokens(ids) + self.positions(where))
        for layer in self.layers:
            x = layer(x)
        return F.linear(self.final_norm(x), self.tokens.weight)

    def loss(self, ids):
        """Cross-entropy of predicting ids[:, 1:] from ids[:, :-1]."""
        logits = self(ids[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())

    @torch.no_grad()
    def generate(self, ids, new_tokens, temperature=1.0, top_k=None):
        """Extend the prompt by sampling one token at a time."""
        self.eval()
        for _ in range(new_tokens):
            logits = self(ids[:, -self.cfg.context :])[:, -1] / temperature
            if top_k is not None:
                threshold = logits.topk(top_k).values[:, -1:]
                logits = logits.masked_fill(logits < threshold, float("-inf"))
            chosen = torch.multinomial(logits.softmax(dim=-1), 1)
            ids = torch.cat([ids, chosen], dim=1)
        return ids


def train(model, corpus, steps, batch_size=16, lr=3e-4):
    """Train on random windows of a one-dimensional tensor of token ids."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.95))
    span = model.cfg.context + 1
    model.train()
    for step in range(steps):
        starts = torch.randint(0, len(corpus) - span + 1, (batch_size,))
        batch = torch.stack([corpus[s : s + span] for s in starts])
        loss = model.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        print(f"step {step}: {loss.item():.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    lm = LanguageModel(ModelConfig(vocab=11, context=8, layers=2, heads=2, width=16))
    train(lm, torch.randint(0, 11, (200,)), steps=2, batch_size=4)
    print(lm.generate(torch.zeros(1, 1, dtype=torch.long), 10, top_k=5))
