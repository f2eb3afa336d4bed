"""How long the command line takes to answer when it needs no model."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

COMMANDS = (["--help"], ["list"], ["show", "vae"], ["check", "--help"])
ROUNDS = 7


def rows() -> list[tuple[str, str, str]]:
    """Rows (what, figure, note): medians over whole processes."""
    found = []
    for arguments in COMMANDS:
        call = [sys.executable, "-c", "from tools.cli import main; main()", *arguments]
        times = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            subprocess.run(call, check=True, capture_output=True)
            times.append(time.perf_counter() - started)
        median = f"{statistics.median(times):.2f} s"
        found.append((f"zoo {' '.join(arguments)}", median, f"slowest {max(times):.2f} s"))
    return found
