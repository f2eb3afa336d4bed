"""When a notebook's remembered outputs may be used: everything they depend on is in the key."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools.notebooks import run_notebook
from tools.notebooks.process import Execution, notebook_environment
from tools.notebooks.source import cache_key, read_source

CARD = """---
title: Toy
paper: {{arxiv: "0000.00000", authors: [A], year: 2000}}
family: baseline
developers: ["@a"]
claims: []
ai_assistance: none
builds_on: {builds_on}
---
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with the entries `toy`, `older` (which toy builds on) and `other`."""
    for name in ("core", "toy", "older", "other"):
        (tmp_path / "zoo" / name).mkdir(parents=True)
        (tmp_path / "zoo" / name / "model.py").write_text("WORD = 1")
        (tmp_path / "zoo" / name / "README.md").write_text(CARD.format(builds_on="[]"))
    (tmp_path / "zoo/toy/README.md").write_text(CARD.format(builds_on="[older]"))
    (tmp_path / "data").mkdir()
    cell = new_code_cell("steps = 3", id="knobs", metadata={"tags": ["parameters"]})
    cells = [new_markdown_cell("# Toy", id="title"), cell, new_code_cell("1 + 1", id="sum")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "zoo/toy/demo.ipynb")
    return tmp_path


def key(root: Path, parameters: dict | None = None, **environment: str) -> str:
    source = read_source(root / "zoo/toy/demo.ipynb")
    base = notebook_environment() | {"ZOO_DATA": str(root / "data")}
    return cache_key(source, parameters or {}, base | environment)


DEMO = "zoo/toy/demo.ipynb"


@pytest.mark.parametrize(
    ("file", "old", "new", "same"),
    [
        (DEMO, "1 + 1", "1 + 2", False),
        (DEMO, '"parameters"', '"hero"', False),
        (DEMO, "# Toy", "# Prose", True),
        ("zoo/toy/model.py", "1", "2", False),
        ("zoo/core/model.py", "1", "2", False),
        ("zoo/older/model.py", "1", "2", False),
        ("zoo/other/model.py", "1", "2", True),
        ("zoo/toy/README.md", "[older]", "[]", False),
    ],
)
def test_the_key_covers_the_files_that_outputs_depend_on(root, file, old, new, same):
    before = key(root)
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new))
    assert (key(root) == before) is same


def test_the_key_covers_parameters_data_and_threads(root):
    before = key(root)
    assert key(root) == before
    assert key(root, {"steps": 4}) != before
    assert key(root, OMP_NUM_THREADS="7") != before
    (root / "data/train.bin").write_text("new")
    assert key(root) != before


def test_a_lesson_depends_on_the_whole_library(root):
    lesson = root / "notebooks/lesson.ipynb"
    lesson.parent.mkdir()
    lesson.write_text((root / DEMO).read_text())
    before = cache_key(read_source(lesson), {}, notebook_environment())
    (root / "zoo/other/model.py").write_text("WORD = 2")
    assert cache_key(read_source(lesson), {}, notebook_environment()) != before


def test_a_damaged_entry_is_a_miss_and_a_failure_is_never_remembered(root, tmp_path):
    folders = {"out": tmp_path / "out", "cache": tmp_path / "cache"}
    notebook = root / DEMO
    assert run_notebook(notebook, **folders).status == "executed"
    for entry in folders["cache"].glob("*.json"):
        entry.write_text(entry.read_text()[:20])
    assert run_notebook(notebook, **folders).status == "executed"
    assert run_notebook(notebook, **folders).status == "cached"
    notebook.write_text(notebook.read_text().replace("1 + 1", "1 / 0"))
    assert [run_notebook(notebook, **folders).status for _ in range(2)] == ["failed", "failed"]
    assert not (folders["out"] / "toy.html").exists()  # the page of the earlier success is gone


def test_outputs_are_not_remembered_when_the_code_changed_meanwhile(root, tmp_path, monkeypatch):
    run = Execution.run

    def edited_while_running(execution, *arguments):
        outcome = run(execution, *arguments)
        (root / "zoo/core/model.py").write_text("WORD = 3")
        return outcome

    monkeypatch.setattr(Execution, "run", edited_while_running)
    assert run_notebook(root / DEMO, out=tmp_path / "out", cache=tmp_path / "cache").ok
    assert not list((tmp_path / "cache").glob("*.json"))


def test_notebooks_outside_a_checkout_are_never_remembered(tmp_path):
    notebook = tmp_path / "mine.ipynb"  # what it imports from beside itself is not known
    nbformat.write(new_notebook(cells=[new_code_cell("1")]), notebook)
    folders = {"out": tmp_path / "out", "cache": tmp_path / "cache"}
    assert [run_notebook(notebook, **folders).status for _ in range(2)] == ["executed"] * 2
