"""The assignment against all plans of small problems, and what it promises on any problem."""

from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.process.assignment import Entry, Plan, Problem, Reviewer, assign, input_sha256, solver
from tools.process.assignment.problem import obstacle
from tools.process.tests.plans import best, broken, draw, may_review, rank, worth
from zoo.core.errors import ZooError

HELP = "raise reviews_per_person, lower reviewers_per_entry or add a reviewer to the roster"


def attempt(problem: Problem, seed: int) -> Plan | str:
    """The plan, or the line that says why there is none."""
    try:
        return assign(problem, seed)
    except ZooError as refusal:
        return str(refusal)


def pairs_of(plan: Plan) -> frozenset[tuple[str, str]]:
    return frozenset((pair.reviewer, pair.entry) for pair in plan.pairs)


def cohort(people: int, entries: int, quota: int = 2, capacity: int = 3) -> Problem:
    """Entries of one developer each, and more people; everybody wants the first two entries."""
    handles = [f"@dev-{number:03}" for number in range(people)]
    names = [f"entry-{number:03}" for number in range(entries)]
    return Problem(
        tuple(Reviewer(handle, capacity, wants=tuple(names[:2])) for handle in handles),
        tuple(Entry(n, (h,), "flow", quota) for n, h in zip(names, handles, strict=False)),
    )


@pytest.mark.parametrize("seed", range(0, 240, 40))
def test_the_plan_is_the_best_of_all_plans(seed: int) -> None:
    solved = 0
    for number in range(seed, seed + 40):
        problem = draw(number)
        expected = best(problem)
        if expected is None:
            with pytest.raises(ZooError):
                assign(problem, number)
            continue
        plan, solved = assign(problem, number), solved + 1
        assert plan.objective == expected, number
        assert plan.objective == worth(problem, pairs_of(plan)), number
        assert plan.bound == expected, number
        assert plan.gap == (0, 0, 0), number
    assert solved > 10


