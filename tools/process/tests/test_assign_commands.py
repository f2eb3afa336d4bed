"""`zoo assign` and `zoo bid` on a small term: from the record to a plan and back."""

from __future__ import annotations

import json

import pytest

from tools.process.assignment.assigning import problem_of
from tools.process.grading.grades import graded_people
from tools.process.ledger.events import (
    Assigned,
    Held,
    ReviewFiled,
    ReviewRefused,
    Submitted,
    Unassigned,
    Withdrawn,
)
from tools.process.record import Record
from tools.process.rules.roster import Bid
from tools.process.tests.conftest import Term

BOSS = "@instructor-one"
ENTRIES = {"vae": "@dev-one", "made": "@dev-two", "flow": "@dev-three"}


@pytest.fixture
def submitted(term: Term) -> Term:
    """Three entries with a frozen version 1 each; nobody reviews them yet."""
    for number, (model, who) in enumerate(ENTRIES.items()):
        term.approved(model, who, paper=f"1312.661{number}")
        term.happens(model, who, Submitted("v1", "a" * 40, 3, 0))
    return term


def reviewers(term: Term) -> dict[str, set[str]]:
    return {model: set(term.state(model).reviews) for model in ENTRIES}


def test_a_plan_is_shown_recorded_and_committed(submitted: Term) -> None:
    shown = submitted.zoo("assign", "--dry-run", by=BOSS)
    assert all(not people for people in reviewers(submitted).values())
    assert submitted.zoo("assign", by=BOSS) == shown
    assert "loads (reviews × people): 1 × 6" in shown
    assert "no plan is better" in shown
    for model, people in reviewers(submitted).items():
        assert len(people) == 2
        assert ENTRIES[model] not in people
        assert submitted.state(model).stage == "in-review"
        for event in submitted.record.events(model)[-2:]:
            assert isinstance(event.payload, Assigned)
            assert event.payload.plan[:12] in shown
    assert submitted.git("status", "--porcelain", "--", "reviews") == ""


def test_a_second_run_changes_nothing(submitted: Term) -> None:
    submitted.zoo("assign", by=BOSS)
    before, head = reviewers(submitted), submitted.git("rev-parse", "HEAD")
    again = json.loads(submitted.zoo("assign", "--seed", "9", "--format", "json", by=BOSS))
    assert {pair["status"] for pair in again["pairs"]} == {"kept"}
    assert again["objective"] == {"kept": 6, "squares": 6, "preference": 0}
    assert again["gap"] == {"kept": 0, "squares": 0, "preference": 0}
    assert again["dropped"] == []
    assert reviewers(submitted) == before
    assert submitted.git("rev-parse", "HEAD") == head


def test_who_refuses_is_replaced_and_nobody_else(submitted: Term) -> None:
    submitted.zoo("assign", by=BOSS)
    before = reviewers(submitted)
    refuser = min(before["vae"])
    submitted.happens("vae", refuser, ReviewRefused("I know the authors"))
    submitted.zoo("assign", by=BOSS)
    after = reviewers(submitted)
    assert refuser not in after["vae"]
    assert len(after["vae"] & before["vae"]) == 1
    assert {m: after[m] for m in ("made", "flow")} == {m: before[m] for m in ("made", "flow")}


def test_a_withdrawn_team_reviews_no_more_but_what_it_filed_stays(submitted: Term) -> None:
    submitted.happens("vae", BOSS, Assigned("@dev-two"), Assigned("@rev-one"))
    submitted.happens("flow", BOSS, Assigned("@dev-two"), Assigned("@rev-two"))
    submitted.happens("vae", "@dev-two", ReviewFiled("a" * 64))
    submitted.happens("made", "@dev-two", Withdrawn("too hard"))
    shown = submitted.zoo("assign", by=BOSS)
    assert "without @dev-two, who has submitted no version 1" in shown
    assert "@dev-two (filed; drawn)" in shown
    assert submitted.state("vae").reviews.keys() == {"@dev-two", "@rev-one"}
    flow = submitted.state("flow").reviews.keys()
    assert "@rev-two" in flow
    assert "@dev-two" not in flow
    dropped = [event.payload for event in submitted.record.events("flow")]
    assert Unassigned("@dev-two", "has submitted no version 1") in dropped


