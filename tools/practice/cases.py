"""The cases of the museum, `templates/practice/<case>.yaml`: an entry, and its planted faults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.documents import Form, read_text, read_yaml, refuse
from tools.process.findings import Category, Kind, Severity
from tools.yamltext import Document, Place, Problem, brief
from zoo.core.errors import ZooError, nearest

FOLDER = Path(__file__).resolve().parents[2] / "templates" / "practice"
MOST = 6  # faults of a case
PROVEN = ("mathematics", "model", "training")  # categories in which a law or a test must notice
_ID = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True)
class Fault:
    """One planted fault, and what a reviewer learns about it afterwards.

    Attributes:
        id: unique in its case.
        file: of the entry's folder.
        old: text that occurs there exactly once.
        new: what stands in its place; empty where something is taken out.
        kind: mistake, or missing.
        category: as in a finding.
        severity: as in a finding.
        what: the fault in a sentence.
        why: what is right, with the paper's equation.
        notice: how one could have noticed.
        law: the law or test of the entry that fails with the fault; empty where none can.
    """

    id: str
    file: str
    old: str
    new: str
    kind: Kind
    category: Category
    severity: Severity
    what: str
    why: str
    notice: str
    law: str = ""


@dataclass(frozen=True)
class CaseFile:
    """A practice submission: an entry of the zoo with faults.

    Attributes:
        entry: that it is made from.
        title: one line for the list.
        tests: the tests that it comes with; the others would give the faults away.
        faults: the key.
    """

    entry: str
    title: str
    tests: list[str]
    faults: list[Fault]


@dataclass(frozen=True)
class Case:
    """A case with its name and the line of each fault in its file."""

    name: str
    entry: str
    title: str
    tests: tuple[str, ...]
    faults: tuple[Fault, ...]
    lines: tuple[int, ...]


CASE = Form(
    CaseFile,
    {
        CaseFile: {
            "entry": "entry: vae",
            "title": "title: a bound and its estimators, in one line that gives nothing away",
            "tests": "tests: [test_samples], what of test_<entry>.py the submission comes with",
            "faults": "faults: a list of at most six",
        },
        Fault: {
            "id": "id: half-forgotten",
            "file": "file: model.py",
            "old": 'old: "kl = 0.5 *", text that occurs exactly once in the file',
            "new": 'new: "kl = 1.0 *", or "" where it is taken out',
            "kind": "kind: mistake, or missing",
            "category": "category: mathematics",
            "severity": "severity: blocker",
            "what": "what: The divergence lacks its factor ½.",
            "why": "why: what is right, with the paper's equation",
            "notice": "notice: how one could have noticed",
            "law": "law: elbo terms, the law or test that fails with it",
        },
    },
)


def case_names() -> list[str]:
    """Names of all cases, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_case(name: str) -> Case:
    """One case; ZooError for an unknown name and for the first mistake in its file."""
    if name not in case_names():
        raise ZooError(f"no practice case '{name}': {nearest(name, case_names())}")
    path = FOLDER / f"{name}.yaml"
    file, document = read_yaml(CASE, read_text(path), path)
    refuse(path, list(_problems(file, document)))
    lines = tuple(document.find(("faults", at))[0].line for at in range(len(file.faults)))
    return Case(name, file.entry, file.title, tuple(file.tests), tuple(file.faults), lines)


def _problems(file: CaseFile, document: Document) -> Iterator[Problem]:
    """Rules that the types do not say."""
    if not 1 <= len(file.faults) <= MOST:
        rule = f"a case with {len(file.faults)} faults"
        yield document.problem(("faults",), rule, f"plant 1 to {MOST}")
    seen: set[str] = set()
    for number, fault in enumerate(file.faults):
        place: Place = ("faults", number)
        if not _ID.fullmatch(fault.id) or fault.id in seen:
            rule = f"'{brief(fault.id)}' is no id of its own"
            yield document.problem((*place, "id"), rule, "write lower-case words with hyphens")
        seen.add(fault.id)
        if not fault.old.strip() or fault.old == fault.new:
            rule = f"'{fault.id}' replaces nothing"
            yield document.problem((*place, "old"), rule, "copy the text that is right")
        if not fault.law and fault.category in PROVEN:
            rule = f"nothing proves that '{fault.id}' is a fault"
            fix = "name the law or test that fails with it: law: elbo terms"
            yield document.problem((*place, "category"), rule, fix)
        for key in ("what", "why", "notice"):
            if not getattr(fault, key).strip():
                yield document.problem((*place, key), f"'{fault.id}' does not say {key}", "say it")
