"""Classifier-free diffusion guidance (arXiv 2207.12598), on the diffusion of zoo.ddpm."""

from zoo.guidance.model import GuidedDDPM

__all__ = ["GuidedDDPM"]
