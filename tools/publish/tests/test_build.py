"""The builder: what it writes, removes, keeps and refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from markupsafe import escape

from tools.publish.site import about
from tools.publish.site.build import MARK, build, policy_text, relative
from tools.publish.site.pages import Asset, Page
from tools.publish.site.zoo import Zoo
from zoo.core.errors import ZooError

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'


def page(path: str, title: str = "A page", **fields: object) -> Page:
    return Page(path=path, title=title, template="plain.html.j2", **fields)


def section(*items: Page | Asset):
    def made(zoo: Zoo) -> Iterator[Page | Asset]:
        yield from items

    return made


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and time of every file."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_writes_only_what_changed_and_removes_what_is_no_more(small_zoo, tmp_path):
    out = tmp_path / "site"
    first = section(page("a.html"), page("b/c.html"), Asset("old.txt", b"old"))
    assert MARK in build(small_zoo, out, sections=[first]).written
    before = files(out)

    second = section(page("a.html"), page("b/c.html", title="Changed"), Asset("new.txt", b"new"))
    report = build(small_zoo, out, sections=[second])
    after = files(out)
    assert report.written == ["b/c.html", "new.txt"]
    assert report.removed == ["old.txt"]
    assert "old.txt" not in after
    assert {path for path in before if after.get(path) != before[path]} == {"b/c.html", "old.txt"}
    assert report.size == sum(len(content) for content, _ in after.values())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clone", "site"]


def test_the_same_zoo_is_the_same_site(small_zoo, tmp_path):
    build(small_zoo, tmp_path / "one")
    before = files(tmp_path / "one")
    assert build(small_zoo, tmp_path / "one").written == []
    assert files(tmp_path / "one") == before
    build(small_zoo, tmp_path / "two")
    bytes_of = {path: content for path, (content, _) in files(tmp_path / "two").items()}
    assert bytes_of == {path: content for path, (content, _) in before.items()}


def test_a_section_that_fails_leaves_the_old_site_whole(small_zoo, tmp_path):
    out = tmp_path / "site"
    build(small_zoo, out, sections=[section(page("a.html"))])
    before = files(out)

    def broken(zoo: Zoo) -> Iterator[Page]:
        yield page("a.html", title="New")
        raise ZooError("no results.json")

    with pytest.raises(ZooError, match=r"no results\.json"):
        build(small_zoo, out, sections=[broken])
    without = Page("b.html", "Its template wants variables", "gallery.html.j2")
    with pytest.raises(UndefinedError):
        build(small_zoo, out, sections=[section(page("a.html", title="New"), without)])
    missing = Asset("gone.bin", tmp_path / "nothing-here")
    with pytest.raises(ZooError, match="cannot write"):
        build(small_zoo, out, sections=[section(page("a.html", title="New"), missing)])
    assert files(out) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clone", "site"]


def test_a_replacement_that_was_cut_off_is_undone(small_zoo, tmp_path):
    out = tmp_path / "site"
    build(small_zoo, out, sections=[section(page("a.html"))])
    before = files(out)
    out.rename(tmp_path / ".site-old")
    assert build(small_zoo, out, sections=[section(page("a.html"))]).written == []
    assert files(out) == before


def test_replaces_no_folder_that_is_not_a_site(small_zoo, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(ZooError, match="not empty, and no site"):
        build(small_zoo, mine)
    assert files(mine).keys() == {"thesis.txt"}


@pytest.mark.parametrize("path", ["../a.html", "/a.html", "a/../b.html", "", "a b.html", "a&b"])
def test_refuses_paths_outside_the_site(small_zoo, tmp_path, path):
    with pytest.raises(ZooError, match="is no path of the site"):
        build(small_zoo, tmp_path / "site", sections=[section(Asset(path, b""))])


def test_two_sections_may_agree_on_a_file_and_not_differ(small_zoo, tmp_path):
    one, two = section(Asset("a.txt", b"1")), section(Asset("a.txt", b"2"))
    build(small_zoo, tmp_path / "site", sections=[one, one])
    with pytest.raises(ZooError, match=r"two sections make the file a\.txt"):
        build(small_zoo, tmp_path / "site", sections=[one, two])
    twice = section(page("a.html"))
    with pytest.raises(ZooError, match=r"two sections make the page a\.html"):
        build(small_zoo, tmp_path / "site", sections=[twice, twice])


def test_text_is_escaped_wherever_a_page_shows_it(small_zoo, tmp_path):
    hostile = page("a.html", title=HOSTILE, description=HOSTILE, search=HOSTILE)
    build(small_zoo, tmp_path / "site", sections=[section(hostile)])
    for path in ("a.html", "assets/search-index.js"):
        text = (tmp_path / "site" / path).read_text()
        assert "<script>alert" not in text
        assert "<img" not in text
    assert text.count("\n") == 1


def test_every_page_has_policy_language_title_and_main(small_zoo, tmp_path):
    build(small_zoo, tmp_path / "site")
    pages = [*(tmp_path / "site").rglob("*.html")]
    assert pages
    for path in pages:
        text = path.read_text()
        assert "<html lang=" in text, path
        assert re.search(r"<title>[^<]+</title>", text), path
        assert len(re.findall(r"<main[ >]", text)) == 1, path
        assert len(re.findall(r"<h1[ >]", text)) == 1, path
        assert text.index("Content-Security-Policy") < text.index("<link"), path
        assert f'content="{escape(policy_text({}))}"' in text or "play/" in str(path), path
        assert not re.search(r"\sstyle=|\son[a-z]+=|<style|<script(?![^>]* src=)", text), path


def test_no_section_can_put_anything_in_the_place_of_the_policy(small_zoo, tmp_path):
    loose = page("a.html", context={"policy": "default-src *"})
    with pytest.raises(ZooError, match="'policy' is a variable of the frame"):
        build(small_zoo, tmp_path / "site", sections=[section(loose)])


def test_a_page_adds_sources_to_the_policy():
    text = policy_text({"script-src": ["'wasm-unsafe-eval'"], "worker-src": ["'self'"]})
    assert "script-src 'self' 'wasm-unsafe-eval'" in text
    assert text.endswith("worker-src 'self'")
    assert policy_text({}).count(";") == 6


def test_links_are_relative_and_name_files():
    assert relative("index.html", "entries/vae.html") == "entries/vae.html"
    assert relative("entries/vae.html", "index.html#tree") == "../index.html#tree"
    assert relative("entries/vae/a.html", "entries/vae/b.html") == "b.html"
    assert relative("entries/vae/a.html", "") == "../../"
    assert relative("index.html", "") == "./"


def test_what_the_about_page_needs_is_named(small_zoo: Zoo):
    (small_zoo.root / "CITATION.cff").unlink()
    with pytest.raises(ZooError, match=r"CITATION\.cff is missing: zoo publish citation writes it"):
        list(about.pages(small_zoo))
