"""Protocols on discrete codes: how many are used, what they keep, what they cost.

They speak of models with `encode(x)`, integers (B, …), and a `codebook` (K, D), on all test images
as grey values k / (levels - 1).
"""

import math

import torch
from torch import Tensor, nn

from zoo.core.data import load_dataset, scale, test_images
from zoo.core.errors import ZooError
from zoo.core.metrics import Measurement, likelihood
from zoo.core.metrics.baselines import baseline_values
from zoo.core.metrics.likelihood_protocols import _evaluate, _require, _require_grey

BATCH = 250
COMPONENTS = 10  # principal components of the linear baseline


def code_perplexity(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """Perplexity of the codes of all places of all test images, as a share of K.

    exp H(p) / K with p the share of each code: 1 if all are used equally, 1/K if one is used.
    """
    x = _greys(model, "encode", "code-perplexity", dataset)
    codes = _evaluate(model, lambda rows: model.encode(rows).flatten(1), x, BATCH, device, progress)
    total = len(model.codebook)
    shares = _shares(codes, total)
    perplexity = _perplexity(codes, total)
    parts = torch.tensor([_perplexity(part, total) for part in codes.tensor_split(10)])
    details = {
        "codes": total,
        "perplexity": perplexity,
        "used": int((shares > 0).sum()),
        "share of the most frequent code": shares.max().item(),
        "places": codes.shape[1],
    }
    spread = parts.std().item() / math.sqrt(10)  # standard error, from ten parts of the test set
    return Measurement(perplexity / total, spread / total, len(x), (), details)


def reconstruction_error(
    model: nn.Module, dataset: str, device: str, progress: bool
) -> Measurement:
    """Mean squared error of `model.reconstruct(x)` over the variance of all test pixels.

    The variance is that of the pixels about one mean for all. Two baselines in the same unit: the
    mean training image, and ten principal components of the training images.
    """
    x = _greys(model, "reconstruct", "reconstruction-error", dataset)

    def error(rows: Tensor) -> Tensor:
        return (model.reconstruct(rows) - rows).square().flatten(1).mean(1)

    variance = x.double().var(correction=0).item()
    errors = _evaluate(model, error, x, BATCH, device, progress) / variance
    value, spread = likelihood.mean_and_error(errors)
    train = load_dataset(dataset, "train")
    details = {
        "mean squared error": value * variance,
        "variance": variance,
        "baselines": _linear(scale(train.images, train.levels), x, variance),
    }
    return Measurement(value, spread, len(x), (), details)


def bits_per_dim_joint(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """-log2 [p(x | z) p(z)] per dimension at the encoder's z, which is at least -log2 p(x).

    A probability of the discrete grey values: nothing is subtracted for the levels. Beside it its
    two parts, and what the codes would cost under a uniform prior.
    """
    x = _greys(model, "log_prob_bound", "bits-per-dim-joint", dataset)
    dims = math.prod(x.shape[1:])

    def nats(rows: Tensor) -> Tensor:
        prior = model.prior_log_prob(model.encode(rows))
        return torch.stack((model.log_prob_bound(rows), prior), 1)

    both = _evaluate(model, nats, x, BATCH, device, progress)
    bits = likelihood.bits_per_dim(both, dims, levels=1)  # (N, 2): all, and the codes alone
    value, error = likelihood.mean_and_error(bits[:, 0])
    prior = bits[:, 1].mean().item()
    places = math.prod(model.code_shape)
    details = {
        "pixels given the code": value - prior,
        "code": prior,
        "code under a uniform prior": places * math.log2(len(model.codebook)) / dims,
        "nats": -both[:, 0].mean().item(),
        "baselines": baseline_values("bits/dim", dataset),
    }
    return Measurement(value, error, len(x), (), details)


def _greys(model: nn.Module, attribute: str, metric: str, dataset: str) -> Tensor:
    """The test images in [0, 1], (N, C, H, W), for a model with a codebook."""
    for name in ("codebook", attribute):
        _require(model, name, metric)
    _require_grey(dataset, metric)
    if getattr(model, "levels", None) != load_dataset(dataset, "test").levels:
        raise ZooError(f"{metric} on {dataset} needs a decoder of that data's grey levels")
    return test_images(dataset)


def _shares(codes: Tensor, total: int) -> Tensor:
    """How often each of `total` codes occurs, (K,), summing to one."""
    return codes.long().flatten().bincount(minlength=total).double() / codes.numel()


def _perplexity(codes: Tensor, total: int) -> float:
    return torch.special.entr(_shares(codes, total)).sum().exp().item()


def _linear(train: Tensor, test: Tensor, variance: float) -> dict[str, float]:
    """Error of the mean of train (N, C, H, W) and of its principal components, over `variance`."""
    train, test = train.flatten(1).double(), test.flatten(1).double()
    mean = train.mean(0)
    _, directions = torch.linalg.eigh(torch.cov(train.T))  # rising eigenvalues
    kept, centred = directions[:, -COMPONENTS:], test - mean
    rest = centred - centred @ kept @ kept.T
    return {
        "mean training image": centred.square().mean().item() / variance,
        f"{COMPONENTS} principal components": rest.square().mean().item() / variance,
    }
