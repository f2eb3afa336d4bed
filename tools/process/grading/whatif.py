"""The same grades under other numbers: a policy with some of them replaced, nothing written."""

from __future__ import annotations

import dataclasses
from typing import Any

from tools.process.grading.amounts import exact
from tools.process.rules.config import policy_problems
from tools.process.rules.policy import Policy
from tools.yamltext import Document
from zoo.core.errors import ZooError, nearest

SHORT = {"weight": "weights", "severity": "severities"}


def changed_policy(policy: Policy, settings: dict[str, str]) -> Policy:
    """The policy with other numbers.

    Args:
        policy: as it stands.
        settings: number by dotted path, {"weights.v1": "0.3"}; items of a rubric go by their id,
            "rubric.v1.mathematics.points".

    Raises:
        ZooError: no such number, or one that a policy may not have.
    """
    for path, text in settings.items():
        try:
            number = float(text)
            exact(text)  # a number that is none, or has no end, is refused too
        except (ValueError, OverflowError):
            raise ZooError(
                f"--what-if {path}={text}: write a number, as in weights.v1=0.3"
            ) from None
        first, *rest = path.split(".")
        policy = _replaced(policy, [SHORT.get(first, first), *rest], number, path)
    for problem in policy_problems(policy, Document("{}")):
        raise ZooError(f"--what-if: {problem.rule}; {problem.fix}")
    return policy


def _replaced(value: Any, names: list[str], number: float, path: str) -> Any:
    """A dataclass, a list of rubric items or a number, with the number below `names` replaced."""
    if not names:
        if type(value) not in (int, float):
            raise ZooError(f"--what-if {path}: this is no number of the policy")
        whole = type(value) is int and number.is_integer()
        return int(number) if whole else number
    name, rest = names[0], names[1:]
    if isinstance(value, list):
        known = {item.id: place for place, item in enumerate(value)}
    elif dataclasses.is_dataclass(value):
        known = {field.name: field.name for field in dataclasses.fields(value)}
    else:
        known = {}
    if name not in known:
        raise ZooError(
            f"--what-if {path}: the policy has no '{name}' there; {nearest(name, known)}"
        )
    if isinstance(value, list):
        place = known[name]
        item = _replaced(value[place], rest, number, path)
        return [*value[:place], item, *value[place + 1 :]]
    return dataclasses.replace(value, **{name: _replaced(getattr(value, name), rest, number, path)})
