"""`zoo train`: one recipe of one entry."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from tools.cli.options import duration, settings
from zoo.core.registry import get_entry


@click.command()
@click.argument("name")
@click.option("--recipe", help="Recipe to train [digits, of text docstrings].")
@click.option(
    "--set", "changes", callback=settings, multiple=True, help="Change a field: key=value."
)
@click.option("--out", type=click.Path(path_type=Path), help="Run folder [runs/NAME-RECIPE].")
@click.option("--resume", is_flag=True, help="Continue the run in the folder.")
@click.option("--devices", default=1, show_default=True, type=click.IntRange(1))
@click.option("--device", help="cpu or cuda [cuda where there is one].")
@click.option("--budget", callback=duration, help="Stop after this time, e.g. 90s, 9m, 2h.")
@click.option(
    "--ship", is_flag=True, help="When finished, put the weights into the entry's folder."
)
def train(
    name: str,
    recipe: str | None,
    changes: dict[str, str],
    out: Path | None,
    resume: bool,
    devices: int,
    device: str | None,
    budget: float,
    ship: bool,
) -> None:
    """Train a recipe.

    The run folder keeps metrics.jsonl, a checkpoint, TensorBoard logs where it is installed and, at
    the end, weights.safetensors. Ctrl-C stops after the current step; --resume goes on.
    """
    entry = get_entry(name)
    recipe = recipe or entry.embedded_recipe
    config = entry.config(recipe, changes)
    if ship and changes:
        raise click.UsageError("--ship is for a recipe as it stands, without --set")
    out = out or Path("runs") / f"{name}-{recipe}"
    from zoo.core.training import train as run

    try:
        result = run(
            entry.task(config),
            out,
            devices=devices,
            device=device,
            resume=resume,
            max_seconds=budget,
            progress=sys.stderr.isatty(),
        )
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(
            f"{str(stop) or 'stopped'}; to go on, repeat the command with --resume"
        ) from None
    if int(os.environ.get("RANK", "0")) > 0:
        return  # under torchrun the first process speaks and ships
    if not result.finished:
        click.echo(f"Stopped at step {result.steps} of {config.steps}: go on with --resume")
        return
    click.echo(
        f"Trained {result.steps} steps in {result.seconds:.0f} s: {out / 'weights.safetensors'}"
    )
    if ship:
        from zoo.core.shipping import ship_weights

        click.echo(f"Shipped: {ship_weights(entry, recipe, out / 'weights.safetensors')}")
        click.echo(f"Measure the claims on it: zoo verify {name} --record")
