"""The same term with deliveries repeated, swapped, dropped, raced and cut off: the same ledgers."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from tools.github.bot import mark
from tools.github.commands import parse
from tools.github.tests.disturbing import Course, Rates
from tools.github.tests.village import Village, with_people
from tools.process.fsck import examine
from tools.process.ledger.state import Submission
from tools.process.record import Record
from tools.process.tests.conftest import Term
from tools.process.tests.conftest import term as term

Ledgers = dict[str, list[tuple[str, str, str]]]
Run = Callable[[Rates, int], Course]

TROUBLES = {
    "order": (Rates(repeated=0.5, swapped=0.5, dropped=0.3), 1),
    "races": (Rates(repeated=0.2, raced=0.8, killed=0.3), 4),
    "outages": (Rates(dropped=0.15, failed=0.4, refused=0.1), 3),
}
APPROVE = "/zoo approve"
CALM: list[tuple[Ledgers, dict[str, list[str]]]] = []  # of the one run that all are compared with


@pytest.fixture
def run(term: Term, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    with_people(term)

    def go(rates: Rates, seed: int) -> Course:
        folder = tmp_path / f"run-{seed}"
        folder.mkdir()
        return Course(term, Village(term, folder), rates, seed, monkeypatch).run()

    return go


@pytest.fixture
def calm(run: Run) -> tuple[Ledgers, dict[str, list[str]]]:
    """Ledgers and labels of the term in which nothing goes wrong."""
    if not CALM:
        course = run(Rates(), 0)
        assert course.happened == {}
        said_once(course)
        CALM.append((ledgers(course), labels(course)))
    return CALM[0]


@pytest.mark.parametrize("name", TROUBLES)
def test_the_ledgers_end_equal(
    name: str, run: Run, calm: tuple[Ledgers, dict[str, list[str]]]
) -> None:
    rates, seed = TROUBLES[name]
    course = run(rates, seed)
    meant = [kind for kind, rate in asdict(rates).items() if rate]
    assert all(course.happened.get(kind, 0) >= 3 for kind in meant), course.happened
    if name == "outages":
        assert course.happened["confirmed"], course.happened
    if "raced" in meant:
        assert course.happened["acted again"] >= 3, course.happened
    assert (ledgers(course), labels(course)) == calm
    said_once(course)


def test_the_term_has_everything_in_it(calm: tuple[Ledgers, dict[str, list[str]]]) -> None:
    late = [line for events in calm[0].values() for line in events if line[0] == "late"]
    assert late == [("late", "review", "@dev-one")]  # not the version of the last minutes
    types = {
        model: [event[0] for event in events if event[0] != "late"]
        for model, events in calm[0].items()
    }
    assert [events[-1] for events in types.values()] == [
        "proposal-declined",
        "published",
        "accepted",
    ]
    assert {"held", "released", "extended", "review-refused", "unassigned"} <= set(types["vae"])
    assert types["vae"].count("review-filed") == 1  # the other never came
    assert types["toy"].count("review-filed") == 2


def test_one_proposal_on_two_machines_is_one(
    term: Term, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue of the workflows keeps these apart; the ledger does not depend on it."""
    with_people(term)
    course = Course(term, Village(term, tmp_path), Rates(), 0, monkeypatch)
    course.village.proposes("dev-one", "toy", "1502.03509")
    issue = course.village.github.issue_table[1]
    course.race(issue, issue)
    comment = course.village.github.say(1, course.village.github.users["instructor-one"], APPROVE)
    course.race(comment, comment)
    assert course.happened == {"acted again": 2}
    assert [event[0] for event in ledgers(course)["toy"]] == ["proposed", "approved"]


def ledgers(course: Course) -> Ledgers:
    """(type, actor, data) of every event, per entry, of a record that is whole; and what was late.

    Of neighbouring events of one type, such as two reviewers' filings, the order does not count.
    """
    record, found = Record(course.village.clone()), {}
    assert examine(record) == ([], [])
    ids = Counter(event.id for model in record.models() for event in record.events(model))
    assert set(ids.values()) == {1}
    for model in record.models():
        events = [
            (event.payload.TYPE, event.actor, json.dumps(asdict(event.payload), sort_keys=True))
            for event in record.events(model)
        ]
        runs = itertools.groupby(events, key=lambda event: event[0])
        found[model] = [event for _, same in runs for event in sorted(same)]
        found[model] += [("late", *late) for late in sorted(_late(record.state(model)))]
    return found


def _late(state: Submission) -> Iterator[tuple[str, str]]:
    """(what, who) of all that was not in time."""
    for version in (state.v1, state.v2):
        if version is not None and version.late:
            yield "version", version.by
    for review in state.reviews.values():
        if review.late:
            yield "review", review.reviewer


def labels(course: Course) -> dict[str, list[str]]:
    """Labels of issues and pull requests by their places, and which are merged or closed.

    A closed proposal keeps the labels that it had.
    """
    github, found = course.village.github, {}
    for place, number in course.village.places.items():
        pull, issue = github.pull_table.get(number), github.issue_table[number]
        if pull is None and not issue.is_open:
            found[place] = ["closed"]
            continue
        found[place] = [*sorted(issue.labels), *(["merged"] if pull and pull.merged else [])]
    return found


def said_once(course: Course) -> None:
    """Every command has one reply; no status, reminder or other mark of the bot's comes twice."""
    github = course.village.github
    comments = list(github.comment_table.values())
    bot = [(c.number, c.body.partition("\n")[0]) for c in comments if c.author == github.bot]
    marks = Counter(bot)
    assert {each: count for each, count in marks.items() if count > 1} == {}
    people = [one for one in comments if one.author != github.bot and parse(one.body)]
    replies = {each for each in marks if "zoo:reply" in each[1]}
    assert replies == {(one.number, mark(one)) for one in people}
