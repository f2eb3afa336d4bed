"""The end of a rehearsal: private sheets, grades, their release, and a second look."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from tools.process.ledger.state import Submission
from tools.process.rules.policy import RubricItem
from tools.process.simulation.entries import place_of
from tools.process.simulation.faults import IMAGINED, Fault
from tools.process.simulation.people import Cast, Team
from tools.process.simulation.reviewing import Desk, reported
from tools.process.simulation.world import World
from tools.publish.standing import problems


def grade(world: World, cast: Cast, desk: Desk) -> None:
    """Sheets are filled in, grades explained, tried out, and released."""
    world.until(world.now + timedelta(days=2))
    inside = str(world.root / "private")
    world.refused("grade", "--prepare", "--private", inside, because="choose a folder outside")
    said = world.zoo("grade", "--prepare").splitlines()
    world.note(f"{len(said)} files are in the private directory")
    world.refused("grade", "--release", because="nothing was released: settle")
    words: Counter[str] = Counter()
    for team in cast.teams:
        path = world.private / f"{team.model}.yaml"
        if path.exists():
            words += _fill(world, desk, team, path)
    counted = ", ".join(f"{number} {word}" for word, number in sorted(words.items()))
    world.note(f"the instructor's words on findings: {counted}")
    _name_people(world)
    who = _well_rated(world)
    override = [{"who": who, "part": "review", "value": 90, "reason": "A review of rare depth."}]
    _save(world.private / "overrides.yaml", {"overrides": override})
    world.print("\n" + world.zoo("grade"))
    world.print(world.zoo("grade", who, "--explain"))
    tried = world.zoo("grade", "--what-if", "weights.v1=0.1")
    world.note(f"with a tenth for version 1, {tried.count('→')} grades would be others")
    world.refused("grade", "--release", by=who, because="grades live outside the repository")
    world.zoo("grade", "--release")
    again = world.zoo("grade", "--release")
    world.expect(again.startswith("released already"), "a second release is none")
    world.note("grades are released")
    _check_grades(world, cast)


def _save(path: Path, data: Any) -> None:
    """Write YAML as an instructor would have it."""
    path.write_text(yaml.safe_dump(data, sort_keys=False, width=100), encoding="utf-8")


def _fill(world: World, desk: Desk, team: Team, path: Path) -> Counter[str]:
    """One entry's sheet: points, adjudications, the instructor's findings, ratings.

    Returns how many findings are valid, invalid, duplicate, or the instructor's own.
    """
    state, policy = world.state(team.model), world.record.policy
    sheet = yaml.safe_load(path.read_text(encoding="utf-8"))
    for version in ("v1", "v2"):
        sheet["rubric"][version] = _points(world, getattr(policy.rubric, version))
    found = dict(reported(desk, state.findings, team.model))
    unseen = [fault for fault in team.faults if fault not in found.values()]
    sheet["findings"] = _own(world, team, state, unseen)
    first: dict[Fault, str] = {}
    for key, fault in found.items():
        sheet["adjudications"][key] = _word(state, key, fault, team, first)
    for name in sheet["ratings"]:
        rated = {"points": _points(world, policy.rubric.review), "note": "Thank you."}
        sheet["ratings"][name] = rated
    _save(path, sheet)
    words = Counter(word["verdict"] for word in sheet["adjudications"].values())
    return words + Counter(own=len(sheet["findings"]))


def _points(world: World, items: list[RubricItem]) -> dict[str, float]:
    """Six to ten tenths of the points of each item."""
    return {item.id: round(item.points * world.random.randint(6, 10) / 10, 1) for item in items}


def _own(world: World, team: Team, state: Submission, unseen: list[Fault]) -> list[dict]:
    """What no reviewer reported, as the instructor lists it."""
    folder = world.root / "zoo" / team.model
    rows = []
    for number, fault in enumerate(unseen, 1):
        row = {
            "id": f"I{number:02d}",
            "title": fault.title,
            "severity": fault.severity,
            "place": place_of(folder, fault),
            "version": "v1",
            "quote": fault.wrong,
        }
        if state.v2:
            row["outcome"] = "not-fixed" if fault in team.kept else "verified"
        rows.append(row)
    return rows


def _word(
    state: Submission, key: str, fault: Fault, team: Team, first: dict[Fault, str]
) -> dict[str, str]:
    """The instructor's word on one finding: valid, no fault at all, or reported before."""
    if fault == IMAGINED:
        return {"verdict": "invalid", "note": "The objective is convex."}
    if fault in first:
        return {"verdict": "duplicate", "of": first[fault]}
    first[fault] = key
    word = {"verdict": "valid"}
    if state.v2:
        signed = state.signatures.get(key)
        there = "not-fixed" if fault in team.kept or not fault.wrong else "verified"
        word["outcome"] = signed.outcome if signed else there
    return word


