"""The laws refuse flows with one thing wrong."""

import pytest
import torch

from zoo.core.conformance import examples as ex
from zoo.core.conformance.breaking import (
    assert_refused,
    broken,
    no_grad,
)

Flow = ex.AffineFlow
IMAGE = (1, 1, 2)


def no_slope(self, x):
    y, _ = Flow.preprocess(self, x)
    return y, x.new_zeros(len(x))


FLOWS = {
    "half of the density detached": (
        "derivative",
        lambda: broken(
            Flow,
            log_prob=lambda self, x: (Flow.log_prob(self, x) + Flow.log_prob(self, x).detach()) / 2,
        ),
    ),
    "log-determinant's sign": (
        "log-determinant",
        lambda: broken(Flow, forward=lambda self, x: ((r := Flow.forward(self, x))[0], -r[1])),
    ),
    "log-determinant summed over the batch": (
        "log-determinant",
        lambda: broken(
            Flow,
            forward=lambda self, x: (
                (r := Flow.forward(self, x))[0],
                r[1].sum().expand(len(x)),
            ),
        ),
    ),
    "constant of the normal": (
        "change of variables",
        lambda: broken(
            Flow,
            log_prob=lambda self, x: (r := self(x))[1] - 0.5 * r[0].square().sum(1),
        ),
    ),
    "density of the wrong size": (
        "normalisation",
        lambda: broken(
            Flow, log_prob=lambda self, x: (r := self(x))[1] - 0.5 * r[0].square().sum(1)
        ),
    ),
    "shift not inverted": (
        "inverse",
        lambda: broken(Flow, inverse=lambda self, z: Flow.inverse(self, z + self.shift)),
    ),
    "cool samples": (
        "sampling",
        lambda: broken(
            Flow,
            sample=no_grad(
                lambda self, n, generator=None: self.inverse(
                    0.7 * torch.randn(n, 2, generator=generator)
                )
            ),
        ),
    ),
    "samples of the base": (
        "sample frequencies",
        lambda: broken(
            Flow,
            sample=no_grad(lambda self, n, generator=None: torch.randn(n, 2, generator=generator)),
        ),
    ),
    "Jacobian of the logit": (
        "log-determinant",
        lambda: broken(Flow, IMAGE, preprocess=no_slope),
    ),
    "Jacobian of the logit, integrated": (
        "normalisation",
        lambda: broken(Flow, IMAGE, preprocess=no_slope),
    ),
    "alpha not inverted": (
        "inverse",
        lambda: broken(Flow, IMAGE, postprocess=lambda self, y: y.sigmoid().view(-1, *IMAGE)),
    ),
}


@pytest.mark.parametrize("name", FLOWS)
def test_the_law_is_broken_and_named(name: str) -> None:
    assert_refused("flow", FLOWS[name])
