"""DCGAN: convolutional generative adversarial networks, also conditional (1511.06434)."""

from zoo.dcgan.model import DCGAN

__all__ = ["DCGAN"]
