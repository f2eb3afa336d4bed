"""Every case of the museum: its faults fit, are real, and do not give themselves away."""

from __future__ import annotations

import contextlib
import io
import itertools
import multiprocessing
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tools.mistakes import PRELOAD, TIME_LIMIT, Mistake, examine
from tools.mutation.planting import plant
from tools.practice.cases import CASE, PROVEN, Case, Fault, case_names, load_case
from tools.practice.exhibits import exhibit, write_exhibit
from tools.practice.scoring import NEAR, WIDEST, score
from tools.process.findings import SEVERITIES, Finding
from zoo.core.cards import load_card
from zoo.core.registry import ZOO_FOLDER

CASES = [case for case in map(load_case, case_names()) if (ZOO_FOLDER / case.entry).is_dir()]
PROOFS = [(case, fault) for case in CASES for fault in case.faults if fault.law]


def named(value: object) -> str:
    return value.name if isinstance(value, Case) else value.id if isinstance(value, Fault) else ""


def test_the_museum_is_varied() -> None:
    cases = [load_case(name) for name in case_names()]
    assert len(cases) >= 5
    assert {len(case.faults) for case in cases} >= {1, 5, 6}
    families = {load_card(ZOO_FOLDER / case.entry).family for case in CASES}
    assert len(families) >= 4 or len(CASES) < len(cases)
    faults = [fault for case in cases for fault in case.faults]
    assert len({fault.id for fault in faults}) == len(faults)
    for case in cases:
        kinds = {(fault.category in PROVEN, Path(fault.file).suffix) for fault in case.faults}
        files = {fault.file for fault in case.faults}
        assert len(case.faults) == 1 or {"README.md", f"test_{case.entry}.py"} <= files, case.name
        assert (True, ".py") in kinds, case.name
    assert {fault.severity for fault in faults} <= set(SEVERITIES)
    assert CASE.cls.__name__ == "CaseFile"


@pytest.mark.parametrize("case", CASES, ids=named)
def test_every_fault_fits_and_no_place_is_near_two(case: Case) -> None:
    made = exhibit(case)
    for fault in case.faults:
        place = made.places[fault.id]
        lines = made.files[place.path].splitlines()[place.first - 1 : place.last]
        assert fault.new.strip("\n") in "\n".join(lines)
        assert len(lines) <= WIDEST
        assert fault.file != "results.json"
    spans = sorted((p.path, p.first, p.last) for f, p in made.places.items())
    mistakes = [made.places[fault.id] for fault in case.faults if fault.kind == "mistake"]
    assert len(spans) == len(case.faults)
    for one, two in itertools.combinations(mistakes, 2):
        apart = max(one.first - two.last, two.first - one.last)
        assert one.path != two.path or apart > 2 * NEAR


@pytest.mark.parametrize("case", CASES, ids=named)
def test_the_key_scores_full_marks_against_itself(case: Case) -> None:
    made = exhibit(case)
    findings = [
        Finding(f"F{n}", "t", f.kind, f.category, f.severity, made.places[f.id], "", "", "", "")
        for n, f in enumerate(case.faults)
    ]
    found = score(made, findings[::-1])
    assert (found.recall, found.precision, found.agreeing) == (1, 1, len(case.faults))
    assert [finding.id for _, finding in found.found] == [finding.id for finding in findings]


@pytest.mark.parametrize("case", CASES, ids=named)
def test_the_submission_is_green(case: Case, tmp_path: Path) -> None:
    """The faulty copy imports, and passes the tests that it comes with, as a version 1 does."""
    made = exhibit(case)
    write_exhibit(made, tmp_path)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_tested, args=(there, tmp_path, case.entry), daemon=True)
    process.start()
    there.close()
    assert here.poll(TIME_LIMIT)
    status, count, said = here.recv()
    process.join(5)
    assert status == 0, said
    assert count >= len(case.tests)


def _tested(there: Connection, folder: Path, entry: str) -> None:
    """Run the tests of a submission on its own modules."""
    import torch

    torch.set_num_threads(1)
    for path in (folder / "zoo" / entry).glob("*.py"):
        if not path.name.startswith(("test_", "__init__")):
            plant(f"zoo.{entry}.{path.stem}", path.read_text())
    said, counter = io.StringIO(), _Counter()
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", str(folder)]
    options += ["-c", str(folder / "pytest.ini"), str(folder / "zoo" / entry)]
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = pytest.main(options, plugins=[counter])
    there.send((int(status), counter.passed, said.getvalue()))


class _Counter:
    """How many tests passed."""

    passed = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count what was called and passed."""
        self.passed += report.when == "call" and report.passed


@pytest.mark.parametrize(("case", "fault"), PROOFS, ids=named)
def test_the_named_law_or_test_fails_with_the_fault(case: Case, fault: Fault) -> None:
    planted = Mistake(case.entry, fault.id, fault.law, fault.file, fault.old, fault.new)
    verdict = examine(case.entry, planted)
    assert verdict.by in (f"law: {fault.law}", f"test: {fault.law}"), verdict
    assert verdict.message


def test_a_submission_runs_its_own_code(tmp_path: Path) -> None:
    """Its tests import the faulty modules and not those of the zoo that is installed."""
    made = exhibit(CASES[0])
    write_exhibit(made, tmp_path)
    probe = tmp_path / "zoo" / made.case.entry / "test_probe.py"
    probe.write_text(
        f"import zoo.{made.case.entry}.model as model\n"
        f"def test(): assert model.__file__.startswith({str(tmp_path)!r})\n"
    )
    # As the command pytest does it: -P keeps the working folder out of the path.
    command = [sys.executable, "-P", "-m", "pytest", str(probe.relative_to(tmp_path))]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