@pytest.mark.parametrize("seed", range(3))
def test_few_columns_and_pricing_reach_the_same_optimum(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only large problems do: begin with some pairs, and let prices say which are missing."""
    monkeypatch.setattr(solver, "FIRST", 1)
    monkeypatch.setattr(solver, "MORE", 1)
    for number in range(40 * seed, 40 * seed + 40):
        problem = draw(number)
        everything = attempt(problem, number)
        if isinstance(everything, str):
            continue
        with monkeypatch.context() as patch:
            patch.setattr(solver, "SMALL", 0)
            few = assign(problem, number)
        assert few.objective == few.bound == everything.objective, number


def test_a_first_integer_programme_that_is_too_narrow_is_widened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(solver, "NEAR", 1)
    for number in range(60):
        problem = draw(number)
        expected = best(problem)
        if expected is not None:
            assert assign(problem, number).objective == expected, number


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 5))
def test_a_plan_breaks_no_rule(number: int, seed: int) -> None:
    problem = draw(number)
    plan = attempt(problem, seed)
    if isinstance(plan, str):
        assert plan.endswith(HELP)
        assert "\n" not in plan
        return
    pairs = pairs_of(plan)
    assert problem.filed <= pairs
    assert not broken(problem, pairs)
    for entry in problem.entries:
        mine = [handle for handle, name in pairs if name == entry.name]
        filed = sum(name == entry.name for _, name in problem.filed)
        assert len(mine) == max(entry.quota, filed)
        for handle in mine:
            assert (handle, entry.name) in problem.filed or may_review(problem, handle, entry)
    new = {(pair.reviewer, pair.entry) for pair in plan.pairs if pair.status == "new"}
    assert new == pairs - problem.existing - problem.filed
    assert plan.dropped.keys() == problem.existing - pairs
    for person in problem.reviewers:
        load = sum(handle == person.handle for handle, _ in pairs) + person.load
        assert plan.loads.get(person.handle, load) == load


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**9), st.randoms(use_true_random=False))
def test_the_order_of_the_input_changes_nothing(number: int, rng: random.Random) -> None:
    problem = draw(number)

    def shuffled(items: tuple) -> tuple:
        return tuple(rng.sample(items, len(items)))

    reviewers = [
        dataclasses.replace(
            person, wants=shuffled(person.wants), families=shuffled(person.families)
        )
        for person in shuffled(problem.reviewers)
    ]
    forbidden = dict(shuffled(tuple(problem.forbidden.items())))
    entries = [dataclasses.replace(e, team=shuffled(e.team)) for e in shuffled(problem.entries)]
    other = dataclasses.replace(
        problem, reviewers=tuple(reviewers), entries=tuple(entries), forbidden=forbidden
    )
    assert input_sha256(other) == input_sha256(problem)
    assert attempt(other, 3) == attempt(problem, 3)


def test_the_seed_draws_among_equal_plans_and_nothing_else() -> None:
    problem = cohort(20, 20)
    drawn = [assign(problem, seed) for seed in range(6)]
    assert len({pairs_of(plan) for plan in drawn}) == 6
    assert len({plan.objective for plan in drawn}) == 1
    assert len({plan.input_sha256 for plan in drawn}) == 1
    assert assign(problem, 4) == drawn[4]


def test_the_input_hash_covers_everything() -> None:
    problem = cohort(4, 3)
    person, entry = problem.reviewers[0], problem.entries[0]
    changed = [
        dataclasses.replace(problem, existing=frozenset({("@dev-001", "entry-000")})),
        dataclasses.replace(problem, filed=frozenset({("@dev-001", "entry-000")})),
        dataclasses.replace(problem, forbidden={("@dev-001", "entry-000"): "has a conflict"}),
        *(
            dataclasses.replace(
                problem,
                reviewers=(dataclasses.replace(person, **{key: value}), *problem.reviewers[1:]),
            )
            for key, value in {"capacity": 2, "load": 1, "wants": (), "barred": "away"}.items()
        ),
        dataclasses.replace(
            problem, entries=(dataclasses.replace(entry, quota=1), *problem.entries[1:])
        ),
    ]
    assert len({input_sha256(one) for one in [problem, *changed]}) == 1 + len(changed)


def test_loads_differ_by_as_little_as_possible() -> None:
    plan = assign(cohort(8, 5))  # ten reviews, and everybody wants the same two entries
    assert sorted(plan.loads.values()) == [1, 1, 1, 1, 1, 1, 2, 2]
    elsewhere = cohort(8, 5)
    busy = dataclasses.replace(elsewhere.reviewers[7], load=2)
    again = assign(dataclasses.replace(elsewhere, reviewers=(*elsewhere.reviewers[:7], busy)))
    assert sorted(again.loads.values()) == [1, 1, 1, 1, 2, 2, 2, 2]
    assert again.loads["@dev-007"] == 2


def test_random_plans_are_worse() -> None:
    rng = random.Random(0)
    names = [f"entry-{number}" for number in range(12)]
    problem = Problem(
        tuple(
            Reviewer(
                f"@dev-{n}", 3, wants=tuple(rng.sample(names, 2)), families=("flow",) * (n % 2)
            )
            for n in range(12)
        ),
        tuple(Entry(name, (f"@dev-{n}",), "flow", 2) for n, name in enumerate(names)),
    )
    plan, found = assign(problem), []
    while len(found) < 20:
        pairs = frozenset(
            (f"@dev-{row}", name)
            for number, name in enumerate(names)
            for row in rng.sample([n for n in range(12) if n != number], 2)
        )
        if not broken(problem, pairs):
            found.append(worth(problem, pairs))
    assert all(rank(objective) < rank(plan.objective) for objective in found)


@pytest.mark.parametrize("seed", range(4))
def test_when_somebody_drops_out_as_little_as_possible_changes(seed: int) -> None:
    """Every plan of the reduced problem is enumerated: none keeps more pairs."""
    checked = 0
    for number in range(30 * seed, 30 * seed + 30):
        problem = dataclasses.replace(draw(number), existing=frozenset(), filed=frozenset())
        first = attempt(problem, seed)
        if isinstance(first, str):
            continue
        before = pairs_of(first)
        gone = min(handle for handle, _ in before)
        after = dataclasses.replace(
            problem,
            reviewers=tuple(
                dataclasses.replace(person, barred="has left") if person.handle == gone else person
                for person in problem.reviewers
            ),
            existing=before,
        )
        expected = best(after)
        if expected is None:
            continue
        plan, checked = assign(after, seed), checked + 1
        assert plan.objective == expected
        assert len(before & pairs_of(plan)) == expected.kept
        assert {reason for (who, _), reason in plan.dropped.items() if who == gone} == {"has left"}
    assert checked > 5


def test_a_plan_that_stands_is_kept_whatever_the_seed_and_the_bids() -> None:
    problem = cohort(15, 10)
    plan = assign(problem, 1)
    settled = dataclasses.replace(problem, existing=pairs_of(plan))
    bids = tuple(dataclasses.replace(p, wants=("entry-009",)) for p in problem.reviewers)
    for again in (assign(settled, 2), assign(dataclasses.replace(settled, reviewers=bids), 1)):
        assert pairs_of(again) == pairs_of(plan)
        assert {pair.status for pair in again.pairs} == {"kept"}
        assert again.dropped == {}


def test_half_a_plan_is_completed_to_the_same_plan() -> None:
    """As after a command that was killed: some who leave are off, some who come are on."""
    problem = cohort(15, 10)
    gone = {("@dev-003", f"entry-{number:03}"): "has a conflict" for number in range(10)}
    problem = dataclasses.replace(problem, existing=pairs_of(assign(problem, 1)), forbidden=gone)
    plan = assign(problem, 5)
    new = sorted(pairs_of(plan) - problem.existing)
    assert plan.dropped
    assert len(new) == len(plan.dropped)
    for count in range(len(new) + 1):
        off = dict(list(plan.dropped.items())[: count + 1])
        half = dataclasses.replace(
            problem,
            existing=problem.existing - off.keys() | frozenset(new[:count]),
            forbidden=problem.forbidden | dict.fromkeys(off, "refused it or was taken off"),
        )
        assert pairs_of(assign(half, 5)) == pairs_of(plan)


def test_filed_reviews_stay_whatever_holds() -> None:
    people = (Reviewer("@rev-one", 0, barred="has left"), Reviewer("@rev-two", 2))
    entries = (Entry("vae", ("@dev-one",), "flow", 2),)
    filed = frozenset({("@rev-one", "vae")})
    plan = assign(Problem(people, entries, {("@rev-one", "vae"): "has a conflict"}, filed=filed))
    assert [(p.reviewer, p.status, p.why) for p in plan.pairs] == [
        ("@rev-one", "filed", ("drawn",)),
        ("@rev-two", "new", ("drawn",)),
    ]


def test_every_pair_says_why() -> None:
    people = (
        Reviewer("@rev-one", 1, wants=("vae",), families=("flow",)),
        Reviewer("@rev-two", 1, avoids=("vae",)),
        Reviewer("@rev-three", 1, barred="has submitted no version 1"),
    )
    problem = Problem(
        people,
        (Entry("vae", (), "flow", 2),),
        existing=frozenset({("@rev-two", "vae"), ("@rev-three", "vae"), ("@rev-four", "vae")}),
    )
    plan = assign(problem)
    assert [(p.reviewer, p.status, p.why) for p in plan.pairs] == [
        ("@rev-one", "new", ("wanted", "knows the family")),
        ("@rev-two", "kept", ("would rather not",)),
    ]
    assert plan.dropped == {
        ("@rev-three", "vae"): "has submitted no version 1",
        ("@rev-four", "vae"): "is not among the reviewers any more",
    }


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
    people = tuple(Reviewer(f"@rev-{name}", 1) for name in ("one", "two", "three", "four"))
    entries = tuple(Entry(name, (), "flow", 1) for name in ("made", "realnvp", "vae", "ddpm"))
    conflict = {
        (f"@rev-{who}", name): "has a conflict"
        for who in ("three", "four")
        for name in ("made", "realnvp", "vae")
    }
    assert refusal(Problem(people, entries, conflict)) == (
        "made, realnvp, vae together need 3 reviews, but the people who may review them can do 2 "
        f"(@rev-one at most 1, @rev-two at most 1): {HELP}"
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
