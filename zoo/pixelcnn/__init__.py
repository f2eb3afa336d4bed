"""Gated PixelCNN, a stack of masked convolutions that predicts each pixel from those before it."""

from zoo.pixelcnn.model import PixelCNN

__all__ = ["PixelCNN"]
