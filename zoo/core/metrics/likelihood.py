"""Likelihoods: one unit (nats per example), one conversion to bits per dimension, one aggregation.

Nothing here knows a model. Log-likelihoods are natural logarithms, one number per example, summed
over the dimensions of the example and never averaged over them.
"""

import math

import torch
from torch import Tensor


def bits_per_dim(log_prob: float | Tensor, dims: int, levels: int) -> float | Tensor:
    """Bits per dimension of data with `levels` grey levels from a density of u = (k + U) / levels.

    log_prob: nats per example under a density on [0, 1]^dims. Each discrete value fills a cell of
    volume levels^-dims, hence the shift by dims * ln(levels) (Theis et al. 2016, eq. 2):
    -(log_prob - dims ln levels) / (dims ln 2). With levels = 1 it only changes the unit, which is
    what a probability of discrete data needs.
    """
    return -(log_prob - dims * math.log(levels)) / (dims * math.log(2))


def importance_bound(log_weights: Tensor) -> Tensor:
    """Importance-weighted bound log (1/K) sum_k w_k of every example (Burda et al. 2016, eq. 8).

    log_weights: (K, B) nats, log p(x, z_k) - log q(z_k | x). Returns (B,). The logarithm is taken
    of the mean weight of each example; with K = 1 this is the evidence lower bound.
    """
    return torch.logsumexp(log_weights, 0) - math.log(len(log_weights))


def mean_and_error(values: Tensor) -> tuple[float, float]:
    """Mean over examples and its standard error, in float64. values: (N,), N >= 2."""
    values = values.double()
    return values.mean().item(), (values.std() / math.sqrt(len(values))).item()
