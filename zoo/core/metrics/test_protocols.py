"""Protocols measured on models whose true value is known."""

import math
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from zoo.core.data import dequantize, is_available, load_dataset, scale
from zoo.core.densities import density
from zoo.core.errors import ZooError
from zoo.core.metrics import METRICS, Metric, fidelity, get_metric, measure, sample_protocols
from zoo.core.metrics.baselines import (
    baseline_values,
    bernoulli_log_prob,
    fit_bernoulli,
    to_logits,
)
from zoo.core.metrics.classifier import features
from zoo.core.metrics.reference import real_features, training_subset

needs_mnist = pytest.mark.skipif(not is_available("mnist"), reason="MNIST is not at hand")


class Model(nn.Module):
    """A model made of the functions it is given."""

    def __init__(self, event_shape: tuple[int, ...], **functions: object) -> None:
        super().__init__()
        self.event_shape = event_shape
        for name, function in functions.items():
            setattr(self, name, function)


def test_registry_has_the_documented_ids():
    assert set(METRICS) == {
        "nll-nats", "elbo-nats", "iw500-nats", "bits-per-dim", "bits-per-dim-bound",
        "logit-nats", "nats-per-char",
        "bits-per-dim-joint", "code-perplexity", "reconstruction-error",
        "cnn-fd", "cnn-fd-ratio", "grid-modes", "critic-slope", "path-straightness",
        "conditional-accuracy", "class-kl", "neighbour-error",
        "one-step-energy", "one-step-support", "energy-gap", "ood-lead",
        "score-error", "mode-weights",
        "guided-accuracy", "guidance-accuracy-gain", "guidance-recall-loss",
    }  # fmt: skip
    assert METRICS["nll-nats"].protocol == "nll-nats/1"


def test_registry_imports_without_torch():
    code = "import sys, zoo.core.metrics as m; sys.exit('torch' in sys.modules or not m.METRICS)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_unknown_metric_names_the_nearest():
    with pytest.raises(ZooError, match="did you mean 'nll-nats'"):
        get_metric("nll-nat")


@pytest.mark.parametrize(("measured", "agrees"), [(88.04, True), (87.96, True), (88.06, False)])
def test_agreement_is_relative_to_the_larger(measured, agrees):
    metric: Metric = METRICS["nll-nats"]  # tolerance 5e-4: 0.044 nats at 88
    assert metric.agrees(88.0, measured) == agrees


def test_nll_of_independent_pixels_is_the_stored_baseline():
    data = load_dataset("digits", "train")
    log_odds = fit_bernoulli(scale(data.images, data.levels).flatten(1)).float()
    model = Model((1, 8, 8), log_prob=lambda x: bernoulli_log_prob(x.flatten(1), log_odds)[:, 0])
    found = measure(model, "nll-nats", "binarized-digits", progress=False)
    expected = baseline_values("nats", "binarized-digits")["independent Bernoulli"]
    assert found.value == pytest.approx(expected, abs=1e-4)
    assert found.details["baselines"]["independent Bernoulli"] == expected
    assert (found.n, found.seeds) == (300, ())
    assert 0.1 < found.sd < 1.0


@pytest.mark.parametrize("name", ["checkerboard", "grid25"])
def test_nll_of_the_true_density_is_its_entropy(name):
    model = Model((2,), log_prob=density(name).log_prob)
    found = measure(model, "nll-nats", name, progress=False)
    assert found.details["excess"] == pytest.approx(0.0, abs=4 * found.sd + 1e-5)


def test_bits_per_dim_of_the_uniform_density_are_those_of_the_levels():
    model = Model((1, 8, 8), log_prob=lambda x: torch.zeros(len(x)))
    found = measure(model, "bits-per-dim", "digits", progress=False)
    assert found.value == pytest.approx(math.log2(17))
    assert found.details["baselines"].keys() == {"independent categorical", "Gaussian on logits"}


def test_bits_per_dim_evaluates_each_grey_value_inside_its_cell():
    images = load_dataset("digits", "test").images

    def log_prob(x: Tensor) -> Tensor:
        seen.append(x)
        return torch.zeros(len(x))

    seen: list[Tensor] = []
    measure(Model((1, 8, 8), log_prob=log_prob), "bits-per-dim", "digits", progress=False)
    u = torch.cat(seen)
    assert u.dtype == torch.float32
    assert torch.equal((u * 17).floor().to(torch.uint8), images)
    assert (u * 17).frac().mean().item() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("dataset", ["digits", pytest.param("mnist", marks=needs_mnist)])
