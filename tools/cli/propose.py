"""`zoo propose`, `zoo approve`, `zoo decline`: how an entry begins."""

from __future__ import annotations

from dataclasses import asdict

import click

from tools.cli.options import acting, why
from tools.process import clock
from tools.process.ledger.events import Approved, ProposalDeclined, Proposed
from tools.process.proposals import arxiv_id, check_proposal, existing_cards
from tools.process.record import Record
from tools.process.times import both


@click.command()
@click.argument("slug")
@click.option("--title", required=True, help="The paper's title.")
@click.option("--paper", required=True, help="Its arXiv identifier or address.")
@click.option("--family", required=True, help="The family of the model.")
@click.option("--claim", "claims", multiple=True, help="A number to reproduce; may be repeated.")
@click.option("--dataset", required=True, help="What the claims are measured on.")
@click.option("--compute", required=True, help="What training will need, and where it is.")
@click.option(
    "--with",
    "others",
    multiple=True,
    metavar="@HANDLE",
    help="Another developer, may be repeated [default: your team in the roster].",
)
@acting
def propose(
    slug: str,
    title: str,
    paper: str,
    family: str,
    claims: tuple[str, ...],
    dataset: str,
    compute: str,
    others: tuple[str, ...],
    actor: str,
) -> None:
    """Propose a paper to reproduce.

    SLUG will be the entry's name, as in zoo/SLUG. Nothing is decided before the instructor
    approves.
    """
    record = Record()
    roster = record.roster
    team = [actor, *others] if others else roster.team(actor)
    proposed = Proposed(
        title=title,
        paper=arxiv_id(paper),
        family=family,
        team=[roster.find(handle).handle for handle in team],
        claims=list(claims),
        dataset=dataset,
        compute=compute,
    )
    check_proposal(
        slug,
        proposed,
        states=record.states(),
        cards=existing_cards(record.root),
        policy=record.policy,
        roster=roster,
        now=clock.now(),
    )
    record.append(slug, actor, proposed)
    record.commit(f"{slug}: proposed by {', '.join(proposed.team)}")
    click.echo(f"{slug} is proposed; next, the instructor: zoo approve {slug}")


@click.command()
@click.argument("model")
@acting
def approve(model: str, actor: str) -> None:
    """Approve a proposal.

    The entry takes the present dates and quotas of reviews/policy.yaml with it.
    """
    record = Record()
    record.state(model)  # a ledger begins with its proposal: an unknown name is a slip
    state = record.append(model, actor, Approved(asdict(record.policy.rules())))
    record.commit(f"{model}: approved")
    due = state.due("v1")
    until = f" until {both(due, record.policy.zone)}" if due else ""
    click.echo(f"{model} is approved; next, {', '.join(state.team)}: zoo submit {model} v1{until}")


@click.command()
@click.argument("model")
@why("Why, for everybody to read.")
@acting
def decline(model: str, reason: str, actor: str) -> None:
    """Decline a proposal.

    Its paper and its name are free again.
    """
    record = Record()
    record.state(model)
    record.append(model, actor, ProposalDeclined(reason))
    record.commit(f"{model}: declined")
    click.echo(f"{model} is declined; its paper and its name are free again")
