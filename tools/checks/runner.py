"""Runs the checks of many subjects, in parallel, and collects the report."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from tools.checks.findings import Finding, Note, Report, Result, Skip, Status
from tools.checks.registry import CHECKS, Check
from tools.checks.subject import Subject
from tools.notebooks.worker import kill_descendants


def run_checks(
    subjects: Sequence[Subject],
    *,
    static: bool = False,
    jobs: int | None = None,
    progress: bool = False,
) -> Report:
    """Check every subject.

    Args:
        subjects: what to check; the report keeps this order.
        static: only the checks that read files and run nothing of the entries.
        jobs: how many checks run at once; as many as there are cores by default.
        progress: show a bar on standard error, if that is a terminal.
    """
    chosen = [c for c in CHECKS.values() if c.static or not static]
    plan = {s: [c for c in chosen if c.house or not s.is_house] for s in subjects}
    bar = tqdm(
        total=sum(map(len, plan.values())),
        unit="check",
        disable=None if progress else True,
        leave=False,
    )
    with bar, ThreadPoolExecutor(jobs or os.cpu_count()) as pool:

        def quick(subject: Subject) -> dict[str, Result]:
            """One subject's static checks, one after the other: others wait for their verdicts."""
            done: dict[str, Result] = {}
            for check in plan[subject]:
                if check.static:
                    done[check.id] = run_check(check, subject, done)
                    bar.update()
            return done

        def slow(subject: Subject, check: Check) -> None:
            results[subject][check.id] = run_check(check, subject, results[subject])
            bar.update()

        try:
            results = dict(zip(plan, pool.map(quick, plan), strict=True))
            pairs = [(s, c) for s, checks in plan.items() for c in checks if not c.static]
            list(pool.map(lambda pair: slow(*pair), pairs))
        except KeyboardInterrupt:  # or the pool would wait for what is running
            pool.shutdown(wait=False, cancel_futures=True)
            kill_descendants(os.getpid())
            raise
    return Report(tuple(results[s][c.id] for s, checks in plan.items() for c in checks))


def run_check(check: Check, subject: Subject, done: dict[str, Result]) -> Result:
    """One check of one subject, given the results of the checks it needs."""
    waiting = [
        name for name in check.needs if name in done and done[name].status is not Status.PASS
    ]
    if waiting:
        return Result(subject.name, check.id, Status.SKIP, note=f"waits for {', '.join(waiting)}")
    start = time.perf_counter()
    try:
        said = list(check.run(subject))
    except Skip as reason:
        return Result(subject.name, check.id, Status.SKIP, note=str(reason))
    except Exception as error:
        # One odd entry must not hide the report of all others: the checker's fault is a finding.
        said = [_fault(check, subject, error)]
    findings = tuple(one for one in said if isinstance(one, Finding))
    note = "; ".join(one for one in said if isinstance(one, Note))
    status, seconds = Status.FAIL if findings else Status.PASS, time.perf_counter() - start
    return Result(subject.name, check.id, status, findings, note, seconds)


def _fault(check: Check, subject: Subject, error: Exception) -> Finding:
    """A check that stopped on an error of its own."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(frame.filename).name}:{frame.lineno}"
    rule = f"the check {check.id} itself stopped: {type(error).__name__}: {error} (at {where})"
    return Finding(subject.relative(subject.folder), rule, "report this to the maintainers")
