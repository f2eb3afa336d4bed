"""What came of running a notebook, and how to say it in a few lines."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Status = Literal["executed", "cached", "failed"]


@dataclass(frozen=True)
class Failure:
    """Why a notebook did not run to its end, and where.

    `cell` counts all cells of the source notebook from 1, `line` the lines of that cell from 1;
    `where` is the innermost place in the repository's own code.
    """

    error: str
    cell: int | None = None
    cell_id: str | None = None
    line: int | None = None
    source: str | None = None
    where: str | None = None
    traceback: str = ""


@dataclass(frozen=True)
class NotebookResult:
    """One notebook's outcome.

    `seconds` is what the execution took, also where the answer came from the cache.
    """

    notebook: Path
    status: Status
    seconds: float
    executed: Path | None = None
    html: Path | None = None
    failure: Failure | None = None
    traceback_file: Path | None = None

    @property
    def ok(self) -> bool:
        """Whether every cell ran without an error, now or when the cached outputs were made."""
        return self.failure is None

    def report(self) -> str:
        """One line for a success, at most six for a failure."""
        where = shown(self.notebook)
        if self.failure is None:
            note = (
                "unchanged, from the cache" if self.status == "cached" else f"{self.seconds:.0f} s"
            )
            return f"✔ {where} ({note}) → {shown(self.html or self.notebook)}"
        failure, lines = self.failure, [f"✖ {where}"]
        if failure.cell is not None:
            line = f", line {failure.line}" if failure.line else ""
            lines[0] += f": cell {failure.cell} (id {failure.cell_id}){line}"
        if failure.source:
            lines.append(f"    {failure.source.strip()}")
        lines.append(f"  {failure.error}")
        if failure.where:
            lines.append(f"  raised at {failure.where}")
        if self.traceback_file:
            lines.append(f"  full traceback: {shown(self.traceback_file)}")
        return "\n".join(lines)


def shown(path: Path) -> str:
    """`path` relative to the current folder where it lies inside it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
