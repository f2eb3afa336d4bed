"""Executed notebooks that are equal, byte for byte, whenever the same code drew the same pictures.

What differs between two runs without meaning anything is removed (execution times, widget state,
progress bars) or masked (memory addresses, folders of this machine), and streams that arrived in
several pieces are joined. Scripts are removed too: no published page may run them.
"""

import re
import sys
from pathlib import Path
from typing import Any

Json = dict[str, Any]

_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,16}\b")
_CELL_FILE = re.compile(r"\S*ipykernel_\d+/\d+\.py")
_PROGRESS = re.compile(r"\d+%\|.*\|.*\[.*\]|\d+(?:\.\d+)?\w*it \[.*\]|^\s*0it \[")
_WIDGET = "application/vnd.jupyter.widget-view+json"
_SCRIPT = "application/javascript"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "pygments_lexer": "ipython3",
    },
}


def text(value: str | list[str]) -> str:
    """A multi-line field of a notebook, which may be stored as one string or as a list of lines."""
    return value if isinstance(value, str) else "".join(value)


def mask(value: str, root: Path) -> str:
    """Replace addresses, the kernel's temporary files and this machine's folders by fixed words."""
    for folder, word in ((Path(sys.prefix), "<python>"), (root, "."), (Path.home(), "~")):
        value = value.replace(f"{folder}/", f"{word}/")
    return _ADDRESS.sub("0x…", _CELL_FILE.sub("<cell>", value))


def _without_progress(value: str) -> str:
    lines = re.split(r"(?<=[\n\r])", value)
    kept = [line for line in lines if not _PROGRESS.search(line) and line.strip("\r")]
    return "".join(kept).replace("\r", "") if any(line.strip() for line in kept) else ""


def _clean_data(data: Json, root: Path) -> Json:
    return {
        kind: mask(text(value), root) if kind.startswith("text/") else value
        for kind, value in sorted(data.items())
        if kind != _SCRIPT
    }


def _join_streams(outputs: list[Json]) -> list[Json]:
    joined: list[Json] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output["output_type"] == "stream" and last.get("name") == output["name"]:
            last["text"] += text(output["text"])
        elif output["output_type"] == "stream":
            joined.append({**output, "text": text(output["text"])})
        else:
            joined.append(output)
    return joined


def clean_outputs(outputs: list[Json], root: Path) -> list[Json]:
    """The outputs of one code cell, without anything that changes from run to run."""
    visible = [o for o in outputs if _WIDGET not in o.get("data", {})]
    if [o for o in visible if o["output_type"] == "stream" and o["name"] == "stderr"]:
        # A progress bar arrives between other outputs: drop it before deciding what is adjacent.
        for output in visible:
            if output["output_type"] == "stream" and output["name"] == "stderr":
                output["text"] = _without_progress(text(output["text"]))
        visible = [o for o in visible if o.get("text") != ""]
    cleaned = []
    for output in _join_streams(visible):
        if output["output_type"] == "stream":
            output = {**output, "text": mask(output["text"], root)}
        elif "data" in output:
            output = {**output, "data": _clean_data(output["data"], root)}
        cleaned.append(output)
    return cleaned


def captured(executed: Json, root: Path) -> list[Json]:
    """Outputs and counts of the code cells of an executed notebook, in order; `injected` holds the
    source of the cell that papermill added, and is None for the others.
    """
    return [
        {
            "outputs": clean_outputs(cell["outputs"], root),
            "execution_count": cell["execution_count"],
            "injected": text(cell["source"]) if _is_injected(cell) else None,
        }
        for cell in executed["cells"]
        if cell["cell_type"] == "code"
    ]


def _is_injected(cell: Json) -> bool:
    return "injected-parameters" in cell["metadata"].get("tags", [])


def assemble(source: Json, results: list[Json]) -> Json:
    """The executed notebook: prose and code of `source` with the outputs that `captured` kept."""
    queue = list(results)
    cells: list[Json] = []
    for cell in source["cells"]:
        cell = {**cell, "source": text(cell["source"])}
        if cell["cell_type"] == "code":
            result = queue.pop(0)
            cell |= {k: result[k] for k in ("outputs", "execution_count")}
        cells.append(cell)
        if queue and queue[0]["injected"] and cell["cell_type"] == "code":
            cells.append(_injected_cell(queue.pop(0)))
    return {**source, "cells": cells}


def _injected_cell(result: Json) -> Json:
    return {
        "cell_type": "code",
        "id": "injected-parameters",
        "metadata": {"tags": ["injected-parameters"]},
        "source": result["injected"],
        "outputs": result["outputs"],
        "execution_count": result["execution_count"],
    }