def test_logit_nats_of_a_gaussian_on_logits_are_the_published_ones(dataset):
    """Papamakarios et al. (2017), Table 2: -1366.9 on MNIST. The model gives the density of u."""
    train = load_dataset(dataset, "train")
    noise = torch.rand(train.images.shape, generator=torch.Generator().manual_seed(1))
    y, _ = to_logits(dequantize(train.images, train.levels, noise).flatten(1))
    gaussian = torch.distributions.MultivariateNormal(y.mean(0), torch.cov(y.T))

    def log_prob(u: Tensor) -> Tensor:
        y, jacobian = to_logits(u.flatten(1))
        return gaussian.log_prob(y) + jacobian

    model = Model(train.event_shape, log_prob=log_prob)
    found = measure(model, "logit-nats", dataset, progress=False)
    stored = baseline_values("logit-space log-density", dataset)
    assert found.value == pytest.approx(stored["Gaussian on logits"], abs=0.01)
    assert found.details["baselines"] == stored
    if dataset == "mnist":
        assert found.value == pytest.approx(-1366, abs=2)
    with pytest.raises(ZooError, match="grey images"):
        measure(model, "logit-nats", f"binarized-{dataset}", progress=False)


def test_logit_nats_of_the_uniform_density_are_those_of_the_logistic():
    """With a margin of zero, logits of a uniform u are logistic: E log p(y) = -2 for each pixel."""
    model = Model((1, 8, 8), log_prob=lambda x: torch.zeros(len(x)))
    every = torch.arange(100_000, dtype=torch.float64)[:, None]
    _, jacobian = to_logits((every + 0.5) / 100_000)
    assert -jacobian.mean().item() == pytest.approx(-2, abs=1e-3)
    found = measure(model, "logit-nats", "digits", progress=False)
    assert found.value == pytest.approx(-found.details["Jacobian of the logit, nats"])
    assert found.details["density of the pixels, nats"] == 0


def test_bounds_draw_from_a_seeded_generator_and_pass_k():
    def log_prob_bound(x: Tensor, k: int, generator: torch.Generator) -> Tensor:
        return -k + torch.randn(len(x), generator=generator)

    model = Model((1, 8, 8), log_prob_bound=log_prob_bound, latent_dim=1)
    first = measure(model, "iw500-nats", "binarized-digits", progress=False)
    torch.randn(3)  # the global generator plays no part
    assert first == measure(model, "iw500-nats", "binarized-digits", progress=False)
    assert first.value == pytest.approx(500, abs=0.3)
    assert first.sd == pytest.approx(1 / math.sqrt(300), rel=0.2)
    elbo = measure(model, "elbo-nats", "binarized-digits", progress=False)
    assert elbo.value == pytest.approx(1, abs=0.3)


