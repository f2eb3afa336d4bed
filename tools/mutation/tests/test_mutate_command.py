"""`zoo mutate` and the check of what it recorded, with outcomes made up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tools.checks import Status, Subject
from tools.checks.mutation import mutation
from tools.checks.registry import CHECKS
from tools.checks.runner import run_check
from tools.cli import main, mutate
from tools.mutation.mutants import mutants_of
from tools.mutation.record import load_record
from tools.mutation.run import Outcome
from zoo.core import registry
from zoo.core.errors import ZooError

WEAK = ("distance", "unused")  # functions whose mutants survive


@pytest.fixture
def toy(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The toy, with tests that kill all but the mutants of its weakly tested functions."""
    folder = root / "zoo" / "toy"
    before = {path: path.read_bytes() for path in folder.iterdir()}

    def pretend(root: Path, entry: str, mutants: list, jobs: int) -> Iterator[Outcome]:
        for one in reversed(mutants):  # they come in any order
            weak = any(name in one.id for name in WEAK)
            yield Outcome(one, "survived" if weak else "killed", "" if weak else "law: x", "m", 0.1)

    monkeypatch.setattr(registry, "ZOO_FOLDER", root / "zoo")
    monkeypatch.setattr(mutate, "ZOO_FOLDER", root / "zoo")
    monkeypatch.setattr(mutate, "run_mutants", pretend)
    yield folder
    for path in folder.iterdir():
        path.write_bytes(before[path]) if path in before else path.unlink()
    (root / "reviews" / "policy.yaml").unlink(missing_ok=True)


def zoo(*words: str) -> Result:
    return CliRunner().invoke(main, ["mutate", *words])


def list_equivalent(
    folder: Path, which: Callable[[str], bool], reason: str = "both sides are zero"
) -> list[str]:
    """Put mutants on the list; their ids."""
    ids = [one.id for one in mutants_of(folder) if which(one.id)]
    rows = [{"id": id, "reason": reason} for id in ids]
    (folder / "mutants.yaml").write_text(json.dumps({"equivalent": rows}))
    return ids


def require(folder: Path, share: float) -> None:
    """Write the policy of a course."""
    text = (Path(__file__).parents[3] / "templates" / "policy.yaml").read_text()
    path = folder.parents[1] / "reviews" / "policy.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text.replace("required: 0.9", f"required: {share}"))


def checked(folder: Path) -> tuple[Status, str]:
    """Verdict of the check, and its note or its findings."""
    result = run_check(CHECKS["mutation"], Subject("toy", folder.parents[1]), {})
    found = [f"{one.place}: {one.rule} → {one.fix}" for one in result.findings]
    return result.status, "; ".join(found) or result.note


def test_survivors_are_shown_with_place_mistake_diff_and_id(toy: Path) -> None:
    said = zoo("toy")
    assert said.exit_code == 1
    block = said.output.split("\n\n")[0].splitlines()
    assert block == [
        "zoo/toy/model.py:30: survived all tests: a function is forgotten: log-variance for "
        "variance, logits for probabilities",
        "    -    return abs(a - b)",
        "    +    return (a - b)",
        f"    id: {next(i.id for i in mutants_of(toy) if 'distance:function' in i.id)}",
    ]
    assert said.output.splitlines()[-2:] == [
        "81.1% of the mutants killed (30 of 37, 7 survived, 0 equivalent)",
        "→ for each survivor a test that kills it, or an entry {id, reason} in "
        "zoo/toy/mutants.yaml that says why it is equivalent",
    ]
    assert not (toy / "mutants.json").exists()


def test_a_listed_survivor_is_equivalent_and_a_killed_one_is_no_such_thing(toy: Path) -> None:
    total = len(mutants_of(toy))
    weak = list_equivalent(toy, lambda id: any(name in id for name in WEAK))
    said = zoo("toy")
    assert said.exit_code == 0
    assert said.output == (
        f"100.0% of the mutants killed ({total - len(weak)} of {total}, 0 survived, "
        f"{len(weak)} equivalent)\n"
    )
    ids = list_equivalent(toy, lambda id: "log_prob:factor" in id)
    said = zoo("toy", "model.py:Gauss")
    assert said.exit_code == 1
    assert f"zoo/toy/model.py:20: {ids[0]} is listed as equivalent, but killed by law: x: m" in (
        said.output
    )


def test_where_every_mutant_is_equivalent_nothing_is_left_to_kill(toy: Path) -> None:
    list_equivalent(toy, lambda id: "distance" in id)
    said = zoo("toy", "model.py:distance")
    assert said.exit_code == 0
    assert said.output.startswith("100.0% of the mutants killed (0 of 5, 0 survived, 5 equivalent)")


