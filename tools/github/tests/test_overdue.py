"""The instructor's one list of what is late."""

from __future__ import annotations

import pytest

from tools.github.clockwork import close_over
from tools.github.tests.world import World
from tools.process import clock
from tools.process.ledger import events as ev
from tools.process.tests.conftest import Term
from tools.process.tests.conftest import term as term


@pytest.fixture
def world(term: Term) -> World:
    return World(term)


def overdue(world: World) -> list[str]:
    """What the bot says in the issue "Overdue"."""
    issues = [i for i in world.github.issue_table.values() if i.title == "Overdue"]
    assert len(issues) <= 1
    return world.github.said(issues[0].number) if issues else []


def test_nothing_is_opened_while_nothing_is_late(world: World) -> None:
    world.approved()
    world.strike("2026-10-19T12:00:00Z")
    assert overdue(world) == []


def test_one_list_edited_in_place(world: World) -> None:
    world.approved("made", "1502.03509")
    world.submitted()
    number = world.pull()
    for _ in range(2):
        world.strike("2026-10-19T22:00:00Z")
    head = ["<!-- zoo:overdue -->", "| entry | who | owes | since |", "|---|---|---|---|"]
    late = (
        "**late**, due Mon 19 Oct 2026 23:59 CEST (21:59 UTC); "
        "closes Tue 20 Oct 2026 23:59 CEST (21:59 UTC)"
    )
    (said,) = overdue(world)
    assert said.splitlines() == [
        *head,
        f"| `made` | `@dev-one`, `@dev-two` | submit version 1 | {late} |",
    ]
    close_over(world.term.at("2026-10-21T12:00:00Z").record, clock.now())
    world.strike("2026-10-21T12:00:00Z")
    (said,) = overdue(world)
    assert said.splitlines() == [
        *head,
        "| `made` | `@dev-one`, `@dev-two` | version 1 | missing |",
        f"| [`vae`](../issues/{number}) | `@rev-one` | the review | missing |",
        f"| [`vae`](../issues/{number}) | `@rev-two` | the review | missing |",
    ]
    for model in ("made", "vae"):
        world.term.happens(model, "@dev-one", ev.Withdrawn("no time"))
    world.strike("2026-10-21T13:00:00Z")
    assert overdue(world) == ["<!-- zoo:overdue -->\nNothing is late.\n"]


def test_a_list_by_somebody_else_is_left_alone(world: World) -> None:
    world.approved()
    theirs = world.github.add_issue(world.github.users["dev-two"], "Mine", "", ["zoo:overdue"])
    world.strike("2026-10-19T22:00:00Z")
    assert len(overdue(world)) == 1
    assert world.github.said(theirs.number) == []


def test_a_list_that_was_closed_stays_the_one(world: World) -> None:
    world.approved()
    world.strike("2026-10-19T22:00:00Z")
    world.github.close_issue(max(world.github.issue_table))
    world.strike("2026-10-20T12:00:00Z")
    assert len(overdue(world)) == 1
