"""A ledger for the public: people by consent, commits of the new history, a chain of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tools.process.ledger.file import digest
from tools.publish.people import People

KEPT = ("schema", "id", "model", "type", "at", "role", "previous")


@dataclass(frozen=True)
class Renaming:
    """What becomes of what a ledger names.

    Attributes:
        people: by whom things are said to have happened.
        commit: of a commit's id, when it is the repository's at an event.
        frozen: of the version ("v1", "v2") and the id of a frozen commit.
        sha256: of the digest of a review or a response.
        summary: whether reasons are left out.
    """

    people: People
    commit: Callable[[str], str]
    frozen: Callable[[str, str], str]
    sha256: Callable[[str], str]
    summary: bool


def rewritten(data: bytes, renaming: Renaming) -> bytes:
    """The ledger, line by line: what was appended to one is appended to its public form."""
    lines: list[str] = []
    for line in data.decode().split("\n")[:-1]:
        document = json.loads(line)
        said = {key: document[key] for key in document if key not in KEPT}
        document |= _people(said, renaming.people)
        document["data"] = _data(document["data"], renaming)
        document["commit"] = renaming.commit(document["commit"])
        document["previous"] = digest(lines[-1]) if lines else ""
        lines.append(json.dumps(document, ensure_ascii=False) + "\n")
    return "".join(lines).encode()


def _data(data: dict[str, Any], renaming: Renaming) -> dict[str, Any]:
    if "frozen" in data:
        data["frozen"] = renaming.frozen(data["version"], data["frozen"])
    if "sha256" in data:
        data["sha256"] = renaming.sha256(data["sha256"])
    if "reason" in data and "outcome" in data and renaming.summary:
        data["reason"] = ""
    return data


def _people(value: Any, people: People) -> Any:
    """The same document with every handle as it appears in public, keys included."""
    if isinstance(value, str):
        return people.file(value)
    if isinstance(value, list):
        return [_people(item, people) for item in value]
    if isinstance(value, dict):
        return {people.file(key): _people(item, people) for key, item in value.items()}
    return value
