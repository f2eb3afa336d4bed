"""A report read back from the JSON that `render.as_json` wrote, or that pretends to be it."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from tools.checks.findings import Finding, Report, Result, Status
from tools.text import one_line
from zoo.core.errors import ZooError

RESULTS, FINDINGS = 1000, 5000  # more than any run has
_SUBJECT = re.compile(r"[a-z][a-z0-9_]{0,63}")
_CHECK = re.compile(r"[a-z][a-z0-9_-]{0,63}")


def read_report(content: bytes) -> Report:
    """The report in some JSON, every text in it one printable line.

    Raises:
        ZooError: it is anything else, with what is wrong first; nothing of it is quoted.
    """
    try:
        data = json.loads(content.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ZooError("the report is no JSON") from None
    _shape(data, {"ok": bool, "results": list}, "the report")
    if len(data["results"]) > RESULTS:
        raise ZooError(f"the report has more than {RESULTS} results")
    report = Report(tuple(_result(row) for row in data["results"]))
    if sum(len(result.findings) for result in report.results) > FINDINGS:
        raise ZooError(f"the report has more than {FINDINGS} findings")
    if report.ok is not data["ok"]:
        raise ZooError("the report says 'ok' against its own results")
    return report


def _result(row: Any) -> Result:
    kinds = {"subject": str, "check": str, "status": str, "findings": list, "note": str}
    _shape(row, {**kinds, "seconds": float}, "a result")
    if not _SUBJECT.fullmatch(row["subject"]) or not _CHECK.fullmatch(row["check"]):
        raise ZooError("a result names no entry or no check")
    if row["status"] not in list(Status):
        raise ZooError("a result has no known status")
    findings = tuple(_finding(finding) for finding in row["findings"])
    if bool(findings) and row["status"] != Status.FAIL:
        raise ZooError("a result has findings and did not fail")
    if not 0 <= row["seconds"] < 10**7:
        raise ZooError("a result has no duration")
    status, note = Status(row["status"]), one_line(row["note"])
    return Result(row["subject"], row["check"], status, findings, note, float(row["seconds"]))


def _finding(row: Any) -> Finding:
    _shape(row, {"path": str, "rule": str, "fix": str, "line": int | None}, "a finding")
    if row["line"] is not None and not 0 < row["line"] < 10**7:
        raise ZooError("a finding has no line of a file")
    return Finding(row["path"], row["rule"], row["fix"], row["line"])


def _shape(row: Any, kinds: dict[str, Any], what: str) -> None:
    """Exactly these keys with values of exactly these types; numbers of seconds may be whole."""
    if not isinstance(row, dict) or set(row) != set(kinds):
        raise ZooError(f"{what} does not have the keys {', '.join(kinds)}")
    for name, kind in kinds.items():
        wanted = int | float if kind is float else kind
        if not isinstance(row[name], wanted) or (isinstance(row[name], bool) and kind is not bool):
            raise ZooError(f"{what}: '{name}' has the wrong type")


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)