def test_a_choice_of_mutants(toy: Path) -> None:
    everything = mutants_of(toy)
    for words, count in (
        (["model.py:distance"], sum("distance" in one.id for one in everything)),
        (["--operator", "sign"], sum(one.operator == "sign" for one in everything)),
        (["--sample", "5", "--seed", "3"], 5),
    ):
        path = toy / "out.json"
        zoo("toy", *words, "--json", str(path))
        assert json.loads(path.read_text())["mutants"] == count
    first = [one["id"] for one in json.loads(path.read_text())["outcomes"]]
    zoo("toy", "--sample", "5", "--seed", "3", "--json", str(path))
    assert [one["id"] for one in json.loads(path.read_text())["outcomes"]] == first
    assert [one.id for one in everything if one.id in first] == first


def test_json_says_all(toy: Path) -> None:
    weak = list_equivalent(toy, lambda id: "distance" in id, "b is zero here")
    zoo("toy", "--json", str(toy / "out.json"))
    said = json.loads((toy / "out.json").read_text())
    rows = {row["id"]: row for row in said["outcomes"]}
    assert rows.keys() == {one.id for one in mutants_of(toy)}
    assert {id for id, row in rows.items() if row["fate"] == "equivalent"} == set(weak)
    assert rows[weak[0]]["reason"] == "b is zero here"
    assert said["killed"] + said["survived"] + said["equivalent"] == said["mutants"]
    killed = next(row for row in said["outcomes"] if row["fate"] == "killed")
    assert (killed["by"], killed["message"], killed["diff"][0][0]) == ("law: x", "m", "-")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tyo"], "did you mean 'toy'?"),
        (["toy", "model.py:nothing"], "zoo mutate toy --list names them"),
        (["toy", "--sample", "3", "--record"], "--record goes with all mutants"),
        (["toy", "--list", "--record"], "--record goes with all mutants"),
    ],
)
def test_bad_input_is_one_line(toy: Path, words: list[str], message: str) -> None:
    said = zoo(*words)
    assert said.exit_code == 1
    assert message in said.output
    assert said.output.count("\n") == 1


@pytest.mark.parametrize("name", ["test_toy.py", "conftest.py", "__init__.py"])
def test_a_file_that_does_not_parse_is_named(toy: Path, name: str) -> None:
    (toy / name).write_text("\nx = (\n")
    said = zoo("toy")
    assert said.exit_code == 1
    assert said.output.endswith(f"zoo/toy/{name}:2: does not parse; mend it, zoo check shows how\n")
    assert said.output.count("\n") == 1


