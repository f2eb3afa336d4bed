"""Why there is no plan, in one line; and why one pair must not be."""

from __future__ import annotations

import dataclasses

import pytest

from tools.process.assignment import Entry, Problem, Reviewer, assign
from tools.process.assignment.problem import obstacle
from tools.process.tests.plans import HELP, cohort
from zoo.core.errors import ZooError


def refusal(problem: Problem) -> str:
    with pytest.raises(ZooError) as raised:
        assign(problem)
    return str(raised.value)


def test_too_few_reviews_in_all_are_counted() -> None:
    assert refusal(cohort(4, 4, quota=3, capacity=2)) == (
        f"4 entries need 12 reviews, but 4 people can do at most 8: {HELP}"
    )
    idle = Reviewer("@rev-one", 3, barred="has submitted no version 1")
    problem = Problem((idle, Reviewer("@rev-two", 1)), (Entry("vae", (), "flow", 2),))
    assert refusal(problem) == (
        "1 entry needs 2 reviews, but 1 person can do at most 1 "
        f"(@rev-one has submitted no version 1): {HELP}"
    )


def test_an_entry_that_too_few_may_review_is_named_with_everybody_and_why() -> None:
    people = tuple(Reviewer(f"@dev-{name}", 3) for name in ("one", "two", "three", "four"))
    busy = Reviewer("@rev-one", 2, load=2)
    entry = Entry("vae", ("@dev-two", "@dev-four"), "latent-variable", 2)
    conflict = {("@dev-three", "vae"): "has a conflict of interest with @dev-two"}
    assert refusal(Problem((*people, busy), (entry,), conflict)) == (
        "vae needs 2 reviewers, but only @dev-one may review it (@dev-four is in its team, "
        "@dev-three has a conflict of interest with @dev-two, @dev-two is in its team, "
        f"@rev-one has 2 of at most 2 reviews already): {HELP}"
    )


def test_entries_that_compete_for_the_same_people_are_named_and_no_others() -> None:
    """Two sets of entries have too few reviewers each; one is enough to say."""
    people = tuple(Reviewer(f"@rev-{name}", 1) for name in ("one", "two", "three", "four"))
    spare = tuple(Reviewer(f"@rev-{name}", 1) for name in ("five", "six"))
    groups = {"@rev-one": "abc", "@rev-two": "abc", "@rev-three": "def", "@rev-four": "def"}
    entries = tuple(Entry(f"entry-{letter}", (), "flow", 1) for letter in "abcdef")
    conflict = {
        (person.handle, f"entry-{letter}"): "has a conflict"
        for person in (*people, *spare)
        for letter in "abcdef"
        if letter not in groups.get(person.handle, "")
    }
    assert refusal(Problem((*people, *spare), entries, conflict)) == (
        "entry-d, entry-e, entry-f together need 3 reviews, but the people who may review them "
        f"can do 2 (@rev-four at most 1, @rev-three at most 1): {HELP}"
    )


def test_reciprocity_that_leaves_no_plan_is_named() -> None:
    either = [("@dev-000", "entry-000"), ("@dev-001", "entry-001")]
    assert refusal(cohort(2, 2, quota=1)) in {
        f"reciprocity leaves no plan: no two teams may review each other, and then {entry} gets 0 "
        f"of the 1 reviewer it still needs ({peer} may not while {mate} of its team reviews "
        f"{other}): {HELP}"
        for (mate, entry), (peer, other) in (either, either[::-1])
    }
    assert assign(cohort(3, 3, quota=1)).gap == (0, 0, 0)  # a circle of three is no exchange


def test_one_pair_by_hand_obeys_the_same_rules() -> None:
    problem = cohort(4, 3, capacity=1)
    problem = dataclasses.replace(
        problem,
        reviewers=(*problem.reviewers, Reviewer("@rev-one", 1, barred="is away")),
        forbidden={("@dev-003", "entry-002"): "has a conflict of interest with @dev-002"},
        existing=frozenset({("@dev-000", "entry-001")}),
    )
    assert [
        obstacle(problem, handle, entry)
        for handle, entry in [
            ("@dev-002", "entry-002"),
            ("@dev-001", "entry-000"),
            ("@dev-003", "entry-002"),
            ("@dev-000", "entry-001"),
            ("@dev-000", "entry-002"),
            ("@rev-one", "entry-000"),
            ("@dev-002", "entry-000"),
        ]
    ] == [
        "develops it",
        "is reviewed by @dev-000, who develops entry-000",
        "has a conflict of interest with @dev-002",
        "reviews it already",
        "has 1 of at most 1 reviews already",
        "is away",
        None,
    ]
