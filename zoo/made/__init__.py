"""MADE, a masked autoencoder whose outputs are the conditionals of an exact density."""

from zoo.made.model import MADE

__all__ = ["MADE"]
