"""Trivial models to print beside every likelihood: what no learning, or little, already gives.

The values are kept in `baselines.json` and read from there; this recomputes them for every data set
at hand (about ten minutes, most of it the mixtures of 200 and 500 components on MNIST):

    python -m zoo.core.metrics.baselines

All are fitted on the training split and scored on the test split as the model's metric is: nats on
the fixed draw of binarised images, bits per dimension on grey values.
"""

import json
import math
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from zoo.core.data import base_name, dequantize, is_available, load_dataset, scale, test_images
from zoo.core.metrics.inputs import test_inputs
from zoo.core.metrics.likelihood import bits_per_dim
from zoo.core.metrics.ngrams import (
    KNESER_NEY_ORDERS,
    WITTEN_BELL_ORDERS,
    kneser_ney_log_probs,
    witten_bell_log_probs,
)
from zoo.core.text import TEXTS, load_text

VALUES = Path(__file__).with_name("baselines.json")
MIXTURES = {"binarized-mnist": (10, 50, 200, 500), "binarized-digits": (10, 50)}
LOGIT_MARGIN = 1e-6


@lru_cache(maxsize=1)
def _stored() -> dict[str, dict[str, dict[str, float]]]:
    return json.loads(VALUES.read_text())


def baseline_values(unit: str, dataset: str) -> dict[str, float]:
    """Baselines of a data set in "nats", "bits/dim" or "nats/char", by name; empty without any.

    They are stored; those of the docstrings are counted, since the text is that of one Python.
    """
    if (unit, dataset) == ("nats/char", "docstrings"):
        return text_baselines(dataset)
    return _stored().get(dataset, {}).get(unit, {})


def bernoulli_log_prob(x: Tensor, log_odds: Tensor) -> Tensor:
    """Sum over dimensions of log Bernoulli: x (N, D) in {0, 1}, log_odds (K, D) -> (N, K)."""
    return x @ log_odds.T - F.softplus(log_odds).sum(1)


def fit_bernoulli(grey: Tensor) -> Tensor:
    """Log-odds (1, D) of independent pixels; grey (N, D) are the probabilities of the draws.

    One pseudo-count of each value keeps never-inked pixels possible.
    """
    return ((grey.double().sum(0) + 1) / (len(grey) + 2)).logit()[None]


def fit_bernoulli_mixture(
    grey: Tensor, components: int, iterations: int = 50, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Mixture of independent Bernoullis by EM (Bishop 2006, section 9.3.3).

    grey: (N, D) probabilities of dynamic binarisation; every iteration sees a fresh draw, so that
    the fit does not memorise one. Returns log weights (K,) and log-odds (K, D). Starts from the
    blurred pixels of random examples.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(grey), generator=generator)[:components]
    weights = torch.full((components,), -math.log(components))
    log_odds = (0.25 + 0.5 * grey[chosen]).logit()
    for _ in tqdm(range(iterations), desc=f"EM, K = {components}", leave=False):
        x = (torch.rand(grey.shape, generator=generator) < grey).float()
        counts, inked = torch.zeros(components), torch.zeros(components, grey.shape[1])
        for rows in x.split(10_000):
            share = torch.softmax(weights + bernoulli_log_prob(rows, log_odds), 1)  # (B, K)
            counts += share.sum(0)
            inked += share.T @ rows
        weights = ((counts + 1) / (len(x) + components)).log()
        log_odds = ((inked + 0.1) / (counts[:, None] + 0.2)).logit()
    return weights, log_odds


