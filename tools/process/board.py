"""The board of a term: one row per entry. It follows from the ledgers alone, whatever the time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

from tools.process.ledger.state import Submission, Submitted
from tools.process.rules.policy import Policy
from tools.process.times import short
from tools.text import escape, one_line

# Deadline that the stage runs to; the other stages have none.
DEADLINE = {"approved": "v1", "in-review": "review", "revising": "v2", "v2-submitted": "sign-off"}
HEADINGS = ("entry", "stage", "since", "version 1", "reviews", "version 2", "next date")


@dataclass(frozen=True)
class Row:
    """An entry on the board.

    Attributes:
        model: name of the entry.
        stage: where it stands.
        since: when it came there.
        v1: when version 1 was submitted.
        v1_late: whether within the grace period only.
        reviews: how many reviews are in.
        reviewers: of how many.
        v2: when version 2 was submitted.
        v2_late: whether within the grace period only.
        next: the next deadline; None where there is no date.
    """

    model: str
    stage: str
    since: datetime | None
    v1: datetime | None
    v1_late: bool
    reviews: int
    reviewers: int
    v2: datetime | None
    v2_late: bool
    next: datetime | None

    def cells(self, zone: ZoneInfo) -> list[str]:
        """The row's texts, in the order of `HEADINGS`."""
        reviews = f"{self.reviews} of {self.reviewers}" if self.reviewers else "–"
        return [
            self.model,
            self.stage,
            _date(self.since, zone),
            _date(self.v1, zone, self.v1_late),
            reviews,
            _date(self.v2, zone, self.v2_late),
            _date(self.next, zone),
        ]


def row(state: Submission) -> Row:
    """What the board says of an entry."""
    reviews = state.reviews.values()
    return Row(
        model=state.model,
        stage=state.stage,
        since=state.since,
        v1=_at(state.v1),
        v1_late=state.v1 is not None and state.v1.late,
        reviews=sum(review.status in ("filed", "revealed") for review in reviews),
        reviewers=len(reviews),
        v2=_at(state.v2),
        v2_late=state.v2 is not None and state.v2.late,
        next=next_date(state),
    )


def next_date(state: Submission) -> datetime | None:
    """The deadline that the present stage runs to, the last one where people's differ."""
    stage = DEADLINE.get(state.stage)
    if stage is None:
        return None
    people = list(state.reviews) if stage in ("review", "sign-off") else [None]
    dates = [state.due(stage, who) for who in people or [None]]
    return max(filter(None, dates), default=None)


def board_page(states: Mapping[str, Submission], policy: Policy) -> str:
    """The page `reviews/README.md`: every entry with its paper, its dates and its record."""
    lines = [
        "# Reviews",
        "",
        "Every entry passes through proposal, version 1, peer review, version 2 and sign-off.",
        f"Times are those of {policy.time_zone}. This page is made by `zoo reconcile`.",
        "",
    ]
    if not states:
        return "\n".join([*lines, "Nothing has been proposed yet."]) + "\n"
    headings = [*HEADINGS[:1], "paper", *HEADINGS[1:], "record"]
    lines += [_line(headings), "|---" * len(headings) + "|"]
    for model in sorted(states):
        state = states[model]
        name, *cells = row(state).cells(policy.zone)
        link = f"[{name}](../zoo/{name}/README.md)" if state.v1 else name
        lines.append(_line([link, _paper(state), *cells, _record(state)]))
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _paper(state: Submission) -> str:
    """The title, linked to arXiv."""
    if state.proposal is None:
        return ""
    paper = quote(state.proposal.paper)
    return f"[{escape(one_line(state.proposal.title))}](https://arxiv.org/abs/{paper})"


def _record(state: Submission) -> str:
    """Links to what can be read about an entry, in the order in which it was written."""
    model, links = state.model, []
    for review in state.reviews.values():
        if review.status == "revealed":
            name = review.reviewer.removeprefix("@")
            links.append(f"[review by {name}]({model}/v1/{name}.md)")
    if state.response_sha256:
        links.append(f"[response]({model}/v2/response.md)")
    for name in dict.fromkeys(key.partition("/")[0] for key in state.signatures):
        links.append(f"[sign-off by {name}]({model}/v2/{name}.md)")
    return ", ".join([*links, f"[history]({model}/events.jsonl)"])


def _at(version: Submitted | None) -> datetime | None:
    return version.at if version else None


def _date(moment: datetime | None, zone: ZoneInfo, late: bool = False) -> str:
    """Course time, or a dash where there is nothing to say."""
    if moment is None:
        return "–"
    return short(moment, zone) + (" (late)" if late else "")
