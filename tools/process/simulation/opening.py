"""The first four weeks of a rehearsal: people, proposals, and version 1."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta

from tools.process.git import git
from tools.process.rules.policy import moment, stamp
from tools.process.simulation.entries import plant, write_entry
from tools.process.simulation.people import (
    Cast,
    Team,
    classroom_csv,
    first_roster,
    with_conflicts,
)
from tools.process.simulation.world import INSTRUCTOR, World
from tools.scaffold import create_entry
from zoo.core.errors import ZooError

DATES = {
    'proposal: "2026-10-26 23:59"': 'proposal: "2026-10-05 23:59"',
    'v1: "2026-12-07 23:59"': 'v1: "2026-10-19 23:59"',
    'v2: "2027-01-25 23:59"': 'v2: "2026-11-06 23:59"',
    "submission_checks: full": "submission_checks: static",
    "required: 0.9": "required: 0",
}


def begin(world: World, cast: Cast) -> None:
    """The instructor sets the rules and takes the people from the classroom's CSV."""
    world.at("2026-09-28 09:00")
    text = (world.root / "templates" / "policy.yaml").read_text(encoding="utf-8")
    _write(world, "reviews/policy.yaml", _changed(text, DATES))
    _write(world, "reviews/roster.yaml", first_roster(cast))
    world.commit("Rules and people of the term", "reviews")
    export = world.root.parent / "classroom.csv"
    export.write_text(classroom_csv(cast), encoding="utf-8")
    said = world.zoo("roster", "import", str(export)).splitlines()
    roster = world.root / "reviews" / "roster.yaml"
    text = roster.read_text(encoding="utf-8")
    world.expect("example.org" not in text and "Person" not in text, "no e-mail in the roster")
    _write(world, "reviews/roster.yaml", with_conflicts(text, cast.conflicts))
    world.commit("Roster: imported, with conflicts", "reviews")
    world.note(said[-1].partition(";")[0])
    world.note(world.zoo("roster", "check").strip())


def _changed(text: str, changes: dict[str, str]) -> str:
    """A text with pieces replaced that occur once each."""
    for old, new in changes.items():
        if text.count(old) != 1:
            raise ZooError(f"the policy: '{old}' does not stand there once")
        text = text.replace(old, new)
    return text


def _write(world: World, path: str, text: str) -> None:
    """Write a file of the clone."""
    (world.root / path).write_text(text, encoding="utf-8")


# ------------------------------------------------------------------------------- proposals


def propose(world: World, cast: Cast) -> None:
    """Everybody proposes; one paper is taken, one proposal declined, one person comes too late."""
    first, declined, absent = (cast.by_fate(name) for name in ("first", "declined", "absent"))
    world.at("2026-09-29 10:00")
    world.zoo(*_proposal(declined), by=declined.speaker)
    arguments = _proposal(first)
    arguments[arguments.index("--paper") + 1] = f"https://arxiv.org/abs/{declined.paper}v2"
    world.refused(*arguments, by=first.speaker, because=f"is taken by {declined.model}")
    for team in cast.teams:
        if team not in (declined, absent):
            world.before("2026-10-03 20:00", len(cast.teams))
            world.zoo(*_proposal(team), by=team.speaker)
    world.note(f"{len(cast.teams) - 1} teams have proposed a paper")
    world.refused("approve", first.model, by=first.speaker, because="is for the instructor")
    world.at("2026-10-04 09:00")
    world.zoo("decline", declined.model, "--reason", "The claims name no number.")
    world.note(f"{declined.model} is declined: its claims name no number")
    world.at("2026-10-05 23:59:59")
    world.zoo(*_proposal(absent), by=absent.speaker)
    world.zoo(*_proposal(declined, "NLL <= 27 nats"), by=declined.speaker)
    world.note(f"{declined.model} is proposed again, with its number, in the last second")
    world.until(world.now + timedelta(seconds=1))
    late = _proposal(first)
    late[1] = "too_late"
    world.refused(*late, by=first.speaker, because="proposals could be made until")
    world.at("2026-10-06 10:00")
    for team in cast.teams:
        world.zoo("approve", team.model)
    world.note(f"{len(cast.teams)} proposals are approved")


def _proposal(team: Team, claim: str = "NLL") -> list[str]:
    """The command line of a team's proposal; its team is that of the roster."""
    options = {
        "--title": team.title,
        "--paper": team.paper,
        "--family": "autoregressive",
        "--claim": claim,
        "--dataset": "binarized-digits",
        "--compute": "two cores of a laptop, a minute",
    }
    return ["propose", team.model, *(word for pair in options.items() for word in pair)]


# ------------------------------------------------------------------------------- version 1


