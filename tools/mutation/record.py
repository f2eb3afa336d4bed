"""`zoo/<entry>/mutants.json`: which mutants survived when `zoo mutate --record` last ran.

The file belongs to a digest of the code, of the tests, and of the set of mutants: when one of them
changes, the record is stale. The score is not in it, but follows from it and from mutants.yaml.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from tools.mutation.mutants import Mutant, read_source
from zoo.core.errors import ZooError
from zoo.core.evidence import bare, code_digest
from zoo.core.files import replacing

NAME = "mutants.json"
SCHEMA = 1


@dataclass(frozen=True)
class MutationRecord:
    """What became of the mutants of an entry.

    Attributes:
        code: digest of the entry's code, as `results.json` has it.
        tests: digest of its tests.
        mutants: digest of the ids of all mutants.
        total: number of mutants.
        survived: ids of those that passed all tests, or that no test runs, in order.
    """

    code: str
    tests: str
    mutants: str
    total: int
    survived: list[str]


@dataclass(frozen=True)
class Score:
    """The share of mutants that the tests kill, of those that can be killed."""

    total: int
    equivalent: int
    survived: int

    @property
    def killed(self) -> int:
        """Number of mutants that a test killed."""
        return self.total - self.equivalent - self.survived

    @property
    def value(self) -> float:
        """From 0 to 1; 1 where there is nothing to kill."""
        killable = self.total - self.equivalent
        return self.killed / killable if killable else 1.0

    def __str__(self) -> str:
        rest = f"{self.survived} survived, {self.equivalent} equivalent"
        return f"{self.value:.1%} of the mutants killed ({self.killed} of {self.total}, {rest})"


def score(total: int, survived: list[str], listed: dict[str, str]) -> Score:
    """The score; survivors that are listed count as equivalent."""
    alive = [one for one in survived if one not in listed]
    return Score(total, len(survived) - len(alive), len(alive))


def state_of(folder: Path, mutants: list[Mutant], survived: list[str]) -> MutationRecord:
    """The record of a run on today's code and tests; ZooError for a file that does not parse."""
    files = sorted(folder.glob("*.py"))
    for path in files:
        read_source(path)
    ids = [mutant.id for mutant in mutants]
    order = {id: number for number, id in enumerate(ids)}
    return MutationRecord(
        code=code_digest(folder),
        tests=_digest(
            f"{path.name}\n{bare(path.read_text(encoding='utf-8'))}"
            for path in files
            if path.name.startswith("test_") or path.name == "conftest.py"
        ),
        mutants=_digest(sorted(ids)),
        total=len(ids),
        survived=sorted(survived, key=order.__getitem__),
    )


def _digest(texts: object) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def save_record(folder: Path, record: MutationRecord) -> None:
    """Write `mutants.json`; equal outcomes give equal bytes."""
    content = {"schema": SCHEMA, **dataclasses.asdict(record)}
    with replacing(folder / NAME) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def load_record(folder: Path) -> MutationRecord | None:
    """What was recorded, None where nothing was; ZooError for what the tool did not write."""
    path = folder / NAME
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("schema") != SCHEMA:
            raise ValueError("another schema")
        return MutationRecord(**content)
    except (ValueError, KeyError, TypeError, AttributeError):
        again = f"zoo mutate {folder.name} --record"
        raise ZooError(f"{path} is not as the tool wrote it: {again}") from None


def staleness(folder: Path, mutants: list[Mutant], record: MutationRecord) -> str:
    """Why a record does not hold any more; "" when it does."""
    today = state_of(folder, mutants, [])
    for name, what in (("code", "code"), ("tests", "tests"), ("mutants", "mutation operators")):
        if getattr(record, name) != getattr(today, name):
            return f"the {what} changed after it"
    return ""
