"""Neural Discrete Representation Learning: a VQ-VAE with a gated PixelCNN over its codes."""

from zoo.vq_vae.model import VQVAE

__all__ = ["VQVAE"]
