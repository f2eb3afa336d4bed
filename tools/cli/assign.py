"""`zoo assign` and `zoo bid`: who reviews what, and who would like to."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter

import click

from tools.cli.options import acting, why
from tools.practice.results import practice_bar
from tools.process.assignment import Objective, Pair, Plan
from tools.process.assignment import assign as best_plan
from tools.process.assignment.assigning import OPEN, by_hand, changes, problem_of
from tools.process.assignment.bidding import bid as write_bid
from tools.process.ledger.events import Unassigned
from tools.process.record import Record
from tools.process.rules.roster import Bid
from zoo.core.errors import ZooError


@click.command()
@click.argument("model", required=False)
@click.argument("handle", required=False, metavar="[@HANDLE]")
@click.option("--remove", metavar="@HANDLE", help="Take this reviewer off MODEL; needs --reason.")
@why("Why the reviewer is taken off.", required=False)
@click.option("--seed", default=0, show_default=True, help="Draws among equally good plans.")
@click.option("--dry-run", is_flag=True, help="Only show the plan.")
@click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@acting
def assign(
    model: str | None,
    handle: str | None,
    remove: str | None,
    reason: str | None,
    seed: int,
    dry_run: bool,
    style: str,
    actor: str,
) -> None:
    """Assign reviewers to all entries that wait for them: an exact optimum.

    Keeps as many existing pairs as it can, balances the loads, then follows the bids. Filed reviews
    stay. MODEL @HANDLE assigns one reviewer by hand, under the same rules.
    """
    record = Record()
    if model is None:
        if remove or reason:
            raise click.UsageError("name the entry: zoo assign MODEL --remove @HANDLE --reason …")
        _assign_all(record, actor, seed, dry_run, style)
        return
    if dry_run or (handle is None) == (remove is None) or (remove is None) != (reason is None):
        raise click.UsageError("say MODEL @HANDLE, or MODEL --remove @HANDLE --reason …")
    if handle:
        payload = by_hand(record, model, handle)
        said = f"{payload.reviewer} reviews {model}"
    else:
        payload = Unassigned(record.roster.find(remove).handle, reason)
        said = f"{payload.reviewer} does not review {model} any more: zoo assign finds another"
    record.append(model, actor, payload)
    record.commit(f"{model}: {payload.TYPE} {payload.reviewer}")
    click.echo(said)


def _assign_all(record: Record, actor: str, seed: int, dry_run: bool, style: str) -> None:
    """The best plan, shown and, unless it is a dry run, recorded."""
    models = [model for model, state in record.states().items() if state.stage in OPEN]
    if not models:
        raise ZooError("no entry waits for reviewers: assign when version 1 of one is submitted")
    problem = problem_of(record)
    bar = practice_bar(record)
    unpractised = sorted(one.handle for one in problem.reviewers if one.barred == bar)
    if unpractised:
        click.echo(f"not available: {', '.join(unpractised)}: each {bar}", err=True)
    plan = best_plan(problem, seed)
    events = list(changes(plan))
    if not dry_run:
        for model, payload in events:
            record.append(model, actor, payload)
        # All ledgers: a command that was killed before this line may have left some uncommitted.
        ledgers = [record.folder(model) / "events.jsonl" for model in models]
        record.commit("Reviewers assigned", *ledgers)
    click.echo(_json(plan) if style == "json" else _text(plan))


def _json(plan: Plan) -> str:
    """The plan with everything that explains it."""
    document = {
        "pairs": [dataclasses.asdict(pair) for pair in plan.pairs],
        "dropped": [
            {"reviewer": handle, "entry": entry, "reason": reason}
            for (handle, entry), reason in plan.dropped.items()
        ],
        "loads": plan.loads,
        "objective": plan.objective._asdict(),
        "bound": plan.bound._asdict(),
        "gap": plan.gap._asdict(),
        "seed": plan.seed,
        "input_sha256": plan.input_sha256,
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _text(plan: Plan) -> str:
    """The plan by entry, what changed and why, the loads, and how good it is."""
    entries: dict[str, list[str]] = {}
    for pair in plan.pairs:
        entries.setdefault(pair.entry, []).append(_described(pair))
    width = max(len(name) for name in entries)
    lines = [f"{name:{width}}  {', '.join(pairs)}" for name, pairs in entries.items()]
    lines += [
        f"{entry:{width}}  without {handle}, who {reason}"
        for (handle, entry), reason in plan.dropped.items()
    ]
    loads = sorted(Counter(plan.loads.values()).items(), reverse=True)
    people = ", ".join(f"{load} × {count}" for load, count in loads)
    lines.append(f"loads (reviews × people): {people}")
    ours, movable = plan.objective, plan.objective.kept + len(plan.dropped)
    kept = f"{ours.kept} of {movable} existing pairs kept, " if movable else ""
    lines.append(
        f"{kept}sum of squared loads {ours.squares}, {ours.preference} preference points: "
        + _proof(plan.gap)
    )
    lines.append(f"seed {plan.seed}, input {plan.input_sha256[:12]}")
    return "\n".join(lines)


def _described(pair: Pair) -> str:
    """A pair on the plan's line of its entry."""
    why = [pair.status] if pair.status != "new" else []
    return f"{pair.reviewer} ({'; '.join([*why, *pair.why])})"


def _proof(gap: Objective) -> str:
    """How good the plan is among all plans."""
    if not any(gap):
        return "no plan is better"
    names = ("existing pairs", "squared loads", "preference points")
    parts = [f"{value} {name}" for value, name in zip(gap, names, strict=True) if value]
    return f"a plan may exist that is better by up to {', '.join(parts)}"


@click.command()
@click.option("--want", "wants", multiple=True, metavar="MODEL", help="May be repeated.")
@click.option("--avoid", "avoids", multiple=True, metavar="MODEL", help="May be repeated.")
@click.option("--family", "families", multiple=True, help="One that you know; may be repeated.")
@acting
def bid(
    wants: tuple[str, ...], avoids: tuple[str, ...], families: tuple[str, ...], actor: str
) -> None:
    """Say what you would like to review; it replaces what you said before."""
    record = Record()
    wanted = Bid(list(wants), list(avoids), list(families))
    path = write_bid(record, actor, wanted)
    handle = record.roster.find(actor).handle
    record.commit(f"Bid of {handle}", path)
    said = [f"{name} {', '.join(value)}" for name, value in vars(wanted).items() if value]
    click.echo(f"{handle}: {'; '.join(said) or 'no wishes'}")
