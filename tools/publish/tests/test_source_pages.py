"""Source pages: both versions, the right lines, and no file that is nobody's business."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from bs4 import BeautifulSoup

from tools.process.findings import Place
from tools.process.git import git, head
from tools.publish.site import source
from tools.publish.site.code import highlighted, numbered
from tools.publish.site.source import files_of, pages, source_href
from tools.publish.tests.conftest import zoo_of


@pytest.fixture
def versions(small_zoo):
    """The entry "alpha" with a frozen version 1, a frozen version 2, and later changes."""
    root, model = small_zoo.root, small_zoo.root / "zoo" / "alpha" / "model.py"
    (root / "zoo" / "core").mkdir()
    (root / "zoo" / "core" / "data.py").write_text("CORE = 1\n")
    commits = []
    for number in (1, 2, 3):
        model.write_text(f'"""A text\nof {number} <lines>."""\nx = {number}\n')
        git(root, "add", ".")
        git(root, "commit", "-q", "-m", f"{number}")
        commits.append(head(root))
    state = small_zoo.shown[0].state
    v1, v2 = replace(state.v1, commit=commits[0]), replace(state.v2, commit=commits[1])
    return zoo_of(root, {"alpha": replace(state, v1=v1, v2=v2)})


def shown_at(zoo, path):
    from tools.publish.site.build import build

    out = zoo.root.parent / "site"
    build(zoo, out, sections=["tools.publish.site.source"])
    return BeautifulSoup((out / path).read_text("utf-8"), "html.parser")


def test_where_a_page_lies():
    assert source_href("vae", "v1", "zoo/vae/model.py", 12) == (
        "entries/vae/source/v1/model.py.html#L12"
    )
    assert source_href("vae", "v2", "zoo/core/data.py") == (
        "entries/vae/source/v2/zoo/core/data.py.html"
    )
    assert source_href("vae", "v1", "zoo/vae/demo.ipynb", "a b") == (
        "entries/vae/source/v1/demo.ipynb.html#cell-a-b"
    )
    assert source_href("vae", "v1", 'zoo/vae/a"<b>.py') == "entries/vae/source/v1/a__b_.py.html"


def test_each_version_shows_its_own_lines(versions):
    for version, number in (("v1", 1), ("v2", 2)):
        page = shown_at(versions, f"entries/alpha/source/{version}/model.py.html")
        assert page.find(id="L3").text == f"x = {number}\n"
        assert page.find(id="L2").text == f'of {number} <lines>."""\n'
        assert page.find(id="L3").a["href"] == "#L3"
        assert page.find(id="L4") is None
        other = page.find("a", string=f"the same file in {'v2' if version == 'v1' else 'v1'}")
        assert other is not None
    assert "Frozen version 1" in shown_at(versions, "entries/alpha/source/v1/model.py.html").text


def test_the_working_tree_stands_in_for_a_version_that_is_not_frozen(versions):
    zoo = zoo_of(versions.root)
    assert [page.path for page in pages(zoo) if "/v1/" in page.path] == []
    assert files_of(zoo, zoo.shown[0], "v2")["zoo/alpha/model.py"].endswith(b"x = 3\n")


def test_a_frozen_commit_that_this_clone_lacks_has_no_pages(small_zoo):
    assert files_of(small_zoo, small_zoo.shown[0], "v1") == {}


def test_files_are_in_the_order_of_reading(versions):
    assert list(files_of(versions, versions.shown[0], "v2")) == [
        "zoo/alpha/model.py",
        "zoo/alpha/recipe.py",
        "zoo/alpha/demo.ipynb",
        "zoo/alpha/README.md",
        "zoo/alpha/results.json",
    ]


def test_what_a_finding_speaks_of_is_shown_within_the_library_alone(versions, monkeypatch):
    places = [Place("zoo/core/data.py", 1, 1), Place("reviews/roster.yaml", 1, 1)]
    places.append(Place("zoo/alpha/samples.png", 1, 1))
    monkeypatch.setattr(source, "_places", lambda *_: iter(places))
    files = files_of(versions, versions.shown[0], "v1")
    assert files["zoo/core/data.py"] == b"CORE = 1\n"
    assert not {"reviews/roster.yaml", "zoo/alpha/samples.png"} & set(files)


def test_cells_of_a_notebook_have_anchors(versions):
    cells = [
        {"cell_type": "markdown", "id": "idea", "source": ["# <script>\n", "text"]},
        {"cell_type": "code", "id": 'x" onclick="e', "source": "y = 1", "outputs": ["evil"]},
        {"cell_type": "code", "id": "idea", "source": ""},
    ]
    text = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    (versions.root / "zoo/alpha/demo.ipynb").write_text(text)
    page = shown_at(zoo_of(versions.root), "entries/alpha/source/v2/demo.ipynb.html")
    sections = page("section", class_="cell")
    assert [section["id"] for section in sections] == [
        "cell-idea",
        "cell-x--onclick--e",
        "cell-idea-",
    ]
    assert sections[0].pre.text == "# <script>\ntext"
    assert "evil" not in page.text
    broken = versions.root / "zoo/alpha/demo.ipynb"
    broken.write_text("no notebook <b>")
    page = shown_at(zoo_of(versions.root), "entries/alpha/source/v2/demo.ipynb.html")
    assert page.find(id="L1").text == "no notebook <b>\n"


def test_code_is_the_same_text_with_classes_around_it():
    text = 'def f(x):  # <b>\n\n    return """a\n</code>"""\n'
    page = BeautifulSoup(numbered(text), "html.parser")
    assert page.pre.text == text
    assert [line["id"] for line in page("span", class_="line")] == ["L1", "L2", "L3", "L4"]
    assert "&lt;/code&gt;" in numbered(text)
    assert "style=" not in highlighted(text)
    plain = '<pre class="code" tabindex="0"><code>&lt;b&gt; ⟨U+202E⟩</code></pre>\n'
    assert highlighted("<b> \u202e\n", "no-such-language") == plain


def test_code_made_to_be_slow_is_shown_without_colours():
    long = "x = " + "(" * 5000
    assert "<span" not in highlighted(long)
    assert "<span" not in highlighted("x = 1\n" * 40_000)
