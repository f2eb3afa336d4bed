"""One run of an entry's tests and laws in this process, with or without a mutant."""

from __future__ import annotations

import contextlib
import io
import sys
from collections import defaultdict
from pathlib import Path
from types import FrameType
from typing import Any

LAWS = Path(__file__).with_name("laws.py")
OPTIONS = (
    "-q",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-p",
    "no:cov",
    "-p",
    "no:randomly",
    "--import-mode=importlib",
    "--tb=native",
)


class Run:
    """A pytest plugin that runs chosen tests in a chosen order and remembers how they went.

    Before each test all global generators are seeded, so that it does not matter which tests ran
    before it.

    Args:
        entry: name of the entry, for its laws.
        chosen: ids of the tests to run, in this order; None: all.
    """

    def __init__(self, entry: str, chosen: list[str] | None = None) -> None:
        self.zoo_entry, self.chosen = entry, chosen
        self.failed: str | None = None
        self.message = ""
        self.seconds: dict[str, float] = {}

    def pytest_configure(self, config: Any) -> None:
        """Tell the laws whose they are."""
        config.zoo_entry = self.zoo_entry

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Keep what was chosen, in that order."""
        if self.chosen is not None:
            place = {name: number for number, name in enumerate(self.chosen)}
            items[:] = [item for item in items if item.nodeid in place]
            items.sort(key=lambda item: place[item.nodeid])

    def pytest_runtest_setup(self, item: Any) -> None:
        """Seed."""
        import random

        import numpy as np
        import torch

        random.seed(0)
        np.random.seed(0)  # noqa: NPY002 -- the global generator that tests may use
        torch.manual_seed(0)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Remember the first failure, and the time of each test."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed and self.failed is None:
            crash = getattr(report.longrepr, "reprcrash", None)
            self._fail(report.nodeid, crash.message if crash else str(report.longrepr))

    def pytest_collectreport(self, report: Any) -> None:
        """Remember that the tests could not even be collected."""
        if report.failed and self.failed is None:
            self._fail("import", str(report.longrepr).strip().splitlines()[-1])

    def _fail(self, test: str, message: str) -> None:
        lines = message.strip().splitlines()
        self.failed, self.message = test, lines[0] if lines else ""


class Tracer:
    """A pytest plugin that finds which lines of the entry's code each test runs.

    Lines that run while tests are collected belong to all of them, and what runs in the setup of a
    test to all tests of its file: a fixture may serve several.

    Args:
        files: the files of the entry's code.
    """

    def __init__(self, files: list[Path]) -> None:
        self.names = {str(path): path.name for path in files}
        self.lines: dict[str, set[tuple[str, int]]] = defaultdict(set)
        self.now = "*"

    def __enter__(self) -> Tracer:
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, event: str, argument: Any) -> Any:
        name = self.names.get(frame.f_code.co_filename)
        if name is None:
            return None
        self.lines[self.now].add((name, frame.f_lineno))

        def line(frame: FrameType, event: str, argument: Any) -> Any:
            if event == "line":
                self.lines[self.now].add((name, frame.f_lineno))
            return line

        return line

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """What follows is the setup."""
        self.now = nodeid.partition("::")[0]

    def pytest_runtest_call(self, item: Any) -> None:
        """What follows is the test itself."""
        self.now = item.nodeid

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """What follows belongs to no test."""
        self.now = "*"


def run_tests(root: Path, run: Run, *plugins: object) -> None:
    """Run an entry's laws and tests; `run` remembers how they went."""
    import pytest

    files = [str(LAWS), str(root / "zoo" / run.zoo_entry)]
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        status = pytest.main([*OPTIONS, "-x", f"--rootdir={root}", *files], plugins=[run, *plugins])
    if status not in (0, 1, 5) and run.failed is None:
        run.failed, run.message = "import", (quiet.getvalue().strip().splitlines() or [""])[-1]
