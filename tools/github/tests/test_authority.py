"""Who is asking: numeric ids, GitHub's permissions, and no for whatever cannot be found out."""

from __future__ import annotations

import pytest

from tools.github.authority import asking, permitted
from tools.github.port import User
from tools.github.tests.fake import FakeGitHub
from tools.process.ledger.events import Proposed
from tools.process.ledger.state import Submission
from tools.process.rules.roster import Person, Roster
from zoo.core.errors import ZooError

TEAM = ["@dev-one"]
STATE = Submission(
    "toy",
    stage="proposed",
    proposal=Proposed("Toy", "1502.03509", "flow", TEAM, ["nll"], "digits", "laptop"),
)


def roster(*people: Person) -> Roster:
    return Roster({person.handle.lower(): person for person in people})


BOSS = Person("@instructor-one", "instructor", 1)
DEVELOPER = Person("@dev-one", "developer", 2)
PEOPLE = roster(BOSS, DEVELOPER, Person("@rev-one", "reviewer"))


@pytest.fixture
def github() -> FakeGitHub:
    fake = FakeGitHub()
    fake.add_user("instructor-one", "admin", user_id=1)
    fake.add_user("dev-one", "read", user_id=2)
    return fake


def test_a_renamed_account_is_the_same_person(github: FakeGitHub) -> None:
    renamed = github.rename("instructor-one", "professor")
    asker = asking(renamed, PEOPLE, github)
    assert (asker.handle, asker.doubt) == ("@instructor-one", "")
    assert permitted("approve", asker, STATE).act == "approve"


def test_a_login_of_the_roster_with_another_id_is_a_stranger(github: FakeGitHub) -> None:
    for login in ("instructor-one", "dev-one", "rev-one"):
        asker = asking(User(666, login), PEOPLE, github)
        assert asker.roles(STATE) == {"anyone"}
        with pytest.raises(ZooError, match=r"no account number 666 .*github_id there"):
            permitted("approve", asker, STATE)


def test_somebody_without_a_number_in_the_roster_is_a_stranger(github: FakeGitHub) -> None:
    assert asking(User(0, "rev-one"), PEOPLE, github).person is None


def test_an_id_that_the_roster_has_twice_is_nobody(github: FakeGitHub) -> None:
    twice = roster(BOSS, Person("@dev-two", "developer", 1))
    assert asking(User(1, "instructor-one"), twice, github).person is None


@pytest.mark.parametrize("permission", ["write", "triage", "read", "none"])
def test_an_instructor_without_the_permission_is_none(github: FakeGitHub, permission: str) -> None:
    github.permissions["instructor-one"] = permission  # type: ignore[assignment]
    asker = asking(User(1, "instructor-one"), PEOPLE, github)
    assert asker.roles(STATE) == {"anyone"}
    rule = f"admin or maintain in the repository, you have {permission}"
    with pytest.raises(ZooError, match=rule):
        permitted("approve", asker, STATE)


@pytest.mark.parametrize("method", ["permission", "user"])
def test_what_github_does_not_say_is_a_no(github: FakeGitHub, method: str) -> None:
    github.fail(method=method, status=502)
    asker = asking(User(1, "instructor-one"), PEOPLE, github)
    assert "instructor" not in asker.roles(STATE)
    with pytest.raises(ZooError, match="did not say what you may do"):
        permitted("approve", asker, STATE)


def test_a_login_that_changed_hands_lends_no_permission(github: FakeGitHub) -> None:
    """The instructor renamed the account, and somebody with rights of their own took the login."""
    github.rename("instructor-one", "professor")
    github.add_user("instructor-one", "admin", user_id=3)
    asker = asking(User(1, "instructor-one"), PEOPLE, github)
    with pytest.raises(ZooError, match="is another account by now"):
        permitted("approve", asker, STATE)


def test_an_administrator_who_is_no_instructor_of_the_roster_runs_nothing(
    github: FakeGitHub,
) -> None:
    github.permissions["dev-one"] = "admin"
    asker = asking(User(2, "dev-one"), PEOPLE, github)
    assert asker.roles(STATE) == {"anyone", "developer"}
    assert github.calls == []  # GitHub is not even asked


def test_nobody_judges_their_own_entry(github: FakeGitHub) -> None:
    asker = asking(User(2, "dev-one"), PEOPLE, github)
    for verb, act in (
        ("approve", "approves"),
        ("accept", "reviews or accepts"),
        ("file", "reviews or accepts"),
        ("agree", "reviews or accepts"),
    ):
        rule = f"nobody {act} their own entry: @dev-one is in the team of toy"
        with pytest.raises(ZooError, match=rule):
            permitted(verb, asker, STATE)


def test_the_rule_names_whose_verb_it_is(github: FakeGitHub) -> None:
    github.add_user("dev-two", user_id=4)
    people = roster(BOSS, DEVELOPER, Person("@dev-two", "developer", 4))
    asker = asking(User(4, "dev-two"), people, github)
    with pytest.raises(ZooError, match="submit is for the developer of toy: @dev-one"):
        permitted("submit", asker, STATE)
    with pytest.raises(ZooError, match="hold is for the instructor: that is not you"):
        permitted("hold", asker, STATE)
