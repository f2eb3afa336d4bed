"""`zoo mutate`: would the tests notice if the entry were wrong?"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
from collections.abc import Iterator
from pathlib import Path

import click
from tqdm import tqdm

from tools.mutation.listed import load_listed
from tools.mutation.mutants import Mutant, mutants_of
from tools.mutation.operators import OPERATORS
from tools.mutation.record import save_record, state_of
from tools.mutation.report import as_json, named, score_of, survivors, text, wrongly_listed
from tools.mutation.run import Outcome, run_mutants
from zoo.core.errors import ZooError
from zoo.core.files import replacing
from zoo.core.registry import ZOO_FOLDER, get_entry


@click.command()
@click.argument("name")
@click.argument("only", nargs=-1, metavar="[ID]...")
@click.option(
    "--operator",
    "operators",
    multiple=True,
    type=click.Choice(list(OPERATORS)),
    metavar="NAME",
    help="Only mutants of this operator; may be repeated.",
)
@click.option("--sample", type=click.IntRange(min=1), help="Only so many mutants, drawn at random.")
@click.option("--seed", default=0, show_default=True, help="Seed of that draw.")
@click.option("--jobs", type=click.IntRange(min=1), help="Mutants at once [default: one per core].")
@click.option(
    "--json",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write what became of every mutant here.",
)
@click.option(
    "--record", is_flag=True, help="Write mutants.json, from which zoo check has the score."
)
@click.option("--list", "listing", is_flag=True, help="Name the mutants and run nothing.")
def mutate(
    name: str,
    only: tuple[str, ...],
    operators: tuple[str, ...],
    sample: int | None,
    seed: int,
    jobs: int | None,
    output: Path | None,
    record: bool,
    listing: bool,
) -> None:  # fmt: skip
    """Plant faults in an entry, one at a time, and see which ones its tests notice.

    Runs the entry's tests and the laws of its family on every mutant. Kill a survivor by a test, or
    list it in zoo/NAME/mutants.yaml with the reason why it computes the same. IDs or beginnings
    of IDs, such as model.py:VAE.elbo, choose mutants. The exit status is 1 when one survived.
    """
    folder = get_entry(name).folder
    before = _texts(folder)
    everything = mutants_of(folder)
    chosen = _sampled(_chosen(name, everything, only, operators), sample, seed)
    if record and (listing or len(chosen) < len(everything)):
        raise ZooError("--record goes with all mutants: leave the choice, or --list, out")
    if listing:
        for mutant in chosen:
            click.echo(named(mutant))
        return
    listed = load_listed(folder, {mutant.id for mutant in everything})
    state = state_of(folder, everything, [])
    outcomes = _run(folder, before, chosen, jobs or os.cpu_count() or 1, listed)
    if output:
        with replacing(output) as partial:
            partial.write_text(as_json(folder, outcomes, listed), encoding="utf-8")
    click.echo(text(folder, outcomes, listed), nl=False)
    if record:
        alive = [one.mutant.id for one in outcomes if one.fate != "killed"]
        save_record(folder, dataclasses.replace(state, survived=alive))
    survived = score_of(outcomes, listed).survived
    raise SystemExit(1 if survived or wrongly_listed(outcomes, listed) else 0)


def _chosen(
    name: str, mutants: list[Mutant], only: tuple[str, ...], operators: tuple[str, ...]
) -> list[Mutant]:
    """The mutants that the command line asks for; ZooError for an id of none."""
    for start in only:
        if not any(mutant.id.startswith(start) for mutant in mutants):
            raise ZooError(f"{name} has no mutant '{start}': zoo mutate {name} --list names them")
    return [
        mutant
        for mutant in mutants
        if (not only or mutant.id.startswith(only))
        and (not operators or mutant.operator in operators)
    ]


def _sampled(mutants: list[Mutant], sample: int | None, seed: int) -> list[Mutant]:
    """So many of the mutants, in their order; all where there are not more."""
    if sample is None or sample >= len(mutants):
        return mutants
    drawn = set(random.Random(seed).sample(range(len(mutants)), sample))
    return [mutant for number, mutant in enumerate(mutants) if number in drawn]


def _texts(folder: Path) -> dict[str, bytes]:
    """The code and the tests of an entry; an editor's locks are links to nothing."""
    return {path.name: path.read_bytes() for path in folder.glob("*.py") if path.is_file()}


@contextlib.contextmanager
def _unedited(folder: Path, before: dict[str, bytes]) -> Iterator[None]:
    """Refuse what was found while a file was edited; any other error may come of that."""
    try:
        yield
    finally:
        _refuse_edited(folder, before)


def _refuse_edited(folder: Path, before: dict[str, bytes]) -> None:
    if _texts(folder) != before:
        raise ZooError(f"{folder.name} was edited while its mutants ran: run it again")


def _run(
    folder: Path,
    before: dict[str, bytes],
    mutants: list[Mutant],
    jobs: int,
    listed: dict[str, str],
) -> list[Outcome]:
    """The outcomes in the order of the mutants, behind a progress bar.

    Interrupted, it shows the survivors so far.

    Raises:
        ZooError: the run failed, or the texts of the entry are not those of `before` any more.
    """
    bar = tqdm(total=len(mutants), unit="mutant", disable=None, leave=False)
    found: dict[str, Outcome] = {}
    try:
        with bar, _unedited(folder, before):
            for outcome in run_mutants(ZOO_FOLDER.parent, folder.name, mutants, jobs):
                found[outcome.mutant.id] = outcome
                alive = sum(one.fate != "killed" for one in found.values())
                bar.set_postfix(survived=alive, refresh=False)
                bar.update()
                _refuse_edited(folder, before)  # the others would run for nothing
    except KeyboardInterrupt:
        for line in survivors(folder, list(found.values()), listed):
            click.echo(line)
        raise KeyboardInterrupt(f"{len(found)} of {len(mutants)} mutants had run") from None
    return [found[mutant.id] for mutant in mutants]
