"""Protocols on the test set: exact likelihoods, bounds, bits per dimension.

All test examples of `zoo.core.metrics.inputs` count, in batches that cannot influence each other in
evaluation mode; the diffusion bound, which costs a thousand evaluations per image, takes an evenly
spaced part of them. Every value stands beside the trivial baselines of its data.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from tqdm import tqdm

from zoo.core.data import is_binarized, levels_of, load_dataset, scale
from zoo.core.densities import DENSITIES, density
from zoo.core.errors import ZooError
from zoo.core.metrics import Measurement, likelihood
from zoo.core.metrics.baselines import baseline_values, categorical_bits, to_logits
from zoo.core.metrics.inputs import test_inputs

BATCH = 500
BOUND_EXAMPLES, BOUND_BATCH = 500, 50


def nll_nats(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """Mean of -log_prob over the test inputs; excess over the entropy where that is known."""
    _require(model, "log_prob", "nll-nats")
    x = test_inputs(dataset)
    nats = -_evaluate(model, model.log_prob, x, BATCH, device, progress)
    value, error = likelihood.mean_and_error(nats)
    details = {"baselines": baseline_values("nats", dataset)}
    if dataset in DENSITIES:
        entropy = density(dataset).entropy
        details = {"entropy": entropy, "excess": value - entropy}
    return Measurement(value, error, len(x), (), details)


def elbo_nats(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """Mean negative evidence lower bound, one draw of the latent per example."""
    return _bound(model, dataset, device, progress, k=1, metric="elbo-nats")


def iw500_nats(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """Mean negative importance-weighted bound with k = 500."""
    return _bound(model, dataset, device, progress, k=500, metric="iw500-nats")


def bits_per_dim(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """Density of the dequantised grey test images in bits per dimension."""
    _require(model, "log_prob", "bits-per-dim")
    _require_grey(dataset, "bits-per-dim")
    x = test_inputs(dataset)
    nats = _evaluate(model, model.log_prob, x, BATCH, device, progress)
    dims, levels = math.prod(x.shape[1:]), levels_of(dataset)
    value, error = likelihood.mean_and_error(likelihood.bits_per_dim(nats, dims, levels))
    details = {
        "log_density_nats": nats.mean().item(),
        "dims": dims,
        "levels": levels,
        "baselines": baseline_values("bits/dim", dataset),
    }
    return Measurement(value, error, len(x), (), details)


def logit_nats(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """Log-density of the logits of the grey test images (Papamakarios et al. 2017, section 4.3).

    With y = logit(m + (1 - 2m) u), m = 1e-6, of u = (k + U) / levels, and a model that gives the
    density of u: log p(y) = log p(u) - log |det dy/du|. Larger is better. m is that of the paper's
    MNIST; the model's own preprocessing may be another one, or none.
    """
    _require(model, "log_prob", "logit-nats")
    _require_grey(dataset, "logit-nats")
    x = test_inputs(dataset)
    nats = _evaluate(model, model.log_prob, x, BATCH, device, progress)
    _, jacobian = to_logits(x.flatten(1))  # float64 (N,)
    value, error = likelihood.mean_and_error(nats - jacobian)
    details = {
        "density of the pixels, nats": nats.mean().item(),
        "Jacobian of the logit, nats": jacobian.mean().item(),
        "baselines": baseline_values("logit-space log-density", dataset),
    }
    return Measurement(value, error, len(x), (), details)


def bits_per_dim_bound(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """Diffusion bound on the discrete likelihood, term by term (Ho et al. 2020, eq. 5).

    `model.bound_terms(x, generator)` returns nats per example: "L_T" (B,), "L_t" (B, T - 1) or
    (B,), "L_0" (B,), of grey values x = k / (levels - 1). L_0 is a probability of the discrete
    values, so that nothing is subtracted for the levels. The images are evenly spaced over the test
    set: neighbours in a file can share a source, and the first 500 of MNIST are easier than the
    rest. Independent pixels are scored on the same images, for a fair comparison.
    """
    _require(model, "bound_terms", "bits-per-dim-bound")
    _require_grey(dataset, "bits-per-dim-bound")
    if getattr(model, "levels", None) != levels_of(dataset):
        raise ZooError(
            f"bits-per-dim-bound on {dataset} needs a decoder of {levels_of(dataset)} grey levels, "
            f"this model has {getattr(model, 'levels', 'none')}"
        )
    data = load_dataset(dataset, "test")
    images = data.images[:: max(1, len(data.images) // BOUND_EXAMPLES)]
    x = scale(images, data.levels)
    generator = torch.Generator(device).manual_seed(0)

    def terms(batch: Tensor) -> Tensor:
        found = model.bound_terms(batch, generator)
        parts = [found[key].reshape(len(batch), -1).sum(1) for key in ("L_T", "L_t", "L_0")]
        return torch.stack(parts, 1)  # (B, 3)

    nats = _evaluate(model, terms, x, BOUND_BATCH, device, progress)  # (N, 3)
    bits = likelihood.bits_per_dim(-nats, math.prod(x.shape[1:]), levels=1)
    value, error = likelihood.mean_and_error(bits.sum(1))
    parts = dict(zip(("L_T", "L_t", "L_0"), bits.mean(0).tolist(), strict=True))
    details = {
        **parts,
        "nats": nats.sum(1).mean().item(),
        "independent categorical, same images": _independent_bits(dataset, images),
        "baselines, all test images": baseline_values("bits/dim", dataset),
    }
    return Measurement(value, error, len(x), (0,), details)


def _independent_bits(dataset: str, images: Tensor) -> float:
    """Bits per dimension of images (N, C, H, W) uint8 under independent pixels of training data."""
    train = load_dataset(dataset, "train")
    return categorical_bits(train.images.flatten(1), images.flatten(1), train.levels)


def _bound(
    model: nn.Module, dataset: str, device: str, progress: bool, k: int, metric: str
) -> Measurement:
    _require(model, "log_prob_bound", metric)
    _require(model, "latent_dim", metric)
    x = test_inputs(dataset)
    generator = torch.Generator(device).manual_seed(0)

    def bound(batch: Tensor) -> Tensor:
        return model.log_prob_bound(batch, k, generator)

    rows = min(BATCH, 10_000 // k)  # k * rows decoded examples at once
    nats = -_evaluate(model, bound, x, rows, device, progress)
    value, error = likelihood.mean_and_error(nats)
    return Measurement(value, error, len(x), (0,), {"baselines": baseline_values("nats", dataset)})


@torch.no_grad()
def _evaluate(
    model: nn.Module,
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    batch: int,
    device: str,
    progress: bool,
) -> Tensor:
    """`function` of every row of x, in batches on the device: float64 on the CPU."""
    if tuple(model.event_shape) != tuple(x.shape[1:]):
        raise ZooError(
            f"the model's examples have shape {tuple(model.event_shape)}, the data set's "
            f"{tuple(x.shape[1:])}: measure it on the data it was built for"
        )
    bar = tqdm(x.split(batch), desc="test batches", disable=not progress, leave=False)
    return torch.cat([function(rows.to(device)).double().cpu() for rows in bar])


def _require(model: nn.Module, attribute: str, metric: str) -> None:
    if not hasattr(model, attribute):
        raise ZooError(f"{metric} needs a model with {attribute}: it is not defined for this one")


def _require_grey(dataset: str, metric: str) -> None:
    if dataset in DENSITIES or is_binarized(dataset):
        raise ZooError(f"{metric} is defined for grey images (mnist, digits), not for {dataset}")
