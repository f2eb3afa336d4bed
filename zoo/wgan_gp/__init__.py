"""WGAN-GP: a generator trained against a critic whose slope a penalty holds at 1 (1704.00028)."""

from zoo.wgan_gp.model import WassersteinGAN

__all__ = ["WassersteinGAN"]
