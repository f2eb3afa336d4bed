"""Training and measuring whatever claims need it, within a budget, resumably."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from tools.claims import measured_text
from zoo.core.cards import Claim
from zoo.core.checkpoints import read_about
from zoo.core.data import is_available
from zoo.core.errors import ZooError
from zoo.core.evidence import code_digest, load_results, save_results
from zoo.core.files import sha256_of
from zoo.core.measure import measure_claim
from zoo.core.metrics import METRICS
from zoo.core.registry import Entry
from zoo.core.shipping import ship_weights
from zoo.core.training import train


class Reproduction:
    """One pass over claims.

    Args:
        budget: seconds for everything; training stops in time and can be resumed.
        out: where runs, weights and results go; None: runs/ and the entries' own folders.
        device: where to train and measure; None: CUDA where there is one.
        say: receives one line per event.

    Attributes:
        unfinished: "entry recipe" pairs that need more time or data.
    """

    def __init__(
        self, budget: float, out: Path | None, device: str | None, say: Callable[[str], object]
    ) -> None:
        self.deadline = time.monotonic() + budget
        self.out, self.say = out, say
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.unfinished: list[str] = []

    def entry(self, entry: Entry, only_pending: bool) -> None:
        """Train the recipes behind an entry's claims, then measure the claims."""
        place = entry
        if self.out is not None:
            place = dataclasses.replace(entry, elsewhere=self.out / "zoo" / entry.name)
        claims = entry.card.claims
        if only_pending:
            claims = [c for c in claims if not (is_current(entry, c) or is_current(place, c))]
        for recipe in dict.fromkeys(claim.recipe for claim in claims):
            try:
                trained = self._trained(place, recipe, fresh=not only_pending)
            except ZooError as error:  # the other recipes and entries go on
                self.say(f"✖ {entry.name} {recipe}: {error}")
                trained = False
            if not trained:
                self.unfinished.append(f"{entry.name} {recipe}")
                continue
            for claim in claims:
                if claim.recipe == recipe:
                    self._measure(place, claim)

    def _trained(self, place: Entry, recipe: str, fresh: bool) -> bool:
        config = place.config(recipe)
        run = (self.out or Path()) / "runs" / f"{place.name}-{recipe}"
        weights = run / "weights.safetensors"
        shipped = place.weights_path(recipe)
        if shipped.exists() and not fresh and not run.exists():
            return True  # nothing to train: only the measurement is missing
        if not is_available(config.dataset):
            self.say(f"– {place.name} {recipe}: skipped, {config.dataset} is not on this machine")
            return False
        left = self.deadline - time.monotonic()
        if not weights.exists():
            if left <= 0:
                return False
            self.say(f"Training {place.name} {recipe}: {config.steps} steps")
            task = place.task(config)
            resume = (run / "checkpoint.safetensors").exists()
            result = train(
                task,
                run,
                resume=resume,
                device=self.device,
                max_seconds=left,
                progress=sys.stderr.isatty(),
            )
            if not result.finished:
                return False
        path = ship_weights(place, recipe, weights)
        self.say(f"Weights of {place.name} {recipe}: {path}, {read_about(path)['training']}")
        return True

    def _measure(self, place: Entry, claim: Claim) -> None:
        if time.monotonic() > self.deadline:
            self.unfinished.append(f"{place.name} {claim.id}")
            return
        try:
            result = measure_claim(place, claim, self.device, progress=sys.stderr.isatty())
        except ZooError as error:
            self.say(f"✖ {place.name} {claim.id}: {error}")
            self.unfinished.append(f"{place.name} {claim.id}")
            return
        save_results(place.store, {**load_results(place.store), claim.id: result})
        self.say(f"✔ {place.name} {claim.id}: {measured_text(result)}, {result.status}")


def is_current(place: Entry, claim: Claim) -> bool:
    """Whether a claim has a result that belongs to today's code and weights."""
    result = load_results(place.store).get(claim.id)
    weights = place.weights_path(claim.recipe)
    return (
        result is not None
        and result.recipe == claim.recipe
        and result.protocol == METRICS[claim.metric].protocol
        and result.code == code_digest(place.folder, place.card.builds_on)
        and weights.exists()
        and result.weights == sha256_of(weights)
    )
