"""Which entries and lessons a site is made from, where notebooks do not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.notebooks.results import Failure, NotebookResult
from tools.process.git import git
from tools.process.record import Record
from tools.publish.site import gather as gathering
from tools.publish.site.gather import gather
from tools.publish.tests.conftest import add_entry
from zoo.core.errors import ZooError
from zoo.core.registry import Entry


@pytest.fixture
def record(clone: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    """Three entries: the notebook of "beta" does not run, and "gamma" has none yet."""

    def run(notebooks: list[Path], *, on_result, **_: object) -> list[NotebookResult]:
        failure = Failure("ZooError: no weights")
        results = [
            NotebookResult(path, "failed", 1.0, failure=failure)
            if path.read_bytes().count(b"broken")
            else NotebookResult(path, "executed", 1.0, executed=path)
            for path in notebooks
        ]
        for result in results:
            on_result(result)
        return results

    monkeypatch.setattr(gathering, "run_notebooks", run)
    add_entry(clone, "alpha")
    (add_entry(clone, "beta") / "demo.ipynb").write_text("broken")
    (add_entry(clone, "gamma") / "demo.ipynb").unlink()
    git(clone, "add", ".")
    git(clone, "commit", "-q", "-m", "Entries")
    return Record(clone)


def test_a_preview_leaves_out_what_does_not_run_and_says_so(record):
    said = []
    zoo = gather(record, draft=True, progress=said.append)
    assert [shown.name for shown in zoo.shown] == ["alpha"]
    assert [path.name for path in zoo.lessons] == ["00_first.ipynb"]
    assert "gamma: left out of the preview, it has no demo.ipynb yet" in said
    assert "beta: left out of the preview, its demo.ipynb does not run" in said
    assert any("ZooError: no weights" in line for line in said)


def test_a_lesson_that_does_not_run_stops_a_preview_too(record):
    (record.root / "notebooks" / "00_first.ipynb").write_text("broken")
    with pytest.raises(ZooError, match=r"^1 of 3 .*: mend notebooks/00_first.ipynb first$"):
        gather(record, draft=True)


def test_a_site_for_everybody_has_only_what_is_published(record):
    with pytest.raises(ZooError, match="no entry is published yet"):
        gather(record)


def test_a_published_notebook_that_does_not_run_stops_the_site(record, monkeypatch):
    published = [Entry(name, record.root / "zoo" / name) for name in ("alpha", "beta")]
    monkeypatch.setattr(gathering, "entries_of", lambda record, draft: published)
    with pytest.raises(ZooError, match=r"mend zoo/beta/demo.ipynb first$"):
        gather(record)
