"""Comments that nobody answered, because Actions was down."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tools.github.bot import Reply, answer
from tools.github.clockwork import Report, sweep
from tools.github.port import Comment
from tools.github.tests.world import World
from tools.process.rules.policy import moment
from tools.process.tests.conftest import Term
from tools.process.tests.conftest import term as term


@pytest.fixture
def world(term: Term) -> World:
    return World(term)


def sweeping(world: World, since: str = "2026-10-01T00:00:00Z") -> tuple[list[int], Report]:
    """Ids of the comments that a sweep at noon of 2 October hands on."""
    handed: list[int] = []

    def handle(comment: Comment) -> None:
        handed.append(comment.id)
        answer(comment, Reply("done", "rocket"), world.github)

    return handed, swept(world, handle, since)


def swept(
    world: World, handle: Callable[[Comment], object], since: str = "2026-10-01T00:00:00Z"
) -> Report:
    """A sweep at noon of 2 October."""
    comments = list(world.github.comments_since(moment(since)))
    return sweep(world.github, comments, moment(since), moment("2026-10-02T12:00:00Z"), handle)


def test_only_commands_without_an_answer(world: World) -> None:
    number, dev = world.pull(), world.github.users["dev-one"]
    done = world.github.say(number, dev, "/zoo help")
    answer(done, Reply("help", "rocket"), world.github)
    missed = world.github.say(number, dev, "Please:\n\n/zoo status")
    world.github.react(missed.id, "eyes")
    world.github.say(number, dev, "no command")
    world.github.say(number, dev, "```\n/zoo status\n```")
    world.github.say(number, world.github.bot, "/zoo status")
    world.github.say(number, world.github.add_user("other[bot]", is_bot=True), "/zoo status")
    world.github.say(number, dev, "/zoo status", at=moment("2026-09-30T23:59:59Z"))
    world.github.say(number, dev, "/zoo status", at=moment("2026-10-02T11:50:01Z"))
    late = world.github.say(number, dev, "/zoo status", at=moment("2026-10-02T11:50:00Z"))
    handed, report = sweeping(world)
    assert handed == [missed.id, late.id]
    assert report.done == [f"comment {missed.id}: answered", f"comment {late.id}: answered"]
    assert sweeping(world) == ([], Report())


def test_what_was_answered_costs_no_question(world: World) -> None:
    number, dev = world.pull(), world.github.users["dev-one"]
    for _ in range(5):
        answer(world.github.say(number, dev, "/zoo help"), Reply("help"), world.github)
    world.github.calls.clear()
    assert sweeping(world) == ([], Report())
    assert "comments" not in world.github.calls


def test_an_answer_by_somebody_else_is_none(world: World) -> None:
    number, dev = world.pull(), world.github.users["dev-one"]
    missed = world.github.say(number, dev, "/zoo status")
    world.github.say(
        number, world.github.users["rev-one"], f"<!-- zoo:reply comment-{missed.id} -->"
    )
    assert sweeping(world)[0] == [missed.id]


def test_a_comment_of_before_that_was_edited_since(world: World) -> None:
    number, dev = world.pull(), world.github.users["dev-one"]
    old = world.github.say(number, dev, "old", at=moment("2026-09-01T00:00:00Z"))
    world.github.edit(old.id, "/zoo status")
    assert sweeping(world)[0] == []


def test_a_conversation_that_is_gone(world: World) -> None:
    number, dev = world.pull(), world.github.users["dev-one"]
    world.github.say(number, dev, "/zoo status")
    world.github.fail(method="comments", status=404)
    assert sweeping(world) == ([], Report())


def test_a_failed_answer_is_tried_again(world: World) -> None:
    number, dev = world.pull(), world.github.users["dev-one"]
    first = world.github.say(number, dev, "/zoo status")
    second = world.github.say(number, dev, "/zoo status")
    world.github.fail(method="create_comment")
    handed, report = sweeping(world)
    assert handed == [first.id, second.id]
    assert report.faults == [f"comment {first.id}: answered: GitHub answered 502"]
    assert sweeping(world)[0] == [first.id]


def test_what_breaks_is_said_and_the_rest_goes_on(world: World) -> None:
    number, dev = world.pull(), world.github.users["dev-one"]
    first = world.github.say(number, dev, "/zoo status")
    second = world.github.say(number, dev, "/zoo status")

    def handle(comment: Comment) -> bool:
        return 1 // (comment.id - first.id) >= 0

    report = swept(world, handle)
    wrong = "ZeroDivisionError: integer division or modulo by zero"
    assert report.faults == [f"comment {first.id}: answered: {wrong}"]
    assert report.done == [f"comment {second.id}: answered"]
    assert report.waiting == [first]
