"""The recorded share of seeded faults that an entry's tests notice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tools.checks.findings import Finding, Note, Skip
from tools.checks.registry import check
from tools.checks.subject import Subject
from tools.mutation.listed import NAME as LISTED
from tools.mutation.listed import read_listed
from tools.mutation.mutants import mutants_of
from tools.mutation.record import NAME, load_record, score, staleness
from tools.process.rules.config import load_policy
from zoo.core.errors import ZooError


@check("mutation", needs=("syntax",))
def mutation(subject: Subject) -> Iterator[Finding | Note]:
    """The tests kill as many mutants as the policy asks for; running them is `zoo mutate`'s."""
    required = _required(subject.root)
    here, again = subject.relative(subject.folder), f"zoo mutate {subject.name} --record"
    mutants = mutants_of(subject.folder)
    listed, problems = read_listed(subject.folder, {mutant.id for mutant in mutants})
    for problem in problems:
        yield Finding(f"{here}/{LISTED}", problem.rule, problem.fix, problem.line)
    try:
        record = load_record(subject.folder)
    except ZooError:
        yield Finding(f"{here}/{NAME}", "not as the tool wrote it", again, 1)
        return
    if record is None:
        why = "nobody measured which seeded faults the tests notice"
    else:
        why = staleness(subject.folder, mutants, record)
        why = f"the record is stale: {why}" if why else ""
    if why and not required:
        if not problems:
            raise Skip(f"{why}: {again}")
    elif why:
        yield Finding(f"{here}/{NAME}", why, again)
    else:
        found = score(record.total, record.survived, listed)
        if found.value < required:
            fix = f"kill survivors by tests: zoo mutate {subject.name} names them"
            yield Finding(f"{here}/{NAME}", f"{found}; {required:.0%} are required", fix)
        yield Note(str(found))


def _required(root: Path) -> float:
    """The share that the policy of this repository asks for, 0 where there is none."""
    path = root / "reviews" / "policy.yaml"
    if not path.is_file():
        return 0.0
    try:
        return load_policy(path).mutation.required
    except ZooError:
        raise Skip("waits for reviews/policy.yaml") from None
