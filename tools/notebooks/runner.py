"""Runs notebooks in parallel; where nothing changed, the outputs come from a cache."""

import json
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tools.notebooks import html, normalise
from tools.notebooks.process import Execution, notebook_environment
from tools.notebooks.results import Failure, NotebookResult, Status, shown
from tools.notebooks.source import Source, cache_key, read_source
from zoo.core.errors import ZooError, nearest
from zoo.core.files import replacing

OUTPUT = Path("build/notebooks")
CACHE = Path("build/cache/notebooks")
TIMEOUT = 600.0
_KEEP_DAYS = 30


def run_notebooks(
    paths: Iterable[Path],
    *,
    out: Path = OUTPUT,
    parameters: Mapping[str, Any] | None = None,
    timeout: float = TIMEOUT,
    jobs: int | None = None,
    cache: Path | None = CACHE,
    progress: bool = True,
    on_result: Callable[[NotebookResult], None] | None = None,
) -> list[NotebookResult]:
    """Execute each notebook in a process of its own; write `<name>.ipynb` and `<name>.html`.

    Args:
        paths: The notebooks; results come in this order.
        out: Output folder. A notebook that fails leaves nothing there but `<name>.traceback.txt`.
        parameters: Values for the cell tagged `parameters`; an unknown name is refused.
        timeout: Limit for each whole notebook, in seconds.
        jobs: How many run at once; as many as there are cores by default.
        cache: Folder of remembered outputs; None runs everything.
        progress: Show a bar counting cells (on a terminal only).
        on_result: Called with each result as soon as it is known.

    Raises:
        ZooError: Before anything runs, for a path that is no notebook, two notebooks of the same
            name, an unknown parameter, or without papermill.
    """
    if find_spec("papermill") is None:
        raise ZooError("notebooks need more packages: pip install 'genzoo[workflow]'")
    sources = [read_source(Path(path)) for path in paths]
    _refuse_same_names(sources)
    for source in sources:
        _refuse_unknown_parameters(source, parameters or {})
    jobs = jobs or _cores()
    if cache is not None:
        _forget_unused(cache)
    cells = sum(len(source.code) for source in sources)
    with tqdm(total=cells, unit="cell", disable=None if progress else True, leave=False) as bar:
        batch = _Batch(Path(out), dict(parameters or {}), timeout, cache, bar.update)
        return batch.run(sources, jobs, on_result)


def run_notebook(path: Path, **options: Any) -> NotebookResult:
    """Execute one notebook; options as in `run_notebooks`."""
    return run_notebooks([path], **options)[0]


def _cores() -> int:
    # macOS has no affinity; elsewhere a container may own fewer cores than the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _refuse_same_names(sources: list[Source]) -> None:
    names = Counter(source.name for source in sources)
    for name in (name for name, count in names.items() if count > 1):
        both = ", ".join(shown(source.path) for source in sources if source.name == name)
        raise ZooError(f"{both}: all would be written to {name}.ipynb; run them one at a time")


def _refuse_unknown_parameters(source: Source, parameters: Mapping[str, Any]) -> None:
    if not parameters:
        return
    import logging

    import nbformat
    import papermill

    logging.getLogger("papermill").setLevel(logging.ERROR)
    known = list(papermill.inspect_notebook(nbformat.from_dict(source.content)))
    for name in parameters:
        if name not in known:
            raise ZooError(
                f"{shown(source.path)} has no parameter '{name}': {nearest(name, known)}"
            )


@dataclass
class _Batch:
    """Notebooks run with the same options."""

    out: Path
    parameters: dict[str, Any]
    timeout: float
    cache: Path | None
    on_cell: Callable[[], Any]
    executions: list[Execution] = field(default_factory=list)
    stopped: bool = False

    def run(
        self,
        sources: list[Source],
        jobs: int,
        on_result: Callable[[NotebookResult], None] | None,
    ) -> list[NotebookResult]:
        with ThreadPoolExecutor(max_workers=jobs) as pool:
            futures = [pool.submit(self._one, source) for source in sources]
            try:
                for future in as_completed(futures):
                    if on_result:
                        on_result(future.result())
            except BaseException:
                # Ctrl-C above all: no process and no half-written file stays behind. The thread
                # finishes its work when an impatient second Ctrl-C interrupts this one.
                self.stopped = True
                threading.Thread(target=self._stop).start()
                pool.shutdown(cancel_futures=True)
                raise
        return [future.result() for future in futures]

    def _stop(self) -> None:
        for execution in self.executions:
            execution.kill()

    def _one(self, source: Source) -> NotebookResult:
        entry = self._cache_entry(source)
        remembered = _read_cache(entry)
        if remembered is not None:
            return self._write(source, remembered, "cached")
        with tempfile.TemporaryDirectory(prefix="zoo-", ignore_cleanup_errors=True) as folder:
            execution = Execution(source, self.parameters, self.timeout, Path(folder), self.on_cell)
            self.executions.append(execution)
            start = time.perf_counter()
            outcome = execution.run(lambda: self.stopped)
            seconds = time.perf_counter() - start
        if isinstance(outcome, Failure):
            return self._write_failure(source, outcome, seconds)
        results = {"seconds": seconds, "cells": normalise.captured(outcome, source.root)}
        if entry is not None and entry == self._cache_entry(source):  # no edits meanwhile
            _write_whole(entry, json.dumps(results).encode())
        return self._write(source, results, "executed")

    def _cache_entry(self, source: Source) -> Path | None:
        if self.cache is None or not source.inside:  # what an outside notebook imports is not known
            return None
        return self.cache / f"{cache_key(source, self.parameters, notebook_environment())}.json"

    def _write(self, source: Source, results: normalise.Json, status: Status) -> NotebookResult:
        executed = normalise.assemble(source.content, results["cells"])
        content = (json.dumps(executed, indent=1, ensure_ascii=False) + "\n").encode()
        notebook, page, traceback = self._outputs(source)
        if not html.is_current(page, content):
            rendered = html.render(content, source.name).encode()
            _write_whole(notebook, content)
            _write_whole(page, rendered)
        elif not notebook.is_file() or notebook.read_bytes() != content:
            _write_whole(notebook, content)
        traceback.unlink(missing_ok=True)
        return NotebookResult(source.path, status, results["seconds"], notebook, page)

    def _write_failure(self, source: Source, failure: Failure, seconds: float) -> NotebookResult:
        notebook, page, traceback = self._outputs(source)
        for stale in (notebook, page, traceback):
            stale.unlink(missing_ok=True)
        if failure.traceback:
            _write_whole(traceback, failure.traceback.encode())
        return NotebookResult(
            source.path,
            "failed",
            seconds,
            failure=failure,
            traceback_file=traceback if failure.traceback else None,
        )

    def _outputs(self, source: Source) -> tuple[Path, Path, Path]:
        stem = self.out / source.name
        ends = (".ipynb", ".html", ".traceback.txt")
        return tuple(stem.with_name(stem.name + end) for end in ends)


def _read_cache(entry: Path | None) -> normalise.Json | None:
    if entry is None or not entry.is_file():
        return None
    try:
        remembered = json.loads(entry.read_bytes())
        os.utime(entry)  # the age of an entry counts from its last use
    except (ValueError, OSError):
        return None
    return remembered


def _forget_unused(cache: Path) -> None:
    oldest = time.time() - _KEEP_DAYS * 86400
    for entry in cache.glob("*.json"):
        with suppress(FileNotFoundError):  # another run may forget it at the same time
            if entry.stat().st_mtime < oldest:
                entry.unlink()


def _write_whole(path: Path, content: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)
