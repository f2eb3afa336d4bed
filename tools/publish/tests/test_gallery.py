"""The gallery: its cards, and its filters and search in a browser, opened from disk."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.publish.site import gallery, tree
from tools.publish.site.build import build
from tools.publish.site.index import words
from tools.publish.site.zoo import Zoo
from tools.publish.tests.browsing import chromium
from tools.publish.tests.conftest import add_entry, measured, zoo_of
from zoo.core.evidence import save_results

SECTIONS = ["tools.publish.site.gallery", "tools.publish.site.about"]
HOSTILE = "<script>document.title='owned'</script> & <b>bold</b>"


@pytest.fixture
def site(clone: Path, tmp_path: Path, small_zoo: Zoo) -> Path:
    """Alpha and beta, and two more: one in part, one with a hostile title and no picture."""
    claims = [dataclasses.asdict(small_zoo.shown[0].entry.card.claims[0]) | {"dataset": "mnist"}]
    gamma = add_entry(clone, "gamma", family="flow", claims=claims)
    save_results(gamma, {"digits-elbo": measured(status="partial")})
    (add_entry(clone, "delta", title=HOSTILE) / "samples.png").write_bytes(b"<svg onload=alert(1)>")
    build(zoo_of(clone), tmp_path / "site", sections=SECTIONS)
    return tmp_path / "site"


@pytest.fixture
def page(site: Path) -> Iterator[object]:
    """The gallery in Chromium; whatever the console complains of fails the test."""
    with chromium() as browser:
        tab, complaints = browser.new_page(), []
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.goto((site / "index.html").as_uri())
        yield tab
        assert complaints == []


def visible(page) -> set[str]:
    links = page.locator(".plate:visible h3 a").all()
    return {Path(link.get_attribute("href")).stem for link in links}


def test_filters_show_exactly_the_entries_of_every_choice(page):
    facts = {
        "alpha": {"family": "latent-variable", "data": "digits", "status": "reproduced"},
        "beta": {"family": "flow", "data": "digits", "status": "not-measured"},
        "gamma": {"family": "flow", "data": "mnist", "status": "partial"},
        "delta": {"family": "latent-variable", "data": "digits", "status": "not-measured"},
    }
    values = [["", *sorted({fact[name] for fact in facts.values()})] for name in facts["alpha"]]
    for choice in itertools.product(*values):
        wanted = dict(zip(facts["alpha"], choice, strict=True))
        for name, value in wanted.items():
            page.locator(f'input[name="{name}"][value="{value}"]').check(force=True)
        fits = {
            entry
            for entry, fact in facts.items()
            if all(not value or fact[name] == value for name, value in wanted.items())
        }
        assert visible(page) == fits
        said = "All 4 entries" if len(fits) == 4 else f"{len(fits)} of 4 entries"
        assert page.locator("[data-count]").inner_text() == said
        assert page.locator("[data-nothing]").is_visible() is (not fits)
        hash_ = "&".join(f"{name}={value}" for name, value in wanted.items() if value)
        assert page.evaluate("location.hash") == (f"#{hash_}" if hash_ else "")


def test_filters_by_keyboard_and_from_the_address(page):
    page.locator('input[name="family"]:checked').focus()
    page.keyboard.press("ArrowRight")
    assert visible(page) == {"alpha", "delta"}
    page.evaluate("location.hash = 'family=flow&status=partial'")
    page.wait_for_function("document.querySelector('[data-count]').textContent.startsWith('1 of')")
    assert visible(page) == {"gamma"}
    page.get_by_role("button", name="Show all").press("Enter")
    assert len(visible(page)) == 4


def test_search_wants_the_beginning_of_every_word(page):
    page.keyboard.press("/")
    page.keyboard.type("rév meas")
    page.locator(".found a").first.wait_for()
    assert page.locator(".found strong").all_inner_texts() == ["About"]
    page.locator("#search").fill("review nonsense")
    assert page.locator(".found p").inner_text() == "No page has all of these words."
    page.locator("#search").fill("review")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/about.html")


def test_a_title_is_text_and_a_theme_is_kept(page):
    assert page.locator(".plate h3", has_text="<b>bold</b>").count() == 1
    assert "owned" not in page.title()
    page.get_by_role("button", name="Dark theme").click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_what_is_no_picture_is_not_served(site):
    assert (site / "entries/alpha/card.png").read_bytes().startswith(b"\x89PNG")
    assert not (site / "entries/delta/card.png").exists()
    assert 'width="64" height="48" loading="lazy"' in (site / "index.html").read_text()


def test_without_scripts_everything_is_there_and_the_filters_are_not(site):
    text = (site / "index.html").read_text()
    assert text.count('<li class="card plate') == 4
    assert '<form class="filters" hidden' in text
    assert '<form class="search" role="search" hidden' in text


def test_there_is_no_filter_where_all_entries_are_alike(small_zoo):
    rows = {row["name"]: row["choices"] for row in gallery._filters(_cards(small_zoo))}
    assert rows.keys() == {"family", "status"}
    assert [choice[0] for choice in rows["family"]] == ["latent-variable", "flow"]


def _cards(zoo: Zoo) -> list[dict]:
    return [gallery._card(zoo, 1, shown, None) for shown in zoo.shown]


def test_headlines_say_what_was_measured(small_zoo):
    alpha, beta = (gallery.headline(shown) for shown in small_zoo.shown)
    assert (alpha.status, alpha.measured, alpha.accept) == ("reproduced", "87.50 ± 0.25", "≤ 90.0")
    assert (beta.status, beta.measured) == ("not-measured", "")


def test_the_tree_has_every_entry_apart_and_lines_between_entries(small_zoo):
    drawn = tree.draw(small_zoo.shown)
    assert {node.entry for node in drawn["nodes"] if node.entry} == {"alpha", "beta"}
    kinds = {(edge["from"], edge["to"]): edge["kind"] for edge in drawn["edges"]}
    assert kinds["1312.6114", "1605.08803"] == "builds"
    boxes = [(node.x, node.y, node.width) for node in drawn["nodes"]]
    for (x0, y0, w0), (x1, y1, w1) in itertools.combinations(boxes, 2):
        assert abs(y0 - y1) >= drawn["box"] or abs(x0 - x1) >= (w0 + w1) / 2


def test_citations_name_older_papers_of_the_file():
    facts = tree._facts()
    for key, fact in facts.items():
        assert set(fact["cites"]) <= facts.keys(), key
        assert all(older < key for older in fact["cites"]), key


def test_words_are_cut_without_case_and_accents():
    assert words("Fréchet's WGAN-GP, wgan_gp") == ["frechet", "s", "wgan", "gp", "wgan", "gp"]
