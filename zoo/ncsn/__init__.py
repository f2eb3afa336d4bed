"""Noise-conditional score networks: denoising score matching, and annealed Langevin dynamics."""

from zoo.ncsn.model import NCSN

__all__ = ["NCSN"]
