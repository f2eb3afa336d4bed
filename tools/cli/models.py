"""`zoo list`, `zoo show`, `zoo sample`: what is in the zoo. The first two do not import torch."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path

import click

from tools.claims import claim_cells
from tools.process.record import Record
from tools.text import one_line, table
from zoo.core.evidence import load_results
from zoo.core.registry import ZOO_FOLDER, entry_names, get_entry


@click.command()
def list_entries() -> None:
    """List the entries with their papers and results."""
    rows = [("entry", "family", "paper", "claims reproduced")]
    for name in entry_names():
        entry = get_entry(name)
        results = load_results(entry.folder)
        done = sum(r.status == "reproduced" for r in results.values())
        title = textwrap.shorten(entry.card.title, 52, placeholder="…")
        paper = f"{title} ({entry.card.paper.year})"
        rows.append((name, entry.card.family, paper, f"{done} of {len(entry.card.claims)}"))
    click.echo(table(rows))


@click.command()
@click.argument("name")
def show(name: str) -> None:
    """Show an entry: paper, claims, measured values, deviations."""
    entry = get_entry(name)
    card = entry.card
    authors = ", ".join(card.paper.authors)
    click.secho(card.title, bold=True)
    click.echo(f"{authors} ({card.paper.year}), https://arxiv.org/abs/{card.paper.arxiv}")
    click.echo(f"{card.family}, by {', '.join(card.developers)}, in {_nearby(entry.folder)}\n")
    rows = [("claim", "metric", "data", "paper", "accepted", "measured", "status")]
    rows += [claim_cells(entry, claim) for claim in card.claims]
    click.echo(table(rows))
    if card.deviations:
        click.echo("\nDeviations from the paper")
        for number, text in enumerate(card.deviations, 1):
            click.echo(_wrapped(f"{number}. {text}"))
    addenda = _addenda(name)
    if addenda:
        click.echo("\nFound since its acceptance")
        for text in addenda:
            click.echo(_wrapped(f"· {text}"))
    shipped = sorted(path.stem for path in (entry.folder / "weights").glob("*.safetensors"))
    click.echo(f"\nShipped weights: {', '.join(shipped) or 'none'}")
    click.echo(f"Try: zoo sample {name} -o {name}.png")


@click.command()
@click.argument("name")
@click.option(
    "-n", "count", type=click.IntRange(1, 100_000), help="How many [64 pictures, 4 texts]."
)
@click.option(
    "-o",
    "--out",
    default=None,
    type=click.Path(path_type=Path),
    help="PNG to write [NAME.png]; text is printed, or goes to a .txt or .png.",
)
@click.option("--prompt", default="", help="Beginning that text goes on from.")
@click.option("--recipe", help="Recipe whose shipped weights are used [the first claim's].")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**63 - 1))
@click.option("--device", default="cpu", show_default=True)
def sample(
    name: str,
    count: int | None,
    out: Path | None,
    prompt: str,
    recipe: str | None,
    seed: int,
    device: str,
) -> None:
    """Draw samples from shipped weights into a PNG; text is printed."""
    entry = get_entry(name)
    from tools.samples import TEXT_COUNT, as_page, draw_texts, is_text, write_samples

    if out is None and is_text(entry, recipe):
        texts = draw_texts(entry, count or TEXT_COUNT, recipe, seed, device, prompt)
        click.echo(as_page(texts), nl=False)
        return
    path = out or Path(f"{name}.png")
    drawn = write_samples(entry, path, count, recipe, seed, device, prompt)
    click.echo(f"{drawn} samples of {name} (seed {seed}) in {path}")


def _addenda(name: str) -> list[str]:
    """What was found since an entry was accepted, where the zoo is a clone with its reviews."""
    record = Record(ZOO_FOLDER.parent)
    if name not in record.models():
        return []
    return [one_line(addendum.text, limit=2000) for addendum in record.state(name).addenda]


def _nearby(folder: Path) -> str:
    try:
        return f"{folder.relative_to(Path.cwd())}/"
    except ValueError:
        return str(folder)


def _wrapped(text: str) -> str:
    width = min(100, shutil.get_terminal_size().columns)
    return textwrap.fill(text, width, initial_indent="  ", subsequent_indent="     ")
