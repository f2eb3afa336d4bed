"""A toy with weak tests: who survives, who is killed by what, and nothing is left behind."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from tools.mutation.mutants import mutants_of
from tools.mutation.run import Outcome, run_mutants
from tools.mutation.server import fork, harvest
from zoo.core.errors import ZooError

SURVIVORS = {  # the changed line of each, and its fate
    "return abs(a + b)": "survived",
    "return abs(a)": "survived",
    "return abs(a - 2 * (b))": "survived",
    "return (a - b)": "survived",
    "return self.mean - torch.randn(n, 2, generator=generator)": "survived",  # the same law
    "self.mean = nn.Parameter(torch.ones(2))": "survived",
    "return a >= 1": "uncovered",
    "return a > 2": "uncovered",
}


def outcomes(root: Path, jobs: int) -> dict[str, Outcome]:
    mutants = mutants_of(root / "zoo" / "toy")
    return {one.mutant.id: one for one in run_mutants(root, "toy", mutants, jobs)}


def files(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def serial(root: Path) -> dict[str, Outcome]:
    before = files(root)
    found = outcomes(root, 1)
    assert files(root) == before  # no mutant, no cache, no scratch
    return found


def test_weak_tests_leave_exactly_these_survivors(root: Path, serial: dict[str, Outcome]) -> None:
    text = (root / "zoo" / "toy" / "model.py").read_text()
    left = {
        one.mutant.diff(text)[-1].removeprefix("+").strip(): one.fate
        for one in serial.values()
        if one.fate != "killed"
    }
    assert left == SURVIVORS
    assert serial.keys() == {mutant.id for mutant in mutants_of(root / "zoo" / "toy")}


def test_the_killer_is_named(serial: dict[str, Outcome]) -> None:
    by = {one.mutant.id.rpartition(":")[0]: one.by for one in serial.values()}
    assert by["recipe.py:Task.loss:sign"] == "test: test_loss_is_an_average"
    assert by["recipe.py:Task.loss:sum-mean"] == "test: test_loss_is_an_average"
    assert by["model.py:Gauss.log_prob:factor"] == "law: normalisation"
    assert by["model.py:Gauss.sample:no-grad"] == "law: samples"
    assert all(one.message for one in serial.values() if one.fate == "killed")


def test_parallel_says_what_serial_says(root: Path, serial: dict[str, Outcome]) -> None:
    parallel = outcomes(root, 3)
    for id, one in serial.items():
        assert parallel[id].fate == one.fate, id  # which of several tests came first may differ


def test_tests_that_fail_without_a_mutant_are_named(root: Path) -> None:
    path = root / "zoo" / "toy" / "test_red.py"
    path.write_text("def test_red():\n    assert 1 == 2\n")
    try:
        red = r"toy fails as it is, zoo/toy/test_red.py::test_red: .*: pytest zoo/toy$"
        with pytest.raises(ZooError, match=red):
            outcomes(root, 1)
    finally:
        path.unlink()


def test_a_law_that_fails_without_a_mutant_is_named(root: Path) -> None:
    path = root / "zoo" / "toy" / "model.py"
    text = path.read_text()
    path.write_text(text.replace("self.mean + torch", "self.mean + 2 * torch"))
    try:
        with pytest.raises(ZooError, match=r"as it is, law: sample.*that first: zoo check toy$"):
            outcomes(root, 1)
    finally:
        path.write_text(text)


def test_mutants_are_of_the_text_before_an_edit(root: Path, serial: dict[str, Outcome]) -> None:
    path = root / "zoo" / "toy" / "model.py"
    text = path.read_text()
    editor = path.with_name("test_editor.py")
    code = f"Path({str(path)!r}).write_text({f'# a note{chr(10)}{text}'!r})"
    editor.write_text(f"from pathlib import Path\n\n\ndef test_editor():\n    {code}\n")
    try:
        found = outcomes(root, 1)
        assert path.read_text() != text
    finally:
        editor.unlink()
        path.write_text(text)
    assert {id: one.fate for id, one in found.items()} == {
        id: one.fate for id, one in serial.items()
    }


def _forever() -> dict:
    while True:
        pass


def _still() -> dict:
    time.sleep(1000)
    return {}


def _end() -> dict:
    os._exit(3)


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_what_never_ends_is_killed_by_the_time_limit() -> None:
    job = fork(_forever, cpu=0)
    job.pipe.poll(60)  # until it is killed: its second of processor time is over
    answer = harvest(job)
    assert (answer["failed"], answer["message"]) == ("timeout", "took too long")
    job = fork(_still, cpu=0)  # uses no time at all: the clock ends it
    answer = harvest(job)
    assert answer["failed"] == "timeout"
    assert not job.process.is_alive()


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_a_crash_is_told_from_a_timeout_and_an_answer_arrives() -> None:
    job = fork(_end, cpu=10)
    job.pipe.poll(60)
    answer = harvest(job)
    assert (answer["failed"], answer["message"]) == ("crash", "the process died (status 3)")
    job = fork(lambda: {"failed": None, "message": ""}, cpu=10)
    job.pipe.poll(60)
    assert harvest(job)["failed"] is None
