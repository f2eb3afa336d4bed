"""Plant known mistakes in the entries, one at a time, and see each one caught.

    python -m tools.mistakes [entry ...]

`zoo/<entry>/mistakes.yaml` lists mistakes that people make in this paper: a name, the law or test
that should notice, a file of the entry, a text that occurs in it exactly once, and what to put in
its place. Each is planted in a process of its own, in the source as it is imported and never on
disk; there the entry's conformance laws are checked and, if they all hold, its own tests are run.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import re
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import click
import yaml

from tools.mutation.planting import plant
from zoo.core.errors import ZooError
from zoo.core.registry import entry_names, get_entry

TIME_LIMIT = 300  # seconds for one mistake
GRACE = 5  # seconds in which a process that has answered may end by itself
WORKERS = 2
# Imported once by the server that the processes are forked from; no entry may be among them.
PRELOAD = ["pytest", "torch", "torch.optim", "torch._dynamo", "zoo.core.data", "zoo.core.training"]
PRELOAD += [
    f"zoo.core.conformance.{name}"
    for name in ("check", "adversarial", "autoregressive", "diffusion", "flow", "latent_variable")
]


@dataclass(frozen=True)
class Mistake:
    """One planted mistake.

    Attributes:
        entry: name of the entry.
        name: what is wrong, in a few words.
        law: the conformance law or the entry's own test that is expected to notice.
        file: file in the entry's folder.
        old: text that occurs exactly once in the file.
        new: what the mistaken author wrote instead.
    """

    entry: str
    name: str
    law: str
    file: str
    old: str
    new: str

    @property
    def module(self) -> str:
        """Name of the module that the file is."""
        return f"zoo.{self.entry}.{Path(self.file).stem}"


@dataclass(frozen=True)
class Verdict:
    """What became of a mistake; for the unbroken entry, ``caught`` means that it was refused."""

    entry: str
    mistake: str
    caught: bool
    by: str
    message: str
    seconds: float


def load_mistakes(entry: str) -> list[Mistake]:
    """The planted mistakes of an entry, in the order of its `mistakes.yaml`.

    Raises:
        ZooError: no such entry or list, a wrong key, a text that does not occur exactly once.
    """
    folder = get_entry(entry).folder
    path = folder / "mistakes.yaml"
    if not path.exists():
        raise ZooError(f"zoo/{entry}/mistakes.yaml is missing: list at least six mistakes")
    mistakes = []
    for row in yaml.safe_load(path.read_text()) or []:
        wanted = {"name", "law", "file", "old", "new"}
        if set(row) != wanted:
            raise ZooError(f"zoo/{entry}/mistakes.yaml: a mistake has the keys {sorted(wanted)}")
        mistake = Mistake(entry, **row)
        source = (folder / mistake.file).read_text()
        if source.count(mistake.old) != 1:
            raise ZooError(
                f"zoo/{entry}/mistakes.yaml: the `old` text of '{mistake.name}' occurs"
                f" {source.count(mistake.old)} times in {mistake.file}; it must occur once"
            )
        mistakes.append(mistake)
    return mistakes


def examine(entry: str, mistake: Mistake | None = None, *, own_tests: bool = True) -> Verdict:
    """Check an entry, with a mistake or as it is, in a process of its own.

    Args:
        entry: name of the entry.
        mistake: what to plant; None leaves the entry as it is.
        own_tests: whether to run the entry's tests when all laws hold.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    here, there = context.Pipe(duplex=False)
    start = time.perf_counter()
    process = context.Process(target=_child, args=(there, entry, mistake, own_tests), daemon=True)
    process.start()
    there.close()
    try:
        found = here.recv() if here.poll(TIME_LIMIT) else ("", f"no answer in {TIME_LIMIT} s")
    except EOFError:
        found = ("", "the process died without an answer")
    process.join(GRACE)
    process.kill()
    by, message = found or ("", "")
    name = mistake.name if mistake else "(none)"
    return Verdict(entry, name, bool(by), by, message, time.perf_counter() - start)


def _child(there: Connection, entry: str, mistake: Mistake | None, own_tests: bool) -> None:
    """Send (what noticed, its message), or None when nothing did."""
    import torch

    torch.set_num_threads(1)
    sys.dont_write_bytecode = True
    if mistake is not None:
        source = (get_entry(entry).folder / mistake.file).read_text()
        plant(mistake.module, source.replace(mistake.old, mistake.new))
    try:
        found = _broken_law(entry, mistake)
        if found is None and own_tests:
            found = _failed_test(entry, mistake)
    except Exception as error:
        found = ("crash", f"{type(error).__name__}: {error}")
    there.send(found)


def _broken_law(entry: str, mistake: Mistake | None) -> tuple[str, str] | None:
    """The first broken law and its message; the expected law is tried first."""
    from zoo.core.conformance import Subject, check_law, laws_for, perturbed, tiny_model

    model, family, task = tiny_model(entry)
    subject = Subject(perturbed(model), family, task)
    for law in sorted(laws_for(family), key=lambda law: not mistake or law.name != mistake.law):
        outcome = check_law(law, subject)
        if not outcome.passed:
            return f"law: {law.name}", outcome.message
    return None


def _failed_test(entry: str, mistake: Mistake | None) -> tuple[str, str] | None:
    """The first failing test of the entry and its message; the expected test is tried first."""
    import pytest

    folder = get_entry(entry).folder
    first = _FirstFailure()
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(folder)]
    tries = [["-k", mistake.law]] if mistake and mistake.law.startswith("test_") else []
    for selection in [*tries, []]:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            pytest.main([*options, *selection], plugins=[first])
        if first.found:
            return first.found
    return None


class _FirstFailure:
    """A pytest plugin that remembers the first failure."""

    found: tuple[str, str] | None = None

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Remember the failing test and the line that says why."""
        if report.failed and self.found is None:
            crash = getattr(report.longrepr, "reprcrash", None)
            message = crash.message if crash else str(report.longrepr)
            self.found = (f"test: {report.nodeid.rpartition('::')[2]}", message)

    def pytest_collectreport(self, report: Any) -> None:
        """Remember that the tests could not even be collected."""
        if report.failed and self.found is None:
            self.found = ("collection", str(report.longrepr).strip().splitlines()[-1])


def examine_all(entries: Sequence[str]) -> Iterator[Verdict]:
    """Verdicts on the unbroken entries and on all their mistakes, in order, as they arrive."""
    jobs = [(entry, mistake) for entry in entries for mistake in [None, *load_mistakes(entry)]]
    with ThreadPoolExecutor(WORKERS) as pool:
        yield from pool.map(lambda job: examine(*job), jobs)


@click.command()
@click.argument("entries", nargs=-1)
def main(entries: tuple[str, ...]) -> None:
    """Plant every listed mistake of the ENTRIES (default: all) and print what caught it."""
    failures = 0
    row = "{:<9} {:<52} {:<44} {:>6}  {}"
    click.echo(row.format("entry", "mistake", "caught by", "s", "message"))
    try:
        for verdict in examine_all(entries or entry_names()):
            unbroken = verdict.mistake == "(none)"
            bad = verdict.caught if unbroken else not verdict.caught
            failures += bad
            by = verdict.by or ("nothing to catch" if unbroken and not bad else "NOT CAUGHT")
            message = re.sub(r"\s+", " ", verdict.message)[:150]
            seconds = f"{verdict.seconds:.1f}"
            click.echo(row.format(verdict.entry, verdict.mistake, by, seconds, message))
    except ZooError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{failures} wrong" if failures else "every mistake caught, no honest entry refused")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
