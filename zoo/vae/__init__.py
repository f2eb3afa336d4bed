"""The variational autoencoder of Kingma and Welling, with the paper's one-layer networks."""

from zoo.vae.model import VAE

__all__ = ["VAE"]
