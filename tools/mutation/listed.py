"""`zoo/<entry>/mutants.yaml`: mutants that no test can kill, each with the reason why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools.documents import Form, build, read_text, refuse
from tools.yamltext import Broken, Document, Problem

NAME = "mutants.yaml"
WORDS = 4  # fewer say nothing that somebody could check


@dataclass(frozen=True)
class Equivalent:
    """A mutant that computes the same as the code, and the reason."""

    id: str
    reason: str


@dataclass(frozen=True)
class MutantsFile:
    """Mutants of an entry that are equivalent to its code."""

    equivalent: list[Equivalent] = field(default_factory=list)


MUTANTS = Form(
    MutantsFile,
    {
        MutantsFile: {"equivalent": "equivalent: a list of {id, reason}"},
        Equivalent: {
            "id": "id: model.py:VAE.elbo:sign:ad7efc, as `zoo mutate` prints it",
            "reason": "reason: u is never exactly p, so that < and <= agree",
        },
    },
)


def load_listed(folder: Path, known: set[str]) -> dict[str, str]:
    """Reasons by id of the mutants that are listed as equivalent; none where there is no file.

    Args:
        folder: the entry's folder.
        known: the ids of all its mutants.

    Raises:
        ZooError: "path:line: rule; fix" for the first mistake, an id of no mutant included.
    """
    listed, problems = read_listed(folder, known)
    refuse(folder / NAME, problems)
    return listed


def read_listed(folder: Path, known: set[str]) -> tuple[dict[str, str], list[Problem]]:
    """As `load_listed`, with all problems instead of an error for the first."""
    path = folder / NAME
    if not path.exists():
        return {}, []
    try:
        document = Document(read_text(path))
    except Broken as broken:
        return {}, [broken.problem]
    file, problems = build(MUTANTS, document)
    if file is None:
        return {}, problems
    listed = {one.id: one.reason for one in file.equivalent}
    return listed, list(_problems(folder.name, file, document, known))


def _problems(
    entry: str, file: MutantsFile, document: Document, known: set[str]
) -> Iterator[Problem]:
    """Ids are of mutants, each once, and have reasons."""
    seen: set[str] = set()
    for number, one in enumerate(file.equivalent):
        place = ("equivalent", number)
        if one.id not in known:
            rule = f"there is no mutant '{one.id}'"
            fix = f"the code or the id changed: zoo mutate {entry} --list names those of today"
            yield document.problem((*place, "id"), rule, fix)
        if one.id in seen:
            yield document.problem((*place, "id"), f"'{one.id}' is listed twice", "keep one")
        if len(re.findall(r"[^\W_]+", one.reason)) < WORDS:
            rule = f"the reason of '{one.id}' says nothing"
            fix = f"say why no test can kill it, in {WORDS} words or more"
            yield document.problem((*place, "reason"), rule, fix)
        seen.add(one.id)
