"""Running a frozen version for its reviewer: its checks, its notebook, its claims.

The code is a stranger's. It runs in processes of their own, in its own tree and with its own tools,
without the caller's secrets in the environment; it still has the rights of who runs it.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from tools.notebooks.process import notebook_environment
from tools.process import clock
from tools.process.review.reviewform import Execution, Remeasured
from tools.process.rules.policy import stamp
from tools.text import one_line
from zoo.core.cards import Claim, load_card
from zoo.core.errors import ZooError
from zoo.core.evidence import load_results

NOT_MEASURED = "—"
_MAIN = "from tools.cli import main; main()"
_NUMBER = r"-?[\d.]+(?:e[+-]?\d+)?"
_VALUE = re.compile(
    rf"(?P<value>{_NUMBER}(?: ± {_NUMBER})?)(?: \S[^:]*?)?(?: (?P<good>agrees)\b.*|: (?P<bad>.*))"
)


def execute(
    tree: Path, model: str, commit: str, *, static: bool, verify: bool, say: Callable[[str], None]
) -> Execution:
    """Run the checks of an entry in its tree and measure its claims again.

    Args:
        tree: folder with the frozen version.
        model: name of the entry.
        commit: what is checked out there.
        static: run none of the entry's code, as `submission_checks: static` asks for.
        verify: measure the claims, which may take long.
        say: told what is run.

    Raises:
        ZooError: the checks came to no report.
    """
    shutil.rmtree(tree / "build" / "cache", ignore_errors=True)  # a notebook runs, every time
    say(f"zoo check {model}{' --static' if static else ''}")
    checks, seconds = _checks(tree, model, static)
    said, reason = (
        "",
        "nothing is run under this policy" if static else "zoo review start --no-verify",
    )
    if verify and not static:
        say(f"zoo verify {model}")
        status, said = run_zoo(tree, "verify", model)
        reason = f"zoo verify ended with status {status}: {one_line(said) or 'no output'}"
    return Execution(
        commit=commit,
        at=stamp(clock.now()),
        python=platform.python_version(),
        torch=version("torch"),
        checks=checks,
        notebook_seconds=seconds,
        claims=_claims(tree, model, said, reason),
    )


def run_zoo(tree: Path, *arguments: str) -> tuple[int, str]:
    """Exit status and standard output of a `zoo` command of the tree; bars go to the terminal."""
    done = subprocess.run(
        [sys.executable, "-c", _MAIN, *arguments],
        cwd=tree,
        env=notebook_environment() | {"PYTHONPATH": str(tree)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    return done.returncode, done.stdout


def _checks(tree: Path, model: str, static: bool) -> tuple[dict[str, str], float | None]:
    """Verdict by check, and the time of the notebook where it ran."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = ["--static"] * static + ["--output", str(report)]
        status, _ = run_zoo(tree, "check", model, *options)
        if not report.is_file():
            rule = f"zoo check {model} came to no report (status {status})"
            raise ZooError(f"{rule}; run it yourself in {tree}")
        results = json.loads(report.read_text(encoding="utf-8"))["results"]
    seconds = [row["seconds"] for row in results if row["check"] == "execution"]
    ran = [row["status"] != "skip" for row in results if row["check"] == "execution"]
    return {row["check"]: _verdict(row) for row in results}, (
        round(seconds[0], 1) if any(ran) else None
    )


def _verdict(row: dict) -> str:
    """The status, with the first finding or the reason to skip behind it."""
    findings = row["findings"]
    why = f"{findings[0]['path']}: {findings[0]['rule']}" if findings else row["note"]
    return f"{row['status']}: {one_line(why)}" if why and row["status"] != "pass" else row["status"]


def _claims(tree: Path, model: str, said: str, reason: str) -> list[Remeasured]:
    """Every claim of the card: accepted, recorded, and measured just now."""
    try:
        card, results = load_card(tree / "zoo" / model), load_results(tree / "zoo" / model)
    except ZooError:
        return []  # the checks tell
    from tools.claims import measured_text

    return [
        _claim(
            claim,
            measured_text(results[claim.id]) if claim.id in results else NOT_MEASURED,
            re.search(rf"(?m)^\S {re.escape(model)} {re.escape(claim.id)}: (.*)$", said),
            reason,
        )
        for claim in card.claims
    ]


def _claim(claim: Claim, recorded: str, line: re.Match[str] | None, reason: str) -> Remeasured:
    """One claim, from the line that `zoo verify` prints about it."""
    words = one_line(line[1]) if line else reason
    found = _VALUE.fullmatch(words) if line else None
    if found is None:
        return Remeasured(claim.id, claim.accept, recorded, NOT_MEASURED, f"not measured: {words}")
    note = "agrees with the recorded value" if found["good"] else found["bad"]
    return Remeasured(claim.id, claim.accept, recorded, found["value"], note)
