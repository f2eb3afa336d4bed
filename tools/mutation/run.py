"""Runs mutants of an entry and says what became of each."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tools.mutation.mutants import Mutant
from tools.notebooks.process import notebook_environment
from zoo.core.errors import ZooError

Fate = Literal["killed", "survived", "uncovered"]


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant.

    Attributes:
        mutant: the mutant.
        fate: "killed" by a test, "survived" all of them, or "uncovered" as none runs its line.
        by: the test that failed first; "import", "timeout" or "crash" when none did.
        message: its message, in one line.
        seconds: how long it took.
    """

    mutant: Mutant
    fate: Fate
    by: str
    message: str
    seconds: float


def run_mutants(root: Path, entry: str, mutants: list[Mutant], jobs: int) -> Iterator[Outcome]:
    """Run the tests of an entry on each mutant; outcomes come as they arrive.

    Raises:
        ZooError: the tests fail without any mutant, or the server cannot run.
    """
    if sys.platform == "win32":
        raise ZooError("mutants run in forked processes, which Windows lacks: use WSL")
    by_id = {mutant.id: mutant for mutant in mutants}
    # A pool of threads does not survive a fork, whatever the caller prefers elsewhere.
    environment = notebook_environment() | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with (
        tempfile.TemporaryDirectory() as scratch,
        subprocess.Popen(
            [sys.executable, "-B", "-m", "tools.mutation.server"],
            cwd=root,
            env=environment | {"MPLBACKEND": "Agg"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as server,
    ):
        request = {"entry": entry, "ids": list(by_id), "jobs": jobs, "scratch": scratch}
        try:
            yield from _outcomes(server, request, by_id, entry)
        finally:
            server.stdin.close()  # whatever still runs ends with it


def _outcomes(
    server: subprocess.Popen[str], request: dict, by_id: dict[str, Mutant], entry: str
) -> Iterator[Outcome]:
    """What the server says, until it has said all."""
    server.stdin.write(json.dumps(request) + "\n")
    server.stdin.flush()
    for line in server.stdout:
        said = json.loads(line)
        if "error" in said:
            raise ZooError(f"{entry} fails as it is, {said['error']}")
        if "id" in said:
            mutant = by_id.pop(said["id"])
            yield Outcome(mutant, said["fate"], said["by"], said["message"], said["seconds"])
    if by_id:
        last = (server.stderr.read().strip().splitlines() or ["it said nothing"])[-1]
        raise ZooError(f"the process that runs the mutants of {entry} stopped: {last}")
