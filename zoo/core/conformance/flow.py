"""Laws of flows, in float64 wherever an inverse or a determinant is compared."""

from __future__ import annotations

import math

import torch
from scipy import stats
from torch import Tensor

from zoo.core.conformance import continuous, density
from zoo.core.conformance.law import (
    Broken,
    Law,
    NotApplicable,
    Subject,
    expect_close,
    expect_mean,
    law,
)
from zoo.core.noise import Noise

LAWS: list[Law] = []


@law(LAWS, "inverse", "inverse(forward(x)) = x, and forward(inverse(z)) = z for z from data.")
def _inverse(subject: Subject) -> str:
    flow, x = subject.double, subject.examples(32).double()
    with torch.no_grad():
        z, _ = flow(x)
        back = flow.inverse(z)
        if back.shape != x.shape:
            raise Broken(f"inverse: expected shape {tuple(x.shape)}, found {tuple(back.shape)}")
        expect_close("inverse(forward(x))", back, x, 1e-6)
        again, _ = flow(back)
        if subject.support == "real":
            fresh = subject.normal(*z.shape).double()
            expect_close("forward(inverse(z))", flow(flow.inverse(fresh))[0], fresh, 1e-6, 1e-6)
        return expect_close("forward(inverse(z))", again, z, 1e-6, 1e-6)


@law(
    LAWS,
    "log-determinant",
    "forward's log_det is log |det dz/dx| of each example, as autograd's Jacobian gives it.",
)
def _log_det(subject: Subject) -> str:
    flow, x = subject.double, subject.examples(8).double()
    with torch.no_grad():
        _, found = flow(x)
    if tuple(found.shape) != (8,):
        raise Broken(f"log_det: expected shape (8,), found {tuple(found.shape)}")
    jacobian = torch.stack([_jacobian(flow, one) for one in x])
    if jacobian.shape[1] != jacobian.shape[2]:
        sizes = tuple(jacobian.shape[1:])
        raise Broken(f"expected as many z as x dimensions, found a Jacobian of {sizes}")
    return expect_close("log_det", found, torch.linalg.slogdet(jacobian).logabsdet, 1e-6, 1e-6)


@law(LAWS, "change of variables", "log p(x) = log N(z; 0, I) + log_det, summed over all of z.")
def _change_of_variables(subject: Subject) -> str:
    flow, x = subject.double, subject.examples(16).double()
    with torch.no_grad():
        z, log_det = flow(x)
        found = flow.log_prob(x)
    base = -0.5 * (z.flatten(1).square() + math.log(2 * math.pi)).sum(1)
    return expect_close("log_prob", found, base + log_det, 1e-6, 1e-6)


@law(
    LAWS,
    "normalisation",
    "The integral of p is one; over [0, 1]^D, the share of inverse(z), z ~ N(0, I), that is there.",
)
def _normalisation(subject: Subject) -> str:
    if subject.support == "real":
        mass = density.cell_masses(subject, *density.box(subject)).sum()
        return expect_close("integral of p", mass, 1.0, 2e-3)
    x = torch.rand(20_000, *subject.shape, generator=subject.generator(5))
    p = density.log_prob(subject, x).double().exp()
    error = float(p.std() / math.sqrt(len(p)) / p.mean())
    if error > 0.05:
        raise NotApplicable(
            f"[0, 1]^{subject.dim} is too large an integral; it follows from the laws of the"
            " inverse, the log-determinant and the change of variables"
        )
    inside = _open_box(_inverse_of_noise(subject, 20_000)).double()
    slack = 5 * float(inside.std()) / math.sqrt(len(inside))
    return expect_mean("integral of p over the cube", p, inside.mean(), slack + 1e-3)


