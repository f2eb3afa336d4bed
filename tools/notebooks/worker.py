"""One notebook, one process: executes a job read from stdin and reports JSON lines on stdout.

The runner starts this file as a script, so that neither papermill nor the notebook's own code ever
lives in the process that decides what succeeded. Descriptor 1 is moved out of the kernel's reach
before it starts: whatever a notebook writes to the terminal cannot be mistaken for a report. When
the runner dies, stdin closes, and the worker takes the kernel with it.
"""

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CELL_FRAME = re.compile(r"Cell In\[\d+\], line (\d+)")
_FILE_FRAME = re.compile(r"^File (.+?):(\d+)", re.MULTILINE)


def kill_descendants(pid: int) -> None:
    """Kill everything that process `pid` has started, but not `pid` itself.

    A kernel leads a process group; killing the group also finds what it has orphaned.
    """
    import psutil

    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return
    for child in children:
        try:
            leads = os.getpgid(child.pid) == child.pid
            (os.killpg if leads else os.kill)(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _follow_parent() -> None:
    sys.stdin.read()  # returns when the runner closes the pipe or no longer exists
    kill_descendants(os.getpid())
    os._exit(1)


def place_of_error(traceback: str, root: str) -> dict[str, Any]:
    """Line within the failing cell and innermost place inside `root` of IPython's traceback."""
    line = _CELL_FRAME.search(traceback)
    inside = []
    for file, number in _FILE_FRAME.findall(traceback):
        path = Path(file).expanduser()
        if path.is_relative_to(root) and not path.is_relative_to(sys.prefix):
            inside.append(f"{path.relative_to(root)}:{number}")
    return {"line": int(line[1]) if line else None, "where": inside[-1] if inside else None}


def _failure(cell: Any, reply: dict[str, Any], root: str) -> dict[str, Any]:
    traceback = _ANSI.sub("", "\n".join(reply.get("traceback", [])))
    value = reply["evalue"].strip().splitlines()
    error = f"{reply['ename']}: {value[0]}" if value else reply["ename"]
    return {"id": cell.id, "error": error, "traceback": traceback} | place_of_error(traceback, root)


def execute(job: dict[str, Any], send: Callable[..., None]) -> None:
    """Execute `job`; sends `start` and `done` per cell and, last, `failed` or `finished`."""
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    # For the kernel: it imports the checkout that the notebook lies in.
    os.environ["PYTHONPATH"] = job["root"]
    failures: list[dict[str, Any]] = []
    try:
        executed = papermill.execute_notebook(
            job["notebook"],
            job["executed"],
            parameters=job["parameters"],
            kernel_name="python3",
            language="python",
            cwd=job["folder"],
            progress_bar=False,
            request_save_on_cell_execute=False,
            # Sockets in the job's own folder: no port to race for, nothing reachable from outside.
            config=Config({"KernelManager": {"transport": "ipc", "ip": job["sockets"]}}),
            shutdown_kernel="immediate",
            on_cell_start=lambda cell, cell_index: send(start=cell.id),
            on_cell_complete=lambda cell, cell_index: send(done=cell.id),
            on_cell_error=lambda cell, cell_index, execute_reply: failures.append(
                _failure(cell, execute_reply["content"], job["root"])
            ),
        )
    except PapermillExecutionError as error:
        found = failures or [{"error": f"{error.ename}: {error.evalue}"}]
        send(failed=found[0])
        return
    except DeadKernelError:
        send(failed={"error": "the kernel died (out of memory, or the process ended itself)"})
        return
    # Papermill takes sys.exit(0) for success, although the cells below it never ran.
    unfinished = [cell for cell in executed.cells if not _ran_through(cell)]
    if unfinished:
        error = "stopped here; the cells below were not run"
        send(failed={"id": unfinished[0].id, "error": error})
    else:
        send(finished=True)


def _ran_through(cell: Any) -> bool:
    if cell.cell_type != "code" or not cell.source.strip():
        return True
    stopped = any(output.output_type == "error" for output in cell.outputs)
    return cell.execution_count is not None and not stopped


def main() -> None:
    """Run the job on stdin."""
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_follow_parent, daemon=True).start()
    execute(job, lambda **event: print(json.dumps(event), file=channel))
    channel.close()


if __name__ == "__main__":
    main()
