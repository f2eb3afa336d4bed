"""What a check says: findings, results and the report that every renderer reads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tools.text import one_line


class Status(StrEnum):
    """The verdict of one check on one subject."""

    PASS = "pass"
    FAIL = "fail"
    SKIP = "skip"


class Skip(Exception):
    """Raised by a check that has nothing to judge here; the message says why."""


class Note(str):
    """What a check says beside its findings: a figure worth seeing when it passed."""

    __slots__ = ()


@dataclass(frozen=True)
class Finding:
    """One broken rule: where it is broken, what the rule is, and what to do about it."""

    path: str
    """File or folder, relative to the repository's root, with forward slashes."""
    rule: str
    """What is wrong, in one line."""
    fix: str
    """What to do about it, in one line."""
    line: int | None = None
    """1-based line in `path` where there is one."""

    def __post_init__(self) -> None:
        for name in ("path", "rule", "fix"):
            object.__setattr__(self, name, one_line(getattr(self, name)))

    @property
    def place(self) -> str:
        """`path:line`, or `path` where no line is meant."""
        return self.path if self.line is None else f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Result:
    """The outcome of one check on one subject."""

    subject: str
    """The entry's name, or "house" for what all entries share."""
    check: str
    """Identifier of the check, for example "layout"."""
    status: Status
    findings: tuple[Finding, ...] = ()
    note: str = ""
    """Why the check was skipped, or a figure worth seeing when it passed."""
    seconds: float = 0.0


@dataclass(frozen=True)
class Report:
    """All results of one run, in the order of subjects and checks."""

    results: tuple[Result, ...]

    @property
    def ok(self) -> bool:
        """True when no check failed."""
        return all(result.status is not Status.FAIL for result in self.results)

    @property
    def subjects(self) -> list[str]:
        """Names of what was checked, in order, each once."""
        return list(dict.fromkeys(result.subject for result in self.results))

    def of(self, subject: str) -> list[Result]:
        """The results of one subject, in order."""
        return [result for result in self.results if result.subject == subject]

    def failing(self, subject: str) -> list[str]:
        """Identifiers of the failing checks of one subject, in order."""
        return [r.check for r in self.of(subject) if r.status is Status.FAIL]

    def verdict(self) -> str:
        """One line: how many checks passed, failed and were skipped."""
        if not self.results:
            return "nothing to check"
        count = dict.fromkeys(Status, 0)
        for result in self.results:
            count[result.status] += 1
        words = f"{count[Status.PASS]} passed, {count[Status.FAIL]} failed"
        return words + (f", {count[Status.SKIP]} skipped" if count[Status.SKIP] else "")
