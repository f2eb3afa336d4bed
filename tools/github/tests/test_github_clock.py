"""`zoo github clock`, which runs by itself, and `init`, which an instructor runs once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import tools.cli.github as module
from tools.cli import main
from tools.github import serving
from tools.github.tests.job import Job
from tools.github.tests.place import Place
from tools.github.tests.test_proposing import body
from tools.process.tests.conftest import Term
from tools.process.tests.conftest import term as term
from zoo.core.errors import ZooError


@pytest.fixture
def job(term: Term, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    return Job(term, tmp_path, monkeypatch)


def test_the_clock_answers_what_was_missed_and_closes_what_is_over(job: Job) -> None:
    job.world.approved()
    job.begin()
    said = job.github.say(job.world.pull(), job.github.users["dev-one"], "/zoo status")
    job.world.term.at("2026-10-01T11:00:00Z")
    done = job.run("clock")
    assert done.exit_code == 0, done.output
    assert f"zoo: comment {said.id}: answered\n" in done.output
    job.world.term.at("2026-10-21T10:00:00Z")  # version 1 was due on the 19th
    assert "zoo: vae: closed\n" in job.run("clock").output
    assert job.recorded().state("vae").stage == "missing"
    assert job.run("clock").output == "zoo: nothing is due\n"


def test_nothing_is_closed_while_a_comment_of_before_waits(job: Job) -> None:
    job.world.approved()
    job.begin()
    number, github = job.world.pull(), job.github
    job.world.term.at("2026-10-20T21:59:59Z")  # the last second of late work
    said = github.say(number, github.users["dev-one"], "/zoo withdraw -- no data")
    github.say(number, github.add_user("stranger"), "/zoo status")
    job.world.term.at("2026-10-22T10:00:00Z")
    github.fail(method="react", status=403)
    first = job.run("clock")
    assert f"zoo: comment {said.id}: answered: GitHub answered 403\n" in first.output
    assert job.recorded().state("vae").stage == "approved"
    assert f"zoo: comment {said.id}: answered\n" in job.run("clock").output
    (event,) = job.recorded().events("vae")[2:]
    assert (event.payload.TYPE, event.at) == ("withdrawn", said.created_at)


@pytest.mark.parametrize(("login", "at"), [("stranger", 20), ("rev-one", 20), ("dev-one", 22)])
def test_a_comment_that_could_not_be_in_time_holds_nothing_up(
    job: Job, login: str, at: int
) -> None:
    job.world.approved()
    job.begin()
    number, github = job.world.pull(), job.github
    job.world.term.at(f"2026-10-{at}T09:00:00Z")
    github.add_user("stranger")
    github.say(number, github.users[login], "/zoo withdraw -- no data")
    job.world.term.at("2026-10-22T10:00:00Z")
    github.fail(method="react", status=403)
    assert "vae: closed" in job.run("clock").output
    assert job.recorded().state("vae").stage == "missing"


def test_what_was_missed_for_days_is_found(job: Job) -> None:
    job.world.approved()
    job.begin()
    said = job.github.say(job.world.pull(), job.github.users["dev-one"], "/zoo withdraw -- ill")
    job.world.term.at("2026-10-08T09:59:59Z")
    assert f"comment {said.id}: answered" in job.run("clock").output
    assert job.recorded().state("vae").stage == "withdrawn"


def test_the_clock_is_never_ahead(job: Job) -> None:
    job.world.approved()
    job.begin()
    job.world.term.at("2026-10-21T10:00:00Z")
    ahead = job.run("clock", "--at", "2026-10-21T10:00:01Z")
    assert ahead.exit_code == 1
    assert "is to come: the ledgers would refuse everybody until then" in ahead.output
    assert "is no time: write" in job.run("clock", "--at", "::stop::\nx").output
    assert job.recorded().state("vae").stage == "approved"
    earlier = job.run("clock", "--at", "2026-10-02T10:00:00Z")
    assert (earlier.exit_code, job.recorded().state("vae").stage) == (0, "approved")
    job.world.term.at("2026-10-21T10:00:00Z")
    assert "vae: closed" in job.run("clock", "--at", "").output


def test_what_the_clock_could_not_do_fails_the_job_and_stops_nothing(job: Job) -> None:
    job.world.approved()
    job.begin()
    job.world.pull()
    job.github.fail(method="set_labels")
    done = job.run("clock")
    assert done.exit_code == 1
    assert "GitHub answered 502" in done.output
    assert "1 of this could not be done; the next run tries again" in done.output
    assert job.run("clock").exit_code == 0


def test_what_cannot_be_closed_keeps_nobody_from_being_reminded(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    job.world.approved()
    job.begin()
    number = job.world.pull()

    def broken(record: object, now: object, waiting: object) -> list[str]:
        raise ZooError("reviews/x/events.jsonl:1: not JSON")

    monkeypatch.setattr(serving, "close_over", broken)
    done = job.run("clock")
    assert done.exit_code == 1
    assert "zoo: closing what is over: reviews/x/events.jsonl:1: not JSON" in done.output
    assert "zoo:approved" in job.github.issue(number).labels


def test_the_clock_takes_a_proposal_that_was_missed_once(job: Job) -> None:
    job.begin()
    author = job.github.users["dev-one"]
    missed = job.github.add_issue(author, "P", body(), ["proposal"])
    refused = job.github.add_issue(author, "P", body(entry="No Name"), ["proposal"])
    job.github.add_issue(author, "Not by the form", "### Entry")
    assert job.run("clock").output == "zoo: nothing is due\n"  # their own jobs are on their way
    job.world.term.at("2026-10-01T10:10:00Z")
    assert job.run("clock").output.splitlines()[:2] == [
        f"zoo: issue {refused.number}: answered",
        f"zoo: issue {missed.number}: answered",
    ]
    assert job.recorded().state("vae").stage == "proposed"
    calls = len(job.github.calls)
    assert job.run("clock").output == "zoo: nothing is due\n"
    quiet = job.github.calls[calls:]
    assert quiet.count("comments") == 1  # that of the entry's status, none for each proposal


def test_a_proposal_that_nobody_answered_for_a_week_is_left_to_its_author(job: Job) -> None:
    job.begin()
    job.github.add_issue(job.github.users["dev-one"], "P", body(), ["proposal"])
    job.world.term.at("2026-10-08T10:00:01Z")
    assert job.run("clock").output == "zoo: nothing is due\n"


def test_a_proposal_whose_answer_was_lost_is_answered(job: Job) -> None:
    job.begin()
    issue = job.github.add_issue(job.github.users["dev-one"], "P", body(), ["proposal"])
    job.github.fail(method="create_comment")
    assert job.issue(issue).output == "Error: GitHub answered 502\n"
    assert job.recorded().state("vae").stage == "proposed"
    job.world.term.at("2026-10-01T10:10:00Z")
    assert "zoo: issue 1: answered\n" in job.run("clock").output
    assert "which is recorded" in job.github.said(1)[0]


def init(job: Job, place: Place, *words: str) -> Result:
    job.patch.setattr(module, "_transport", place.api)
    return CliRunner().invoke(main, ["github", "init", *words])


def test_init_shows_every_change_before_it_makes_any(job: Job) -> None:
    job.begin()
    place = Place()
    job.github.permissions["instructor-one"] = "admin"
    shown = init(job, place, "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert (place.written, job.github.labels, job.github.milestones) == ([], {}, {})
    made = init(job, place)
    assert made.exit_code == 0, made.output
    assert re.findall("would set: (.*)", shown.output) == re.findall(" set: (.*)", made.output)
    assert len(place.written) == 5
    assert init(job, place).output == "zoo: everything is set\n"


def test_init_says_what_is_left_for_hands_and_fails(job: Job) -> None:
    job.begin()
    place = Place()
    place.forbidden = ("/rulesets",)
    job.github.permissions |= {"instructor-one": "admin", "dev-one": "write"}
    done = init(job, place)
    assert done.exit_code == 1
    assert "Settings → Rules → Rulesets: for ~DEFAULT_BRANCH forbid deletion" in done.output
    assert "look at: @dev-one has write and could go round the bot" in done.output
    assert "Error: 3 things are left for you to mend; see above" in done.output
    job.github.permissions["dev-one"] = "read"
    assert "Error: 2 things are left for you to mend" in init(job, place).output


def test_init_needs_an_administrator(job: Job) -> None:
    job.begin()
    place = Place()
    place.general["permissions"] = {"admin": False}
    done = init(job, place)
    assert "Error: the token may not administer zoo-course/zoo" in done.output
    assert place.written == []
