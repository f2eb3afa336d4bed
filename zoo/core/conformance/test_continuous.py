"""The laws refuse flows in continuous time with one thing wrong."""

import pytest

from zoo.core.conformance.breaking import assert_every_law_can_fail, assert_refused, broken
from zoo.core.conformance.continuous import LAWS
from zoo.core.conformance.continuous_examples import SmallODE
from zoo.core.conformance.test_flow import FLOWS


def trace_forgotten(self, x):
    z, integral = SmallODE.forward(self, x)
    return z, 0 * integral


CONTINUOUS = {
    "sign of the trace integral": (
        "affine field",
        lambda: broken(
            SmallODE,
            forward=lambda self, x: ((r := SmallODE.forward(self, x))[0], -r[1]),
        ),
    ),
    "sign of the trace integral, against autograd": (
        "log-determinant",
        lambda: broken(
            SmallODE,
            forward=lambda self, x: ((r := SmallODE.forward(self, x))[0], -r[1]),
        ),
    ),
    "no trace": ("affine field", lambda: broken(SmallODE, forward=trace_forgotten)),
    "data at t = 0, consistently": (
        "affine field",
        lambda: broken(
            SmallODE,
            forward=lambda self, x: self.solve(x, 0.0, 1.0),
            inverse=lambda self, z: self.solve(z, 1.0, 0.0)[0],
        ),
    ),
    "time not handed to the field": (
        "affine field",
        lambda: broken(SmallODE, slope=lambda self, x, t: SmallODE.slope(self, x, 0.5)),
    ),
    "too few steps": ("affine field", lambda: broken(SmallODE, steps=2)),
    "target of the other direction": (
        "velocity target",
        lambda: broken(SmallODE, target=lambda self, x0, x1, t: x0 - x1),
    ),
    "target of another interpolant": (
        "velocity target",
        lambda: broken(SmallODE, target=lambda self, x0, x1, t: x1 - 0.5 * x0),
    ),
    "noise at t = 1": (
        "velocity target",
        lambda: broken(
            SmallODE,
            interpolate=lambda self, x0, x1, t: SmallODE.interpolate(self, x1, x0, t),
            target=lambda self, x0, x1, t: x0 - x1,
        ),
    ),
    "wrong target, in what is sampled": (
        "Gaussian data",
        lambda: broken(SmallODE, target=lambda self, x0, x1, t: x1 - 0.5 * x0),
    ),
    "solver that stops short": (
        "Gaussian data",
        lambda: broken(SmallODE, inverse=lambda self, z: self.solve(z, 0.0, 0.98)[0]),
    ),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_the_law_is_broken_and_named(name: str) -> None:
    assert_refused("flow", CONTINUOUS[name])


def test_every_law_can_fail() -> None:
    assert {law.name for law in LAWS} <= {law for law, _ in CONTINUOUS.values()}
    assert_every_law_can_fail("flow", {**FLOWS, **CONTINUOUS}, frozenset({"dequantisation"}))
