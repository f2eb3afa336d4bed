"""Real NVP (arXiv 1605.08803): affine couplings, masks and a multi-scale architecture."""

from zoo.realnvp.model import RealNVP

__all__ = ["RealNVP"]