def test_list_names_all_mutants_and_runs_none(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(mutate, "run_mutants")
    (toy / "mutants.yaml").write_text("equivalent: [{id: gone, reason: a}]")
    said = zoo("toy", "--list")
    assert said.exit_code == 0
    ids = [line.split("  ")[0] for line in said.output.splitlines()]
    assert ids == [one.id for one in mutants_of(toy)]
    said = zoo("toy", "--list", "model.py:distance:sign")
    [one] = [one for one in mutants_of(toy) if "distance:sign" in one.id]
    assert said.output == f"{one.id}  line 30: a term enters with the wrong sign\n"


TWICE = "{id: {ID}, reason: a and b are equal}"
LISTS = [
    (
        "equivalent: [{id: a, reason: b}]",
        "changed: zoo mutate toy --list names those of today",
    ),
    ("equivalent: [{id: a}]", ":1: the key 'equivalent[0].reason' is missing"),
    ("equivalents: []", ":1: unknown key 'equivalents'"),
    ("equivalent: [{id: {ID}, reason: ''}]", "says nothing; say why no test can kill it"),
    (
        "equivalent: [{id: {ID}, reason: .}]",
        "says nothing; say why no test can kill it, in 4 words",
    ),
    (f"equivalent: [{TWICE}, {TWICE}]", "is listed twice; keep one"),
    ("equivalent: [", ":1: not valid YAML"),
]


@pytest.mark.parametrize(("text", "message"), LISTS)
def test_a_wrong_list_is_refused_with_its_line(toy: Path, text: str, message: str) -> None:
    text = text.replace("{ID}", f'"{mutants_of(toy)[0].id}"')
    (toy / "mutants.yaml").write_text(text)
    said = zoo("toy")
    assert said.exit_code == 1
    assert message in said.output
    assert said.output.count("\n") == 1
    status, found = checked(toy)
    assert status is Status.FAIL
    assert found.startswith("zoo/toy/mutants.yaml:1: ")


def test_what_was_recorded_is_checked_until_code_tests_or_mutants_change(toy: Path) -> None:
    assert checked(toy) == (
        Status.SKIP,
        "nobody measured which seeded faults the tests notice: zoo mutate toy --record",
    )
    zoo("toy", "--record")
    status, note = checked(toy)
    assert status is Status.PASS
    assert "% of the mutants killed (" in note
    for name, what in (("model.py", "code"), ("test_toy.py", "tests")):
        text = (toy / name).read_text()
        (toy / name).write_text(text + "# a comment\n")
        assert checked(toy) == (Status.PASS, note)
        (toy / name).write_text(text + "import re\n")
        again = f"the record is stale: the {what} changed after it: zoo mutate toy --record"
        assert checked(toy) == (Status.SKIP, again)
        (toy / name).write_text(text)
    path = toy / "mutants.json"
    path.write_text(path.read_text().replace('"mutants": "', '"mutants": "0'))
    assert "the mutation operators changed after it" in checked(toy)[1]
    path.write_text("{}")
    assert checked(toy)[0] is Status.FAIL
    assert zoo("toy", "--record").exit_code == 1
    assert checked(toy) == (Status.PASS, note)


def test_the_policy_says_what_is_required(toy: Path) -> None:
    require(toy, 0.9)
    assert checked(toy) == (
        Status.FAIL,
        "zoo/toy/mutants.json: nobody measured which seeded faults the tests notice → "
        "zoo mutate toy --record",
    )
    zoo("toy", "--record")
    status, found = checked(toy)
    assert status is Status.FAIL
    assert found.endswith("; 90% are required → kill survivors by tests: zoo mutate toy names them")
    require(toy, 0.5)
    assert checked(toy)[0] is Status.PASS
    require(toy, 0.9)
    list_equivalent(toy, lambda id: any(name in id for name in WEAK))  # needs no new run
    assert checked(toy)[0] is Status.PASS
    (toy / "test_toy.py").write_text("x = 1\n")
    assert checked(toy)[0] is Status.FAIL
    require(toy, 7)
    assert checked(toy) == (Status.SKIP, "waits for reviews/policy.yaml")


def test_equal_outcomes_give_equal_bytes_and_survivors_stay_in_order(toy: Path) -> None:
    zoo("toy", "--record")
    first = (toy / "mutants.json").read_bytes()
    zoo("toy", "--record")
    assert (toy / "mutants.json").read_bytes() == first
    ids = [one.id for one in mutants_of(toy)]
    survived = load_record(toy).survived
    assert survived == [id for id in ids if any(name in id for name in WEAK)]


def test_an_edit_that_was_undone_gives_no_score_either(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (toy / "model.py").read_text()

    def edits(root: Path, entry: str, mutants: list, jobs: int) -> Iterator[Outcome]:
        try:
            (toy / "model.py").write_text("# a comment\n" + text)
            yield Outcome(mutants[0], "survived", "", "", 0.1)
        finally:
            (toy / "model.py").write_text(text)

    monkeypatch.setattr(mutate, "run_mutants", edits)
    said = zoo("toy")
    assert said.exit_code == 1
    assert said.output == "Error: toy was edited while its mutants ran: run it again\n"


@pytest.mark.parametrize("name", ["model.py", "test_toy.py"])
@pytest.mark.parametrize("end", [None, ZooError("it stopped"), KeyboardInterrupt()])
def test_what_was_edited_meanwhile_gives_no_score(
    toy: Path, monkeypatch: pytest.MonkeyPatch, name: str, end: BaseException | None
) -> None:
    """Even where only a comment came in: it moves the places of the mutants."""
    ran = []

    def edits(root: Path, entry: str, mutants: list, jobs: int) -> Iterator[Outcome]:
        yield Outcome(mutants[0], "survived", "", "", 0.1)
        (toy / name).write_text("# a comment\n" + (toy / name).read_text())
        if end:
            raise end
        for one in mutants[1:]:
            ran.append(one)
            yield Outcome(one, "killed", "law: x", "m", 0.1)

    monkeypatch.setattr(mutate, "run_mutants", edits)
    said = zoo("toy", "--record")
    assert said.exit_code == 1
    assert said.output == "Error: toy was edited while its mutants ran: run it again\n"
    assert len(ran) <= 1  # the others would run for nothing
    assert not (toy / "mutants.json").exists()


def test_interrupted_it_shows_the_survivors_so_far(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stops(root: Path, entry: str, mutants: list, jobs: int) -> Iterator[Outcome]:
        yield Outcome(mutants[0], "killed", "law: x", "m", 0.1)
        yield Outcome(mutants[1], "survived", "", "", 0.1)
        raise KeyboardInterrupt

    monkeypatch.setattr(mutate, "run_mutants", stops)
    said = zoo("toy", "--record")
    assert said.exit_code == 130
    ids = [one.id for one in mutants_of(toy)]
    assert f"    id: {ids[1]}\n" in said.output
    assert ids[0] not in said.output
    assert "killed" not in said.output
    assert said.output.endswith(f"Interrupted: 2 of {len(ids)} mutants had run\n")
    assert not (toy / "mutants.json").exists()


def test_the_check_is_registered() -> None:
    assert CHECKS["mutation"].run is mutation
    assert CHECKS["mutation"].static
