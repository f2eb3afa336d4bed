"""Laws of baselines: exact densities and nothing more."""

from zoo.core.conformance import density

LAWS = [*density.LAWS]
