"""What the site is made from: the entries to show, their executed notebooks, people, lessons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools.notebooks import NotebookResult, run_notebooks
from tools.process.git import head
from tools.process.record import Record
from tools.publish.people import people_of
from tools.publish.site.zoo import Shown, Zoo
from zoo.core.errors import ZooError
from zoo.core.registry import Entry


def gather(
    record: Record, *, draft: bool = False, progress: Callable[[str], None] = lambda line: None
) -> Zoo:
    """The zoo of a clone; demos and lessons are executed where no current copy is at hand.

    Args:
        record: the clone.
        draft: show every entry with a card, not the published ones alone.
        progress: told one line for each stage.

    Raises:
        ZooError: no entry to show, or a notebook that does not run, with its cell.
    """
    entries = entries_of(record, draft)
    for entry in [entry for entry in entries if draft and not _demo(entry).is_file()]:
        progress(f"{entry.name}: left out of the preview, it has no demo.ipynb yet")
        entries.remove(entry)
    if not entries:
        rule = "no entry is published yet"
        raise ZooError(f"{rule}: zoo publish entry NAME, or zoo publish site --preview")
    lessons = sorted((record.root / "notebooks").glob("*.ipynb"))
    notebooks = [_demo(entry) for entry in entries] + lessons
    spared = [_demo(entry) for entry in entries if draft]
    executed = _executed(record.root, notebooks, spared, progress)
    for entry in [entry for entry in entries if _demo(entry) not in executed]:
        progress(f"{entry.name}: left out of the preview, its demo.ipynb does not run")
        entries.remove(entry)
    states, commit = record.states(), head(record.root)
    return Zoo(
        record=record,
        shown=[Shown(e, states.get(e.name), executed[_demo(e)]) for e in entries],
        lessons=[executed[lesson] for lesson in lessons],
        people=people_of(record.roster, head(record.root)),
        commit=commit,
        cache=record.root / "build" / "cache" / "site",
        draft=draft,
    )


def entries_of(record: Record, draft: bool = False) -> list[Entry]:
    """The entries a site shows: the published ones, or every one with a card."""
    folders = sorted(path.parent for path in (record.root / "zoo").glob("*/recipe.py"))
    entries = [Entry(path.name, path) for path in folders if (path / "README.md").is_file()]
    if draft:
        return entries
    states = record.states()
    return [e for e in entries if e.name in states and states[e.name].stage == "published"]


def _demo(entry: Entry) -> Path:
    return entry.folder / "demo.ipynb"


def _executed(
    root: Path, notebooks: list[Path], spared: list[Path], progress: Callable[[str], None]
) -> dict[Path, Path]:
    """The executed copy of each notebook; of those in `spared`, only where they run."""
    results: list[NotebookResult] = run_notebooks(
        notebooks,
        out=root / "build" / "notebooks",
        cache=root / "build" / "cache" / "notebooks",
        on_result=lambda result: progress(result.report()) if not result.ok else None,
    )
    failed = [result for result in results if not result.ok and result.notebook not in spared]
    if failed:
        rule = f"{len(failed)} of {len(results)} notebooks do not run"
        raise ZooError(f"{rule}: mend {failed[0].notebook.relative_to(root)} first")
    ran = sum(result.status == "executed" for result in results)
    progress(f"notebooks: {ran} executed, {len(results) - ran} unchanged")
    return {result.notebook: result.executed for result in results if result.executed}
