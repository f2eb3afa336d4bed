"""Laws of flows in continuous time: models of the family ``flow`` that have ``velocity(x, t)``.

The map itself obeys the laws of all flows to the solver's tolerance. These say what the field, its
direction and the targets of its regression must be; they put known fields in ``velocity``'s place.
"""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.core.conformance.law import (
    Law,
    NotApplicable,
    Subject,
    expect_close,
    law,
    replaced,
)

LAWS: list[Law] = []
TOLERANCE = 1e-4  # of a solver fine enough for the laws of inverse and log-determinant


@law(
    LAWS,
    "affine field",
    "Along v = A x + b t, inverse goes from noise at t = 0 to exp(A) z + c at t = 1, as the matrix"
    " exponential says; forward returns, with log_det = -tr A.",
)
def _affine(subject: Subject) -> str:
    flow = _continuous(subject)
    dim = subject.dim
    matrix = subject.normal(dim, dim, stream=31).double()
    shift = subject.normal(dim, stream=32).double()

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        return (x.flatten(1) @ matrix.T + t[:, None] * shift).view_as(x)

    # (x, t, 1) obeys a linear equation with constant coefficients.
    generator = torch.zeros(dim + 2, dim + 2, dtype=torch.float64)
    generator[:dim, :dim], generator[:dim, dim], generator[dim, dim + 1] = matrix, shift, 1
    solution = torch.linalg.matrix_exp(generator)
    z = subject.normal(16, *subject.shape, stream=33).double()
    x = (z.flatten(1) @ solution[:dim, :dim].T + solution[:dim, dim + 1]).view_as(z)
    with torch.no_grad(), replaced(flow, velocity=velocity):
        found = flow.inverse(z)
        back, log_det = flow(x)
    expect_close("inverse(z)", found, x, TOLERANCE, TOLERANCE)
    expect_close("forward(x)", back, z, TOLERANCE, TOLERANCE)
    return expect_close("log_det", log_det, -matrix.trace(), TOLERANCE)


@law(
    LAWS,
    "velocity target",
    "The target of the regression is the derivative by t of the interpolant, which is the noise at"
    " t = 0 and, up to a little noise, the data at t = 1.",
)
def _target(subject: Subject) -> str:
    flow = _continuous(subject, "interpolate", "target")
    x0, x1 = (subject.normal(16, *subject.shape, stream=s).double() for s in (34, 35))
    t = torch.rand(16, generator=subject.generator(36), dtype=torch.float64)
    start, end = torch.zeros_like(t), torch.ones_like(t)
    expect_close("interpolant at t = 0", flow.interpolate(x0, x1, start), x0, 1e-9)
    expect_close("interpolant at t = 1", flow.interpolate(x0, x1, end), x1, 0.1)
    _, slope = torch.func.jvp(lambda t: flow.interpolate(x0, x1, t), (t,), (torch.ones_like(t),))
    return expect_close("target", flow.target(x0, x1, t), slope, 1e-9)


@law(
    LAWS,
    "Gaussian data",
    "With the exact field E[target | x_t = x] of normal data, inverse turns standard normal noise"
    " into that normal, widened by the interpolant's own noise at t = 1.",
)
def _gaussian(subject: Subject) -> str:
    flow = _continuous(subject, "interpolate", "target")
    mean, std = 0.7, 0.6

    def parts(t: Tensor, of: str) -> tuple[Tensor, Tensor]:
        """Weights of noise and data in the interpolant, or in the target."""
        zero = torch.zeros(len(t), *subject.shape, dtype=torch.float64)
        function = getattr(flow, of)
        return function(zero + 1, zero, t), function(zero, zero + 1, t)

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        (b, a), (b_slope, a_slope) = parts(t, "interpolate"), parts(t, "target")
        surprise = (x - a * mean) / (a.square() * std**2 + b.square())
        return a_slope * (mean + a * std**2 * surprise) + b_slope * b * surprise

    z = subject.normal(16, *subject.shape, stream=37).double()
    left = parts(torch.ones(16, dtype=torch.float64), "interpolate")[0]
    with torch.no_grad(), replaced(flow, velocity=velocity):
        x = flow.inverse(z)
    # The field is a scaling about a moving centre, so that quantiles go to quantiles.
    return expect_close("inverse(z)", x, mean + (std**2 + left.square()).sqrt() * z, TOLERANCE)


def _continuous(subject: Subject, *attributes: str) -> torch.nn.Module:
    """The model in float64; NotApplicable unless it has a field, and these, on unbounded data."""
    missing = [name for name in ("velocity", *attributes) if not hasattr(subject.model, name)]
    if missing:
        raise NotApplicable(f"no {missing[0]}: this is no flow in continuous time")
    if subject.support != "real":
        raise NotApplicable("images are moved to another scale; make `tiny` a flow of points")
    return subject.double
