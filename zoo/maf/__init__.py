"""Masked and inverse autoregressive flows (arXiv 1705.07057 and 1606.04934)."""

from zoo.maf.model import IAF, MAF

__all__ = ["IAF", "MAF"]
