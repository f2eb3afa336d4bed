"""What readers come for, in a real browser, from a server's sub-path and from disk.

Whatever the console complains of, a policy refuses, or leaves the site fails the journey.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tools.process.ledger import events as ev
from tools.process.tests.conftest import begun
from tools.process.tests.revision import QUOTES, revise, submitted
from tools.publish.people import People
from tools.publish.play import pages as play
from tools.publish.play.runtime import load_runtime
from tools.publish.site.build import build
from tools.publish.site.inspect import inspect
from tools.publish.site.zoo import Shown, Zoo
from tools.publish.tests import browsing
from tools.publish.tests.conftest import add_entry, notebook
from zoo.core.errors import ZooError
from zoo.core.registry import ZOO_FOLDER, Entry

ROOT = ZOO_FOLDER.parent


def executed(folder: Path, out: Path) -> Path:
    """The demo with its samples in the place of a run's: nothing is trained here."""
    content = json.loads((folder / "demo.ipynb").read_text("utf-8"))
    picture = base64.b64encode((folder / "samples.png").read_bytes()).decode()
    shows = {"output_type": "display_data", "metadata": {}, "data": {"image/png": picture}}
    for cell in content["cells"]:
        if "hero" in cell["metadata"].get("tags", []):
            cell["outputs"] = [shows]
    out.write_text(json.dumps(content), "utf-8")
    return out


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Three entries: "vae" with its weights, "toy" that was reviewed, and a flow; one lesson."""
    with pytest.MonkeyPatch.context() as patch:
        term = begun(tmp_path_factory.mktemp("journeys"), patch)
        for name in ("CITATION.cff", "LICENSE"):
            shutil.copy(ROOT / name, term.root)
        folders = {
            "toy": add_entry(term.root, "toy", family="autoregressive"),
            "other": add_entry(term.root, "other", family="flow", title="Another model"),
            "vae": term.root / "zoo" / "vae",
        }
        left_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ZOO_FOLDER / "vae", folders["vae"], ignore=left_out)
        term.git("add", ".")
        term.git("commit", "--quiet", "-m", "Entries")
        submitted(revise(term))
        for number in (1, 2, 3):
            term.happens("toy", "@rev-one", ev.SignedOff(f"rev-one/F0{number}", "verified", ""))
        lesson = term.root / "first.ipynb"
        long = "+".join(f"x_{{{number}}}" for number in range(14))
        lesson.write_bytes(notebook(f"# A first lesson\n\nOn $y = {long}$.", "1", "1\n"))
        demos = {name: folder / "demo.ipynb" for name, folder in folders.items()}
        demos["vae"] = executed(folders["vae"], term.root / "vae.ipynb")
        states = {"toy": term.state("toy")}
        shown = [
            Shown(Entry(name, folders[name]), states.get(name), demos[name])
            for name in sorted(folders)
        ]
        people, cache = People(term.record.roster), term.root / "build" / "cache" / "site"
        zoo = Zoo(term.record, shown, [lesson], people, "0" * 40, cache, draft=True)
        # The runtime is downloaded once for the clone; the small recipe is exported in seconds.
        patch.setattr(play, "_runtime", lambda _: runtime())
        digits = {"vae": "digits"}
        patch.setattr(play, "played_recipe", lambda shown: digits.get(shown.name))
        out = tmp_path_factory.mktemp("served") / "course" / "site"
        out.parent.mkdir()
        build(zoo, out)
        yield out


def runtime() -> Any:
    """What runs models in a page; None where it cannot be had."""
    try:
        return load_runtime(ROOT / "build" / "cache")
    except ZooError:
        return None


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsing.chromium() as opened:
        yield opened


@pytest.fixture(params=browsing.PLACES)
def visit(request: pytest.FixtureRequest, browser: Any, site: Path) -> Iterator[browsing.Visit]:
    """A reader, on a server or with the site's folder on disk."""
    with browsing.addresses(site) as address:
        options = {"permissions": ["clipboard-read", "clipboard-write"], "reduced_motion": "reduce"}
        visit = browsing.Visit(browser, address[request.param], **options)
        yield visit
        visit.close()
        assert visit.faults == []


def plates(page: Any) -> list[str]:
    """The entries that the gallery shows."""
    links = page.locator(".plate:visible h3 a").all()
    return sorted(Path(link.get_attribute("href")).stem for link in links)


