"""Recipes for the recurrent language model: how it is built and trained, and on what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.char_lstm.model import CharLSTM, detached, token_log_probs
from zoo.core import recipes
from zoo.core.errors import ZooError
from zoo.core.loop import Loop
from zoo.core.noise import Noise
from zoo.core.text import alphabet_of, load_text, windows


@dataclass(frozen=True, kw_only=True)
class Config(recipes.TrainingConfig):
    """Fields of a recipe; one of its steps reads a stretch of text and updates once per chunk.

    Attributes:
        length: characters T of one stretch, over which the state is carried.
        chunk: characters of one update, over which back-propagation goes back.
        width: units of each layer.
        layers: number of layers.
        cell: "lstm" or "gru".
        dropout: rate on what a layer hands up.
        alphabet: only the first so many characters, for a model small enough to enumerate; None:
            all characters of the text.
    """

    length: int
    chunk: int
    width: int
    layers: int = 1
    cell: Literal["lstm", "gru"] = "lstm"
    dropout: float = 0.0
    alphabet: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        alphabet_of(self.dataset)
        if min(self.length, self.chunk, self.width, self.layers) < 1:
            raise ZooError("length, chunk, width and layers must be at least 1")
        if self.length % self.chunk:
            raise ZooError(f"a stretch of {self.length} is no multiple of chunks of {self.chunk}")


RECIPES = {
    "tiny": Config(
        dataset="docstrings",
        length=6,
        chunk=2,
        width=6,
        layers=2,
        alphabet=3,
        steps=100,
        batch_size=32,
    ),
    "docstrings": Config(
        dataset="docstrings",
        length=192,
        chunk=48,
        width=128,
        steps=250,
        batch_size=32,
        learning_rate=4e-3,
        warmup_steps=5,
        schedule="cosine",
        clip_norm=1.0,
    ),
    "tinyshakespeare": Config(
        dataset="tinyshakespeare",
        length=512,
        chunk=64,
        width=384,
        dropout=0.1,
        steps=600,
        batch_size=64,
        learning_rate=2e-3,
        warmup_steps=10,
        schedule="cosine",
        clip_norm=1.0,
        precision="bf16",
    ),
}


class Task(recipes.Task):
    """Maximum likelihood by truncated back-propagation through time."""

    config: Config

    def build(self) -> CharLSTM:
        """A new model."""
        c = self.config
        vocab_size = c.alphabet or len(alphabet_of(c.dataset))
        return CharLSTM(vocab_size, c.length, c.width, c.layers, c.cell, c.dropout)

    def optimizers(self, model: nn.Module) -> dict[str, torch.optim.Optimizer]:
        """Adam; fused, because its many small updates cost more otherwise."""
        return {
            "model": torch.optim.Adam(model.parameters(), self.config.learning_rate, fused=True)
        }

    def training_data(self) -> Tensor:
        """All stretches of T characters of the training text, (N, T)."""
        return windows(load_text(self.config.dataset, "train").tokens, self.config.length)

    def prepare(self, batch: Tensor, noise: Noise) -> Tensor:
        """Tokens, int64 (B, T)."""
        tokens = batch.long()
        return tokens if self.config.alphabet is None else tokens % self.config.alphabet

    def training_step(self, loop: Loop, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        """One update per chunk; each row carries its own state on, without its history."""
        carried, losses = loop.model.first(len(x)), []
        for chunk in x.split(self.config.chunk, dim=1):
            with loop.autocast():
                logits, carried = loop.model.continued(chunk, detached(carried))
                losses.append(-token_log_probs(logits, chunk).mean())
            loop.minimise("model", losses[-1])
        return {"loss": torch.stack(losses).detach().mean()}
