"""What `zoo mutate` says: survivors with their diffs, the score, and all of it as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from tools.mutation.mutants import Mutant
from tools.mutation.operators import OPERATORS
from tools.mutation.record import Score, score
from tools.mutation.run import Outcome
from tools.text import one_line

FATES = {"survived": "survived all tests", "uncovered": "no test runs this line"}


def score_of(outcomes: Sequence[Outcome], listed: dict[str, str]) -> Score:
    """The score of a run."""
    survived = [one.mutant.id for one in outcomes if one.fate != "killed"]
    return score(len(outcomes), survived, listed)


def wrongly_listed(outcomes: Sequence[Outcome], listed: dict[str, str]) -> list[Outcome]:
    """Mutants that are listed as equivalent although a test tells them from the code."""
    return [one for one in outcomes if one.fate == "killed" and one.mutant.id in listed]


def text(folder: Path, outcomes: Sequence[Outcome], listed: dict[str, str]) -> str:
    """For people: every survivor with its mistake and its diff, the score, and what to do."""
    lines = survivors(folder, outcomes, listed)
    for one in wrongly_listed(outcomes, listed):
        rule = f"{_place(folder, one)}: {one.mutant.id} is listed as equivalent, but {_by(one)}"
        lines += [rule, "    → take it off the list in mutants.yaml", ""]
    odd = [one for one in outcomes if one.by in ("import", "timeout", "crash")]
    counts = {by: sum(one.by == by for one in odd) for by in ("import", "timeout", "crash")}
    words = {"import": "on import", "timeout": "by the time limit", "crash": "by a crash"}
    said = [f"{count} {words[by]}" for by, count in counts.items() if count]
    if said:
        lines.append(f"Of the killed, {', '.join(said)}; all others by a test or a law")
    total = score_of(outcomes, listed)
    lines.append(str(total))
    if total.survived:
        place = f"zoo/{folder.name}/mutants.yaml"
        fix = f"an entry {{id, reason}} in {place} that says why it is equivalent"
        lines.append(f"→ for each survivor a test that kills it, or {fix}")
    return "\n".join(lines) + "\n"


def survivors(folder: Path, outcomes: Sequence[Outcome], listed: dict[str, str]) -> list[str]:
    """The lines about those that survived and are not listed."""
    alive = [one for one in outcomes if one.fate != "killed" and one.mutant.id not in listed]
    return [line for one in alive for line in _survivor(folder, one)]


def _survivor(folder: Path, one: Outcome) -> list[str]:
    """Place, id, what mistake it imitates, and the diff."""
    mutant = one.mutant
    changed = mutant.diff((folder / mutant.file).read_text(encoding="utf-8"))
    colours = {"-": "red", "+": "green"}
    return [
        f"{_place(folder, one)}: {FATES[one.fate]}: {OPERATORS[mutant.operator].mistake}",
        *(click.style(f"    {line}", fg=colours[line[0]]) for line in changed),
        click.style(f"    id: {mutant.id}", dim=True),
        "",
    ]


def named(mutant: Mutant) -> str:
    """Id, line and mistake of a mutant that has not run."""
    return f"{mutant.id}  line {mutant.line}: {OPERATORS[mutant.operator].mistake}"


def _place(folder: Path, one: Outcome) -> str:
    return f"zoo/{folder.name}/{one.mutant.file}:{one.mutant.line}"


def _by(one: Outcome) -> str:
    """What killed a mutant."""
    return f"killed by {one.by}: {one_line(one.message, 120)}"


def as_json(folder: Path, outcomes: Sequence[Outcome], listed: dict[str, str]) -> str:
    """For programs: every mutant and what became of it."""
    rows = []
    for one in outcomes:
        mutant = one.mutant
        changed = mutant.diff((folder / mutant.file).read_text(encoding="utf-8"))
        fate = "equivalent" if one.fate != "killed" and mutant.id in listed else one.fate
        row = {"id": mutant.id, "operator": mutant.operator, "place": _place(folder, one)}
        row |= {"fate": fate, "by": one.by, "message": one.message, "seconds": one.seconds}
        rows.append(row | {"diff": changed, "reason": listed.get(mutant.id, "")})
    total = score_of(outcomes, listed)
    data = {"entry": folder.name, "score": total.value, "mutants": total.total}
    data |= {"killed": total.killed, "survived": total.survived, "equivalent": total.equivalent}
    return json.dumps(data | {"outcomes": rows}, indent=2, ensure_ascii=False) + "\n"
