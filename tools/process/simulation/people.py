"""The people of a rehearsal: teams, what happens to them, and the files that introduce them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from tools.process.simulation.faults import FAULTS, READABLE, Fault
from tools.process.simulation.world import INSTRUCTOR
from zoo.core.errors import ZooError

FEWEST = 20  # people with whom everything can happen
# What must happen in a term, to one team each; further teams draw theirs, most of them nothing.
FATES = ("first", "declined", "held", "absent", "withdrawn", "revived")
LATER = ("late-v1", "late-v2", "absent", *[""] * 17)


@dataclass
class Team:
    """A team and its entry.

    Attributes:
        name: in the roster.
        members: handles.
        model: name of the entry.
        title: of its paper.
        paper: arXiv identifier, of a year in which there is none.
        fate: what happens to it.
        faults: planted in version 1.
        kept: of these, what version 2 does not repair.
        answers: by finding key, what the response says.
    """

    name: str
    members: list[str]
    model: str
    title: str
    paper: str
    fate: str
    faults: list[Fault]
    kept: list[Fault] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)

    @property
    def speaker(self) -> str:
        """Who types for the team."""
        return self.members[0]


@dataclass(frozen=True)
class Cast:
    """Everybody.

    Attributes:
        teams: of students.
        assistants: who only review.
        conflicts: pairs of people of different teams.
    """

    teams: list[Team]
    assistants: list[str]
    conflicts: list[tuple[str, str]]

    @property
    def students(self) -> list[str]:
        """Handles of all students."""
        return [handle for team in self.teams for handle in team.members]

    def by_fate(self, fate: str) -> Team:
        """The first team to which this happens."""
        return next(team for team in self.teams if team.fate == fate)

    def author(self, model: str) -> Team:
        """The team of an entry."""
        return next(team for team in self.teams if team.model == model)


def draw_cast(people: int, random: Random) -> Cast:
    """Teams of one to three for so many people, assistants among them."""
    if people < FEWEST:
        raise ZooError(f"--people {people}: everything can happen to {FEWEST} or more")
    assistants = [f"@assistant-{number:02d}" for number in range(1, people // 20 + 3)]
    students = [f"@student-{number:02d}" for number in range(1, people - len(assistants) + 1)]
    random.shuffle(students)
    count = max(len(FATES), round(len(students) / 2))
    groups = [[student] for student in students[:count]]
    for student in students[count:]:
        random.choice([group for group in groups if len(group) < 3]).append(student)
    fates = [*FATES, *(random.choice(LATER) for _ in groups[len(FATES) :])]
    teams = [_team(at, group, fates[at], random) for at, group in enumerate(groups)]
    conflicts = []
    for _ in range(people // 10):
        one, other = random.sample(teams, 2)
        conflicts.append((random.choice(one.members), random.choice(other.members)))
    return Cast(teams, assistants, conflicts)


def _team(at: int, members: list[str], fate: str, random: Random) -> Team:
    """A team with its paper, and the faults that it will make."""
    number = at + 1
    return Team(
        name=f"team-{number:02d}",
        members=members,
        model=f"logistic_{number:02d}",
        title=f"Logistic Autoregression, Variation {number}",
        paper=f"9901.{number:05d}",
        fate=fate,
        faults=_faults(random, READABLE if fate == "first" else FAULTS),
    )


def _faults(random: Random, among: Sequence[Fault]) -> list[Fault]:
    """Two to four faults, each in a text of its own."""
    chosen: list[Fault] = []
    for fault in random.sample(among, random.randint(2, 4)):
        clash = any(fault.right in other.right or other.right in fault.right for other in chosen)
        if not clash:
            chosen.append(fault)
    return chosen


def classroom_csv(cast: Cast) -> str:
    """What a classroom exports: accounts and teams, and names and addresses beside them."""
    lines = ["name,email,github_username,github_id,team,consent"]
    rows = ((handle, team.name) for team in cast.teams for handle in team.members)
    for number, (handle, team) in enumerate(sorted(rows), 1):
        account = handle.removeprefix("@")
        said = "no" if number % 7 == 0 else "yes"
        cells = (f"Person {number}", f"{account}@example.org", account, 9_000_000 + number)
        lines.append(",".join(map(str, (*cells, team, said))))
    return "\n".join(lines) + "\n"


def first_roster(cast: Cast) -> str:
    """The roster before the import: who runs the term, and who only reviews."""
    rows = [(INSTRUCTOR, "instructor"), *((handle, "reviewer") for handle in cast.assistants)]
    lines = [
        f"  - {{handle: {json.dumps(who)}, role: {role}, consent: handle}}" for who, role in rows
    ]
    return "\n".join(["# People of the rehearsal.", "people:", *lines]) + "\n"


def with_conflicts(roster: str, conflicts: Sequence[tuple[str, str]]) -> str:
    """The roster's text with conflicts written in by hand, as the instructor does it."""
    named: dict[str, list[str]] = {}
    for one, other in conflicts:
        named.setdefault(one, []).append(other)
    return "".join(_line(line, named) for line in roster.splitlines(keepends=True))


def _line(line: str, conflicts: dict[str, list[str]]) -> str:
    """A person's line with the conflicts of that person."""
    for handle, others in conflicts.items():
        if f'"{handle}"' in line.partition("conflicts")[0]:
            return line.replace("conflicts: []", f"conflicts: {json.dumps(sorted(set(others)))}")
    return line
