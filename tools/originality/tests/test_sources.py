"""What is read, and what is skipped with a reason."""

from __future__ import annotations

import json
import os
import tokenize
from pathlib import Path
from typing import TextIO

import pytest

from tools.originality.index import opened
from tools.originality.sources import (
    DEEPEST,
    GIVEN,
    LARGEST,
    Piece,
    Skipped,
    entries,
    given,
    references,
)
from tools.originality.tests.corpus import ROOT
from zoo.core.errors import ZooError

CARD = """---
title: MADE
paper: {arxiv: '1502.03509', authors: [A. Author], year: 2015}
family: autoregressive
developers: ['@dev-one']
claims: []
ai_assistance: none
acknowledgements: [{what: a, source: https://example.org/a, licence: MIT, files: [a.py]}]
---
"""


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
        ("a.py", bytes(range(256)), "no text in its encoding"),
        ("a.py", b"x = 1\0", "does not parse"),
        ("a.py", b"(" * 5000, "does not parse"),
        ("a.py", b"+".join([b"a"] * 600), "nested deeper than anybody writes by hand"),
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
        (f"{tmp_path.name}/{name}", reason)
    ]


def test_a_file_is_read_in_the_encoding_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"# -*- coding: latin-1 -*-\nx = '\xe9'\n")
    (document,) = references(tmp_path)
    assert document.skipped == []
    assert "x = 'é'" in document.pieces[0].text


def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "refs" / "one"
    folder.mkdir(parents=True)
    for name in ("a.py", "closed.py", "b\udcff\n.py"):
        (folder / name).write_text("x = (\n" if name.startswith("b") else "x = 1\n")
    (folder / "dangling.py").symlink_to("nowhere.py")
    (folder / "loop.py").symlink_to("pool.py")
    (folder / "pool.py").symlink_to("loop.py")
    os.mkfifo(folder / "pipe.py")
    os.mkfifo(folder.parent / "pipe.py")
    read = tokenize.open

    def refusing(path: Path) -> TextIO:
        if path.name == "closed.py":
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(tokenize, "open", refusing)
    document, pipe = references(folder.parent)
    assert [piece.place for piece in document.pieces] == ["one/a.py"]
    assert {(item.place, item.reason) for item in [*document.skipped, *pipe.skipped]} == {
        ("refs/one/b\\udcff\\n.py", "does not parse: line 1"),
        ("refs/one/closed.py", "cannot be read: Permission denied"),
        ("refs/one/dangling.py", "no regular file"),
        ("refs/one/loop.py", "no regular file"),
        ("refs/one/pool.py", "no regular file"),
        ("refs/one/pipe.py", "no regular file"),
        ("refs/pipe.py", "no regular file"),
    }


def test_what_is_nested_as_deep_as_allowed_is_compared(tmp_path: Path) -> None:
    calls = DEEPEST - 4  # and the file, the statement, a name and the way it is used
    (tmp_path / "a.py").write_text("f(" * calls + "a" + ")" * calls)
    (document,) = references(tmp_path)
    assert document.skipped == []
    with opened() as index:
        assert index.add(document)
    (tmp_path / "a.py").write_text("f(" * calls + "-a" + ")" * calls)
    assert references(tmp_path)[0].pieces == []


def test_a_folder_that_cannot_be_entered_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one/a.py", "one/closed/b.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    scan = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    (document,) = references(tmp_path)
    assert [piece.place for piece in document.pieces] == ["one/a.py"]
    place = f"{tmp_path.name}/one/closed"
    assert document.skipped == [Skipped(place, "cannot be read: Permission denied")]
    monkeypatch.setattr(Path, "iterdir", lambda path: os.scandir(path / "closed"))
    with pytest.raises(ZooError, match=r"cannot be read \(Permission denied\)"):
        references(tmp_path)


