"""The worked examples of CONTRIBUTING.md: every command of every role, run in order by a shell."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import yaml

from tools.process.record import Record
from tools.process.simulation.entries import place_of, plant, repair, write_entry
from tools.process.simulation.faults import FAULTS
from tools.process.simulation.texts import Reply, Report, filled_in, review_text
from tools.process.simulation.world import World
from zoo.core.registry import ZOO_FOLDER

STEP = re.compile(r"<!-- run (\d+)(b?) (@[\w-]+) (\S+) -->\n```sh\n(.*?)```", re.DOTALL)
FAULT = FAULTS[0]


def steps() -> list[tuple[int, str, str, str, str]]:
    """(number, letter, who, when, script) of every example, in the order of the term."""
    found = STEP.findall((ZOO_FOLDER.parent / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    return sorted((int(number), letter, *rest) for number, letter, *rest in found)


def commit(world: World, message: str) -> None:
    world.commit(message, ".")


def classroom(world: World) -> None:
    rows = [("identifier", "github_username", "github_id", "role", "consent")]
    rows += [("a@example.org", "dev-one", "11", "developer", "handle")]
    rows += [("", "rev-one", "12", "reviewer", "anonymous")]
    rows += [("", "instructor-one", "13", "instructor", "yes")]
    with (world.root / "classroom.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def small_policy(world: World) -> None:
    """One reviewer for the one entry, and checks that run no code."""
    path = world.root / "reviews" / "policy.yaml"
    text = path.read_text().replace("reviewers_per_entry: 2", "reviewers_per_entry: 1")
    text = text.replace("required: 0.9", "required: 0")
    path.write_text(text.replace("submission_checks: full", "submission_checks: static"))
    (world.root / "classroom.csv").rename(world.root.parent / "classroom.csv")
    commit(world, "A term begins")


def entry(world: World) -> None:
    plant(write_entry(world.root, "toy", "MADE", "1502.03509", ["@dev-one"], 900), [FAULT])
    commit(world, "The first version")


def review(world: World) -> None:
    path = world.root / "reviews/toy/v1/rev-one.md"
    place = place_of(world.root / "zoo" / "toy", FAULT)
    reports = [Report(FAULT, place)]
    text = review_text("toy", world.head(), "@rev-one", reports, path.read_text())
    path.write_text(re.sub("commit: .*", f'commit: "{Record().state("toy").v1.commit}"', text))


def answer(world: World) -> None:
    repair(world.root / "zoo" / "toy", [FAULT])
    commit(world, "The mask is strict now")
    path = world.root / "reviews/toy/v2/response.md"
    path.write_text(filled_in(path.read_text(), {"rev-one/F01": Reply("fixed", "As advised.")}))


def sheets(world: World) -> None:
    private = world.root.parent / "grading"
    path = private / "toy.yaml"
    sheet = yaml.safe_load(path.read_text())
    policy = Record().policy
    for version in ("v1", "v2"):
        items = getattr(policy.rubric, version)
        sheet["rubric"][version] = {item.id: item.points for item in items}
    sheet["adjudications"]["rev-one/F01"]["verdict"] = "valid"
    points = {item.id: item.points for item in policy.rubric.review}
    sheet["ratings"]["rev-one"]["points"] = points
    path.write_text(yaml.safe_dump(sheet))
    people = (private / "people.csv").read_text()
    (private / "people.csv").write_text(re.sub(r"(?m)^(@[\w-]+),", r"\1,Some Body", people))


BEFORE: dict[tuple[int, str], Callable[[World], None]] = {
    (1, ""): classroom,
    (2, ""): small_policy,
    (4, ""): entry,
    (7, ""): review,
    (11, ""): answer,
    (15, ""): sheets,
}


def test_the_worked_examples_run(tmp_path: Path) -> None:
    assert {who for _, _, who, _, _ in steps()} == {"@dev-one", "@rev-one", "@instructor-one"}
    world = World(tmp_path, 1, lambda text: None, full=False)
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    said = {}
    with world.entered():
        for number, letter, who, when, script in steps():
            moment = datetime.fromisoformat(when)
            world.until(moment)
            BEFORE.get((number, letter), lambda world: None)(world)
            environment = {**os.environ, "PATH": tools, "PYTHONPATH": str(world.root)}
            environment |= {"ZOO_HANDLE": who, "ZOO_NOW": when}
            if number > 14:
                environment["ZOO_PRIVATE"] = "../grading"
            done = subprocess.run(
                ["bash", "-euc", script],
                cwd=world.root,
                env=environment,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, (
                f"step {number}{letter}:\n{script}\n{done.stdout}{done.stderr}"
            )
            said[number, letter] = done.stdout
    assert "1 fault" not in said[16, ""]
    assert "✔ the record is whole: 1 ledger" in said[16, ""]
    blocker = "20" if FAULT.severity == "blocker" else "8"
    assert f"- {blocker} rev-one/F01" in said[15, ""]
    assert (tmp_path / "grading" / "feedback" / "dev-one.md").is_file()
    assert said[17, ""] == "toy is published\n"
    assert said[18, ""].startswith("recorded beside toy: README.md, What this is")


def test_every_command_of_the_process_has_its_example() -> None:
    from tools.cli import SECTIONS

    text = (ZOO_FOLDER.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    shown = {"approve", "assign", "close", "accept", "extend", "grade", "regrade", "roster"}
    shown |= {
        "publish",
        "propose",
        "submit",
        "respond",
        "bid",
        "review",
        "verify-fix",
        "status",
        "fsck",
    }
    assert shown <= {name for section in SECTIONS.values() for name in section}
    assert [name for name in sorted(shown) if f"zoo {name}" not in text] == []
