"""How the training of shipped weights went: `curves/<recipe>.json`, written when they are shipped.

At most 200 rows, each the mean of a block of logged rows. A curve belongs to one weights file, by
its sha256. Imports no torch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from zoo.core.errors import ZooError
from zoo.core.files import replacing, sha256_of

SCHEMA = 1
ROWS = 200


@dataclass(frozen=True)
class Curve:
    """What was logged in training.

    Attributes:
        recipe: the recipe that was trained.
        columns: names of the scalars; the first is "step", "seconds" is time since the start.
        rows: one value per column, None where a scalar was not logged.
    """

    recipe: str
    columns: list[str]
    rows: list[list[float | None]]


def condense(logged: list[dict[str, float]], most: int = ROWS) -> tuple[list[str], list[list]]:
    """(columns, rows) of logged scalars: means over blocks of equal length.

    Args:
        logged: rows of metrics.jsonl, in the order of steps.
        most: upper limit of the number of rows.

    Returns:
        Step and seconds of a row are those of its block's end, hence the last row is the run's.
    """
    names = dict.fromkeys(name for row in logged for name in row)
    columns = ["step", *(name for name in names if name != "step")]
    size = max(1, -(-len(logged) // most))
    rows = []
    for end in range(len(logged), 0, -size):
        block = logged[max(0, end - size) : end]
        rows.append([_entry(block, name) for name in columns])
    return columns, rows[::-1]


def _entry(block: list[dict[str, float]], name: str) -> float | None:
    values = [row[name] for row in block if name in row]
    if not values:
        return None
    if name in ("step", "seconds"):
        return values[-1]
    return float(f"{sum(values) / len(values):.6g}")


def save_curve(folder: Path, recipe: str, logged: list[dict[str, float]], weights: Path) -> Path:
    """Write the curve of a run beside the weights that it gave; its path."""
    columns, rows = condense(logged)
    head = {"schema": SCHEMA, "recipe": recipe, "weights": sha256_of(weights), "columns": columns}
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    target = folder / "curves" / f"{recipe}.json"
    with replacing(target) as partial:
        partial.write_text(f'{json.dumps(head)[:-1]}, "rows": [\n{lines}\n]}}\n', encoding="utf-8")
    return target


def load_curve(folder: Path, recipe: str) -> Curve | None:
    """The curve of an entry's shipped weights; None where there is none, or only another run's.

    Raises:
        ZooError: the file is not what `save_curve` writes.
    """
    path, weights = (
        folder / "curves" / f"{recipe}.json",
        folder / "weights" / f"{recipe}.safetensors",
    )
    if not path.is_file() or not weights.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        curve = Curve(content["recipe"], content["columns"], content["rows"])
        whole = all(len(row) == len(curve.columns) for row in curve.rows)
        if content["schema"] != SCHEMA or not whole or curve.columns[0] != "step":
            raise ValueError("schema, columns or rows")
    except (ValueError, KeyError, TypeError, IndexError) as error:
        rule = f"{path} is not as the tools wrote it ({error})"
        raise ZooError(f"{rule}: restore it from git or delete it") from None
    return curve if content["weights"] == sha256_of(weights) else None
