"""Policy, roster and bids: what each rule refuses, in which line, with which fix."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tools.process.rules.config import check_people, load_bids, load_policy, load_roster
from tools.process.rules.policy import Deadlines, GroupSize, Policy, ReviewPolicy
from tools.process.rules.roster import Bid
from zoo.core.errors import ZooError
from zoo.core.registry import ZOO_FOLDER

REPOSITORY = ZOO_FOLDER.parent
POLICY = """\
time_zone: Europe/Berlin
deadlines:
  proposal: "2026-10-05 23:59"
  v1: "2026-10-19 23:59"
  v2: "2026-11-16 23:59"
review:
  window_hours: 168
late: {penalty: 0.25}
weights: {v1: 1, v2: 0, review: 0}
severities:
  blocker: {developers: 20, reviewers: 10}
  major: {developers: 8, reviewers: 4}
  minor: {developers: 2, reviewers: 1}
  nit: {developers: 0, reviewers: 0}
rubric:
  v1:
    - {id: mathematics, question: "Right?", points: 4}
    - id: tests
      question: "Exact?"
      points: 1.5
  v2: [{id: answers, question: "All?", points: 4}]
  review: [{id: care, question: "Careful?", points: 4}]
group_size: {min: 1, max: 2}
"""
ROSTER = """\
people:
  - {handle: "@Dev-One", role: developer, github_id: 11, team: red, conflicts: ["@DEV-TWO"]}
  - {handle: "@dev-two", role: developer, github_id: 12, consent: handle}
  - handle: "@dev-three"
    role: developer
    team: red
  - {handle: "@instructor-one", role: instructor}
"""
BIDS = """\
bids:
  "@dev-one": {wants: [vae], avoids: [ddpm], families: [flow]}
  "@dev-two": {}
