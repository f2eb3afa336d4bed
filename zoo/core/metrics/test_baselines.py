"""Trivial baselines against enumeration, known parameters and published figures."""

import itertools
import math

import pytest
import torch

from zoo.core.data import dequantize, is_available, load_dataset
from zoo.core.metrics import baselines
from zoo.core.metrics.baselines import baseline_values
from zoo.core.metrics.inputs import test_inputs as inputs_of

needs_mnist = pytest.mark.skipif(not is_available("mnist"), reason="MNIST is not at hand")
EVERY_X = torch.tensor(list(itertools.product([0.0, 1.0], repeat=6)))  # (64, 6)


def true_mixture() -> tuple[torch.Tensor, torch.Tensor]:
    p = torch.tensor([[0.9] * 3 + [0.1] * 3, [0.1] * 3 + [0.9] * 3])
    return torch.tensor([0.3, 0.7]).log(), p.logit()


def test_mixture_sums_to_one_over_all_images():
    weights, log_odds = true_mixture()
    log_prob = torch.logsumexp(weights + baselines.bernoulli_log_prob(EVERY_X, log_odds), 1)
    assert log_prob.exp().sum().item() == pytest.approx(1.0, abs=1e-5)


def test_em_finds_the_mixture_that_made_the_data():
    weights, log_odds = true_mixture()
    generator = torch.Generator().manual_seed(0)
    component = torch.multinomial(weights.exp(), 20_000, replacement=True, generator=generator)
    x = torch.bernoulli(log_odds.sigmoid()[component], generator=generator)
    train, test = x[:10_000], x[10_000:]
    truth = baselines.mixture_nats(test, weights, log_odds)
    fitted = baselines.mixture_nats(test, *baselines.fit_bernoulli_mixture(train, 2))
    independent = baselines.mixture_nats(
        test, torch.zeros(1), baselines.fit_bernoulli(train).float()
    )
    assert fitted == pytest.approx(truth, abs=0.01)
    assert independent > truth + 0.3


def test_naive_bayes_is_the_mixture_of_the_labelled_classes():
    grey = torch.cat([torch.full((c + 1, 2), c / 9) for c in range(10)])
    labels = torch.cat([torch.full((c + 1,), c) for c in range(10)])
    weights, log_odds = baselines.fit_naive_bayes(grey, labels)
    torch.testing.assert_close(weights.exp(), torch.arange(1, 11) / 55)
    expected = torch.tensor([((c + 1) * c / 9 + 1) / (c + 3) for c in range(10)])
    torch.testing.assert_close(log_odds.sigmoid()[:, 0], expected)


def test_categorical_bits_are_the_entropy_of_the_pixels():
    train = torch.tensor([[0, 1]] * 3000 + [[1, 1]] * 1000, dtype=torch.uint8)
    entropy = -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25))
    assert baselines.categorical_bits(train, train, 2) == pytest.approx(entropy / 2, abs=1e-3)


def test_logit_jacobian_equals_autograd():
    u = torch.tensor([[0.0, 0.2, 0.7]], dtype=torch.float64)
    y, log_det = baselines.to_logits(u)
    jacobian = torch.autograd.functional.jacobian(lambda v: baselines.to_logits(v)[0][0], u)
    assert y.isfinite().all()
    assert log_det.item() == pytest.approx(jacobian[:, 0].slogdet().logabsdet.item())


def test_gaussian_on_logits_of_a_logistic_normal_has_its_entropy():
    root = torch.tensor([[1.0, 0.0], [0.8, 0.6]])
    y = torch.randn(40_000, 2, generator=torch.Generator().manual_seed(0)) @ root.T
    nats, bits = baselines.gaussian_on_logits(y[:20_000].sigmoid(), y[20_000:].sigmoid(), 1)
    assert nats == pytest.approx(-math.log(2 * math.pi * math.e) - math.log(0.6), abs=0.02)
    # with one level, bits/dim is the differential entropy of sigmoid(y)
    log_slope = (y.sigmoid() * (1 - y.sigmoid())).log().sum(1).mean().item()
    assert bits == pytest.approx((-nats + log_slope) / (2 * math.log(2)), abs=0.02)


def test_stored_values_cover_every_data_set_and_reproduce_the_published_ones():
    stored = baseline_values("nats", "binarized-mnist")
    published = {
        "independent Bernoulli": 205.87,
        "naive Bayes, 10 classes": 170.95,
        "Bernoulli mixture, K = 10": 166.67,
        "Bernoulli mixture, K = 50": 144.26,
        "Bernoulli mixture, K = 200": 131.30,
        "Bernoulli mixture, K = 500": 125.46,
    }
    assert stored.keys() == published.keys()
    for name, value in published.items():
        # starts of EM and the test draw differ: one per cent
        assert stored[name] == pytest.approx(value, rel=0.01)
    bits = baseline_values("bits/dim", "mnist")
    assert bits["independent categorical"] == pytest.approx(1.689, abs=2e-3)
    assert bits["Gaussian on logits"] == pytest.approx(2.012, abs=2e-3)
    logits = baseline_values("logit-space log-density", "mnist")
    assert logits["Gaussian on logits"] == pytest.approx(-1365.7, abs=2.0)
    assert baseline_values("nats", "binarized-digits")
    assert baseline_values("bits/dim", "digits")
    assert baseline_values("nats", "grid25") == {}


@needs_mnist
def test_full_covariance_gaussian_on_logits_of_mnist_has_the_published_density():
    """Papamakarios et al. (2017), table 2: -1366.9; the density is of logits, in nats."""
    train = load_dataset("mnist", "train")
    noise = torch.rand(train.images.shape, generator=torch.Generator().manual_seed(1))
    u = dequantize(train.images, 256, noise).flatten(1)
    nats, bits = baselines.gaussian_on_logits(u, inputs_of("mnist").flatten(1), 256)
    assert nats == pytest.approx(-1366, abs=2)
    assert bits == pytest.approx(2.012, abs=2e-3)
