"""`zoo evaluate` and `zoo verify`: measure metrics, re-measure claims."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tools.claims import difference, measured_text
from zoo.core.cards import Claim
from zoo.core.data import is_available
from zoo.core.errors import ZooError
from zoo.core.evidence import load_results, save_results
from zoo.core.files import sha256_of
from zoo.core.metrics import METRICS
from zoo.core.registry import Entry, entry_names, get_entry


@click.command()
@click.argument("name")
@click.option("--recipe", help="Recipe [the first claim's].")
@click.option("--weights", type=click.Path(path_type=Path), help="Weights [the shipped ones].")
@click.option(
    "--metric", "metrics", multiple=True, help="Metric id [those of the recipe's claims]."
)
@click.option("--device", default="cpu", show_default=True)
def evaluate(
    name: str, recipe: str | None, weights: Path | None, metrics: tuple[str, ...], device: str
) -> None:
    """Measure metrics on shipped or own weights; the trivial baselines are printed beside them."""
    from zoo.core.checkpoints import load_weights
    from zoo.core.devices import usable_device
    from zoo.core.metrics import measure

    entry = get_entry(name)
    recipe = recipe or entry.default_recipe
    config = entry.config(recipe)
    if weights is None:
        model = entry.load(recipe, device)
    else:
        model = load_weights(weights, entry.task(config).build())
        model = model.to(usable_device(device)).eval()
    for metric in metrics or _metrics_for(entry, config.dataset):
        measurement = measure(model, metric, config.dataset, device, progress=sys.stderr.isatty())
        unit = METRICS[metric].unit
        spread = f" ± {measurement.sd:.4f}" if measurement.sd else ""
        click.echo(f"{metric} on {config.dataset}: {measurement.value:.4f}{spread} {unit}")
        for key, value in measurement.details.items():
            click.echo(f"    {key}: {_short(value)}")


def _metrics_for(entry: Entry, dataset: str) -> list[str]:
    """Metrics that the entry's claims use and that are defined for the data set."""
    on_data = [claim.metric for claim in entry.card.claims if claim.dataset == dataset]
    likelihoods = ("nll-nats", "elbo-nats", "iw500-nats", "bits-per-dim", "bits-per-dim-bound")
    likelihoods += ("logit-nats",)
    others = [claim.metric for claim in entry.card.claims if claim.metric in likelihoods]
    chosen = list(dict.fromkeys(on_data or others))
    if not chosen:
        raise ZooError(f"no metric of {entry.name}'s claims is defined on {dataset}: use --metric")
    return chosen


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_short(item)}" for key, item in value.items())
    if isinstance(value, list):
        return "[" + ", ".join(_short(item) for item in value) + "]"
    return str(value)


@click.command()
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All entries.")
@click.option("--record", is_flag=True, help="Write what is measured to results.json.")
@click.option("--device", default="cpu", show_default=True)
def verify(names: tuple[str, ...], everything: bool, record: bool, device: str) -> None:
    """Re-measure the claims of shipped weights.

    Fails when a value differs from the recorded one by more than its metric's tolerance, or when
    weights or data are not the recorded ones. Claims whose data are not on this machine are
    named and skipped.
    """
    if not names and not everything:
        raise click.UsageError("name an entry, or use --all")
    good = True
    for entry in [get_entry(name) for name in (entry_names() if everything else names)]:
        for claim in entry.card.claims:
            if not is_available(claim.dataset):
                click.echo(
                    f"– {entry.name} {claim.id}: skipped, {claim.dataset} is not on this machine"
                )
                continue
            try:
                good &= _verify_claim(entry, claim, record, device)
            except ZooError as error:  # the other claims go on
                click.echo(f"✖ {entry.name} {claim.id}: {error}")
                good = False
    if not good:
        sys.exit(1)


def _verify_claim(entry: Entry, claim: Claim, record: bool, device: str) -> bool:
    from zoo.core.measure import measure_claim

    results = load_results(entry.folder)
    old = results.get(claim.id)
    if old is None and not record:
        click.echo(f"✖ {entry.name} {claim.id}: never measured: zoo verify {entry.name} --record")
        return False
    path = entry.weights_path(claim.recipe)
    if old and not record and path.exists() and sha256_of(path) != old.weights:
        raise ZooError(
            "the weights are not the recorded ones (sha256 differs): restore them from git, or "
            f"zoo verify {entry.name} --record"
        )
    new = measure_claim(entry, claim, device, progress=sys.stderr.isatty())
    unit = METRICS[claim.metric].unit
    text = f"{entry.name} {claim.id}: {measured_text(new)} {unit}".rstrip()
    if record:
        known = {c.id for c in entry.card.claims}  # a claim that left the card leaves the results
        kept = {name: result for name, result in results.items() if name in known}
        save_results(entry.folder, {**kept, claim.id: new})
        click.echo(f"✔ {text}, {new.status} (accepted: {claim.accept}), recorded")
        return True
    if problem := difference(claim, old, new):
        click.echo(f"✖ {text}: {problem}")
        return False
    click.echo(f"✔ {text} agrees with the recorded {measured_text(old)} ({old.status})")
    return True
