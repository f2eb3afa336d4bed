"""Metrics with registered protocols: an id fixes data, sample size, seeds, unit and direction.

    from zoo.core.metrics import measure
    measure(model, "nll-nats", "binarized-mnist")      # Measurement(value=…, sd=…, n=10000, …)

A changed protocol gets a new version, which makes recorded results stale; it never silently changes
what an id means. This module does not import torch, so that cards are checked cheaply.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from zoo.core.errors import ZooError, nearest

if TYPE_CHECKING:
    import torch

__all__ = ["METRICS", "Measurement", "Metric", "get_metric", "measure"]


@dataclass(frozen=True)
class Measurement:
    """A measured number and how it came about.

    Attributes:
        value: in the metric's unit.
        sd: over the seeds when there are several, else the standard error of the examples' mean.
        n: examples (test images, or samples per seed) behind the value.
        seeds: of the random draws; empty when there are none beyond the fixed test draw.
        details: JSON-ready numbers that belong beside the value: parts, floors, baselines.
    """

    value: float
    sd: float
    n: int
    seeds: tuple[int, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Metric:
    """A protocol under a name.

    Attributes:
        id: what a card's claim names.
        unit: of the value.
        direction: whether a smaller or a larger value is better, or 1 is ("one").
        tolerance: relative difference within which two measurements of the same weights agree; it
            covers other processors, thread counts and random generators of other devices.
        summary: one sentence.
        version: of the protocol.
        function: "module:function" below this package, imported when first measured.
    """

    id: str
    unit: str
    direction: Literal["lower", "higher", "one"]
    tolerance: float
    summary: str
    version: int
    function: str

    @property
    def protocol(self) -> str:
        """Identifier a result records: "nll-nats/1"."""
        return f"{self.id}/{self.version}"

    def agrees(self, recorded: float, measured: float) -> bool:
        """Whether a second measurement confirms the first."""
        return abs(recorded - measured) <= self.tolerance * max(abs(recorded), abs(measured))

    def measure(
        self, model: torch.nn.Module, dataset: str, device: str = "cpu", progress: bool = True
    ) -> Measurement:
        """Measure a model by this protocol, in evaluation mode and without gradients to it."""
        module, name = self.function.split(":")
        function = getattr(importlib.import_module(f"{__name__}.{module}"), name)
        was_training = model.training
        model.to(device).eval()
        try:
            return function(model, dataset, device, progress)
        finally:
            model.train(was_training)


METRICS: dict[str, Metric] = {
    metric.id: metric
    for metric in (
        Metric(
            "nll-nats", "nats", "lower", 5e-4,
            "Mean exact negative log-likelihood of the test set (binarised: the fixed draw; grey: "
            "density after seeded dequantisation; 2-D: 10,000 fresh points).",
            1, "likelihood_protocols:nll_nats",
        ),
        Metric(
            "elbo-nats", "nats", "lower", 1e-3,
            "Mean negative evidence lower bound of the test set, one latent draw per example.",
            1, "likelihood_protocols:elbo_nats",
        ),
        Metric(
            "iw500-nats", "nats", "lower", 1e-3,
            "Mean negative importance-weighted bound of the test set, 500 draws per example.",
            1, "likelihood_protocols:iw500_nats",
        ),
        Metric(
            "bits-per-dim", "bits/dim", "lower", 1e-3,
            "Exact density of the test set under one seeded uniform dequantisation, in bits per "
            "dimension.",
            1, "likelihood_protocols:bits_per_dim",
        ),
        Metric(
            "logit-nats", "nats", "higher", 5e-4,
            "Mean log-density of the logits of the grey test images, y = logit(m + (1 - 2m)u) with "
            "m = 1e-6, under one seeded uniform dequantisation u.",
            1, "likelihood_protocols:logit_nats",
        ),
        Metric(
            "bits-per-dim-bound", "bits/dim", "lower", 1e-2,
            "Diffusion bound L_T + sum L_t + L_0 on the discrete likelihood of 500 evenly spaced "
            "test images (MNIST: every 20th), in bits per dimension, with its terms.",
            2, "likelihood_protocols:bits_per_dim_bound",
        ),
        Metric(
            "bits-per-dim-joint", "bits/dim", "lower", 1e-3,
            "Bound -log2 p(x | z) p(z) on the discrete likelihood of the grey test images at their "
            "encoder's code z, in bits per dimension, with both parts.",
            1, "code_protocols:bits_per_dim_joint",
        ),
        Metric(
            "code-perplexity", "of the codebook", "higher", 1e-2,
            "Perplexity of the codes of all test images over the number of codes: 1 if all are "
            "used equally often.",
            1, "code_protocols:code_perplexity",
        ),
        Metric(
            "reconstruction-error", "of the variance", "lower", 1e-2,
            "Mean squared error of the reconstructed test images over the variance of all pixels.",
            1, "code_protocols:reconstruction_error",
        ),
        Metric(
            "nats-per-char", "nats/char", "lower", 1e-3,
            "Mean negative log-likelihood of every character of the validation text: in windows "
            "half a window apart, the new half counted, or read once with a carried state.",
            1, "text_protocols:nats_per_char",
        ),
        Metric(
            "cnn-fd", "squared feature sd", "lower", 0.1,
            "Fréchet distance of 10,000 samples to the 10,000 MNIST test images in the features of "
            "the pinned classifier; three sample seeds.",
            1, "sample_protocols:cnn_fd",
        ),
        Metric(
            "cnn-fd-ratio", "x real floor", "lower", 0.1,
            "cnn-fd divided by that of real training images: 1 is as close as real images are.",
            1, "sample_protocols:cnn_fd_ratio",
        ),
        Metric(
            "grid-modes", "modes", "higher", 0.0,
            "Modes of a 2-D mixture that 10,000 samples hit with at least a tenth of their share "
            "within three standard deviations; three sample seeds.",
            1, "sample_protocols:grid_modes",
        ),
        Metric(
            "critic-slope", "1/input", "one", 0.05,
            "Mean gradient norm of the critic at random points between 2,000 test examples and as "
            "many samples; three seeds.",
            1, "sample_protocols:critic_slope",
        ),
        Metric(
            "conditional-accuracy", "share of samples", "higher", 0.01,
            "Share of 10,000 samples, drawn for the labels of the MNIST test images, that the "
            "pinned classifier reads as their label; three sample seeds.",
            1, "label_protocols:conditional_accuracy",
        ),
        Metric(
            "class-kl", "nats", "lower", 0.25,
            "KL divergence of the classes of 10,000 samples, as the pinned classifier reads them, "
            "from those of the MNIST test images; three sample seeds.",
            1, "label_protocols:class_kl",
        ),
        Metric(
            "neighbour-error", "share of test images", "lower", 0.05,
            "Error on the MNIST test images of a nearest-neighbour classifier that knows 50,000 "
            "samples with the labels they were drawn for; three sample seeds.",
            1, "label_protocols:neighbour_error",
        ),
        Metric(
            "path-straightness", "squared length", "lower", 2e-2,
            "Mean squared difference between the velocity along a path from noise to data and the "
            "path's chord, 0 for straight ones: 10,000 paths on the plane, three seeds.",
            1, "path_protocols:path_straightness",
        ),
        Metric(
            "one-step-energy", "length", "lower", 0.1,
            "Energy distance between 10,000 samples of one evaluation of the network and as many "
            "points of a 2-D density; three sample seeds.",
            1, "path_protocols:one_step_energy",
        ),
        Metric(
            "one-step-support", "share of samples", "higher", 0.01,
            "Share of 10,000 samples of one evaluation of the network at which a 2-D density is "
            "not zero; three sample seeds.",
            1, "path_protocols:one_step_support",
        ),
        Metric(
            "energy-gap", "sd of test energies", "lower", 0.1,
            "Distance between the mean energies of 2,000 chains and of the test images, over the "
            "smaller of the latter's spread and their distance from noise: the largest after 100, "
            "200 and 400 steps; three sample seeds.",
            2, "energy_protocols:energy_gap",
        ),
        Metric(
            "ood-lead", "AUROC", "higher", 0.01,
            "Probability that an image turned upside down, or a mean of two, has a higher energy "
            "than a test image, less that of the better of two baselines: independent pixels, and "
            "a Gaussian.",
            1, "energy_protocols:ood_lead",
        ),
        Metric(
            "guided-accuracy", "share of samples", "higher", 0.02,
            "Share of samples that the pinned classifier reads as the class asked for, at guidance "
            "weight w = 2: 500 of MNIST, classes in turn; two sample seeds.",
            1, "guidance_protocols:guided_accuracy",
        ),
        Metric(
            "guidance-accuracy-gain", "share of samples", "higher", 0.25,
            "guided-accuracy at w = 2 less that of the conditional model, w = 0.",
            1, "guidance_protocols:accuracy_gain",
        ),
        Metric(
            "guidance-recall-loss", "share of test images", "higher", 0.25,
            "Recall of the MNIST test images by samples of the conditional model, w = 0, less that "
            "at w = 4: 500 samples, classes in turn; two sample seeds.",
            1, "guidance_protocols:recall_loss",
        ),
        Metric(
            "score-error", "x squared score", "lower", 2e-2,
            "Mean over noise levels of E‖s - score‖^2 / E‖score‖^2 at 10,000 points of a 2-D "
            "mixture perturbed with that noise, whose score is known; three seeds.",
            1, "score_protocols:score_error",
        ),
        Metric(
            "mode-weights", "total variation", "lower", 0.6,
            "Total variation between the weights of a 2-D mixture's modes and the shares of 10,000 "
            "samples nearest to them; three sample seeds.",
            1, "score_protocols:mode_weights",
        ),
    )
}  # fmt: skip


def get_metric(metric_id: str) -> Metric:
    """The metric of that id; ZooError with the nearest name otherwise."""
    if metric_id not in METRICS:
        raise ZooError(f"unknown metric '{metric_id}': {nearest(metric_id, METRICS)}")
    return METRICS[metric_id]


def measure(
    model: torch.nn.Module,
    metric_id: str,
    dataset: str,
    device: str = "cpu",
    progress: bool = True,
) -> Measurement:
    """Measure a model by a registered protocol.

    Args:
        model: moved to `device` and set to evaluation mode for the time of the measurement.
        metric_id: a key of METRICS.
        dataset: name of a data set or 2-D density the metric is defined on.
        device: where the model runs; distances between features are computed on the CPU.
        progress: show a bar.

    Raises:
        ZooError: unknown metric, metric not defined for this model or data set, data not at hand.
    """
    return get_metric(metric_id).measure(model, dataset, device, progress)
