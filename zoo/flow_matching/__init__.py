"""Flow matching, rectified flow and reflow: an ODE from noise to data, learned by regression."""

from zoo.flow_matching.model import FlowMatching

__all__ = ["FlowMatching"]
