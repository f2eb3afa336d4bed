"""Executes one notebook in a worker process, within a time limit, without the caller's secrets."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.notebooks import worker
from tools.notebooks.normalise import Json, text
from tools.notebooks.results import Failure
from tools.notebooks.source import Source

_NAMES = (
    "DYLD_LIBRARY_PATH HOME LANG LANGUAGE LD_LIBRARY_PATH LOGNAME PATH TMPDIR TZ USER VIRTUAL_ENV "
    "XDG_CACHE_HOME ZOO_DATA"
)
_KEPT = frozenset(_NAMES.split())
_KEPT_PREFIXES = ("CUDA_", "LC_", "MKL_", "NVIDIA_", "OMP_", "TORCH_")
_SECRET = ("TOKEN", "SECRET", "KEY", "PASSWORD", "CREDENTIAL")


def notebook_environment() -> dict[str, str]:
    """The environment a notebook sees: what a computation needs, nothing that could be a secret.

    One thread unless the caller says otherwise, because the number of threads changes sums. This
    keeps secrets out of outputs; it is no sandbox: a notebook has the rights of who runs it.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if (name in _KEPT or name.startswith(_KEPT_PREFIXES))
        and not any(s in name for s in _SECRET)
    }
    threads = {name: os.environ.get(name, "1") for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    return kept | threads | {"PYTHONHASHSEED": "0"}


def _private_jupyter(folder: Path) -> dict[str, str]:
    """Settings that keep the person's own Jupyter, IPython and matplotlib configuration out."""
    (folder / "matplotlibrc").touch()
    return {
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),  # no kernel but the running interpreter's
        "JUPYTER_RUNTIME_DIR": str(folder / "run"),
        "MATPLOTLIBRC": str(folder / "matplotlibrc"),
        "TMPDIR": str(folder),  # what a killed kernel leaves behind goes with the folder
    }


@dataclass
class Execution:
    """One run of `source` in `folder` (empty, removed by the caller)."""

    source: Source
    parameters: dict[str, Any]
    timeout: float
    folder: Path
    on_cell: Callable[[], None]
    timed_out: bool = False
    _cell: str | None = None
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)
    _verdict: Json = field(default_factory=dict)

    def run(self, cancelled: Callable[[], bool] = lambda: False) -> Json | Failure:
        """The executed notebook, or why there is none. Blocks until every process is gone.

        `cancelled` is asked once more after the start, for a `kill` that came just before it.
        """
        notebook, executed = self.folder / "source.ipynb", self.folder / "executed.ipynb"
        notebook.write_text(json.dumps(self.source.content), encoding="utf-8")
        cwd = self.folder / "cwd"
        cwd.mkdir()
        job = {
            "notebook": str(notebook),
            "executed": str(executed),
            "folder": str(cwd),
            "sockets": str(self.folder / "k"),
            "root": str(self.source.root),
            "parameters": self.parameters,
        }
        errors = self.folder / "stderr"
        with errors.open("w", encoding="utf-8") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-P", worker.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                cwd=cwd,
                env=notebook_environment() | _private_jupyter(self.folder),
                start_new_session=True,  # Ctrl-C reaches the runner, which then ends the worker
            )
        if cancelled():
            self.kill()
        self._follow(json.dumps(job))
        if self._verdict.get("finished"):
            return json.loads(executed.read_text(encoding="utf-8"))
        return self._failure(errors.read_text(encoding="utf-8", errors="replace"))

    def _follow(self, job: str) -> None:
        process = self._process
        assert process is not None
        timer = threading.Timer(self.timeout, self._out_of_time)
        timer.start()
        try:
            process.stdin.write(job + "\n")
            process.stdin.flush()
            for line in process.stdout:
                self._read(json.loads(line))
        except BrokenPipeError:
            pass  # the worker is gone; the verdict stays empty
        finally:
            timer.cancel()
            self.kill()
            process.wait()

    def _read(self, event: Json) -> None:
        self._cell = event.get("start", self._cell)
        if "done" in event:
            self.on_cell()
        elif "failed" in event or "finished" in event:
            self._verdict = event

    def _out_of_time(self) -> None:
        self.timed_out = True
        self.kill()

    def kill(self) -> None:
        """End the worker, its kernel and whatever the notebook started."""
        process = self._process
        if process is not None and process.poll() is None:
            worker.kill_descendants(process.pid)
            process.kill()

    def _failure(self, stderr: str) -> Failure:
        if self.timed_out:
            limit = f"the time limit of {self.timeout:g} s for the whole notebook"
            return self._locate({"error": f"stopped: {limit} was reached"})
        if "failed" in self._verdict:
            return self._locate(self._verdict["failed"])
        last = (stderr.strip().splitlines() or ["no message"])[-1]
        return self._locate({"error": f"the process that runs the notebook ended: {last}"})

    def _locate(self, failed: Json) -> Failure:
        """Add the cell's number in the source and the source line to what the worker said."""
        identity = failed.get("id", self._cell)
        cells = self.source.content["cells"]
        number = next((n for n, cell in enumerate(cells) if cell["id"] == identity), None)
        line = failed.get("line")
        source = None
        if number is not None:
            lines = text(cells[number]["source"]).splitlines()
            source = lines[line - 1] if line and line <= len(lines) else next(iter(lines), None)
        return Failure(
            error=failed["error"],
            cell=None if number is None else number + 1,
            cell_id=identity,
            line=line,
            source=source,
            where=failed.get("where"),
            traceback=failed.get("traceback", ""),
        )