def press(page: Any, key: str, wanted: str, most: int = 60) -> None:
    """Press a key until the focus is where `wanted` says."""
    for _ in range(most):
        page.keyboard.press(key)
        if page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
            return
    raise AssertionError(f"{key} does not lead to {wanted}")


def test_the_site_has_no_fault(site):
    assert inspect(site) == []


def test_find_a_model_by_its_family(visit):
    page = visit.open("index.html")
    assert plates(page) == ["other", "toy", "vae"]
    page.get_by_role("radio", name="latent variable").click()
    assert plates(page) == ["vae"]
    assert visit.where() == "index.html#family=latent-variable"
    page.reload()
    assert plates(page) == ["vae"]
    visit.follow(page.get_by_role("link", name="Auto-Encoding Variational Bayes").first)
    assert visit.where() == "entries/vae.html"
    page.go_back()
    assert plates(page) == ["vae"]


def test_find_a_model_by_its_family_without_a_mouse(visit):
    page = visit.open("index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    press(page, "Tab", "input[name=family]")
    press(page, "ArrowRight", "input[value=flow]")
    assert plates(page) == ["other"]
    press(page, "Tab", ".plate a")
    page.keyboard.press("Enter")
    page.wait_for_url("**/entries/other.html")
    assert page.locator("h1").inner_text() == "Another model"


def test_search_for_a_model(visit):
    page = visit.open("about.html")
    page.keyboard.press("/")
    page.keyboard.type("kingma auto-enc")
    page.locator(".found a").first.wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/entries/vae.html")
    assert page.locator("h1").inner_text() == "Auto-Encoding Variational Bayes"


def test_read_a_notebook(visit):
    page = visit.open("entries/vae.html")
    visit.follow(page.get_by_role("link", name="Read the notebook"))
    assert visit.where() == "entries/vae/notebook.html"
    assert page.locator("article math").count() > 10
    assert page.locator("article math").first.bounding_box()["height"] > 5
    assert page.locator(".nb-text", has_text="$").count() == 0
    picture = page.locator(".nb-out img")
    picture.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('.nb-out img').naturalWidth > 100")
    assert picture.bounding_box()["width"] > 100
    links = page.locator(".nb-toc a").all()
    assert len(links) > 4
    for link in links:
        visit.follow(link)
        heading = page.locator(page.evaluate("location.hash"))
        assert heading.inner_text() == link.inner_text()
        assert -5 <= heading.bounding_box()["y"] < page.viewport_size["height"]


def test_download_weights_and_verify_them(visit):
    page = visit.open("entries/vae.html")
    item = page.locator(".weights li", has_text="Download digits")
    with page.expect_download() as waiting:
        item.get_by_role("link").click()
    content = Path(waiting.value.path()).read_bytes()
    assert waiting.value.suggested_filename == "digits.safetensors"
    assert hashlib.sha256(content).hexdigest() == item.locator("code").inner_text()
    assert content == (ZOO_FOLDER / "vae" / "weights" / "digits.safetensors").read_bytes()


def test_play_with_a_latent(visit, site):
    if not (site / "play" / "vae.html").is_file():
        pytest.skip("onnxruntime-web cannot be had")
    page = visit.open("entries/vae.html")
    visit.follow(page.get_by_role("link", name="Run it in this page"))
    page.get_by_role("button", name="Load the model").click()
    page.locator("#play[data-ready=yes]").wait_for(timeout=60_000)
    canvas = page.locator("canvas[data-main]")
    before = canvas.evaluate("canvas => canvas.toDataURL()")
    slider = page.locator("[data-sliders] input").first
    slider.focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "before => document.querySelector('canvas[data-main]').toDataURL() !== before", arg=before
    )
    assert float(slider.input_value()) > 0


def test_copy_a_command_and_run_it(visit, tmp_path):
    page = visit.open("entries/vae.html")
    block = page.locator(".commands .copied", has_text="zoo sample")
    block.get_by_role("button").click()
    page.get_by_role("status").filter(has_text="Copied to the clipboard").wait_for()
    command = page.evaluate("navigator.clipboard.readText()")
    assert command == "zoo sample vae -n 64 -o vae.png"
    if visit.address.startswith("http"):
        paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = {**os.environ, "PATH": paths, "PYTHONPATH": str(ROOT)}
        subprocess.run(["bash", "-ec", command], cwd=tmp_path, env=environment, check=True)
        assert min(Image.open(tmp_path / "vae.png").size) > 100