def _well_rated(world: World) -> str:
    """Somebody whose version 1 and review have a number."""
    rows = [line.split() for line in world.zoo("grade").splitlines()[2:]]
    return next(row[0] for row in rows if row[1][0].isdigit() and row[3][0].isdigit())


def _name_people(world: World) -> None:
    """Names from the registrar, into the private list."""
    path = world.private / "people.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for number, row in enumerate(rows, 1):
            writer.writerow({**row, "name": f"Person {number}", "id_number": str(number)})


def _grades(world: World) -> dict[str, dict[str, dict[str, str]]]:
    """The released grades, by handle and part."""
    return json.loads((world.private / "grades.json").read_text(encoding="utf-8"))


def _check_grades(world: World, cast: Cast) -> None:
    """Everybody has a number, or is missing, or has no part in it; missing is never a number."""
    grades = _grades(world)
    for handle in [*cast.students, *cast.assistants]:
        final = grades[handle]["final"]["grade"]
        world.expect(final in ("missing", "–") or 0 <= float(final) <= 100, f"{handle}: {final}")
    for fate in ("absent", "withdrawn"):
        for handle in cast.by_fate(fate).members:
            said = grades[handle]["final"]["grade"]
            world.expect(said == "missing", f"{handle} of the {fate} team: {said}")


# --------------------------------------------------------------------------------- regrade


def regrade(world: World, cast: Cast) -> None:
    """One asks in time and gets another grade; another asks too late."""
    team, key = _disputable(world, cast)
    who, before = team.speaker, _grades(world)
    world.until(world.now + timedelta(days=3))
    reason = ("--reason", "The finding is none: the paper says so in section 2.")
    world.zoo("regrade", "ask", team.model, *reason, by=who)
    world.refused("regrade", "ask", team.model, *reason, by=who, because="has asked already")
    path = world.private / f"{team.model}.yaml"
    sheet = yaml.safe_load(path.read_text(encoding="utf-8"))
    sheet["adjudications"][key] = {"verdict": "invalid", "note": "You are right."}
    _save(path, sheet)
    world.zoo("grade", "--release")
    world.zoo("regrade", "answer", team.model, who, "--reason", "You are right.")
    old, new = (grades[who]["v1"]["grade"] for grades in (before, _grades(world)))
    world.expect(float(new) > float(old), f"the grade of {who} has risen from {old} to {new}")
    world.note(f"{who} asks for a second look at {key}; version 1: {old} → {new}")
    other = cast.by_fate("held")
    due = world.state(other.model).due("regrade")
    assert due is not None
    world.until(due + timedelta(seconds=1))
    because = "a regrade could be asked until"
    world.refused("regrade", "ask", other.model, *reason, by=other.speaker, because=because)


def _disputable(world: World, cast: Cast) -> tuple[Team, str]:
    """A team and a finding of its entry that costs it something and has no duplicate."""
    for team in cast.teams:
        state = world.state(team.model)
        if state.stage != "accepted":
            continue
        words = yaml.safe_load((world.private / f"{team.model}.yaml").read_text(encoding="utf-8"))
        words = words["adjudications"]
        named = {word.get("of") for word in words.values()}
        score = _grades(world)[team.speaker]["v1"]["grade"]
        for key, word in words.items():
            costly = state.findings[key] in ("blocker", "major", "minor")
            if word["verdict"] == "valid" and key not in named and costly and float(score) > 0:
                return team, key
    world.expect(False, "a finding costs somebody something")
    raise AssertionError


def publish(world: World, cast: Cast) -> None:
    """What was accepted is published where everybody consents to it; one entry has a slip."""
    record = world.record
    accepted = [m for m, s in record.states().items() if s.stage == "accepted"]
    wrong = {model: problems(record, model) for model in accepted}
    other = [line for lines in wrong.values() for line in lines if "consented" not in line]
    world.expect(not other, f"only consent is missing: {other}")
    free = [model for model in accepted if not wrong[model]]
    if free != accepted:
        world.refused("publish", "entry", "--all", because="nothing was published")
    world.expect(bool(free), "everybody of some entry consents")
    world.zoo("publish", "entry", *free)
    team = cast.author(free[0])
    world.zoo("addendum", team.model, "README.md: the optimum is at 2, not at 3.", by=team.speaker)
    world.note(f"{team.speaker} finds a slip in {team.model}: an addendum stands beside it")
    world.note(f"{len(free)} entries are published, {len(accepted) - len(free)} wait for consent")
