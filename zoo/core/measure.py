"""Measuring an entry's claims on its shipped weights."""

from __future__ import annotations

import time

import torch

from zoo.core.cards import Claim
from zoo.core.checkpoints import read_about
from zoo.core.data import DATASETS, load_dataset
from zoo.core.devices import device_name
from zoo.core.evidence import Result, code_digest, status_of
from zoo.core.files import sha256_of
from zoo.core.metrics import METRICS, measure
from zoo.core.registry import Entry
from zoo.core.text import TEXTS, load_text


def measure_claim(
    entry: Entry, claim: Claim, device: str = "cpu", progress: bool = False
) -> Result:
    """Measure one claim under its metric's registered protocol.

    Raises:
        ZooError: weights or data are missing or do not fit.
    """
    model = entry.load(claim.recipe, device)
    started = time.monotonic()
    measurement = measure(model, claim.metric, claim.dataset, device, progress)
    path = entry.weights_path(claim.recipe)
    return Result(
        claim=claim.id,
        value=measurement.value,
        sd=measurement.sd,
        n=measurement.n,
        seeds=list(measurement.seeds),
        status=status_of(claim, measurement.value),
        protocol=METRICS[claim.metric].protocol,
        recipe=claim.recipe,
        code=code_digest(entry.folder, entry.card.builds_on),
        weights=sha256_of(path),
        data=_digest(claim.dataset),
        torch=torch.__version__,
        device=device_name(torch.device(device)),
        seconds=round(time.monotonic() - started, 1),
        training=read_about(path).get("training", {}),
        details=measurement.details,
    )


def _digest(dataset: str) -> str:
    """sha256 of what is measured on; "" for a synthetic density."""
    if dataset in TEXTS:
        return load_text(dataset, "validation").sha256
    return load_dataset(dataset, "test").sha256 if dataset in DATASETS else ""