def reschedule(world: World) -> None:
    """The instructor moves a date after entries were approved."""
    world.at("2026-10-12 12:00")
    path = world.root / "reviews" / "policy.yaml"
    text = path.read_text(encoding="utf-8")
    moved = {'v2: "2026-11-06 23:59"': 'v2: "2026-11-09 23:59"'}
    _write(world, "reviews/policy.yaml", _changed(text, moved))
    world.commit("Version 2 is due after the weekend", "reviews/policy.yaml")
    planned = world.zoo("reschedule", "--dry-run").splitlines()
    done = world.zoo("reschedule").splitlines()
    world.expect(planned == done, "reschedule does what its dry run says")
    world.note(f"version 2 is due later: {done[0].partition(': ')[2]}, in {len(done)} entries")


def submit_v1(world: World, cast: Cast) -> None:
    """Most are in time, to the last second; some late, some too late."""
    missing = ("absent", "revived")
    due = world.state(cast.teams[0].model).due("v1")
    assert due is not None
    world.expect(stamp(due) == "2026-10-19T21:59:59Z", "23:59 in October is summer time")
    first = cast.by_fate("first")
    world.at("2026-10-13 09:00")
    for team in cast.teams:
        if team.fate not in (*missing, "declined", "late-v1", "first"):
            world.before("2026-10-19 20:00", len(cast.teams))
            develop(world, team)
            world.zoo("submit", team.model, "v1", by=team.speaker)
    submitted = [team for team in cast.teams if world.state(team.model).v1]
    world.note(f"version 1 of {len(submitted)} entries is in, before the last evening")
    _in_the_last_second(world, first)
    world.at("2026-10-20 00:00:00")
    for team in cast.teams:
        if team.fate in ("declined", "late-v1"):
            develop(world, team)
            said = world.zoo("submit", team.model, "v1", by=team.speaker)
            world.expect("late: the penalty" in said, f"{team.model} is late")
            world.note(f"{team.model} comes a second after midnight: late")
    world.at("2026-10-21 08:00")
    for team in (cast.by_fate("absent"), cast.by_fate("revived")):
        develop(world, team)
        over = "the time for late work is over"
        world.refused("submit", team.model, "v1", by=team.speaker, because=over)
    said = world.zoo("close", "--all", by="")
    world.note(said.splitlines()[0] + f", and {said.count('declared missing') - 1} more")


def _in_the_last_second(world: World, team: Team) -> None:
    """A team that tries with unfinished work first, and is in time at 23:59:59."""
    world.at("2026-10-19 23:40")
    create_entry(world.root, team.model, team.title, team.paper, "autoregressive")
    world.commit("A skeleton", f"zoo/{team.model}")
    world.refused("submit", team.model, "v1", by=team.speaker, because="checks of")
    git(world.root, "rm", "-r", "--quiet", f"zoo/{team.model}")
    git(world.root, "commit", "--quiet", "--no-verify", "-m", "Take the skeleton back")
    develop(world, team)
    card = world.root / "zoo" / team.model / "README.md"
    card.write_text(card.read_text() + "\nAlmost done.\n")
    world.refused("submit", team.model, "v1", by=team.speaker, because="not committed")
    world.commit("A last sentence", f"zoo/{team.model}")
    with checked_in_full(world):
        world.at("2026-10-19 23:59:59")
        said = world.zoo("submit", team.model, "v1", by=team.speaker)
    world.note(said.splitlines()[0])
    world.expect(not world.state(team.model).v1.late, f"{team.model} is in time")
    world.note(f"{team.model} is in, in the last second")


@contextlib.contextmanager
def checked_in_full(world: World) -> Iterator[None]:
    """The policy asks for full checks meanwhile, if the rehearsal has the time for it."""
    change = {"submission_checks: static": "submission_checks: full"}
    path = world.root / "reviews" / "policy.yaml"
    text = path.read_text(encoding="utf-8")
    if world.full:
        _write(world, "reviews/policy.yaml", _changed(text, change))
        world.commit("Checks run code", "reviews/policy.yaml")
    yield
    if world.full:
        _write(world, "reviews/policy.yaml", text)
        world.commit("Checks run no code", "reviews/policy.yaml")


def develop(world: World, team: Team) -> None:
    """Write the entry as its team has it, faults included, and commit it."""
    steps = 500 + 10 * world.random.randint(1, 100)
    folder = write_entry(world.root, team.model, team.title, team.paper, team.members, steps)
    plant(folder, team.faults)
    world.commit(f"{team.model}: version 1", f"zoo/{team.model}")


def revive(world: World, team: Team) -> None:
    """One person has more time, and a version that was missing comes after all."""
    who = team.members[-1]
    world.at("2026-10-21 10:00")
    until = ("--stage", "v1", "--until", "2026-10-25 23:59")
    world.refused("extend", team.model, who, *until, by=who, because="is for the instructor")
    world.zoo("extend", team.model, who, *until, by=INSTRUCTOR)
    due = world.state(team.model).due("v1")
    world.expect(due == moment("2026-10-25T22:59:59Z"), "an extension to winter time")
    world.note(f"{who} was ill: version 1 of {team.model} may come until Sunday")