@pytest.mark.parametrize(
    "card",
    [
        b"---\nwords\n---\n",
        b"\xff",
        b"---\n" + b"[" * 9999 + b"\n---\n",
        CARD.replace("'1502.03509'", "1502.03509").encode(),
        CARD.replace("['@dev-one']", "[1]").encode(),
        CARD.replace("https://example.org/a", "2026-01-01").encode(),
    ],
    ids=["words", "bytes", "depth", "a number", "a handle", "a date"],
)
def test_a_card_of_another_form_is_named(tmp_path: Path, card: bytes) -> None:
    folder = tmp_path / "old" / "zoo" / "made"
    folder.mkdir(parents=True)
    (folder / "recipe.py").write_text("x = 1\n")
    (folder / "README.md").write_text(CARD)
    (document,) = references(tmp_path / "old")
    assert (document.paper, document.skipped) == ("1502.03509", [])
    (folder / "README.md").write_bytes(card)
    (document,) = references(tmp_path / "old")
    ((place, reason),) = [(item.place, item.reason) for item in document.skipped]
    assert (place, reason[:8]) == ("old/zoo/made/README.md", "no card:")


def test_a_card_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "zoo" / "made").mkdir(parents=True)
    (tmp_path / "zoo" / "made" / "model.py").write_text("x = 1\n")
    os.mkfifo(tmp_path / "zoo" / "made" / "README.md")
    (document,) = entries(tmp_path)
    assert document.skipped == [Skipped("zoo/made/README.md", "no card: no regular file")]


def test_cells_are_pieces_without_their_magics(tmp_path: Path) -> None:
    cells = (
        "%matplotlib inline\nx = 1",
        "\n%%bash\nls -l",
        "%%time\ny = 2",
        "!pip list\n",
        "z = (",
        "%%writefile mymodel.py\nx = '\x0c'\r\n%cd ..\ny = 3",
        "%%prun -s time\nz = 4",
        "%%!\nls",
        "w = ('%d'\n% 5)",
    )
    (tmp_path / "n.ipynb").write_text(_notebook(*cells))
    (document,) = references(tmp_path)
    assert document.pieces == [
        Piece("n.ipynb#cell 1", "\nx = 1"),
        Piece("n.ipynb#cell 3", "\ny = 2"),
        Piece("n.ipynb#cell 6", "\nx = '\x0c'\n\ny = 3"),
        Piece("n.ipynb#cell 7", "\nz = 4"),
        Piece("n.ipynb#cell 9", "w = ('%d'\n% 5)"),
    ]
    place = f"{tmp_path.name}/n.ipynb"
    assert document.skipped == [
        Skipped(f"{place}#cell 2", "cell magic %%bash"),
        Skipped(f"{place}#cell 5", "does not parse: line 1"),
        Skipped(f"{place}#cell 8", "cell magic %%!"),
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


def test_every_folder_with_code_is_an_entry(tmp_path: Path) -> None:
    for name in (
        "core/a.py",
        "__pycache__/b.py",
        "draft/model.py",
        "late/demo.ipynb",
        "data/c.txt",
    ):
        (tmp_path / "zoo" / name).parent.mkdir(parents=True)
        (tmp_path / "zoo" / name).write_text("x = 1\n")
    found = {document.name: document.skipped[0].place for document in entries(tmp_path)}
    assert found == {"draft": "zoo/draft/README.md", "late": "zoo/late/demo.ipynb"}
    assert [document.name for document in references(tmp_path)] == [f"{tmp_path.name}/zoo"]


def test_no_folder_takes_the_place_of_the_skeleton(tmp_path: Path) -> None:
    for name in (GIVEN, GIVEN.strip()):
        (tmp_path / "zoo" / name).mkdir(parents=True)
        (tmp_path / "zoo" / name / "model.py").write_text("x = 1\n")
    assert sorted(document.name for document in entries(tmp_path)) == [
        "the skeleton",
        "the skeleton\\n",
    ]


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