def fit_naive_bayes(grey: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The mixture whose components are the ten classes: log weights (10,), log-odds (10, D)."""
    rows = [grey[labels == c] for c in range(10)]
    weights = torch.tensor([len(r) for r in rows]).float() / len(grey)
    return weights.log(), torch.cat([fit_bernoulli(r) for r in rows]).float()


def mixture_nats(x: Tensor, weights: Tensor, log_odds: Tensor) -> float:
    """Mean negative log-likelihood in nats of x (N, D) under a Bernoulli mixture."""
    log_prob = torch.logsumexp(weights + bernoulli_log_prob(x, log_odds), 1)
    return -log_prob.double().mean().item()


def categorical_bits(train: Tensor, test: Tensor, levels: int) -> float:
    """Bits/dim of independent categorical pixels, one pseudo-count per level; (N, D) uint8."""
    nats = 0.0
    for pixels, tests in zip(train.T, test.T, strict=True):
        counts = torch.bincount(pixels.long(), minlength=levels).double() + 1
        nats -= (counts / counts.sum()).log()[tests.long()].mean().item()
    return bits_per_dim(-nats, train.shape[1], levels=1)


def to_logits(u: Tensor) -> tuple[Tensor, Tensor]:
    """Map u in [0, 1]^D to y = logit(m + (1 - 2m) u), m = 1e-6; y and log |dy/du| (N,), float64."""
    p = LOGIT_MARGIN + (1 - 2 * LOGIT_MARGIN) * u.double()
    jacobian = math.log(1 - 2 * LOGIT_MARGIN) - p.log() - (1 - p).log()
    return p.logit(), jacobian.sum(1)


def gaussian_on_logits(train: Tensor, test: Tensor, levels: int) -> tuple[float, float]:
    """Full-covariance Gaussian on logits of dequantised pixels (Papamakarios et al. 2017, table 2).

    train, test: (N, D) dequantised in [0, 1). Returns the mean log-density of test in logit space
    (nats; the table's convention) and the bits per dimension of the pixels.
    """
    y, _ = to_logits(train)
    covariance = torch.cov(y.T)
    gaussian = torch.distributions.MultivariateNormal(y.mean(0), covariance)
    y, jacobian = to_logits(test)
    log_prob = gaussian.log_prob(y)
    bits = bits_per_dim((log_prob + jacobian).mean().item(), y.shape[1], levels)
    return log_prob.mean().item(), bits


def binary_baselines(dataset: str) -> dict[str, float]:
    """Nats per example of all baselines of a binarised data set."""
    data = load_dataset(dataset, "train")
    grey = scale(data.images, data.levels).flatten(1)
    test = test_images(dataset).flatten(1)
    zero = torch.zeros(1)
    values = {
        "independent Bernoulli": mixture_nats(test, zero, fit_bernoulli(grey).float()),
        "naive Bayes, 10 classes": mixture_nats(test, *fit_naive_bayes(grey, data.labels)),
    }
    for k in MIXTURES[dataset]:
        values[f"Bernoulli mixture, K = {k}"] = mixture_nats(test, *fit_bernoulli_mixture(grey, k))
    return values


def grey_baselines(dataset: str) -> dict[str, dict[str, float]]:
    """Bits per dimension, and nats of the density, of all baselines of a grey data set."""
    train, test = load_dataset(dataset, "train"), load_dataset(dataset, "test")
    generator = torch.Generator().manual_seed(1)
    noise = torch.rand(train.images.shape, generator=generator)
    u = dequantize(train.images, train.levels, noise).flatten(1)
    logit_nats, bits = gaussian_on_logits(u, test_inputs(dataset).flatten(1), train.levels)
    dims = u.shape[1]
    nats = dims * math.log(2) * bits - dims * math.log(train.levels)
    independent = categorical_bits(train.images.flatten(1), test.images.flatten(1), train.levels)
    return {
        "bits/dim": {"independent categorical": independent, "Gaussian on logits": bits},
        "nats": {"Gaussian on logits": nats},
        "logit-space log-density": {"Gaussian on logits": logit_nats},
    }


@lru_cache(maxsize=2)
def text_baselines(dataset: str) -> dict[str, float]:
    """Nats per character of the validation text under n-grams of the training text."""
    train, test = load_text(dataset, "train"), load_text(dataset, "validation")
    texts = (train.tokens.numpy(), test.tokens.numpy())
    kinds = (
        ("Witten-Bell", witten_bell_log_probs, WITTEN_BELL_ORDERS),
        ("Kneser-Ney", kneser_ney_log_probs, KNESER_NEY_ORDERS),
    )
    return {
        f"{name} {order}-gram": float(-log_probs(*texts, len(train.alphabet), order).mean())
        for name, log_probs, orders in kinds
        for order in orders
    }


def main() -> None:
    """Recompute the stored values of every data set at hand, keep the others, print all."""
    values = json.loads(VALUES.read_text()) if VALUES.exists() else {}
    for dataset in ("binarized-digits", "digits", "binarized-mnist", "mnist", "tinyshakespeare"):
        if not is_available(dataset):
            print(f"{dataset}: not at hand, stored values kept")
        elif dataset in TEXTS:
            values[dataset] = {"nats/char": text_baselines(dataset)}
        elif dataset == base_name(dataset):
            values[dataset] = grey_baselines(dataset)
        else:
            values[dataset] = {"nats": binary_baselines(dataset)}
        VALUES.write_text(json.dumps(values, indent=1) + "\n")
    print(json.dumps(values, indent=1))


if __name__ == "__main__":
    main()
