"""A run's folder: metrics.jsonl, checkpoint.safetensors, weights.safetensors, tensorboard/."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
from pathlib import Path
from typing import Any

from zoo.core.checkpoints import load_state, save_state
from zoo.core.errors import ZooError
from zoo.core.files import replacing
from zoo.core.recipes import TrainingConfig


class RunFolder:
    """Where one training run keeps what it measured and what it needs to continue.

    Args:
        folder: created when missing.
        config: the run's configuration; a folder belongs to one configuration.
        resume: continue the run in the folder, if it holds one; without it, a folder with a
            checkpoint is refused.

    Raises:
        ZooError: the folder holds another run, or one that is not to be resumed.
    """

    def __init__(self, folder: Path | str, config: TrainingConfig, resume: bool) -> None:
        self.folder = Path(folder)
        self.config = _plain(config)
        self.checkpoint = self.folder / "checkpoint.safetensors"
        self.metrics = self.folder / "metrics.jsonl"
        self.weights = self.folder / "weights.safetensors"
        self.state: dict[str, Any] | None = None
        self._board: Any = None
        if self.checkpoint.exists() and not resume:
            raise ZooError(
                f"{folder} already holds a run: continue it with --resume or choose --out"
            )
        if self.checkpoint.exists():
            self.state = load_state(self.checkpoint)
            self._refuse_other_config(self.state["config"])
            self._forget_after(self.state["step"])
        with _clear_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            if self.state is None:
                self.metrics.write_text("")

    def _refuse_other_config(self, stored: dict[str, Any]) -> None:
        for name in stored.keys() | self.config.keys():
            if stored.get(name) != self.config.get(name):
                raise ZooError(
                    f"{self.folder} was trained with {name}={stored.get(name)}, now "
                    f"{name}={self.config.get(name)}: resume with the same settings or choose --out"
                )

    def _forget_after(self, step: int) -> None:
        """Drop metrics logged after the checkpoint: those steps are done again."""
        rows = [row for row in self.rows() if row["step"] <= step]
        with replacing(self.metrics) as temporary:
            temporary.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def rows(self) -> list[dict[str, float]]:
        """What was logged so far."""
        return logged_rows(self.metrics)

    def log(self, row: dict[str, float]) -> None:
        """Append one row of scalars to metrics.jsonl and to TensorBoard where it is installed."""
        with _clear_errors(self.metrics), self.metrics.open("a") as file:
            file.write(json.dumps(row) + "\n")
        if self._board is None and importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(self.folder / "tensorboard"))
        if self._board is not None:
            for name in row.keys() - {"step"}:
                self._board.add_scalar(name, row[name], int(row["step"]))

    def save(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint; the old one stays until the new one is complete."""
        save_state(self.checkpoint, {**state, "config": self.config})

    def close(self) -> None:
        """Flush TensorBoard."""
        if self._board is not None:
            self._board.close()


def _plain(config: TrainingConfig) -> dict[str, Any]:
    """The configuration as JSON gives it back: tuples are lists."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


@contextlib.contextmanager
def _clear_errors(path: Path) -> Any:
    try:
        yield
    except OSError as error:
        raise ZooError(f"cannot write {path}: {error.strerror or error}") from error


def logged_rows(metrics: Path) -> list[dict[str, float]]:
    """Rows of a metrics.jsonl, none if it is missing; a last line cut by a crash is ignored."""
    rows = []
    if metrics.exists():
        for line in metrics.read_text().splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                rows.append(json.loads(line))
    return rows
