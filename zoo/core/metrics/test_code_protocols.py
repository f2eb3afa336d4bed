"""Protocols on codes, on codebooks whose use and cost is known by counting."""

import math

import pytest
import torch
from torch import nn

from zoo.core.data import load_dataset, scale, test_images
from zoo.core.errors import ZooError
from zoo.core.metrics import measure
from zoo.core.metrics.baselines import baseline_values

TOP = 16  # of the digits' 17 grey values


class Middle(nn.Module):
    """A code of four pixels in the middle, cut to K values; the decoder knows nothing else."""

    event_shape, code_shape, levels = (1, 8, 8), (2, 2), TOP + 1

    def __init__(self, codes: int = TOP + 1) -> None:
        super().__init__()
        self.codebook = torch.zeros(codes, 1)

    def encode(self, x):
        k = (x[:, 0, 3:5, 3:5] * TOP).round().long()
        return k % len(self.codebook)

    def prior_log_prob(self, z):
        return torch.full((len(z),), -3 * math.log(2))

    def log_prob_bound(self, x):
        return self.prior_log_prob(self.encode(x)) - 64 * math.log(2)

    def reconstruct(self, x):
        return x + 0.1


def counted(images, codes):
    k = images[:, 0, 3:5, 3:5].flatten().long() % codes
    p = torch.bincount(k, minlength=codes).double() / len(k)
    return math.exp(-sum(v * math.log(v) for v in p.tolist() if v)), int((p > 0).sum())


@pytest.mark.parametrize("codes", [17, 4, 1])
def test_perplexity_by_counting(codes):
    found = measure(Middle(codes), "code-perplexity", "digits", progress=False)
    perplexity, used = counted(load_dataset("digits", "test").images, codes)
    assert found.value == pytest.approx(perplexity / codes)
    assert found.details["perplexity"] == pytest.approx(perplexity)
    assert (found.details["used"], found.details["codes"], found.n) == (used, codes, 300)
    assert found.sd < 0.05


def test_perplexity_of_equal_use_is_one_and_of_no_use_the_least():
    class Cyclic(Middle):
        def encode(self, x):
            return torch.arange(4).view(1, 2, 2).expand(len(x), 2, 2)

    assert measure(Cyclic(4), "code-perplexity", "digits").value == pytest.approx(1)
    assert measure(Cyclic(8), "code-perplexity", "digits").value == pytest.approx(0.5)


def test_joint_bits_are_those_of_both_parts():
    found = measure(Middle(), "bits-per-dim-joint", "digits", progress=False)
    assert found.value == pytest.approx(1 + 3 / 64)
    assert found.details["pixels given the code"] == pytest.approx(1)
    assert found.details["code"] == pytest.approx(3 / 64)
    assert found.details["code under a uniform prior"] == pytest.approx(4 * math.log2(17) / 64)
    assert found.details["nats"] == pytest.approx(67 * math.log(2))
    assert found.details["baselines"] == baseline_values("bits/dim", "digits")


def test_reconstruction_error_of_a_constant_shift():
    found = measure(Middle(), "reconstruction-error", "digits", progress=False)
    variance = test_images("digits").double().var(correction=0).item()
    assert found.value == pytest.approx(0.01 / variance, rel=1e-5)
    assert found.details["mean squared error"] == pytest.approx(0.01, rel=1e-5)


def test_baselines_of_the_reconstruction_error():
    """By the singular values of the training images, another way to the principal components."""
    found = measure(Middle(), "reconstruction-error", "digits", progress=False).details
    data = load_dataset("digits", "train")
    train, test = scale(data.images, TOP + 1).flatten(1).double(), test_images("digits").flatten(1)
    mean = train.mean(0)
    directions = torch.linalg.svd(train - mean, full_matrices=False).Vh[:10]
    rest = (test - mean) - (test - mean) @ directions.T @ directions
    expected = [(test - mean).square().mean(), rest.square().mean()]
    for value, square in zip(found["baselines"].values(), expected, strict=True):
        assert value == pytest.approx(square.item() / found["variance"], rel=1e-6)


@pytest.mark.parametrize(
    ("metric", "model", "dataset", "message"),
    [
        ("code-perplexity", nn.Identity(), "digits", "codebook"),
        ("bits-per-dim-joint", Middle(), "binarized-digits", "grey images"),
        ("reconstruction-error", nn.Identity(), "digits", "codebook"),
    ],
)
def test_what_they_are_not_defined_for(metric, model, dataset, message):
    with pytest.raises(ZooError, match=message):
        measure(model, metric, dataset, progress=False)


def test_another_number_of_grey_values_is_refused():
    model = Middle()
    model.levels = 256
    with pytest.raises(ZooError, match="grey levels"):
        measure(model, "bits-per-dim-joint", "digits", progress=False)