def test_diffusion_bound_adds_its_terms_in_bits():
    def bound_terms(x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        one = torch.ones(len(x)) * math.log(2)
        return {"L_T": one, "L_t": one[:, None].expand(-1, 3), "L_0": 64 * one}

    model = Model((1, 8, 8), bound_terms=bound_terms, levels=17)
    found = measure(model, "bits-per-dim-bound", "digits", progress=False)
    terms = [found.details[key] for key in ("L_T", "L_t", "L_0")]
    assert terms == pytest.approx([1 / 64, 3 / 64, 1.0])
    assert found.value == pytest.approx(sum(terms))
    model.levels = 256
    with pytest.raises(ZooError, match="17 grey levels"):
        measure(model, "bits-per-dim-bound", "digits", progress=False)


@pytest.mark.parametrize("dataset", ["digits", pytest.param("mnist", marks=needs_mnist)])
def test_diffusion_bound_takes_images_evenly_from_the_whole_test_set(dataset):
    """All 300 digits; every 20th image of MNIST, whose first half is easier than its second."""
    data, seen = load_dataset(dataset, "test"), []

    def bound_terms(x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        seen.append(x)
        return dict.fromkeys(("L_T", "L_t", "L_0"), torch.zeros(len(x)))

    model = Model(data.images.shape[1:], bound_terms=bound_terms, levels=data.levels)
    found = measure(model, "bits-per-dim-bound", dataset, progress=False)
    places = range(0, 10_000, 20) if dataset == "mnist" else range(300)
    assert torch.equal(torch.cat(seen), scale(data.images[list(places)], data.levels))
    assert found.n == len(places)
    beside = found.details["independent categorical, same images"]
    every = found.details["baselines, all test images"]["independent categorical"]
    assert beside == pytest.approx(every, rel=1e-6 if dataset == "digits" else 0.02)


def test_measures_in_evaluation_mode_and_restores_training_mode():
    model = Model((2,), log_prob=lambda x: modes.append(model.training) or torch.zeros(len(x)))
    modes: list[bool] = []
    model.train()
    measure(model, "nll-nats", "ring8", progress=False)
    assert modes
    assert not any(modes)
    assert model.training


@pytest.mark.parametrize(
    ("metric", "dataset", "message"),
    [
        ("nll-nats", "mnist", "shape"),
        ("elbo-nats", "binarized-digits", "log_prob_bound"),
        ("bits-per-dim", "binarized-digits", "grey images"),
        ("cnn-fd", "digits", "'mnist' only"),
        ("grid-modes", "checkerboard", "with modes"),
        ("critic-slope", "digits", "critic"),
    ],
)
def test_undefined_measurements_are_one_clear_line(metric, dataset, message):
    if not is_available(dataset):
        pytest.skip("MNIST is not at hand")
    model = Model((1, 8, 8), log_prob=lambda x: torch.zeros(len(x)))
    with pytest.raises(ZooError, match=message):
        measure(model, metric, dataset, progress=False)


def test_true_mixture_has_all_modes_and_the_chi_square_share_within_three_sd():
    model = Model((2,), sample=density("grid25").sample)
    found = measure(model, "grid-modes", "grid25", progress=False)
    assert (found.value, found.sd) == (25, 0)
    assert found.details["high_quality_share"] == pytest.approx(1 - math.exp(-4.5), abs=0.003)
    assert found.details["kl_to_uniform"] < 0.003
    # Cut at three standard deviations, a Gaussian of the plane keeps this part of its variance.
    kept = 1 - 4.5 * math.exp(-4.5) / (1 - math.exp(-4.5))
    width = found.details["within_mode_sd"]
    assert width == pytest.approx(found.details["sd_of_a_mode"] * math.sqrt(kept), rel=0.01)


def test_width_of_a_mode_is_taken_about_its_own_mean():
    modes = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    left, right = (
        torch.tensor([[0.03, 0.0], [0.05, 0.0]]),
        torch.tensor([[1.1, -0.01], [1.1, 0.01]]),
    )
    stray = torch.tensor([[0.5, 0.0], [0.0, 0.98]])  # between modes, and alone at one
    samples = torch.cat([left, right, stray])
    found = sample_protocols.within_mode_sd(samples, modes, scale=0.05)
    assert found == pytest.approx(0.01 / math.sqrt(2))  # 0.01 in one coordinate, 0 in the other
    assert sample_protocols.within_mode_sd(stray, modes, scale=0.05) == 0


def test_missing_modes_are_missed():
    grid = density("grid25")

    def sample(n: int, generator: torch.Generator) -> Tensor:
        modes = grid.modes[torch.randint(3, 25, (n,), generator=generator)]  # never the first three
        stray = torch.rand(n, 1, generator=generator) < 0.2
        return modes + 0.5 * stray  # a fifth lands between the modes

    found = measure(Model((2,), sample=sample), "grid-modes", "grid25", progress=False)
    assert found.value == 22
    assert found.details["high_quality_share"] == pytest.approx(0.8, abs=0.02)


def test_samples_of_a_diverged_model_are_refused():
    model = Model((2,), sample=lambda n, generator: torch.full((n, 2), math.nan))
    with pytest.raises(ZooError, match="diverged"):
        measure(model, "grid-modes", "grid25", progress=False)


def test_slope_of_a_linear_critic_is_its_norm():
    weight = torch.tensor([0.6, 0.8])
    model = Model((2,), sample=density("ring8").sample, critic=lambda x: 2 * x @ weight)
    found = measure(model, "critic-slope", "grid25", progress=False)
    assert found.value == pytest.approx(2.0)
    assert found.details["slope_sd"] == pytest.approx(0.0, abs=1e-6)


def test_slope_is_taken_between_data_and_samples():
    """The gradient of |x|^2 / 2 is x itself: the points reveal themselves."""
    real, fake = torch.ones(4, 1, 2, 2), torch.zeros(4, 1, 2, 2)
    alpha = torch.tensor([0.0, 0.25, 0.5, 1.0])
    model = Model((1, 2, 2), critic=lambda x: 0.5 * x.square().flatten(1).sum(1))
    slopes = sample_protocols.critic_slopes(model, real, fake, alpha)
    torch.testing.assert_close(slopes, 2 * alpha)


@needs_mnist
def test_cnn_fd_is_that_of_the_quantised_samples(monkeypatch):
    """A generator of training images, outside [0, 1] or off the grey levels by less than half."""
    monkeypatch.setattr(sample_protocols, "SEEDS", (0, 1))
    monkeypatch.setattr(sample_protocols, "SAMPLES", 2000)
    monkeypatch.setattr(fidelity, "SUBSETS", 3)
    monkeypatch.setattr(fidelity, "neighbour_scores", lambda *_: {})  # has its own tests
    images = training_subset(7)[:2000]
    position = [0]

    def sample(n: int, generator: torch.Generator) -> Tensor:
        rows = images[torch.arange(position[0], position[0] + n) % len(images)]
        position[0] += n
        return torch.where(rows == 1, 1.5, rows + 0.001)

    found = measure(Model((1, 28, 28), sample=sample), "cnn-fd-ratio", "mnist", progress=False)
    expected = fidelity.frechet_distance(
        *(fidelity.gaussian_statistics(x[0]) for x in (features(images), real_features("cpu")))
    )
    assert found.details["fd"] == pytest.approx(expected, rel=1e-3)
    assert found.value == pytest.approx(expected / found.details["floor"], rel=1e-3)
    assert found.sd == pytest.approx(0.0, abs=1e-9)  # both seeds saw the same images
    assert (found.n, found.seeds) == (2000, (0, 1))
    assert sum(found.details["class_histogram"]) == pytest.approx(1.0)
    assert found.details["class_kl"] < 0.01