"""


def load(tmp_path: Path, loader, text: str):
    path = tmp_path / "file.yaml"
    path.write_text(text, encoding="utf-8")
    return loader(path)


def refusal(tmp_path: Path, loader, text: str) -> str:
    """The message, after the path."""
    with pytest.raises(ZooError) as caught:
        load(tmp_path, loader, text)
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(f"{tmp_path / 'file.yaml'}:")


def test_a_policy_is_read_with_its_defaults(tmp_path: Path) -> None:
    policy = load(tmp_path, load_policy, POLICY)
    assert policy.deadlines == Deadlines("2026-10-05 23:59", "2026-10-19 23:59", "2026-11-16 23:59")
    assert policy.review == ReviewPolicy(2, 3, 168, True)
    assert policy.rubric.v1[1].points == 1.5
    assert (policy.severities.major.developers, policy.severities.major.reviewers) == (8, 4)
    assert policy.rules().v1_due == "2026-10-19T21:59:59Z"
    assert policy.rules().v2_due == "2026-11-16T22:59:59Z"  # winter time


POLICY_MISTAKES = [  # old, new, line, rule, fix
    ("Europe/Berlin", "Europe/Berlim", 1, "unknown time zone", "did you mean 'Europe/Berlin'?"),
    ("Europe/Berlin", "../etc/passwd", 1, "unknown time zone", "such as Europe/Berlin"),
    ("Europe/Berlin", "Europe", 1, "unknown time zone 'Europe'", ""),
    ("Europe/Berlin", '""', 1, "unknown time zone ''", "such as Europe/Berlin"),
    ("2026-10-05 23:59", "2026-10-05", 3, "'2026-10-05' is no date and time", "23:59"),
    ("2026-10-05 23:59", "", 3, "'' is no date and time", "23:59"),
    ("2026-10-05 23:59", "2026-10-5 23:59", 3, "is no date and time", '"2026-10-19 23:59"'),
    ("2026-10-05 23:59", "2026-02-30 23:59", 3, "is no date and time", "write it as"),
    ("2026-10-05 23:59", "9999-12-31 23:59", 3, "is no date and time", "write it as"),
    ("2026-10-05 23:59", "2026-10-05 24:00", 3, "is no date and time", "write it as"),
    ("2026-10-05 23:59", "2026-03-29 02:30", 3, "there is no 2026-03-29 02:30 in", "an hour"),
    ('"2026-10-05 23:59"', "2026-10-05 23:59:00", 3, "reads an unquoted", "quote it"),
    ("2026-10-05 23:59", "2026-10-19 23:59", 4, "v1 is not after that of proposal", "correct"),
    ("2026-11-16 23:59", "2026-10-18 23:59", 5, "v2 is not after that of v1", "correct"),
    (
        "2026-11-16 23:59",
        "2026-10-26 22:58",
        5,
        "before the reviews",
        "set it to 2026-10-26 22:59 or later",
    ),
    ("window_hours: 168", "window_hours: 167", 7, "is 167", "a number from 168 to 8784"),
    ("window_hours: 168", f"window_hours: {10**17}", 7, "'review.window_hours' is", "168 to"),
    ("window_hours: 168", "reviewers_per_entry: 0", 7, "is 0", "a number from 1 to 20"),
    ("window_hours: 168", "reviews_per_person: -1", 7, "is -1", "a number from 1 to 100"),
    ("penalty: 0.25", "penalty: 25", 8, "'late.penalty' is 25", "from 0 to 1"),
    ("penalty: 0.25", "grace_hours: -1", 8, "'late.grace_hours' is -1", "from 0 to"),
    ("{v1: 1, v2: 0, review: 0}", "{v1: 0, v2: 0, review: 0}", 9, "all weights are 0", "share"),
    ("v2: 0, review", "v2: -0.5, review", 9, "'weights.v2' is -0.5", "at least 0"),
    ("major: {developers: 8", "major: {developers: 21", 12, "costs 21 and blocker only 20", ""),
    (
        "minor: {developers: 2, reviewers: 1}",
        "minor: {developers: 2, reviewers: 5}",
        13,
        "5 and",
        "",
    ),
    ("nit: {developers: 0", "nit: {developers: -1", 14, "a charge of -1", "from 0 to 100"),
    ("blocker: {developers: 20", "blocker: {developers: 101", 11, "of 101", "from 0 to 100"),
    ("id: tests", "id: mathematics", 18, "two items 'mathematics'", "an id of its own"),
    ("id: tests", "id: The Tests", 18, "no id of a rubric item", "lower-case"),
    ('"Exact?"', '" "', 19, "'tests' asks nothing", ""),
    ("points: 1.5", "points: 0", 20, "'tests' is worth 0 points", "above 0"),
    ('[{id: answers, question: "All?", points: 4}]', "[]", 21, "rubric of v2 is empty", "ask"),
    ("{min: 1, max: 2}", "{min: 1, max: 4}", 23, "'group_size.max' is 4", "from 1 to 3"),
    ("{min: 1, max: 2}", "{min: 0, max: 2}", 23, "'group_size.min' is 0", "from 1 to 3"),
    ("{min: 1, max: 2}", "{min: 3, max: 2}", 23, "at least 3 and at most 2", "swap"),
    ("group_size: {min: 1, max: 2}", "revision_days: 0", 23, "'revision_days' is 0", "from 1"),
    ("group_size: {min: 1, max: 2}", "sign_off_days: 400", 23, "is 400", "from 1 to 366"),
    ("group_size: {min: 1, max: 2}", "regrade_days: -1", 23, "is -1", "from 0 to 366"),
    ("group_size: {min: 1, max: 2}", "submission_checks: none", 23, "unknown submission", "full"),
    (
        "group_size: {min: 1, max: 2}",
        "publication: {repository: zoo}",
        23,
        "'zoo' is no repository",
        "owner/name",
    ),
    (
        "group_size: {min: 1, max: 2}",
        "publication: {site: zoo.example}",
        23,
        "no address",
        "https://",
    ),
    (
        "group_size: {min: 1, max: 2}",
        "publication: {student_id: 's[0-9'}",
        23,
        "'s[0-9' is no regular expression: unterminated character set",
        "s[0-9]{7}",
    ),
    ("group_size: {min: 1, max: 2}", "publication: {student_id: 'x*'}", 23, "every text", "such"),
    (
        "group_size: {min: 1, max: 2}",
        'publication: {allow: [{text: " a ", reason: "b"}]}',
        23,
        "let too much pass",
        "exactly",
    ),
    (
        "group_size: {min: 1, max: 2}",
        'publication: {allow: [{text: "1234567", reason: ""}]}',
        23,
        "no reason why '1234567'",
        "not private",
    ),
    (
        "group_size: {min: 1, max: 2}",
        'publication: {allow: [{text: "1234567"}]}',
        23,
        "'publication.allow[0].reason' is missing",
        "add reason",
    ),
    ("group_size: {min: 1, max: 2}", "publication: {reviews: short}", 23, "unknown", "summary"),
    ("group_size:", "groupsize:", 23, "unknown key 'groupsize'", "did you mean 'group_size'?"),
]


@pytest.mark.parametrize(("old", "new", "line", "rule", "fix"), POLICY_MISTAKES)
def test_a_mistake_in_the_policy(tmp_path: Path, old, new, line, rule, fix) -> None:
    assert POLICY.count(old) == 1
    message = refusal(tmp_path, load_policy, POLICY.replace(old, new))
    assert message.startswith(f"{line}: ")
    assert rule in message
    assert fix in message


def test_both_hours_of_an_autumn_night_are_times(tmp_path: Path) -> None:
    text = POLICY.replace("2026-10-19 23:59", "2026-10-25 02:30")
    policy = load(tmp_path, load_policy, text)
    assert policy.rules().v1_due == "2026-10-25T01:30:59Z"  # the later one


def test_a_window_may_end_with_the_deadline_of_v2(tmp_path: Path) -> None:
    # 168 elapsed hours after 19 October 23:59 summer time is 26 October 22:59 winter time.
    text = POLICY.replace("2026-11-16 23:59", "2026-10-26 22:59")
    assert load(tmp_path, load_policy, text).deadlines.v2 == "2026-10-26 22:59"


def test_a_roster_is_read_by_handle(tmp_path: Path) -> None:
    roster = load(tmp_path, load_roster, ROSTER)
    assert list(roster.people) == ["@dev-one", "@dev-two", "@dev-three", "@instructor-one"]
    assert roster.find("DEV-ONE").handle == "@Dev-One"
    assert roster.find("@dev-one").conflicts == ["@DEV-TWO"]
    assert roster.team("@dev-three") == ["@Dev-One", "@dev-three"]
    assert [person.consent for person in roster.people.values()] == [
        "none",
        "handle",
        "none",
        "none",
    ]


ROSTER_MISTAKES = [  # old, new, line, rule, fix
    ("@dev-three", "dev-three", 4, "'dev-three' is no handle", "with @"),
    ("@dev-three", "@dev--two", 4, "'@dev--two' is no handle", "as on GitHub"),
    ("@dev-three", "@DEV-one", 4, "handle @DEV-one occurs twice", "keep one"),
    ("github_id: 12", "github_id: 11", 3, "github_id 11 occurs twice", "keep one"),
    ("github_id: 12", "github_id: 0", 3, "github_id 0 is no account's number", "positive"),
    ("github_id: 12", "github_id: yes", 3, "github_id' is true or false", "or null"),
    ("github_id: 12", 'github_id: "12"', 3, "github_id' is text, not a whole number", "or null"),
    ("@DEV-TWO", "@dev-tow", 2, "conflict with '@dev-tow', who is not in", "'@dev-two'?"),
    ("@DEV-TWO", "@dev-one", 2, "@Dev-One has a conflict with themselves", "delete it"),
    ("team: red, c", "team: Red, c", 6, "team 'red' is also written 'Red'", "same way"),
    ("role: instructor", "role: instructor, team: red", 7, "and in a team", "team: null"),
    ("role: instructor", "role: teacher", 7, "unknown role 'teacher'", "use one of developer"),
    ("consent: handle", "name: Jane", 3, "no names in the public roster but by", "key 'name'"),
    ("consent: handle", "consent: handle, name: J", 3, "@dev-two gives none", "say consent: name"),
    ("consent: handle", "consent: name", 3, "by name, and there is none", "add name:"),
    ("consent: handle", 'consent: name, name: " "', 3, "'' is no name", "on one line"),
    ("consent: handle", 'consent: name, name: "J\\nD"', 3, "is no name", "on one line"),
    ("consent: handle", "consent: true", 3, "unknown consent 'true'", "name, handle, anonymous"),
    ("consent: handle", "consent: no", 3, "unknown consent 'no'", "use one of name, handle"),
    ("consent: handle", "Full_Name: J", 3, "no names, no e-mails", "delete the key 'Full_Name'"),
    ("consent: handle", "e-mail: x", 3, "no names, no e-mails", "delete the key 'e-mail'"),
    ("consent: handle", "student_id: 1", 3, "no names, no e-mails", "'student_id'"),
    ("consent: handle", "teem: x", 3, "unknown key 'people[1].teem'", "did you mean 'team'?"),
    ("    team: red", "    team: jane@uni.example.org", 6, "no e-mails", "'jane@uni.example.org'"),
    ("    team: red", "    # jane@uni.example.org", 6, "no names, no e-mails", "delete"),
]


@pytest.mark.parametrize(("old", "new", "line", "rule", "fix"), ROSTER_MISTAKES)
def test_a_mistake_in_the_roster(tmp_path: Path, old, new, line, rule, fix) -> None:
    assert ROSTER.count(old) == 1
    message = refusal(tmp_path, load_roster, ROSTER.replace(old, new))
    assert message.startswith(f"{line}: ")
    assert rule in message
    assert fix in message


def test_bids_are_read_by_handle_and_need_no_file(tmp_path: Path) -> None:
    assert load_bids(tmp_path / "bids.yaml") == {}
    bids = load(tmp_path, load_bids, BIDS.replace("@dev-one", "@Dev-One"))
    assert bids == {"@dev-one": Bid(["vae"], ["ddpm"], ["flow"]), "@dev-two": Bid()}


@pytest.mark.parametrize(
    ("old", "new", "line", "rule", "fix"),
    [
        ("families: [flow]", "families: [flows]", 2, "unknown family 'flows'", "'flow'?"),
        ("avoids: [ddpm]", "avoids: [vae]", 2, "wants and avoids 'vae'", "one of the lists"),
        ('"@dev-two"', '"@DEV-ONE"', 3, "@DEV-ONE bids twice", "keep one"),
        ('"@dev-two"', "dev-two", 3, "'dev-two' is no handle", "with @"),
        ("wants: [vae]", "wants: vae", 2, "'bids.@dev-one.wants' is text, not a list", "[vae]"),
    ],
)
def test_a_mistake_in_the_bids(tmp_path: Path, old, new, line, rule, fix) -> None:
    message = refusal(tmp_path, load_bids, BIDS.replace(old, new))
    assert message.startswith(f"{line}: ")
    assert rule in message
    assert fix in message


def sized(policy: Policy, least: int, most: int) -> Policy:
    return dataclasses.replace(policy, group_size=GroupSize(least, most))


def test_teams_have_the_size_of_the_policy(tmp_path: Path) -> None:
    policy = load(tmp_path, load_policy, POLICY)
    roster = load(tmp_path, load_roster, ROSTER)
    check_people(sized(policy, 1, 2), roster, {})
    with pytest.raises(ZooError, match=r"team 'red' has 2 developers \(@Dev-One, @dev-three\),"):
        check_people(sized(policy, 1, 1), roster, {})
    with pytest.raises(ZooError, match=r"@dev-two has 1 developer.*allows 2 to 3"):
        check_people(sized(policy, 2, 3), roster, {})
    with pytest.raises(ZooError, match=r"'@dev-tow' is not in .*; did you mean '@dev-two'\?"):
        check_people(policy, roster, {"@dev-tow": Bid()})


def test_the_policies_of_the_repository_are_in_order() -> None:
    course = load_policy(REPOSITORY / "templates" / "policy.yaml")
    founding = load_policy(REPOSITORY / "reviews" / "policy.yaml")
    roster = load_roster(REPOSITORY / "reviews" / "roster.yaml")
    check_people(founding, roster, load_bids(REPOSITORY / "reviews" / "bids.yaml"))
    assert founding.deadlines == Deadlines()
    assert founding.rubric == course.rubric
    for policy in (course, founding):
        for items in (policy.rubric.v1, policy.rubric.v2, policy.rubric.review):
            assert sum(item.points for item in items) == 100
    assert [item.id for item in course.rubric.v1] == [
        "mathematics",
        "reproduction",
        "tests",
        "notebook",
        "code",
        "documentation",
        "attribution",
    ]


def test_the_template_shows_every_default() -> None:
    course = load_policy(REPOSITORY / "templates" / "policy.yaml")
    bare = Policy(course.time_zone, course.rubric, course.severities)
    assert dataclasses.replace(course, deadlines=Deadlines()) == bare
    text = (REPOSITORY / "templates" / "policy.yaml").read_text(encoding="utf-8")
    assert all(f"\n{item.name}:" in text for item in dataclasses.fields(Policy))
