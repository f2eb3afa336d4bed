"""What is read, and what is skipped with a reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.originality.sources import LARGEST, Piece, given, references
from tools.originality.tests.corpus import ROOT
from zoo.core.errors import ZooError


def _notebook(*cells: str, language: str = "python") -> str:
    content = {
        "cells": [{"cell_type": "code", "source": [cell]} for cell in cells],
        "metadata": {"kernelspec": {"language": language}},
        "nbformat": 4,
    }
    return json.dumps(content)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.py", b"def f(:\n", "does not parse: line 1"),
        ("a.py", b"print 'two'\n", "does not parse: line 1"),
        ("a.py", bytes(range(256)), "no text in UTF-8"),
        ("a.py", b"x = 1\0", "does not parse"),
        ("a.py", b"(" * 5000, "does not parse"),
        ("a.py", b"x = 1\n" * (LARGEST // 6 + 1), "1.0 MB: longer than anybody writes by hand"),
        ("a.ipynb", b"{", "no notebook of nbformat 4"),
        ("a.ipynb", b"[1]", "no notebook of nbformat 4"),
        ("a.ipynb", b'{"worksheets": []}', "no notebook of nbformat 4"),
        ("a.ipynb", _notebook("x <- 1", language="R").encode(), "a notebook in R"),
    ],
)
def test_what_cannot_be_compared_is_named(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (document,) = references(tmp_path)
    assert document.pieces == []
    assert [(item.place, item.reason[: len(reason)]) for item in document.skipped] == [
        (name, reason)
    ]


def test_cells_are_pieces_without_their_magics(tmp_path: Path) -> None:
    cells = ("%matplotlib inline\nx = 1", "%%bash\nls -l", "%%time\ny = 2", "!pip list\n", "z = (")
    (tmp_path / "n.ipynb").write_text(_notebook(*cells))
    (document,) = references(tmp_path)
    assert document.pieces == [
        Piece("n.ipynb#cell 1", "\nx = 1"),
        Piece("n.ipynb#cell 3", "\ny = 2"),
    ]
    assert [(s.place, s.reason) for s in document.skipped] == [
        ("n.ipynb#cell 5", "does not parse: line 1")
    ]


def test_folders_and_files_directly_inside_are_documents(tmp_path: Path) -> None:
    for place in ("one/a.py", "one/deep/b.py", "two.py", ".git/c.py", "one/__pycache__/d.py"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("x = 1\n")
    (tmp_path / "three.txt").write_text("words")
    (tmp_path / "loop").symlink_to(tmp_path)
    label = tmp_path.name
    found = {document.name: [p.place for p in document.pieces] for document in references(tmp_path)}
    assert found == {
        f"{label}/one": ["one/a.py", "one/deep/b.py"],
        f"{label}/two.py": ["two.py"],
    }


def test_a_folder_without_python_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ZooError, match="holds no Python file"):
        references(tmp_path)
    with pytest.raises(ZooError, match="no such folder"):
        references(tmp_path / "nowhere")


def test_the_skeleton_parses() -> None:
    document = given(ROOT)
    assert document.skipped == []
    assert len(document.pieces) >= 4


def test_what_is_shown_is_what_was_written(tmp_path: Path) -> None:
    source = 'def f(name):\n    return f"{{name}} {name}"\n'
    (tmp_path / "a.py").write_text(source)
    assert references(tmp_path)[0].pieces == [Piece("a.py", source)]
