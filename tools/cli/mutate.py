"""`zoo mutate`: would the tests notice if the entry were wrong?"""

from __future__ import annotations

import os
import random
from pathlib import Path

import click
from tqdm import tqdm

from tools.mutation.listed import load_listed
from tools.mutation.mutants import Mutant, mutants_of
from tools.mutation.operators import OPERATORS
from tools.mutation.record import save_record, state_of
from tools.mutation.report import as_json, score_of, text, wrongly_listed
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
def mutate(
    name: str,
    only: tuple[str, ...],
    operators: tuple[str, ...],
    sample: int | None,
    seed: int,
    jobs: int | None,
    output: Path | None,
    record: bool,
) -> None:  # fmt: skip
    """Plant faults in an entry, one at a time, and see which ones its tests notice.

    Runs the entry's tests and the laws of its family on every mutant. Kill a survivor by a test, or
    list it in zoo/NAME/mutants.yaml with the reason why it computes the same. IDs or beginnings
    of IDs, such as model.py:VAE.elbo, choose mutants. The exit status is 1 when one survived.
    """
    folder = get_entry(name).folder
    everything = mutants_of(folder)
    listed = load_listed(folder, {mutant.id for mutant in everything})
    chosen = _chosen(name, everything, only, operators)
    if sample is not None and sample < len(chosen):
        drawn = set(random.Random(seed).sample(range(len(chosen)), sample))
        chosen = [mutant for number, mutant in enumerate(chosen) if number in drawn]
    if record and len(chosen) < len(everything):
        raise ZooError("--record goes with all mutants: leave the choice out")
    before = state_of(folder, everything, [])
    outcomes = _run(name, chosen, jobs or os.cpu_count() or 1)
    if output:
        with replacing(output) as partial:
            partial.write_text(as_json(folder, outcomes, listed), encoding="utf-8")
    click.echo(text(folder, outcomes, listed), nl=False)
    if record:
        _record(folder, before, outcomes)
    survived = score_of(outcomes, listed).survived
    raise SystemExit(1 if survived or wrongly_listed(outcomes, listed) else 0)


def _chosen(
    name: str, mutants: list[Mutant], only: tuple[str, ...], operators: tuple[str, ...]
) -> list[Mutant]:
    """The mutants that the command line asks for; ZooError for an id of none."""
    for start in only:
        if not any(mutant.id.startswith(start) for mutant in mutants):
            raise ZooError(f"{name} has no mutant '{start}': zoo mutate {name} names them")
    return [
        mutant
        for mutant in mutants
        if (not only or mutant.id.startswith(only))
        and (not operators or mutant.operator in operators)
    ]


def _run(name: str, mutants: list[Mutant], jobs: int) -> list[Outcome]:
    """The outcomes in the order of the mutants, behind a progress bar."""
    bar = tqdm(total=len(mutants), unit="mutant", disable=None, leave=False)
    found: dict[str, Outcome] = {}
    with bar:
        for outcome in run_mutants(ZOO_FOLDER.parent, name, mutants, jobs):
            found[outcome.mutant.id] = outcome
            alive = sum(one.fate != "killed" for one in found.values())
            bar.set_postfix(survived=alive, refresh=False)
            bar.update()
    return [found[mutant.id] for mutant in mutants]


def _record(folder: Path, before: object, outcomes: list[Outcome]) -> None:
    """Write the record, unless somebody edited what it would be of."""
    mutants = mutants_of(folder)
    if state_of(folder, mutants, []) != before:
        raise ZooError(f"{folder.name} was edited while its mutants ran: nothing was recorded")
    survived = [one.mutant.id for one in outcomes if one.fate != "killed"]
    save_record(folder, state_of(folder, mutants, survived))
