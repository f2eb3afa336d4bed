"""The assignment against all plans of small problems, and what it promises on any problem."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.process.assignment import Entry, Plan, Problem, Reviewer, assign, input_sha256, solver
from tools.process.tests.plans import HELP, best, broken, cohort, draw, may_review, rank, worth
from zoo.core.errors import ZooError


def attempt(problem: Problem, seed: int) -> Plan | str:
    """The plan, or the line that says why there is none."""
    try:
        return assign(problem, seed)
    except ZooError as refusal:
        return str(refusal)


def pairs_of(plan: Plan) -> frozenset[tuple[str, str]]:
    return frozenset((pair.reviewer, pair.entry) for pair in plan.pairs)


# In these, teams that review each other cost balance, and the second stage must not win it back.
COSTLY = (322, 542, 572, 617, 695, 744, 926, 960, 1011, 1072, 1138, 1177)


@pytest.mark.parametrize("numbers", [*(range(n, n + 40) for n in range(0, 240, 40)), COSTLY])
def test_the_plan_is_the_best_of_all_plans(numbers: Iterable[int]) -> None:
    solved = 0
    for number in numbers:
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


@pytest.mark.parametrize(("people", "seed"), [(8, 2), (12, 1), (12, 22)])
def test_a_first_integer_programme_that_is_too_narrow_is_widened(
    people: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neighbours in a ring want each other; in these three, few pairs hold no plan or a worse."""
    rng = random.Random(seed)
    names = [f"entry-{number:02}" for number in range(people)]
    wants = [
        tuple(names[(n + step) % people] for step in (-2, -1, 1, 2) if rng.random() < 0.8)
        for n in range(people)
    ]
    problem = Problem(
        tuple(Reviewer(f"@dev-{n:02}", 2, wants=wants[n]) for n in range(people)),
        tuple(Entry(name, (f"@dev-{n:02}",), "flow", 2) for n, name in enumerate(names)),
    )
    expected = assign(problem)
    monkeypatch.setattr(solver, "NEAR", 1)
    plan = assign(problem)
    assert plan.gap == expected.gap == (0, 0, 0)
    assert plan.objective == expected.objective


def test_a_programme_that_is_too_large_states_a_gap_that_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No integer programme over all pairs: the best plan lies between the plan and the bound."""
    for name, value in {"SMALL": 0, "FIRST": 1, "MORE": 1, "NEAR": 1, "WIDE": 0}.items():
        monkeypatch.setattr(solver, name, value)
    gaps = 0
    for number in (*range(150), *COSTLY):
        problem = draw(number)
        expected, plan = best(problem), attempt(problem, 0)
        if isinstance(plan, str):
            assert expected is None or plan.startswith("reciprocity may leave no plan"), number
            continue
        assert expected is not None
        assert rank(plan.objective) <= rank(expected) <= rank(plan.bound), number
        gaps += any(plan.gap)
    assert gaps > 0


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