def test_a_command_killed_between_two_events_is_completed_to_the_same_plan(
    submitted: Term, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = json.loads(submitted.zoo("assign", "--dry-run", "--format", "json", by=BOSS))
    append, count = Record.append, 0

    def dies(self: Record, *arguments: object) -> object:
        nonlocal count
        count += 1
        if count == 4:
            raise RuntimeError("killed")
        return append(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Record, "append", dies)
        with pytest.raises(RuntimeError, match="killed"):
            submitted.run("assign", by=BOSS)
    assert sum(len(people) for people in reviewers(submitted).values()) == 3
    submitted.zoo("assign", by=BOSS)
    found = {(who, model) for model, people in reviewers(submitted).items() for who in people}
    assert found == {(pair["reviewer"], pair["entry"]) for pair in plan["pairs"]}
    assert submitted.git("status", "--porcelain", "--", "reviews") == ""


def test_killed_before_the_commit_the_next_run_commits(
    submitted: Term, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(self: Record, message: str, *paths: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(Record, "commit", dies)
        with pytest.raises(RuntimeError, match="killed"):
            submitted.run("assign", by=BOSS)
    submitted.zoo("assign", by=BOSS)
    assert submitted.git("status", "--porcelain", "--", "reviews") == ""


def test_the_problem_follows_roster_policy_bids_and_ledgers(submitted: Term) -> None:
    roster = submitted.root / "reviews" / "roster.yaml"
    text = roster.read_text().replace(
        '"@rev-one", role: reviewer', '"@rev-one", role: reviewer, conflicts: ["@dev-one"]'
    )
    text = text.replace(
        '"@dev-three", role: developer', '"@dev-three", role: developer, conflicts: ["@rev-two"]'
    )
    submitted.write("reviews/roster.yaml", text + '  - {handle: "@dev-four", role: developer}\n')
    submitted.write("reviews/bids.yaml", 'bids: {"@rev-two": {wants: [vae], families: [flow]}}\n')
    submitted.happens("flow", BOSS, Assigned("@dev-one"), Assigned("@rev-one"))
    submitted.happens("flow", "@rev-one", ReviewRefused("busy"))
    submitted.happens("made", BOSS, Assigned("@dev-three"), Held("the data are gone"))

    problem = problem_of(submitted.record)
    people = {person.handle: person for person in problem.reviewers}
    assert [entry.name for entry in problem.entries] == ["flow", "vae"]
    assert problem.existing == {("@dev-one", "flow")}
    assert problem.forbidden == {
        ("@rev-one", "vae"): "has a conflict of interest with @dev-one",
        ("@rev-one", "flow"): "refused it or was taken off",
        ("@rev-two", "flow"): "has a conflict of interest with @dev-three",
        ("@dev-two", "flow"): "is reviewed by @dev-three, who develops flow",
    }
    assert people["@dev-four"].barred == "has submitted no version 1"
    assert people["@dev-two"].barred == people["@rev-one"].barred == ""
    assert people["@dev-three"].load == 1
    assert (people["@rev-two"].wants, people["@rev-two"].families) == (("vae",), ("flow",))
    assert BOSS not in people

    submitted.happens("made", BOSS, Withdrawn("gone"))
    problem = problem_of(submitted.record)
    people = {person.handle: person for person in problem.reviewers}
    assert people["@dev-three"].load == 0
    assert ("@dev-two", "flow") not in problem.forbidden
    policy = submitted.root / "reviews" / "policy.yaml"
    everybody = "window_hours: 168, only_submitters: false}"
    submitted.write(
        "reviews/policy.yaml", policy.read_text().replace("window_hours: 168}", everybody)
    )
    assert not any(person.barred for person in problem_of(submitted.record).reviewers)


def test_team_mates_of_the_roster_do_not_review_each_other(submitted: Term) -> None:
    roster = (submitted.root / "reviews" / "roster.yaml").read_text()
    for name in ("one", "two"):
        line = f'"@dev-{name}", role: developer'
        roster = roster.replace(line, f"{line}, team: blue")
    submitted.write("reviews/roster.yaml", roster)
    assert problem_of(submitted.record).forbidden == {
        ("@dev-one", "made"): "is in the team of @dev-two",
        ("@dev-two", "vae"): "is in the team of @dev-one",
    }


def test_by_hand_the_same_rules_hold(submitted: Term) -> None:
    said = submitted.zoo("assign", "vae", "dev-two", by=BOSS)
    assert said == "@dev-two reviews vae\n"
    refusals = {
        ("vae", "@dev-one"): "@dev-one cannot review vae: @dev-one develops it",
        ("vae", "@dev-two"): "@dev-two cannot review vae: @dev-two reviews it already",
        ("made", "@dev-one"): "@dev-one cannot review made: @dev-one is reviewed by @dev-two",
        ("vae", BOSS): f"{BOSS} is an instructor",
        ("vae", "@rev-on"): "'@rev-on' is not in reviews/roster.yaml: did you mean '@rev-one'?",
        ("vea", "@rev-one"): "no ledger of 'vea': did you mean 'vae'?",
    }
    for arguments, expected in refusals.items():
        assert expected in submitted.refused("assign", *arguments, by=BOSS)
    submitted.zoo("assign", "vae", "@rev-one", by=BOSS)
    assert "vae has its 2 reviewers" in submitted.refused("assign", "vae", "@rev-two", by=BOSS)
    removal = ("assign", "vae", "--remove", "@rev-one", "--reason", "is ill")
    assert submitted.zoo(*removal, by=BOSS).startswith("@rev-one does not review vae any more")
    assert submitted.state("vae").refused == ("@rev-one",)
    assert "cannot review vae" in submitted.refused("assign", "vae", "@rev-one", by=BOSS)
    assert submitted.git("status", "--porcelain", "--", "reviews/vae") == ""


def test_only_instructors_assign(submitted: Term) -> None:
    for arguments in (("assign",), ("assign", "vae", "@rev-one")):
        assert "'assigned' is for the instructor" in submitted.refused(*arguments, by="@dev-one")
    assert all(not people for people in reviewers(submitted).values())


def test_without_a_submission_there_is_nothing_to_assign(term: Term) -> None:
    assert "no entry waits for reviewers" in term.refused("assign", by=BOSS)
    term.approved("vae", "@dev-one")
    assert "vae is approved" in term.refused("assign", "vae", "@rev-one", by=BOSS)


def test_an_infeasible_term_is_one_line_and_changes_nothing(submitted: Term) -> None:
    policy = submitted.root / "reviews" / "policy.yaml"
    few = policy.read_text().replace("reviews_per_person: 3", "reviews_per_person: 1")
    submitted.write("reviews/policy.yaml", few)
    submitted.happens("vae", "@dev-one", Withdrawn("too hard"))
    submitted.happens("made", "@dev-two", Withdrawn("too hard"))
    for name in ("one", "two"):
        submitted.happens("flow", BOSS, Assigned(f"@rev-{name}"))
        submitted.happens("flow", f"@rev-{name}", ReviewRefused("busy"))
    assert submitted.refused("assign", by=BOSS).startswith(
        "Error: flow needs 2 reviewers, but only @rev-three may review it "
    )
    assert submitted.state("flow").reviews == {}


def test_a_bid_replaces_the_persons_own_lines_only(submitted: Term) -> None:
    path = submitted.root / "reviews" / "bids.yaml"
    said = submitted.zoo("bid", "--want", "vae", "--family", "flow", by="@rev-one")
    assert said == "@rev-one: wants vae; families flow\n"
    assert path.read_text() == 'bids:\n  "@rev-one": {wants: ["vae"], families: ["flow"]}\n'
    written = (
        "# what people said\r\n"
        "bids:\r\n"
        '  "@rev-two":   # by word of mouth\r\n'
        "    wants: [vae]\r\n"
        "    avoids:\r\n"
        "      - made  # too long\r\n"
        "  '@Rev-One': {wants: [flow]}  # sure\r\n"
        '  "@rev-three": {families: [diffusion]}   # last\r\n'
    )
    path.write_bytes(written.encode())
    submitted.zoo("bid", "--avoid", "vae", by="@rev-one")
    own = "'@Rev-One': {wants: [flow]}"
    assert path.read_bytes().decode() == written.replace(own, '"@rev-one": {avoids: ["vae"]}')
    submitted.zoo("bid", by="@rev-two")
    block = written[written.index('"@rev-two"') : written.index("  # too long")]
    expected = written.replace(own, '"@rev-one": {avoids: ["vae"]}').replace(
        block, '"@rev-two": {}'
    )
    assert path.read_bytes().decode() == expected
    submitted.zoo("bid", "--want", "made", by="@dev-one")
    assert path.read_bytes().decode().startswith(expected.rstrip())
    assert submitted.record.bids == {
        "@rev-one": Bid(avoids=["vae"]),
        "@rev-two": Bid(),
        "@rev-three": Bid(families=["diffusion"]),
        "@dev-one": Bid(wants=["made"]),
    }
    assert submitted.git("status", "--porcelain", "--", "reviews/bids.yaml") == ""


@pytest.mark.parametrize(
    "text",
    [
        "bids: {}\n",
        "bids: {}",
        'bids: {"@rev-two": {wants: [vae]}}  # all\n',
        'bids:\n    "@rev-two": {wants: [vae]}',
        'bids:\n  "@rev-two":\n    wants: [vae]\n\n\n# the end\n',
        '{bids: {"@rev-two": {}}}\n',
    ],
)
def test_every_way_to_write_the_file_takes_a_bid(submitted: Term, text: str) -> None:
    path = submitted.root / "reviews" / "bids.yaml"
    path.write_text(text)
    before = submitted.record.bids
    submitted.zoo("bid", "--want", "vae", by="@rev-one")
    assert submitted.record.bids == {**before, "@rev-one": Bid(wants=["vae"])}
    comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
    assert all(comment in path.read_text() for comment in comments)


def test_a_wrong_bid_is_one_line_and_changes_nothing(submitted: Term) -> None:
    path = submitted.root / "reviews" / "bids.yaml"
    submitted.zoo("bid", "--want", "vae", by="@rev-one")
    refusals = {
        ("--want", "vea"): "no entry 'vea' to review: did you mean 'vae'?",
        ("--family", "flows"): "the bid of @rev-one is not valid: unknown family 'flows'",
        ("--want", "vae", "--avoid", "vae"): "@rev-one wants and avoids 'vae'",
    }
    for arguments, expected in refusals.items():
        assert expected in submitted.refused("bid", *arguments, by="@rev-one")
    assert "@dev-one develops vae" in submitted.refused("bid", "--want", "vae", by="@dev-one")
    assert "is an instructor" in submitted.refused("bid", "--want", "vae", by=BOSS)
    path.write_text("bids:\n  - wrong\n")
    assert "reviews/bids.yaml:1" in submitted.refused("bid", "--want", "vae", by="@rev-one")
    assert path.read_text() == "bids:\n  - wrong\n"


def test_people_of_earlier_terms_take_no_part(submitted: Term) -> None:
    path = submitted.root / "reviews" / "roster.yaml"
    before = '{handle: "@rev-three", role: reviewer'
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, before + ", active: false"), encoding="utf-8")
    submitted.zoo("assign", by=BOSS)
    assert "@rev-three" not in set.union(*reviewers(submitted).values())
    assert submitted.refused("review", "agree", "vae", by="@rev-three") == (
        "Error: @rev-three is not active in reviews/roster.yaml:"
        " say active: true there for who takes part"
    )
    people = submitted.record.roster
    assert "@rev-three" not in [person.handle for person in graded_people(people)]
