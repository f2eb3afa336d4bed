"""The end-to-end test: a small term, from the classroom's CSV to the last regrade."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

import tools.process.simulation
from tools.cli import main
from tools.process.ledger.events import Proposed
from tools.process.record import Record
from tools.process.simulation import Outcome, opening, rehearse
from tools.process.simulation.ending import everything_happened
from tools.process.simulation.faults import FAULTS
from tools.process.simulation.people import FEWEST, Cast, draw_cast
from tools.process.simulation.world import World
from tools.process.tests.conftest import Term
from zoo.core.errors import ZooError
from zoo.core.registry import ZOO_FOLDER

SEED = 7


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Where the same term is rehearsed twice."""
    return [tmp_path_factory.mktemp(name) for name in ("one", "other")]


@pytest.fixture(scope="module")
def outcomes(folders: list[Path]) -> list[Outcome]:
    """What came of both rehearsals, each in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        # `str` takes the lines of the diary and does nothing with them.
        runs = [pool.submit(rehearse, f, FEWEST, SEED, str, full=False) for f in folders]
        return [run.result() for run in runs]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world in which nothing has happened yet."""
    with World(tmp_path, SEED + 1, str, full=False).entered() as world:
        yield world


def cast_of(world: World) -> Cast:
    """The people of a world, on the first day of their term."""
    cast = draw_cast(FEWEST, world.random)
    opening.begin(world, cast)
    return cast


# --------------------------------------------------------------------------- the whole term


def test_everything_happens_and_the_record_is_whole(
    folders: list[Path], outcomes: list[Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome, root = outcomes[0], folders[0] / "clone"
    assert all(outcome.counts.values()), outcome.counts
    assert outcome.counts["events"] == sum(len(Record(root).events(m)) for m in outcome.ledgers)
    monkeypatch.setenv("ZOO_ROOT", str(root))
    result = CliRunner().invoke(main, ["fsck"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "✔ the record is whole" in result.stdout


def test_everybody_has_a_grade_or_is_missing(folders: list[Path], outcomes: list[Outcome]) -> None:
    people = Record(folders[0] / "clone").roster.people.values()
    graded = {person.handle for person in people if person.role != "instructor"}
    grades = outcomes[0].grades
    assert set(grades) == graded
    assert len(grades) == FEWEST
    numbers = [float(grade) for grade in grades.values() if grade not in ("missing", "–")]
    assert len(numbers) > FEWEST / 4
    assert "missing" in grades.values()
    assert all(0 <= number <= 100 for number in numbers)


def test_the_same_seed_makes_the_same_commits(outcomes: list[Outcome]) -> None:
    assert outcomes[0].ledgers == outcomes[1].ledgers
    assert outcomes[0].head == outcomes[1].head
    assert outcomes[0] == outcomes[1]


def test_another_seed_makes_another_term(
    world: World, folders: list[Path], outcomes: list[Outcome]
) -> None:
    opening.propose(world, cast_of(world))
    other = Record(folders[0] / "clone")
    for model in world.record.models():
        lines, others = (r.ledger(model).lines()[0] for r in (world.record, other))
        assert not set(lines) & set(others), model


def test_the_caller_finds_the_process_as_it_was(tmp_path: Path) -> None:
    before, here = dict(os.environ), Path.cwd()
    with World(tmp_path, SEED, str, full=False).entered() as world:
        assert Path.cwd() == world.root
        assert os.environ["ZOO_NOW"] == "2026-09-28T07:00:00Z"
    assert (dict(os.environ), Path.cwd()) == (before, here)


# ----------------------------------------------------------------------- what ends a rehearsal


def test_a_command_that_does_not_succeed_ends_it(world: World) -> None:
    cast_of(world)
    with pytest.raises(ZooError, match=r"typed zoo approve vae, and it did not succeed$"):
        world.zoo("approve", "vae")


def test_what_must_be_refused_and_is_not_ends_it(world: World) -> None:
    cast_of(world)
    with pytest.raises(ZooError, match=r"which must be refused \('x'\); status 0, it said: \d"):
        world.refused("roster", "check", because="x")
    with pytest.raises(
        ZooError, match=r"must be refused \('x'\); status 1, it said: Error: no led"
    ):
        world.refused("approve", "vae", because="x")
    assert world.refusals == []
    world.refused("approve", "vae", because="no ledger of 'vae'")
    assert len(world.refusals) == 1


def test_what_never_happened_is_named(term: Term) -> None:
    term.propose("vae", "@dev-one")
    events = term.record.events("vae")
    assert isinstance(events[0].payload, Proposed)
    with pytest.raises(ZooError, match=r"events accepted, .*; stages accepted, .*, withdrawn$"):
        everything_happened(events)


# -------------------------------------------------------------------------------- the people


@pytest.mark.parametrize("people", [FEWEST, 40, 101])
def test_a_cast_has_everybody_once_in_teams_of_one_to_three(people: int) -> None:
    cast = draw_cast(people, Random(3))
    handles = [*cast.students, *cast.assistants]
    assert len(handles) == len(set(handles)) == people
    assert {len(team.members) for team in cast.teams} <= {1, 2, 3}
    assert len({team.paper for team in cast.teams}) == len(cast.teams)
    assert cast != draw_cast(people, Random(4))
    assert cast == draw_cast(people, Random(3))


def test_no_two_faults_of_a_team_are_in_the_same_text() -> None:
    for team in draw_cast(300, Random(0)).teams:
        places = [(fault.file, fault.right) for fault in team.faults]
        assert all(fault in FAULTS for fault in team.faults)
        for file, text in places:
            assert [f for f, other in places if f == file and text in other] == [file]


# ------------------------------------------------------------------------------- the command


def simulate(*arguments: str) -> tuple[int, str]:
    """Exit status and last line of `zoo simulate`."""
    result = CliRunner().invoke(main, ["simulate", *arguments], catch_exceptions=False)
    return result.exit_code, result.output.splitlines()[-1]


def test_too_few_people_are_one_line() -> None:
    assert simulate("--people", "3") == (
        1,
        f"Error: --people 3: everything can happen to {FEWEST} or more",
    )


def test_a_folder_to_keep_is_new_and_outside_of_a_clone(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    expected = f"Error: {tmp_path} is not empty: name a new folder"
    assert simulate("--keep", str(tmp_path)) == (1, expected)
    code, line = simulate("--keep", str(ZOO_FOLDER.parent / "rehearsal"))
    assert code == 1
    assert "lies in the repository" in line
    assert not (ZOO_FOLDER.parent / "rehearsal").exists()


def test_the_command_keeps_what_it_is_asked_to_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def rehearsal(folder: Path, people: int, seed: int, say) -> Outcome:
        seen.append((folder, people, seed))
        say("a line")
        return Outcome("f" * 40, {}, {}, {}, ())

    monkeypatch.setattr(tools.process.simulation, "rehearse", rehearsal)
    kept = tmp_path / "kept"
    assert simulate("--people", "30", "--seed", "5", "--keep", str(kept)) == (
        0,
        f"kept: {kept}/clone and {kept}/private",
    )
    assert simulate()[1].startswith("a term of 40 people, seed 7, in 0 s; its last commit is ffff")
    assert seen[0] == (kept, 30, 5)
    assert seen[1][1:] == (40, 7)
    assert not seen[1][0].exists()