def test_follow_a_finding_to_its_line(visit):
    page = visit.open("entries/toy.html")
    visit.follow(page.locator(".entry-facts a", has_text="finding"))
    assert visit.where() == "entries/toy/review.html"
    thread = page.locator("article.thread", has_text="F02")
    quote = thread.locator("pre").inner_text()
    assert quote == QUOTES[1]
    visit.follow(thread.locator("figcaption a"))
    assert visit.where() == "entries/toy/source/v1/model.py.html#L15"
    line = page.locator(":target")
    assert line.inner_text().strip() == quote
    assert 0 < line.bounding_box()["y"] < page.viewport_size["height"]
    plain = page.locator("#L16").evaluate("node => getComputedStyle(node).backgroundColor")
    assert line.evaluate("node => getComputedStyle(node).backgroundColor") != plain


def test_the_dark_stays_dark_on_the_way(visit):
    page = visit.open("index.html")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Dark theme").click()
    dark = page.evaluate(background)
    assert dark != light
    for name in ("Compare", "Lessons", "About", "Gallery"):
        visit.follow(page.get_by_role("navigation", name="Site").get_by_role("link", name=name))
        assert page.evaluate(background) == dark
    visit.follow(page.get_by_role("link", name="Another model").first)
    assert page.evaluate(background) == dark
    page.get_by_role("button", name="Dark theme").click()
    page.reload()
    assert page.evaluate(background) == light


PAGES = ("index.html", "compare.html", "entries/vae.html", "entries/vae/notebook.html")
PAGES += ("lessons/first.html", "entries/toy/review.html", "entries/toy/source/v1/model.py.html")


def test_on_a_phone_nothing_lies_beyond_the_edge(visit):
    """What is wider than the window has a bar of its own to scroll it, or is drawn to fit."""
    visit.page.set_viewport_size({"width": 360, "height": 740})
    beyond = """() => Array.from(document.querySelectorAll("body *")).filter(node => {
      if (node.closest("svg, .visually-hidden")) return false;
      for (let box = node.parentElement; box.id !== "main" && box !== document.body;
           box = box.parentElement) {
        if (getComputedStyle(box).overflowX !== "visible") return false;
      }
      return node.getBoundingClientRect().right > innerWidth + 1;
    }).map(node => node.outerHTML.slice(0, 100))"""
    for path in PAGES:
        assert visit.open(path).evaluate(beyond) == [], path


def test_on_paper_nothing_is_dark_cut_or_to_be_pressed(visit):
    visit.page.set_viewport_size({"width": 720, "height": 1000})
    page = visit.open("index.html")
    page.get_by_role("button", name="Dark theme").click()
    page.emulate_media(media="print")
    cut = """() => Array.from(document.querySelectorAll("main *")).filter(node =>
      getComputedStyle(node).overflowX.match(/auto|scroll/) &&
      node.scrollWidth > node.clientWidth + 1).map(node => node.className)"""
    for path in PAGES:
        visit.open(path)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert colour == "rgb(255, 255, 255)"
        assert page.locator("button:visible, nav:visible, input:visible").count() == 0, path
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
        assert page.evaluate(cut) == [], path


def test_every_button_that_copies_stands_in_its_block(visit):
    for path in ("entries/vae.html", "entries/vae/notebook.html"):
        page = visit.open(path)
        page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
        buttons = page.locator("pre + .copy").all()
        assert len(buttons) == page.locator("pre.code").count() > 3
        for button in buttons:
            outer, inner = button.locator("xpath=..").bounding_box(), button.bounding_box()
            assert outer["y"] <= inner["y"] < outer["y"] + outer["height"]
            assert outer["x"] < inner["x"] < outer["x"] + outer["width"] - inner["width"]


def test_every_page_opens_without_a_complaint(visit, site):
    for path in sorted(site.rglob("*.html")):
        page = visit.open(path.relative_to(site).as_posix())
        assert page.locator("main").is_visible()
    assert visit.faults == []
