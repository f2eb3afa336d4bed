"""An energy learned by contrasting data with samples of Langevin dynamics from a replay buffer."""

from zoo.ebm.model import EnergyModel

__all__ = ["EnergyModel"]
