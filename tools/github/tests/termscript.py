"""A term as a script: what people do and say on which day, from proposals to acceptance.

On one day stands only what may come in any order: commands that mean the same in both, or of which
the later is refused while the earlier is missing. What must not be swapped has days of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tools.github.tests.village import Village


@dataclass(frozen=True)
class Say:
    """A comment of commands.

    Attributes:
        who: login.
        where: name of a place.
        body: a command per line.
        refused: whether it is never obeyed.
    """

    who: str
    where: str
    body: str
    refused: bool = False


@dataclass(frozen=True)
class Propose:
    """An issue by the form."""

    who: str
    model: str
    paper: str


@dataclass(frozen=True)
class Day:
    """What is done without the bot, what is said to it, and when the clock runs.

    Attributes:
        at: when it begins.
        said: comments and proposals, in the order in which they are written.
        hours: until the clock's first run.
        deeds: before that.
    """

    at: str
    said: tuple[Say | Propose, ...] = ()
    hours: float = 2
    deeds: tuple[Callable[[Village], None], ...] = ()


INSTRUCTOR = "instructor-one"


def _teach(where: str, body: str) -> Say:
    return Say(INSTRUCTOR, where, body)


TERM = (
    Day(
        "2026-10-01T10:00:00Z",
        (
            Propose("dev-one", "toy", "1502.03509"),
            Propose("dev-three", "vae", "1312.6114"),
            Propose("dev-two", "gan", "1406.2661"),
            Say("stranger", "toy.issue", "/zoo approve", refused=True),
            Say("dev-one", "toy.issue", "/zoo approve", refused=True),
            _teach("toy.issue", "/zoo approve"),
            _teach("gan.issue", "/zoo decline -- the paper has no public data"),
            _teach("vae.issue", "/zoo approve\n/zoo hold -- the cluster is down"),
        ),
    ),
    Day("2026-10-04T10:00:00Z", (_teach("vae.issue", "/zoo unhold"),)),
    Day(
        "2026-10-05T10:00:00Z",
        (
            Say("dev-one", "toy.pull", "/zoo submit v1"),
            _teach("toy.pull", "/zoo assign @rev-one\n/zoo assign @rev-two"),
            _teach("vae.issue", "/zoo extend @dev-three v1 2026-10-25 23:59"),
        ),
        deeds=(lambda village: village.opens("dev-one", "toy"),),
    ),
    Day(
        "2026-10-06T10:00:00Z",
        (
            Say("rev-one", "toy.pull", "/zoo agree"),
            Say("rev-two", "toy.pull", "/zoo accept"),
            Say("dev-two", "toy.pull", "/zoo accept", refused=True),
        ),
    ),
    Day(
        "2026-10-08T10:00:00Z",
        (
            Say("rev-one", "toy.rev-one", "/zoo file"),
            Say("rev-two", "toy.pull", "/zoo file"),
        ),
        deeds=(
            lambda village: village.reviews("rev-one", "toy"),
            lambda village: village.comments_on_lines("rev-two", "toy"),
        ),
    ),
    Day(
        "2026-10-12T10:00:00Z",
        (Say("dev-one", "toy.pull", "/zoo respond"), Say("dev-one", "toy.pull", "/zoo submit v2")),
        deeds=(lambda village: village.revises("toy"),),
    ),
    Day(
        "2026-10-14T10:00:00Z",
        (
            Say(
                "rev-one",
                "toy.pull",
                "/zoo verify F01 verified\n/zoo verify F02 partial -- line 15 stays\n"
                "/zoo verify F03 verified",
            ),
            Say("rev-two", "toy.pull", "/zoo verify F01 not-fixed -- it says the same"),
            _teach("toy.pull", "/zoo accept"),
            _teach("toy.pull", "/zoo publish"),
        ),
    ),
    Day(
        "2026-10-25T22:50:00Z",  # nine minutes in time, whenever the bot finds it
        (
            Say("dev-three", "vae.pull", "/zoo submit v1"),
            _teach("vae.pull", "/zoo assign @rev-one\n/zoo assign @rev-two"),
        ),
        deeds=(lambda village: village.opens("dev-three", "vae"),),
    ),
    Day(
        "2026-10-26T12:00:00Z",
        (
            Say("rev-two", "vae.pull", "/zoo decline -- I work with one of the authors"),
            _teach("vae.pull", "/zoo assign @rev-three"),
        ),
    ),
    Day(
        "2026-10-27T10:00:00Z",
        (_teach("vae.pull", "/zoo reassign @rev-one @dev-one -- ill"),),
    ),
    Day("2026-10-28T10:00:00Z", (Say("dev-one", "vae.pull", "/zoo agree"),)),
    Day(
        "2026-11-03T20:00:00Z",  # late: the window has closed today
        (
            Say("dev-one", "vae.dev-one", "/zoo file"),
            Say("stranger", "vae.pull", "/zoo file", refused=True),
        ),
        deeds=(lambda village: village.reviews("dev-one", "vae"),),
    ),
    Day("2026-11-04T06:00:00Z"),  # a reminder was sent in the evening
    Day("2026-11-05T10:00:00Z"),  # @rev-three has not come
    Day(
        "2026-11-06T10:00:00Z",
        (
            Say("dev-three", "vae.pull", "/zoo respond"),
            Say("dev-three", "vae.pull", "/zoo submit v2"),
        ),
        deeds=(lambda village: village.revises("vae"),),
    ),
    Day(
        "2026-11-08T10:00:00Z",
        (
            Say(
                "dev-one",
                "vae.pull",
                "".join(f"/zoo verify F0{number} verified\n" for number in (1, 2, 3)),
            ),
            _teach("vae.pull", "/zoo accept"),
        ),
    ),
)
