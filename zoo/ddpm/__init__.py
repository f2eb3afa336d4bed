"""Denoising diffusion probabilistic models with DDIM sampling (arXiv 2006.11239, 2010.02502)."""

from zoo.ddpm.model import DDPM

__all__ = ["DDPM"]
