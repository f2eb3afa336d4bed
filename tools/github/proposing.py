"""Proposals from issues: the form `.github/ISSUE_TEMPLATE/proposal.yml`, read back and recorded.

GitHub writes a form's answers into the issue as `### Label` and the text below it. Whoever opens an
issue can write anything there: every answer is untrusted text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from tools.github.port import Issue
from tools.process.ledger.events import Proposed
from tools.process.proposals import arxiv_id, check_proposal, existing_cards
from tools.process.record import Record
from tools.process.rules.roster import Roster
from tools.scaffold import check_name
from tools.text import one_line
from zoo.core.cards import Family
from zoo.core.errors import ZooError, nearest

LABELS = {  # field: its label in the form, in the form's order
    "entry": "Entry",
    "title": "Title of the paper",
    "paper": "arXiv identifier",
    "family": "Family",
    "team": "Team",
    "claims": "Claims",
    "dataset": "Data set",
    "compute": "Compute",
    "rules": "Rules",
}
OPTIONAL = ("team",)
LONGEST = 300  # characters of a line: a proposal is read in a table
MOST = 20  # claims, or people
RULES = 2  # boxes to tick
PROPOSAL_MARK = "<!-- zoo:proposal -->"
AT_ONCE = timedelta(minutes=1)  # the form's own labels are put on within it
CHANGED = (
    "this was not taken when it was opened, and something has changed here since: GitHub does not "
    "say whose text it is by now; its author edits it, and so confirms it"
)
_EMPTY = "_No response_"  # what GitHub writes for nothing
_BOX = re.compile(r"^- \[([ xX])\] ", re.MULTILINE)


@dataclass(frozen=True)
class ProposalForm:
    """The answers as they were written, without outer white space; "" where there is none."""

    entry: str
    title: str
    paper: str
    family: str
    team: str
    claims: str
    dataset: str
    compute: str
    rules: str


@dataclass(frozen=True)
class Outcome:
    """What became of a proposal.

    Attributes:
        model: the entry; "" where nothing was recorded.
        lines: what to tell its author: plain text, which may quote the form.
    """

    model: str
    lines: tuple[str, ...]

    @property
    def recorded(self) -> bool:
        """Whether the ledger holds the proposal."""
        return bool(self.model)


def read_form(body: str) -> ProposalForm:
    """The answers in an issue's body.

    A heading in an answer belongs to the answer unless it is a label of the form: those occur once.

    Raises:
        ZooError: labels are missing, repeated or in another order.
    """
    fields_by_label = {label: name for name, label in LABELS.items()}
    answers: dict[str, list[str]] = {}
    name = ""
    for line in body.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        label = line.removeprefix("### ").strip() if line.startswith("### ") else ""
        if label in fields_by_label:
            name = fields_by_label[label]
            if name in answers:
                rule = f"the heading '### {label}' occurs twice"
                raise ZooError(f"{rule}: write #### in an answer, so that it is clear which counts")
            answers[name] = []
        elif name:
            answers[name].append(line)
    missing = [label for name, label in LABELS.items() if name not in answers]
    if missing:
        fix = "open a new issue with the form 'Propose a paper'"
        raise ZooError(f"the heading '### {missing[0]}' of the form is missing: {fix}")
    if list(answers) != list(LABELS):
        raise ZooError("the headings are not in the order of the form: open a new issue with it")
    texts = {name: "\n".join(lines).strip() for name, lines in answers.items()}
    return ProposalForm(**{name: "" if t == _EMPTY else t for name, t in texts.items()})


def propose_from_issue(
    record: Record, issue: Issue, now: datetime, *, found: bool = False
) -> Outcome:
    """Record the proposal in an issue; or say, one line per field, what is wrong with it.

    It counts as of when it was opened or edited. The same issue again changes nothing once it is
    recorded, whatever it says by then.

    Args:
        record: the newest one.
        issue: as it was delivered, or found.
        now: the present moment.
        found: whether it was found later, when nobody says who wrote what stands there.
    """
    event_id = f"issue-{issue.number}"
    for model, state in record.states().items():
        if event_id in state.seen:
            return Outcome(model, (f"this issue is the proposal of {model}, which is recorded",))
    if found and issue.updated_at - issue.created_at > AT_ONCE:
        return Outcome("", (CHANGED,))
    record.said_at = issue.updated_at
    people = [p for p in record.roster.people.values() if p.github_id == issue.author.id]
    if len(people) != 1:
        rule = f"the account {one_line(issue.author.login)} is not in reviews/roster.yaml"
        return Outcome("", (f"{rule}: ask the instructor to enter its number, {issue.author.id}",))
    author = people[0].handle
    try:
        form = read_form(issue.body)
    except ZooError as error:
        return Outcome("", (one_line(error),))
    proposed, problems = _proposed(record, form, author)
    if proposed is None:
        return Outcome("", tuple(problems))
    try:
        check_proposal(
            form.entry,
            proposed,
            states=record.states(),
            cards=existing_cards(record.root),
            policy=record.policy,
            roster=record.roster,
            now=min(now, issue.updated_at),
        )
        record.append(form.entry, author, proposed, event_id=event_id)
    except ZooError as error:
        return Outcome("", (one_line(error),))
    record.commit(f"{form.entry}: proposed by {', '.join(proposed.team)}")
    said = f"{form.entry} is proposed by {', '.join(proposed.team)}; next, the instructor approves"
    return Outcome(form.entry, (said,))


class _Reader:
    """Turns answers into values, and keeps one problem per field, in the form's order."""

    def __init__(self, form: ProposalForm) -> None:
        self.form = form
        self.problems: dict[str, str] = {}

    def refuse(self, name: str, rule: object) -> None:
        """Note a field's first problem."""
        self.problems.setdefault(name, one_line(f"{LABELS[name]}: {rule}"))

    def lines(self, name: str) -> list[str]:
        """An answer's lines that are not blank, without bullets."""
        text = getattr(self.form, name)
        found = [re.sub(r"^\s*[-*+]\s+", "", line).strip() for line in text.split("\n")]
        found = [line for line in found if line]
        if not found and name not in OPTIONAL:
            self.refuse(name, "there is no answer; edit the issue")
        if len(found) > MOST:
            self.refuse(name, f"{len(found)} lines; {MOST} must do")
        for line in found[:MOST]:
            if not line.isprintable():
                self.refuse(name, "an invisible character is in it; delete it")
            elif len(line) > LONGEST:
                self.refuse(name, f"a line of {len(line)} characters; {LONGEST} must do")
        return found[:MOST]

    def line(self, name: str, check: Callable[[str], object] = str) -> str:
        """An answer of one line that passes a check, which may be written otherwise after it."""
        found = self.lines(name)
        if len(found) > 1:
            self.refuse(name, f"{len(found)} lines; write one")
        if name in self.problems or not found:
            return ""
        try:
            return str(check(found[0]) or found[0])
        except ZooError as error:
            self.refuse(name, error)
            return ""

    def team(self, roster: Roster, author: str) -> list[str]:
        """Handles of the team, its author first."""
        words = re.split(r"[\s,;]+", " ".join(self.lines("team")))
        named = [word for word in words if word]
        if not named:
            return roster.team(author)
        try:
            others = [roster.find(word).handle for word in named[:MOST]]
        except ZooError as error:
            self.refuse("team", error)
            return []
        return list(dict.fromkeys([author, *others]))

    def boxes(self, name: str) -> None:
        """Refuse unless every box of the form is ticked."""
        boxes = _BOX.findall(getattr(self.form, name))
        if len(boxes) != RULES or " " in boxes:
            self.refuse(name, "tick every box; edit the issue")


def _proposed(record: Record, form: ProposalForm, author: str) -> tuple[Proposed | None, list[str]]:
    """The proposal in a form, or None and what is wrong, one line per field."""
    read = _Reader(form)
    read.line("entry", check_name)
    proposed = Proposed(
        title=read.line("title"),
        paper=read.line("paper", arxiv_id),
        family=read.line("family", _check_family),
        team=read.team(record.roster, author),
        claims=read.lines("claims"),
        dataset=read.line("dataset"),
        compute=read.line("compute"),
    )
    read.boxes("rules")
    return (None if read.problems else proposed), list(read.problems.values())


def _check_family(family: str) -> None:
    families = get_args(Family)
    if family not in families:
        raise ZooError(f"unknown family '{family}': {nearest(family, families)}")
