"""Checks that run the entry's code, each in a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from tools.checks.findings import Finding, Skip
from tools.checks.notebook import notebooks_of
from tools.checks.registry import check
from tools.checks.subject import Subject
from tools.notebooks import Failure, run_notebook
from tools.notebooks.process import notebook_environment
from tools.notebooks.worker import kill_descendants
from zoo.core.cards import load_card
from zoo.core.errors import ZooError

SECONDS = 600  # limit for an entry's tests and for its laws
FAILURES = 3  # failing tests that are reported, and after which pytest stops


def _python(subject: Subject, *arguments: str) -> subprocess.CompletedProcess[str] | None:
    """Run Python in the repository's root without the caller's secrets; None when time ran out."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=subject.root,
        env=notebook_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        try:
            out, err = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            kill_descendants(process.pid)
            process.kill()
            return None
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    """The last line that a process wrote, which for Python is the exception."""
    lines = f"{done.stdout}\n{done.stderr}".strip().splitlines()
    return lines[-1] if lines else f"ended with status {done.returncode} and no message"


@check("tests", static=False, needs=("syntax",))
def tests(subject: Subject) -> Iterator[Finding]:
    """The entry's own tests pass."""
    here = subject.relative(subject.folder)
    again = f"pytest {here}"
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "junit.xml"
        options = ("-p", "no:cacheprovider", f"--maxfail={FAILURES}", "--tb=short")
        report = (f"--junitxml={log}", "-o", "junit_family=xunit1")
        done = _python(subject, "-m", "pytest", here, *options, *report)
        if done is None:
            yield Finding(here, f"the tests took more than {SECONDS} s", "test the tiny recipe")
        elif done.returncode == 5:
            yield Finding(here, "no tests", f"write them in test_{subject.name}.py")
        elif not log.is_file():
            yield Finding(here, f"pytest did not run: {_last_line(done)}", again)
        elif done.returncode:
            cases = list(ElementTree.parse(log).iter("testcase"))
            found = [f for case in cases for f in _failures(subject, case)]
            yield from found or [Finding(here, f"pytest failed: {_last_line(done)}", again)]


def _failures(subject: Subject, case: ElementTree.Element) -> Iterator[Finding]:
    """The failures and errors of one test, each with the innermost place in the entry."""
    for fault in [*case.iter("failure"), *case.iter("error")]:
        text = fault.text or ""
        stated = re.findall(r"(?m)^E +(.*)$", text)
        message = (fault.get("message") or "no message").splitlines()[0]
        if message == "collection failure" and stated:
            message = stated[-1]
        path, line = case.get("file"), int(case.get("line") or 0) + 1
        for place in re.finditer(r"(?m)^(\S+\.py):(\d+): ", text):
            if place[1].startswith(f"zoo/{subject.name}/"):
                path, line = place[1], int(place[2])
        name = case.get("name") or "collection"
        again = f"pytest zoo/{subject.name} -k {name.partition('[')[0]}"
        path = path or subject.relative(subject.folder)
        yield Finding(path, f"{name}: {message}", again, line if path.endswith(".py") else None)


@check("conformance", static=False, needs=("syntax",))
def conformance(subject: Subject) -> Iterator[Finding]:
    """The `tiny` recipe's model obeys every law of its family."""
    try:
        load_card(subject.folder)  # names the family; it may still have gaps elsewhere
    except ZooError:
        raise Skip("waits for card") from None
    here = f"{subject.relative(subject.folder)}/model.py"
    again = f"python -m tools.checks.laws {subject.name}"
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "laws.json"
        done = _python(subject, "-m", "tools.checks.laws", subject.name, "--json", str(log))
        if done is None:
            yield Finding(
                here, f"the laws took more than {SECONDS} s", "make the tiny recipe smaller"
            )
        elif not log.is_file():
            yield Finding(here, f"the laws did not run: {_last_line(done)}", again)
        else:
            said = json.loads(log.read_text(encoding="utf-8"))
            if "error" in said:
                path, line = said["place"] or (here, None)
                yield Finding(path, f"the tiny model cannot be built: {said['error']}", again, line)
            for outcome in said.get("broken", []):
                yield Finding(here, outcome["message"], f"the law: {outcome['statement']}")


@check("execution", static=False, needs=("syntax", "notebook"), house=True)
def execution(subject: Subject) -> Iterator[Finding]:
    """The notebooks run from top to bottom; unchanged ones are answered from the cache."""
    build = subject.root / "build"
    for path in notebooks_of(subject):
        place = subject.relative(path)
        try:
            result = run_notebook(
                path, out=build / "notebooks", cache=build / "cache" / "notebooks", progress=False
            )
        except ZooError as error:
            yield Finding(place, str(error), "mend the notebook")
            continue
        if result.failure:
            yield _notebook_failure(place, result.failure)


def _notebook_failure(place: str, failure: Failure) -> Finding:
    """Cell, line and error of a notebook that stopped."""
    where = f"cell {failure.cell}, line {failure.line or 1}: " if failure.cell else ""
    raised = f" (raised at {failure.where})" if failure.where else ""
    return Finding(place, f"{where}{failure.error}{raised}", f"zoo notebook run {place}")
