"""Where the clock finds an entry talked about, and what was left behind there."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta

import pytest

from tools.github.clockwork import Report, _left_behind, conversations
from tools.github.labels import project
from tools.github.port import ChangedFile
from tools.github.tests.world import World
from tools.process import clock
from tools.process.ledger import events as ev
from tools.process.tests.conftest import Term
from tools.process.tests.conftest import term as term
from tools.process.tests.revision import revise, submitted
from zoo.core.errors import ZooError


@pytest.fixture
def world(term: Term) -> World:
    return World(term)


@pytest.fixture
def revised(world: World) -> World:
    """The toy entry of the other tests, under revision."""
    revise(world.term)
    return world


def places(world: World, report: Report | None = None) -> dict[str, list[int]]:
    github = world.github
    return conversations(github, world.term.record, github.issues(), report or Report())


def test_the_pull_requests_of_the_team(world: World) -> None:
    world.approved()
    old, new = world.pull(), world.pull("zoo/vae/recipe.py", "dev-two")
    world.pull(by="rev-one")
    world.pull("reviews/vae/v1/rev-one.md", "rev-one")
    world.pull("zoo/unknown/model.py")
    world.github.add_pull(
        world.github.users["dev-one"], {"zoo/vae/model.py": "x", "zoo/wgan/model.py": "x"}
    )
    assert places(world) == {"vae": [new, old]}
    world.github.close_issue(new)
    assert places(world) == {"vae": [old]}


def test_a_developer_of_one_entry_is_none_of_another(world: World) -> None:
    world.approved()
    proposal = ev.Proposed("Toy", "1502.03509", "flow", ["@dev-two"], ["nll"], "digits", "laptop")
    world.term.happens("made", "@dev-two", proposal)
    number = world.pull("zoo/made/model.py", "dev-two")
    world.pull("zoo/made/model.py", "dev-one")
    assert places(world) == {"made": [number]}


def test_strangers_cost_nothing(world: World) -> None:
    world.approved()
    world.github.add_user("stranger")
    world.pull(by="stranger")
    world.strike("2026-10-02T12:00:00Z")
    assert "pull" not in world.github.calls


def proposed(world: World) -> int:
    """The entry vae begins with an issue; its number."""
    issue = world.github.add_issue(world.github.users["dev-one"], "vae")
    team = ["@dev-one"]
    proposal = ev.Proposed("Toy", "1312.6114", "flow", team, ["nll"], "digits", "laptop")
    record = world.term.record
    record.append("vae", "@dev-one", proposal, event_id=f"issue-{issue.number}")
    world.term.happens("vae", "@instructor-one", ev.Approved(asdict(record.policy.rules())))
    return issue.number


def test_the_proposal_comes_last(world: World) -> None:
    issue = proposed(world)
    assert places(world) == {"vae": [issue]}
    number = world.pull()
    assert places(world) == {"vae": [number, issue]}


def test_a_move_to_the_pull_request_reminds_nobody_again(world: World) -> None:
    issue = proposed(world)
    world.strike("2026-10-19T12:00:00Z")
    number = world.pull()
    world.strike("2026-10-19T12:30:00Z")
    assert (len(world.marks(issue)), world.marks(number)) == (1, [])
    world.strike("2026-10-19T22:00:00Z")
    assert (len(world.marks(issue)), len(world.marks(number))) == (1, 1)
    assert world.github.issue_table[issue].labels == ("zoo:approved", "zoo:late")
    assert world.github.issue_table[number].labels == ("zoo:approved", "zoo:late")


def test_a_closed_proposal_is_left_as_it_is_but_reminders_arrive(world: World) -> None:
    issue = proposed(world)
    world.github.close_issue(issue)
    world.strike("2026-10-19T12:00:00Z")
    assert len(world.marks(issue)) == len(world.github.said(issue)) == 1
    assert world.github.issue_table[issue].labels == ()


def test_one_pull_request_of_too_many_files_holds_nobody_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.approved()
    number, vast = world.pull(), world.pull(by="dev-two")
    changed, head = world.github.changed_files, world.github.pull(vast).head_sha

    def files(base: str, sha: str) -> list[ChangedFile]:
        if sha == head:
            raise ZooError("300 files or more")
        return changed(base, sha)

    monkeypatch.setattr(world.github, "changed_files", files)
    report = Report()
    assert (places(world, report), report) == ({"vae": [number]}, Report())


def test_labels_of_a_merged_pull_request_follow(revised: World) -> None:
    """GitHub failed in the very job that would have changed them."""
    term, github = revised.term, revised.github
    number, other = revised.pull("zoo/toy/model.py"), revised.pull("zoo/toy/x.py", "dev-two")
    head = github.pull(number).head_sha
    submitted(term)
    accepted = replace(term.state("toy").v2, commit=head)
    for one in (number, other):
        github.set_labels(one, ["mine", "zoo:v2-submitted"])
        github.close_issue(one)
    state = replace(term.state("toy"), stage="accepted", v2=accepted, since=clock.now())
    for after, expected in ((state, "accepted"), (replace(state, stage="published"), "published")):
        for issue, found in list(_left_behind(github, {"toy": after}, clock.now())):
            project(github, issue, found, term.record.policy, clock.now())
        assert github.issue(number).labels == ("mine", f"zoo:{expected}")
    assert github.issue(other).labels == ("mine", "zoo:v2-submitted")
    calls = len(github.calls)
    late = clock.now() + timedelta(days=1)
    assert list(_left_behind(github, {"toy": state}, late)) == []
    assert len(github.calls) == calls


def test_an_entry_that_github_does_not_tell_of_waits(world: World) -> None:
    issue, number = proposed(world), world.pull()
    world.strike("2026-10-19T12:00:00Z")
    world.github.fail(method="changed_files", status=0)
    report = world.strike("2026-10-19T22:00:00Z")
    assert report.faults == [f"pull request {number}: GitHub answered 0"]
    assert (world.marks(issue), len(world.marks(number))) == ([], 1)
    assert world.strike("2026-10-19T22:30:00Z").faults == []
    assert len(world.marks(number)) == 2