@law(
    LAWS,
    "sampling",
    "Samples are inverse(z) with z ~ N(0, I), brought into [0, 1] for images.",
)
def _sampling(subject: Subject) -> str:
    n = 4000
    reference = _inverse_of_noise(subject, n)
    if subject.support == "unit":
        reference = reference.clamp(0, 1)
    found = subject.model.sample(n, subject.generator(21))
    pairs = [(found.flatten(1), reference.flatten(1), "x")]
    if subject.support == "real":  # the clamp of images to [0, 1] moves points
        scores = [density.log_prob(subject, x)[:, None] for x in (found, reference)]
        pairs.append((*scores, "log p(x)"))
    for left, right, name in pairs:
        for d in range(left.shape[1]):
            test = stats.ks_2samp(left[:, d].numpy(), right[:, d].numpy())
            if not test.pvalue > 1e-6 / left.shape[1]:
                raise Broken(
                    f"expected {name}[{d}] of samples to be distributed as of inverse(z), found a"
                    f" Kolmogorov-Smirnov distance of {test.statistic:.3f} over {n} samples"
                    f" (means {left[:, d].mean():.4g} and {right[:, d].mean():.4g})"
                )
    return f"{n} samples against inverse(z) in {subject.dim} dimensions"


@law(LAWS, "sample frequencies", "Samples occur as often as the integral of p over cells says.")
def _frequencies(subject: Subject) -> str:
    if subject.support != "real":
        raise NotApplicable("images: it follows from the laws of sampling and of the inverse")
    return next(law for law in density.LAWS if law.name == "sample frequencies").check(subject)


@law(
    LAWS,
    "dequantisation",
    "Training sees (k + U)/levels with U uniform on [0, 1) for a grey value k of 0..levels-1.",
)
def _dequantisation(subject: Subject) -> str:
    if subject.task is None or subject.support != "unit":
        raise NotApplicable("no images with a training task")
    from zoo.core.data import levels_of

    levels, size = levels_of(subject.task.config.dataset), max(8, *subject.shape[1:])
    size = 28 if subject.task.config.dataset.endswith("mnist") else size
    raw = torch.randint(levels, (256, subject.shape[0], size, size), generator=subject.generator())
    for grey in (0, levels - 1, None):
        batch = raw if grey is None else torch.full_like(raw, grey)
        x = subject.task.prepare(batch.to(torch.uint8), Noise(subject.seed, 0)).double()
        bins = x * levels
        if grey is None:
            expect_mean("mean over random grey values", bins.flatten(), levels / 2, 1e-3)
            continue
        if float(bins.min()) < grey - 1e-3 or float(bins.max()) > grey + 1 + 1e-3:
            raise Broken(
                f"expected grey value {grey} in [{grey}, {grey + 1}]/{levels}, found"
                f" [{bins.min():.4g}, {bins.max():.4g}]/{levels}"
            )
        test = stats.kstest((bins - grey).flatten().numpy(), "uniform")
        if not test.pvalue > 1e-6:
            raise Broken(
                f"expected U uniform on [0, 1), found mean {(bins - grey).mean():.4g} and"
                f" Kolmogorov-Smirnov distance {test.statistic:.3f}"
            )
    return f"{levels} levels, uniform within each"


def _jacobian(flow: torch.nn.Module, x: Tensor) -> Tensor:
    """dz/dx (D, D) at one example."""
    shape = x.shape

    def z(flat: Tensor) -> Tensor:
        return flow(flat.view(1, *shape))[0].flatten()

    return torch.autograd.functional.jacobian(z, x.flatten())


def _inverse_of_noise(subject: Subject, n: int) -> Tensor:
    with torch.no_grad():
        z, _ = subject.model(subject.examples(1))
        return subject.model.inverse(subject.normal(n, *z.shape[1:], stream=22))


def _open_box(x: Tensor) -> Tensor:
    return ((x > 0) & (x < 1)).flatten(1).all(1)


LAWS.extend(one for one in density.LAWS if one.name == "derivative")
LAWS.extend(continuous.LAWS)
