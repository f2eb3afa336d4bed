"""`python -m tools.mutation.server`: runs mutants in processes forked from one that has torch.

The client writes one line of JSON to stdin, {"entry", "ids", "jobs"}, and reads one line for each
outcome. Importing torch and pytest takes seconds and happens once; a mutant then costs what its
tests cost. When the client dies, stdin closes, and everything that was started is killed.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import re
import resource
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from pathlib import Path
from typing import Any

from tools.mutation.mutants import Mutant, mutants_of, mutated_files
from tools.mutation.planting import plant
from tools.mutation.session import Run, Tracer, run_tests

TIMES = 5  # a mutant may take so many times what all tests take, in seconds of processor time
SPARE = 5  # and so many seconds more
PATIENCE = 10  # seconds on the clock for one of processor time: other programs may run, too
MEMORY = 8 * 2**30  # bytes beyond those of the server, before allocation fails
PRELOAD = (
    "pytest",
    "torch",
    "torch.optim",
    "torch._dynamo",
    "zoo.core.data",
    "zoo.core.training",
    "zoo.core.conformance",
)


@dataclass
class Job:
    """A forked process and what is known of it."""

    process: Any
    pipe: connection.Connection
    until: float
    started: float = field(default_factory=time.monotonic)


def fork(work: Callable[[], dict[str, Any]], cpu: float) -> Job:
    """Begin work in a forked process that may use so many seconds of processor time."""
    here, there = get_context("fork").Pipe(duplex=False)
    process = get_context("fork").Process(target=_child, args=(work, there, cpu), daemon=True)
    process.start()
    there.close()
    return Job(process, here, time.monotonic() + PATIENCE * cpu)


def _child(work: Callable[[], dict[str, Any]], pipe: connection.Connection, cpu: float) -> None:
    """Limit this process, work, and send the answer."""
    os.setpgid(0, 0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    seconds = int(cpu) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    pipe.send(work())


def harvest(job: Job) -> dict[str, Any]:
    """The answer of a process that has ended or whose time is over, and how long it took."""
    answer: dict[str, Any] = {}
    if job.pipe.poll():
        with contextlib.suppress(EOFError):
            answer = job.pipe.recv()
    late = time.monotonic() >= job.until
    kill(job)
    if not answer:
        slow = late or job.process.exitcode in (-signal.SIGXCPU, -signal.SIGKILL)
        answer = {"failed": "timeout" if slow else "crash", "message": _ending(job, slow)}
    return answer | {"seconds": time.monotonic() - job.started}


def _ending(job: Job, slow: bool) -> str:
    return "took too long" if slow else f"the process died (status {job.process.exitcode})"


def kill(job: Job) -> None:
    """End a process and whatever it has started."""
    job.process.join(0.5 if job.pipe.closed else 0.05)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(job.process.pid, signal.SIGKILL)
    job.process.join()
    job.pipe.close()


def shown(test: str) -> str:
    """What killed a mutant, in few words: "law: no leak", "test: test_masks", "timeout"."""
    file, _, name = test.partition("::")
    if not name:
        return file
    law = re.fullmatch(r"test_law\[(.*)\]", name)
    return f"law: {law[1]}" if law else f"test: {name}"


class Server:
    """The tests of one entry, warm, and the mutants to run them on.

    Args:
        root: the repository.
        entry: name of the entry.
        send: reports an event to the client.
    """

    def __init__(self, root: Path, entry: str, send: Callable[..., None]) -> None:
        self.root, self.entry, self.send = root, entry, send
        self.folder = root / "zoo" / entry
        self.files = mutated_files(self.folder)
        # Both before the tests run: the places of the edits are those of these texts.
        self.texts = {path.name: path.read_text(encoding="utf-8") for path in self.files}
        self.mutants = mutants_of(self.folder)

    def warm_up(self, scratch: str) -> bool:
        """Import what the tests need, and learn what they cost and see; False if one fails.

        Args:
            scratch: an empty folder for compiled tests.
        """
        for name in PRELOAD:
            importlib.import_module(name)
        sys.modules["torch"].set_num_threads(1)  # a pool of threads does not survive a fork
        first = self._alone(self._traced, 600)
        if not self._honest(first):
            return False
        for name in first["modules"]:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        self.lines = {test: {tuple(one) for one in seen} for test, seen in first["lines"].items()}
        self.order = sorted(first["times"], key=first["times"].get)
        # From here on only the entry and its tests are compiled: once, and not beside them.
        sys.pycache_prefix, sys.dont_write_bytecode = scratch, False
        gc.collect()
        gc.freeze()  # what is imported stays: no collection in a child looks at it, or copies it
        second = self._alone(self._timed, 600)
        if not self._honest(second):
            return False
        self.order.sort(key=second["times"].get)
        self.limit = TIMES * second["cpu"] + SPARE
        self.send(tests=len(self.order), seconds=second["seconds"])
        return True

    def _alone(self, work: Callable[[], dict[str, Any]], cpu: float) -> dict[str, Any]:
        job = fork(work, cpu)
        connection.wait([job.pipe], PATIENCE * cpu)
        return harvest(job)

    def _honest(self, answer: dict[str, Any]) -> bool:
        """Whether all tests passed without a mutant; tells the client when not."""
        if failed := answer["failed"]:
            law = shown(failed).startswith("law: ")
            fix = f"zoo check {self.entry}" if law else f"pytest zoo/{self.entry}"
            said = f"{shown(failed) if law else failed}: {answer['message']}"
            self.send(error=f"{said}; mend that first: {fix}")
        return not failed

    def _traced(self) -> dict[str, Any]:
        run, before = Run(self.entry), set(sys.modules)
        with Tracer(self.files) as tracer:
            run_tests(self.root, run, tracer)
        modules = [name for name in sys.modules if name not in before and not self._own(name)]
        lines = {test: sorted(seen) for test, seen in tracer.lines.items()}
        answer = {"failed": run.failed, "message": run.message, "modules": modules}
        return answer | {"lines": lines, "times": run.seconds}

    @staticmethod
    def _own(name: str) -> bool:
        """Whether a module may depend on an entry: those are imported anew for every mutant."""
        entry = name.startswith("zoo.") and not name.startswith("zoo.core")
        return entry or "test" in name or "conftest" in name or name.startswith("tools.mutation")

    def _timed(self) -> dict[str, Any]:
        run, start = Run(self.entry, self.order), time.process_time()
        run_tests(self.root, run)
        cpu = time.process_time() - start
        return {"failed": run.failed, "message": run.message, "times": run.seconds, "cpu": cpu}

    def seeing(self, mutant: Mutant) -> list[str]:
        """The tests that run a mutant's statement, the fastest first."""
        first, last = mutant.lines
        lines = {(mutant.file, number) for number in range(first, last + 1)}
        if lines & self.lines.get("*", set()):
            return self.order
        return [
            test
            for test in self.order
            if lines & self.lines.get(test, set())
            or lines & self.lines.get(test.partition("::")[0], set())
        ]

    def run(self, mutants: list[Mutant], jobs: int) -> None:
        """Run all mutants, so many at once, and report each outcome as it comes."""
        waiting, running = deque(mutants), {}
        while waiting or running:
            while waiting and len(running) < jobs:
                mutant = waiting.popleft()
                seeing = self.seeing(mutant)
                if not seeing:
                    self.send(id=mutant.id, fate="uncovered", by="", message="", seconds=0.0)
                    continue
                job = fork(lambda m=mutant, s=seeing: self._mutated(m, s), self.limit)
                running[job.pipe] = (job, mutant)
            if not running:
                break
            patience = min(job.until for job, _ in running.values()) - time.monotonic()
            ready = connection.wait([*running, sys.stdin], max(0.0, patience))
            if sys.stdin in ready:  # the client is gone
                for job, _ in running.values():
                    kill(job)
                return
            for pipe, (job, mutant) in list(running.items()):
                if pipe in ready or time.monotonic() >= job.until:
                    del running[pipe]
                    self._report(mutant, harvest(job))

    def _report(self, mutant: Mutant, answer: dict[str, Any]) -> None:
        fate = "killed" if answer["failed"] else "survived"
        by, message = shown(answer["failed"] or ""), answer["message"]
        seconds = round(answer["seconds"], 2)
        self.send(id=mutant.id, fate=fate, by=by, message=message, seconds=seconds)

    def _mutated(self, mutant: Mutant, seeing: list[str]) -> dict[str, Any]:
        """Run the tests that see a mutant and, should they all pass, the others too.

        Another test may see it through something that an earlier test has computed and kept.
        """
        sys.dont_write_bytecode = True
        plant(f"zoo.{self.entry}.{Path(mutant.file).stem}", mutant.applied(self.texts[mutant.file]))
        others = [test for test in self.order if test not in set(seeing)]
        run = Run(self.entry, [*seeing, *others])
        run_tests(self.root, run)
        return {"failed": run.failed, "message": run.message}


def main() -> None:
    """Serve one request."""
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    request = json.loads(sys.stdin.readline())
    root = Path.cwd()

    def send(**event: Any) -> None:
        print(json.dumps(event), file=channel)

    server = Server(root, request["entry"], send)
    if server.warm_up(request["scratch"]):
        wanted = set(request["ids"])
        mutants = [one for one in server.mutants if one.id in wanted]
        server.run(mutants, request["jobs"])
    channel.close()


if __name__ == "__main__":
    main()
