"""What a proposal must be: a free paper and name, claims, and a team that may take it on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import get_args

from tools.process.ledger.events import Proposed
from tools.process.ledger.state import ACTIVE, OVER, Submission
from tools.process.rules.policy import Policy
from tools.process.rules.roster import Roster
from tools.process.times import both
from tools.scaffold import ARXIV, check_name
from zoo.core.cards import Card, Family, load_card
from zoo.core.errors import ZooError, nearest

_ADDRESS = re.compile(
    r"(https?://)?((www|export)\.)?arxiv\.org/(abs|pdf|html)/|arxiv:\s*", re.IGNORECASE
)
BUSY = ("proposed", "on-hold", *ACTIVE)  # stages in which a team has work to come


def arxiv_id(text: str) -> str:
    """The plain identifier in "1312.6114v10", "arXiv:1312.6114" or an address of arxiv.org."""
    plain = _ADDRESS.sub("", text.strip(), count=1).partition("?")[0].partition("#")[0]
    plain = re.sub(r"(v\d+)?(\.pdf)?/?$", "", plain)
    # The subject class of old identifiers is no part of them: math.GT/0309136 is math/0309136.
    plain = re.sub(r"^([A-Za-z-]+)(\.[A-Za-z]{2})?/", lambda found: f"{found[1].lower()}/", plain)
    if not ARXIV.fullmatch(plain):
        raise ZooError(f"'{text}' is no arXiv identifier: write it as in 1312.6114")
    return plain


def existing_cards(root: Path) -> dict[str, Card | None]:
    """The card of every folder of `zoo/`; None where it cannot be read, which is no matter here."""
    cards: dict[str, Card | None] = {}
    for folder in sorted((root / "zoo").glob("*")):
        if folder.is_dir() and folder.name != "core" and (folder / "README.md").is_file():
            try:
                cards[folder.name] = load_card(folder)
            except ZooError:
                cards[folder.name] = None
    return cards


def check_proposal(
    model: str,
    proposed: Proposed,
    *,
    states: Mapping[str, Submission],
    cards: Mapping[str, Card | None],
    policy: Policy,
    roster: Roster,
    now: datetime,
) -> None:
    """Refuse a proposal that cannot be approved.

    Args:
        model: name of the entry to be.
        proposed: the proposal; its paper is a plain identifier, its team spelt as in the roster.
        states: every entry that has a ledger.
        cards: every entry that has a folder.
        policy: the course's rules.
        roster: the people.
        now: the present moment.

    Raises:
        ZooError: the rule and the fix.
    """
    last = policy.deadlines.proposal and policy.utc(policy.deadlines.proposal)
    if last and now > last:
        rule = f"proposals could be made until {both(last, policy.zone)}"
        raise ZooError(f"{rule}: ask the instructor for a later date in reviews/policy.yaml")
    _check_texts(proposed)
    _check_team(proposed.team, policy, roster)
    check_name(model)
    mine = _carried_in(model, proposed, cards)
    before = states.get(model)
    if before and before.stage not in OVER:
        by = ", ".join(before.team)
        raise ZooError(f"{model} is {before.stage}, by {by}: choose another name")
    _check_paper(model, proposed.paper, states, cards)
    if not mine:
        _check_free(proposed.team, states)


def _check_texts(proposed: Proposed) -> None:
    """Nothing is blank, of several lines, or of an unknown family."""
    for field in fields(proposed):
        value = getattr(proposed, field.name)
        for text in [value] if isinstance(value, str) else value:
            if not text.isprintable() or not text.strip():
                raise ZooError(f"{field.name} {text!r}: write one line of text")
    families = get_args(Family)
    if proposed.family not in families:
        hint = nearest(proposed.family, families)
        raise ZooError(f"unknown family '{proposed.family}': {hint}")
    if not proposed.claims:
        raise ZooError('a proposal names what it will reproduce: --claim "MNIST NLL <= 88 nats"')


def _check_team(team: list[str], policy: Policy, roster: Roster) -> None:
    """The team is as large as the policy allows, and of developers."""
    least, most = policy.group_size.min, policy.group_size.max
    if not least <= len(team) <= most:
        size = f"{least} to {most}" if least != most else f"{most}"
        raise ZooError(f"a team of {len(team)}: reviews/policy.yaml allows {size} (see --with)")
    for handle in team:
        role = roster.find(handle).role
        if role != "developer":
            rule = f"{handle} is a {role} in reviews/roster.yaml"
            raise ZooError(f"{rule}: a team is made of developers")
    twice = [handle for handle in team if team.count(handle) > 1]
    if twice:
        raise ZooError(f"{twice[0]} is named twice: name everybody in the team once")


def _carried_in(model: str, proposed: Proposed, cards: Mapping[str, Card | None]) -> bool:
    """Whether the proposal is that of an entry which its own developers bring into the process."""
    if model not in cards:
        return False
    card = cards[model]
    if card is None:
        raise ZooError(f"zoo/{model} exists already: choose another name")
    developers = {str(handle).lower() for handle in card.developers}
    if developers != {handle.lower() for handle in proposed.team}:
        by = ", ".join(map(str, card.developers))
        raise ZooError(f"zoo/{model} exists already, by {by}: choose another name")
    paper = str(card.paper.arxiv)
    if same_paper(paper, proposed.paper):
        return True
    raise ZooError(f"zoo/{model} reproduces {paper}, not {proposed.paper}: say --paper {paper}")


def _check_paper(
    model: str, paper: str, states: Mapping[str, Submission], cards: Mapping[str, Card | None]
) -> None:
    """Nobody else has taken the paper."""
    taken = {
        name: (state.proposal.paper, state.team)
        for name, state in states.items()
        if state.proposal and state.stage not in OVER
    }
    for name, card in cards.items():
        over = name in states and states[name].stage in OVER
        if card and not over:
            taken.setdefault(name, (str(card.paper.arxiv), list(map(str, card.developers))))
    for name, (other, team) in taken.items():
        if name != model and same_paper(other, paper):
            raise ZooError(f"{paper} is taken by {name}, of {', '.join(team)}: choose another")


def same_paper(written: str, paper: str) -> bool:
    """Whether what a card or ledger names is this paper."""
    try:
        return arxiv_id(written) == paper
    except ZooError:  # "TODO" in a card that is being written
        return False


def _check_free(team: list[str], states: Mapping[str, Submission]) -> None:
    """Nobody of the team has another entry under way."""
    for name, state in states.items():
        for handle in team:
            if handle in state.team and state.stage in BUSY:
                rule = f"{handle} is in the team of {name}, which is {state.stage}"
                raise ZooError(f"{rule}: one entry at a time (zoo withdraw {name})")
