"""What pretends to be a report, and is read as nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tools.checks import Finding, Report, Result, Status
from tools.checks.reading import FINDINGS, RESULTS, read_report
from tools.checks.render import as_json
from zoo.core.errors import ZooError

GOOD = Report(
    (
        Result("vae", "layout", Status.PASS, seconds=0.5),
        Result("vae", "tests", Status.FAIL, (Finding("zoo/vae/model.py", "rule", "fix", 7),)),
        Result("vae", "notebook", Status.SKIP, note="waits for tests"),
    )
)


def changed(**changes: Any) -> str:
    data = json.loads(as_json(GOOD))
    for place, value in changes.items():
        node = data
        *path, last = place.split("__")
        for step in path:
            node = node[int(step[1:]) if step[1:].isdigit() else step]
        node[last] = value
    return json.dumps(data)


ROW = {"subject": "vae", "check": "a", "status": "pass", "findings": [], "note": "", "seconds": 1}
HOSTILE_REPORTS = {
    "not UTF-8": (b"\xff", "is no JSON"),
    "a list": ("[]", "does not have the keys"),
    "deep": ("[" * 200_000, "is no JSON"),
    "no number": (changed(results__n0__seconds=float("nan")), "is no JSON"),
    "long number": ('{"ok": ' + "1" * 5000 + ', "results": []}', "is no JSON"),
    "endless": (changed(results__n0__seconds=10**400), "has no duration"),
    "another key": (changed(extra=1), "does not have the keys"),
    "truth for a number": (changed(results__n0__seconds=True), "'seconds' has the wrong type"),
    "number for truth": (changed(ok=0), "'ok' has the wrong type"),
    "no text": (changed(results__n0__note=None), "'note' has the wrong type"),
    "markup for a check": (changed(results__n0__check="a|b\n# x"), "names no entry or no check"),
    "markup for an entry": (changed(results__n0__subject="<b>"), "names no entry or no check"),
    "unknown status": (changed(results__n0__status="PASS"), "no known status"),
    "passed with findings": (changed(results__n1__status="pass"), "did not fail"),
    "says that it is fine": (changed(ok=True), "against its own results"),
    "line below one": (changed(results__n1__findings__n0__line=0), "no line of a file"),
    "too many results": (
        json.dumps({"ok": True, "results": [ROW] * (RESULTS + 1)}),
        "1000 results",
    ),
    "too many findings": (
        json.dumps(
            {
                "ok": False,
                "results": [
                    ROW
                    | {
                        "status": "fail",
                        "findings": [{"path": "", "rule": "", "fix": "", "line": None}]
                        * (FINDINGS + 1),
                    }
                ],
            }
        ),
        "5000 findings",
    ),
}


@pytest.mark.parametrize("name", HOSTILE_REPORTS)
def test_what_is_no_report_is_refused(name: str) -> None:
    content, why = HOSTILE_REPORTS[name]
    with pytest.raises(ZooError, match=why):
        read_report(content if isinstance(content, bytes) else content.encode())


def test_a_report_comes_back_as_it_was_written() -> None:
    assert read_report(as_json(GOOD).encode()) == GOOD
