"""GPT, a decoder-only transformer that predicts each character from those before it."""

from zoo.gpt.model import GPT

__all__ = ["GPT"]
