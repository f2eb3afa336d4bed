"""Small assignment problems, drawn at random, and all of their plans."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator

from tools.process.assignment import Entry, Objective, Problem, Reviewer

HELP = "raise reviews_per_person, lower reviewers_per_entry or add a reviewer to the roster"
POINTS = {"wants": 3, "avoids": -3, "families": 1}


def cohort(people: int, entries: int, quota: int = 2, capacity: int = 3) -> Problem:
    """Entries of one developer each, and more people; everybody wants the first two entries."""
    handles = [f"@dev-{number:03}" for number in range(people)]
    names = [f"entry-{number:03}" for number in range(entries)]
    return Problem(
        tuple(Reviewer(handle, capacity, wants=tuple(names[:2])) for handle in handles),
        tuple(Entry(n, (h,), "flow", quota) for n, h in zip(names, handles, strict=False)),
    )


def draw(seed: int) -> Problem:
    """A problem of up to six people and four entries; many have no plan."""
    rng = random.Random(seed)
    people = [f"@rev-{letter}" for letter in "abcdef"[: rng.randint(3, 6)]]
    pool = rng.sample(people, len(people))
    entries = []
    for name in ["made", "realnvp", "vae", "ddpm"][: rng.randint(1, 4)]:
        team = [pool.pop() for _ in range(min(rng.choice([0, 1, 1, 2]), len(pool)))]
        if rng.random() < 0.1:  # somebody who develops two entries
            team = sorted({*team, rng.choice(people)})
        entries.append(
            Entry(name, tuple(team), rng.choice(["flow", "diffusion"]), rng.choice([1, 2]))
        )
    names = [entry.name for entry in entries]

    def some(words: list[str], share: float) -> tuple[str, ...]:
        return tuple(word for word in words if rng.random() < share)

    reviewers = [
        Reviewer(
            handle,
            capacity=rng.randint(1, 3),
            load=rng.choice([0, 0, 0, 1]),
            wants=some(names, 0.3),
            avoids=some(names, 0.2),
            families=some(["flow", "diffusion"], 0.3),
            barred="has submitted no version 1" if rng.random() < 0.05 else "",
        )
        for handle in people
    ]
    team = {entry.name: entry.team for entry in entries}
    pairs = [(h, n) for h, n in itertools.product(people, names) if h not in team[n]]
    filed = frozenset(pair for pair in pairs if rng.random() < 0.03)
    existing = frozenset(pair for pair in pairs if rng.random() < 0.15) - filed
    forbidden = {pair: "has a conflict" for pair in pairs if rng.random() < 0.08}
    return Problem(tuple(reviewers), tuple(entries), forbidden, existing, filed)


def plans(problem: Problem) -> Iterator[frozenset[tuple[str, str]]]:
    """Every plan, as its pairs, filed ones included: the rules once more, as plainly as can be."""
    people = {person.handle: person for person in problem.reviewers}
    choices = []
    for entry in problem.entries:
        filed = [handle for handle, name in problem.filed if name == entry.name]
        others = [handle for handle in people if handle not in filed]
        count = max(entry.quota - len(filed), 0)
        choices.append(
            [
                frozenset((handle, entry.name) for handle in [*filed, *chosen])
                for chosen in itertools.combinations(others, count)
                if all(may_review(problem, handle, entry) for handle in chosen)
            ]
        )
    for choice in itertools.product(*choices):
        pairs = frozenset().union(*choice)
        if not broken(problem, pairs):
            yield pairs


def may_review(problem: Problem, handle: str, entry: Entry) -> bool:
    """Whether a new pair respects barred people, teams and forbidden pairs."""
    person = next(person for person in problem.reviewers if person.handle == handle)
    forbidden = (handle, entry.name) in problem.forbidden
    return not person.barred and handle not in entry.team and not forbidden


def broken(problem: Problem, pairs: frozenset[tuple[str, str]]) -> list[str]:
    """Rules on the whole that a set of pairs breaks; what is filed cannot break any by itself."""
    rules = []
    new, loads = pairs - problem.filed, Counter(handle for handle, _ in pairs)
    for person in problem.reviewers:
        over = loads[person.handle] + person.load > person.capacity
        if over and any(handle == person.handle for handle, _ in new):
            rules.append(f"{person.handle} reviews too much")
    team = {entry.name: entry.team for entry in problem.entries}
    for (one, of), (other, back) in itertools.product(new, pairs):
        if one in team[back] and other in team[of]:
            rules.append(f"{one} and {other} review each other")
    return rules


def worth(problem: Problem, pairs: frozenset[tuple[str, str]]) -> Objective:
    """What a plan is judged by, recomputed."""
    people = {person.handle: person for person in problem.reviewers}
    family = {entry.name: entry.family for entry in problem.entries}
    loads = Counter(handle for handle, _ in pairs)
    new = pairs - problem.filed
    points = 0
    for handle, name in new:
        person = people[handle]
        points += POINTS["wants"] * (name in person.wants)
        points += POINTS["avoids"] * (name in person.avoids)
        points += POINTS["families"] * (family[name] in person.families)
    squares = sum((loads[person.handle] + person.load) ** 2 for person in problem.reviewers)
    return Objective(len(problem.existing & new), squares, points)


def rank(objective: Objective) -> tuple[int, int, int]:
    """Larger is better."""
    return objective.kept, -objective.squares, objective.preference


def best(problem: Problem) -> Objective | None:
    """The best objective of all plans; None where there is no plan."""
    return max((worth(problem, pairs) for pairs in plans(problem)), key=rank, default=None)
