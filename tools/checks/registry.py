"""The list of checks. A check is a function from a subject to the rules it breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tools.checks.findings import Finding, Note
from tools.checks.subject import Subject

CheckFunction = Callable[[Subject], Iterable[Finding | Note]]


@dataclass(frozen=True)
class Check:
    """A check and what the runner must know about it."""

    id: str
    run: CheckFunction
    static: bool
    """Reads files only: takes well under a second and runs nothing of the entry's code."""
    needs: tuple[str, ...]
    """Checks that must pass first; otherwise this one is skipped and says so."""
    house: bool
    """Also meant for the house, not only for entries."""


CHECKS: dict[str, Check] = {}


def check(
    id: str, *, static: bool = True, needs: tuple[str, ...] = (), house: bool = False
) -> Callable[[CheckFunction], CheckFunction]:
    """Register a function as the check called `id`; reports keep the order of registration."""

    def register(function: CheckFunction) -> CheckFunction:
        CHECKS[id] = Check(id, function, static, needs, house)
        return function

    return register
