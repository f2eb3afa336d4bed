"""The notebook check finds each thing that ties a notebook to one machine or one run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tools.checks import Finding
from tools.tests.conftest import Repository

Notebook = dict[str, Any]


def judged(repository: Repository, notebook: Notebook) -> list[Finding]:
    """Findings of the notebook check on a changed demo."""
    (repository.toy / "demo.ipynb").write_text(json.dumps(notebook, indent=1))
    results = {result.check: result for result in repository.check().results}
    return list(results["notebook"].findings)


@pytest.fixture
def demo(repository: Repository) -> Notebook:
    """The complete entry's demo."""
    return json.loads((repository.toy / "demo.ipynb").read_text())


def cell_of(notebook: Notebook, name: str) -> dict[str, Any]:
    return next(cell for cell in notebook["cells"] if cell["id"] == name)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("!pip install torch", "installs software"),
        ("%pip install torch", "installs software"),
        ("import torch\n  !conda install x", "installs software"),
        ("!ls", "runs a shell command"),
        ("%%bash\nls", "runs a shell command"),
        ("import requests", "reaches for the network: requests"),
        ("from urllib.request import urlopen", "reaches for the network: urllib"),
        ('x = "https://example.org/a.npz"', "reaches for the network: https"),
        ("import subprocess", "starts other programs"),
        ('import os\n\nos.system("ls")', "starts other programs"),
        ("from tools import cards", "imports tools"),
        ('open("/home/me/data.npy")', "absolute path '/home/me/data.npy'"),
        ('open(f"/tmp/{seed}")', "absolute path '/tmp/'"),
        ('open("C:\\\\data\\\\x")', "absolute path"),
        ('open("~/data/x")', "absolute path"),
        ("x = (", "does not parse"),
    ],
)
def test_a_code_cell_that_cannot_run_elsewhere(
    repository: Repository, demo: Notebook, source: str, words: str
) -> None:
    cell_of(demo, "imports")["source"] = source
    found = judged(repository, demo)
    assert [words in finding.rule for finding in found] == [True], found
    line = (repository.toy / "demo.ipynb").read_text().splitlines()[found[0].line - 1]
    assert '"id": "imports"' in line


@pytest.mark.parametrize(
    "source",
    [
        'label = "log p / dim"',
        'label = f"{steps}/home"',
        'noise = "~ N(0, 1)"',
        "%matplotlib inline",
        'ratio = "a/b/c"',
    ],
)
def test_an_innocent_cell_is_left_alone(
    repository: Repository, demo: Notebook, source: str
) -> None:
    cell_of(demo, "imports")["source"] = source
    assert judged(repository, demo) == []


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("hero", {"metadata": {}}, "0 code cells are tagged hero"),
        ("train", {"metadata": {"tags": ["hero"]}}, "2 code cells are tagged hero"),
        ("parameters", {"metadata": {}}, "first code cell is not tagged parameters"),
        ("parameters", {"source": "seed = 0\nsteps = seed + 1"}, "parameters that are not plain"),
        ("parameters", {"source": "for seed in [0]:\n    pass"}, "parameters that are not plain"),
        ("train", {"execution_count": 3}, "has outputs"),
        (
            "train",
            {"outputs": [{"output_type": "stream", "name": "stdout", "text": "x"}]},
            "has outputs",
        ),
        ("title", {"source": "no title"}, "no title"),
        ("limitations", {"source": "nothing"}, "no section on limitations"),
        ("exercises", {"source": "[here](/home/x)"}, "link to an absolute path"),
    ],
)
def test_a_cell_that_breaks_the_form(
    repository: Repository, demo: Notebook, name: str, change: dict[str, Any], words: str
) -> None:
    cell_of(demo, name).update(change)
    assert any(words in finding.rule for finding in judged(repository, demo))


def test_too_many_code_cells(repository: Repository, demo: Notebook) -> None:
    extra = cell_of(demo, "imports")
    demo["cells"] += [{**extra, "id": f"extra-{n}"} for n in range(25)]
    assert ["30 code cells" in finding.rule for finding in judged(repository, demo)] == [True]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nbformat_minor": 4}, "not of format 4.5"),
        ({"nbformat": 3}, "not of format 4.5"),
        ({"cells": "none"}, "no list of cells"),
        ({"cells": [{"cell_type": "code"}]}, "a cell has no id"),
        ({"cells": [{"cell_type": "code", "id": "x"}]}, "not a valid notebook"),
    ],
)
def test_not_a_notebook_is_one_line(
    repository: Repository, demo: Notebook, change: dict[str, Any], words: str
) -> None:
    found = judged(repository, {**demo, **change})
    assert [words in finding.rule for finding in found] == [True], found


def test_cells_of_the_same_id(repository: Repository, demo: Notebook) -> None:
    demo["cells"][1]["id"] = demo["cells"][2]["id"]
    assert ["id" in finding.rule for finding in judged(repository, demo)] == [True]
