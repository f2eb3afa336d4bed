"""Labels and milestones follow the ledger, leave everybody else's alone, and cost few calls."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from tools.github.labels import (
    LABELS,
    PREFIX,
    apply_projections,
    labels_of,
    milestone_of,
    milestones,
)
from tools.github.tests.fake import FakeGitHub
from tools.process import clock
from tools.process.ledger import events as ev
from tools.process.ledger.state import StageName
from tools.process.rules.policy import moment
from tools.process.tests.conftest import Term
from tools.process.tests.conftest import term as term

V1 = moment("2026-10-19T21:59:59Z")


@pytest.fixture
def github(term: Term) -> FakeGitHub:
    """Issue 1 proposes the approved entry vae."""
    github = FakeGitHub()
    github.add_issue(github.add_user("someone"), "vae", labels=["help wanted"])
    term.approved("vae", "@dev-one")
    return github


def project(github: FakeGitHub, term: Term) -> tuple[bool, list[str], list[str]]:
    """Whether anything was done, the calls, and the writes among them."""
    calls, writes = len(github.calls), len(github.writes)
    state = term.state("vae")
    done = apply_projections(github, 1, state, term.record.policy, clock.now())
    return done, github.calls[calls:], [write.method for write in github.writes[writes:]]


def test_everything_is_made_once(github: FakeGitHub, term: Term) -> None:
    writes = ["set_labels", "ensure_milestone", "set_milestone", "create_comment"]
    calls = ["issue", *writes[:3], "comments", "me", "create_comment"]
    assert project(github, term) == (True, calls, writes)
    assert github.issue_table[1].labels == ("help wanted", "zoo:approved")
    assert github.issue_table[1].milestone == "Version 1"
    assert github.milestones == {"Version 1": V1}
    assert project(github, term) == (False, ["issue", "comments", "me"], [])


def test_what_changed_is_written(github: FakeGitHub, term: Term) -> None:
    project(github, term)
    term.at("2026-10-19T22:00:00Z")
    assert project(github, term)[2] == ["set_labels", "update_comment"]
    assert github.issue_table[1].labels == ("help wanted", "zoo:approved", "zoo:late")
    term.happens("vae", "@dev-one", ev.Submitted("v1", "a" * 40, 9, 0))
    writes = ["set_labels", "ensure_milestone", "set_milestone", "update_comment"]
    assert project(github, term)[2] == writes
    assert github.issue_table[1].labels == ("help wanted", "zoo:v1-submitted")
    assert github.issue_table[1].milestone == "Version 2"


def test_what_people_changed_comes_back(github: FakeGitHub, term: Term) -> None:
    project(github, term)
    mine = github.issue_table[1]
    github.issue_table[1] = replace(mine, labels=("zoo:accepted", "bug"), milestone=None)
    done, _, writes = project(github, term)
    assert (done, writes) == (True, ["set_labels", "ensure_milestone", "set_milestone"])
    assert github.issue_table[1].labels == ("bug", "zoo:approved")
    assert github.issue_table[1].milestone == "Version 1"


def test_the_order_of_labels_does_not_matter(github: FakeGitHub, term: Term) -> None:
    project(github, term)
    there = github.issue_table[1]
    github.issue_table[1] = replace(there, labels=there.labels[::-1])
    assert project(github, term)[0] is False


def test_a_foreign_milestone_stays(github: FakeGitHub, term: Term) -> None:
    github.issue_table[1] = replace(github.issue_table[1], milestone="Summer school")
    assert project(github, term)[2] == ["set_labels", "create_comment"]
    assert github.issue_table[1].milestone == "Summer school"


def test_who_gives_up_leaves_the_milestone(github: FakeGitHub, term: Term) -> None:
    project(github, term)
    term.happens("vae", "@dev-one", ev.Withdrawn("no time"))
    project(github, term)
    assert github.issue_table[1].milestone is None
    assert github.issue_table[1].labels == ("help wanted", "zoo:withdrawn")
    assert project(github, term)[0] is False


@pytest.mark.parametrize("method", ["set_labels", "set_milestone", "create_comment"])
def test_a_fault_is_mended_by_the_next_run(github: FakeGitHub, term: Term, method: str) -> None:
    github.fail(method=method, done=method != "create_comment")
    with pytest.raises(Exception, match="GitHub answered 502"):
        project(github, term)
    project(github, term)
    assert github.issue_table[1].labels == ("help wanted", "zoo:approved")
    assert github.issue_table[1].milestone == "Version 1"
    assert len(github.said(1)) == 1
    assert project(github, term)[0] is False


def test_every_stage_has_a_label() -> None:
    names = [label.name for label in LABELS]
    assert len(set(names)) == len(names)
    assert {f"zoo:{stage}" for stage in get_args(StageName)} - set(names) == {"zoo:none"}
    for label in LABELS:
        assert label.name.startswith(PREFIX)
        assert len(label.colour) == 6
        assert int(label.colour, 16) >= 0
        assert 0 < len(label.description) <= 100


def test_an_entry_that_is_none_has_none(term: Term) -> None:
    term.propose("vae", "@dev-one")
    state = term.state("vae")
    assert labels_of(replace(state, stage="none"), clock.now()) == []
    assert labels_of(state, clock.now()) == ["zoo:proposed"]


def test_a_milestone_per_version(term: Term) -> None:
    assert milestones(term.record.policy) == {
        "Proposal": moment("2026-10-05T21:59:59Z"),
        "Version 1": V1,
        "Version 2": moment("2026-11-16T22:59:59Z"),
    }
    seen: list[str | None] = []

    def happens(actor: str, payload: ev.Payload) -> None:
        seen.append(milestone_of(term.happens("vae", actor, payload)))

    term.propose("vae", "@dev-one")
    seen.append(milestone_of(term.state("vae")))
    happens("@instructor-one", ev.Held("ill"))
    happens("@instructor-one", ev.Released())
    term.zoo("approve", "vae", by="@instructor-one")
    happens("@instructor-one", ev.Held("ill"))
    happens("@instructor-one", ev.Released())
    happens("@dev-one", ev.Submitted("v1", "a" * 40, 9, 0))
    happens("@instructor-one", ev.Held("ill"))
    assert seen == ["Proposal"] * 3 + ["Version 1"] * 2 + ["Version 2"] * 2


def test_a_missing_version_keeps_its_milestone(term: Term) -> None:
    term.approved("vae", "@dev-one")
    term.at("2026-10-21T00:00:00Z").happens("vae", "clock", ev.DeclaredMissing("v1"))
    assert milestone_of(term.state("vae")) == "Version 1"
    assert labels_of(term.state("vae"), clock.now()) == ["zoo:missing"]
