"""Made-up terms: teams of one to three, bids, families, conflicts; and assignment by lot."""

from __future__ import annotations

import random
from collections import Counter

from tools.process.assignment import Entry, Objective, Problem, Reviewer
from tools.process.assignment.problem import points

FAMILIES = ("autoregressive", "latent-variable", "flow", "adversarial", "energy", "diffusion")
EACH = 3  # reviews that a person owes


def cohort(people: int, seed: int = 0) -> Problem:
    """A term in which everybody owes `EACH` reviews, and entries need as many as that gives.

    Everybody wants three entries, avoids two, knows up to two families and has a conflict with up
    to two people. One review more than is owed may be asked of anybody.
    """
    rng = random.Random(seed)
    handles = [f"@dev-{number:04}" for number in range(people)]
    teams, left = [], handles
    while left:
        size = rng.choice([1, 2, 3])
        teams.append(tuple(left[:size]))
        left = left[size:]
    names = [f"entry-{number:04}" for number in range(len(teams))]
    places = [EACH * people // len(teams)] * len(teams)
    for number in range(EACH * people - sum(places)):
        places[number] += 1
    entries = [
        Entry(name, team, rng.choice(FAMILIES), quota)
        for name, team, quota in zip(names, teams, places, strict=True)
    ]
    reviewers, forbidden = [], {}
    for handle in handles:
        bids = rng.sample(names, 5)
        known = tuple(rng.sample(FAMILIES, rng.randint(0, 2)))
        reviewers.append(Reviewer(handle, EACH + 1, 0, tuple(bids[:3]), tuple(bids[3:]), known))
        for entry in rng.sample(entries, rng.randint(0, 2)):
            forbidden[handle, entry.name] = "has a conflict of interest"
    return Problem(tuple(reviewers), tuple(entries), forbidden)


def by_lot(problem: Problem, seed: int = 0) -> Objective:
    """Each place goes to somebody drawn among those who may take it and have the fewest reviews."""
    rng = random.Random(seed)
    team = {entry.name: set(entry.team) for entry in problem.entries}
    develops = {h: entry.name for entry in problem.entries for h in entry.team}
    loads: Counter[str] = Counter()
    chosen: set[tuple[str, str]] = set()
    order = [entry for entry in problem.entries for _ in range(entry.quota)]
    for entry in rng.sample(order, len(order)):

        def may(person: Reviewer, entry: Entry = entry) -> bool:
            pair = (person.handle, entry.name)
            mutual = ((mate, develops[person.handle]) in chosen for mate in team[entry.name])
            return not (
                pair in chosen
                or pair in problem.forbidden
                or person.handle in team[entry.name]
                or loads[person.handle] == person.capacity
                or any(mutual)
            )

        people = [person for person in problem.reviewers if may(person)]
        least = min(loads[person.handle] for person in people)
        drawn = rng.choice([person for person in people if loads[person.handle] == least])
        chosen.add((drawn.handle, entry.name))
        loads[drawn.handle] += 1
    return _worth(problem, chosen, loads)


def _worth(problem: Problem, chosen: set[tuple[str, str]], loads: Counter[str]) -> Objective:
    people = {person.handle: person for person in problem.reviewers}
    entries = {entry.name: entry for entry in problem.entries}
    total = sum(points(people[handle], entries[name]) for handle, name in chosen)
    return Objective(0, sum(load**2 for load in loads.values()), total)
