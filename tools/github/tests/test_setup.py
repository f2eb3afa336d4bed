"""Setting a repository up, against GitHub's own description of its interface."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.github.labels import LABELS
from tools.github.port import Failed
from tools.github.setup import PROPOSAL, RULESETS, contains, faults, require_administrator, settings
from tools.github.tests.fake import FakeGitHub
from tools.github.tests.place import Place
from tools.process.record import Record
from tools.process.tests.conftest import POLICY
from zoo.core.errors import ZooError

ROSTER = """\
people:
  - {handle: "@instructor-one", role: instructor, github_id: 1}
  - {handle: "@dev-one", role: developer, github_id: 11}
  - {handle: "@rev-one", role: reviewer, github_id: 12}
"""


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """A term of three people."""
    (tmp_path / "reviews").mkdir()
    (tmp_path / "reviews/policy.yaml").write_text(POLICY)
    (tmp_path / "reviews/roster.yaml").write_text(ROSTER)
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github/CODEOWNERS").write_text("# for @nobody\n/tools/ @instructor-one\n")
    return Record(tmp_path)


@pytest.fixture
def github() -> FakeGitHub:
    """Three accounts with the rights that they should have."""
    fake = FakeGitHub()
    fake.add_user("instructor-one", "maintain", user_id=1)
    fake.add_user("dev-one", "read", user_id=11)
    fake.add_user("rev-one", "triage", user_id=12)
    return fake


def missing(github: FakeGitHub, place: Place, record: Record) -> list[str]:
    return [s.name for s in settings(github, place.api(), record) if not s.fits()]


def make_all(github: FakeGitHub, place: Place, record: Record) -> None:
    for setting in settings(github, place.api(), record):
        if not setting.fits():
            setting.make()


def test_looking_changes_nothing(github: FakeGitHub, record: Record) -> None:
    place = Place()
    assert missing(github, place, record) == [
        "label proposal",
        *(f"label {label.name}" for label in LABELS),
        "milestone Proposal",
        "milestone Version 1",
        "milestone Version 2",
        "issues, and merging with a merge commit",
        "workflows only read unless their file says more, and approve nothing",
        "rule 'The record only grows' for ~DEFAULT_BRANCH",
        "rule 'Versions stay frozen' for refs/tags/*/v1, refs/tags/*/v2",
        "environment publish, which waits for an instructor",
    ]
    assert (place.written, github.labels, github.milestones) == ([], {}, {})


def test_what_was_set_stays_and_is_not_set_again(github: FakeGitHub, record: Record) -> None:
    place = Place()
    make_all(github, place, record)
    assert missing(github, place, record) == []
    assert github.labels[PROPOSAL[0]] == PROPOSAL[1:]
    assert set(github.milestones) == {"Proposal", "Version 1", "Version 2"}
    assert place.general["allow_merge_commit"] is True
    assert place.rights["default_workflow_permissions"] == "read"
    assert place.environments == {"publish": [1]}
    assert [ruleset["name"] for ruleset in place.rulesets.values()] == [
        "The record only grows",
        "Versions stay frozen",
    ]
    written = list(place.written)
    make_all(github, place, record)
    assert place.written == written


def test_a_former_instructor_does_not_consent_to_a_publication(
    github: FakeGitHub, record: Record
) -> None:
    former = '  - {handle: "@instructor-two", role: instructor, github_id: 2, active: false}\n'
    (record.root / "reviews/roster.yaml").write_text(ROSTER + former)
    place = Place()
    make_all(github, place, record)
    assert place.environments == {"publish": [1]}


def test_what_somebody_changed_is_put_right_in_place(github: FakeGitHub, record: Record) -> None:
    place = Place()
    make_all(github, place, record)
    place.rulesets[1] = {**place.rulesets[1], "bypass_actors": [{"actor_id": 5}]}
    place.rulesets[2] = {**place.rulesets[2], "enforcement": "disabled"}
    place.environments["publish"] = [1, 11]
    place.written.clear()
    make_all(github, place, record)
    assert place.written == ["PUT /rulesets/1", "PUT /rulesets/2", "PUT /environments/publish"]
    assert missing(github, place, record) == []


def test_nobody_goes_round_the_rules_and_the_bot_is_not_stopped_by_them() -> None:
    assert [ruleset["bypass_actors"] for ruleset in RULESETS] == [[], []]
    types = {rule["type"] for ruleset in RULESETS for rule in ruleset["rules"]}
    assert types == {"deletion", "non_fast_forward", "update"}
    # These stop a workflow's own token, which GitHub lets nobody except from them.
    assert not types & {"pull_request", "required_status_checks", "creation"}


def test_what_github_refuses_is_for_hands_and_stops_nothing(
    github: FakeGitHub, record: Record
) -> None:
    place = Place()
    place.forbidden = ("/rulesets",)
    refused = []
    for setting in settings(github, place.api(), record):
        try:
            if not setting.fits():
                setting.make()
        except Failed as failure:
            refused.append((setting.by_hand, failure.status))
    assert refused == [
        (
            "Settings → Rules → Rulesets: for ~DEFAULT_BRANCH forbid deletion and non fast "
            "forward, nobody bypasses",
            403,
        ),
        (
            "Settings → Rules → Rulesets: for refs/tags/*/v1, refs/tags/*/v2 forbid deletion and "
            "update, nobody bypasses",
            403,
        ),
    ]
    assert place.environments == {"publish": [1]}


def test_a_token_without_the_right_is_refused_before_anything(github: FakeGitHub) -> None:
    place = Place()
    require_administrator(github, place.api())
    place.general["permissions"] = {"admin": False, "push": True}
    with pytest.raises(ZooError, match="may not administer zoo-course/zoo"):
        require_administrator(github, place.api())
    assert place.written == []


def test_nothing_is_wrong_with_people_as_they_should_be(github: FakeGitHub, record: Record) -> None:
    assert list(faults(github, record)) == []


def test_everything_that_is_wrong_with_people_is_said_at_once(
    github: FakeGitHub, record: Record
) -> None:
    github.permissions |= {"instructor-one": "write", "dev-one": "write"}
    github.rename("rev-one", "rev-1")
    github.add_user("rev-one", user_id=99)
    (record.root / ".github/CODEOWNERS").write_text("/tools/ @dev-one # @x\n")
    path = record.root / "reviews/roster.yaml"
    path.write_text(path.read_text() + '  - {handle: "@dev-two", role: developer}\n')
    assert list(faults(github, Record(record.root))) == [
        "@instructor-one is instructor and has write: give them maintain",
        "@dev-one has write and could go round the bot: give them read",
        "@rev-one is account 99 on GitHub, 12 in reviews/roster.yaml",
        "@dev-two has no github_id in reviews/roster.yaml: the bot does not know them",
        ".github/CODEOWNERS: @dev-one is no instructor of reviews/roster.yaml: put yours",
    ]
    assert github.writes == []  # looked at, never changed


def test_an_account_that_cannot_be_looked_at_does_not_hide_the_others(
    github: FakeGitHub, record: Record
) -> None:
    github.fail(2, method="permission")
    github.permissions["rev-one"] = "admin"
    assert list(faults(github, record)) == [
        "@dev-one: GitHub answered 502",
        "@rev-one has admin and could go round the bot: give them read",
    ]


def test_more_than_was_wanted_is_fine_and_another_order_too() -> None:
    assert contains({"a": 1, "b": [{"t": 2, "x": 0}, {"t": 1}]}, {"b": [{"t": 1}, {"t": 2}]})
    assert not contains({"b": [{"t": 1}]}, {"b": [{"t": 1}, {"t": 2}]})
    assert not contains({"b": [{"t": 1}, {"t": 2}]}, {"b": [{"t": 1}]})
    assert not contains({"a": 1}, {"a": 1, "b": None})
    assert not contains(None, {"a": 1})
