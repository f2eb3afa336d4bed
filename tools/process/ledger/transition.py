"""Guards of the state machine's transitions."""

from __future__ import annotations

from tools.process.ledger.state import Submission


class Refused(Exception):
    """An event does not apply.

    Attributes:
        rule: what it breaks.
        fix: what to do.
    """

    def __init__(self, rule: str, fix: str) -> None:
        super().__init__(f"{rule}: {fix}")
        self.rule, self.fix = rule, fix


def counted(number: int, noun: str) -> str:
    """A number and its noun: "1 finding", "2 findings"."""
    return f"{number} {noun}" + "s" * (number != 1)


def require(condition: bool, rule: str, fix: str) -> None:
    """Refuse the event unless the condition holds."""
    if not condition:
        raise Refused(rule, fix)


def require_stage(state: Submission, *stages: str) -> None:
    """Refuse the event unless the entry is in one of these stages."""
    is_now = state.stage if state.stage != "none" else "not proposed yet"
    require(
        state.stage in stages, f"{state.model} is {is_now}", f"this needs {' or '.join(stages)}"
    )
