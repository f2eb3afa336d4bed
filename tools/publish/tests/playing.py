"""Play pages with small models in a real browser: what the tests of the players share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools.process.record import Record
from tools.publish.people import People
from tools.publish.play import pages as play
from tools.publish.play.runtime import load_runtime
from tools.publish.site.build import build
from tools.publish.site.pages import Page
from tools.publish.site.zoo import Shown, Zoo
from tools.publish.tests.browsing import Visit, addresses, chromium
from zoo.core.errors import ZooError
from zoo.core.registry import ZOO_FOLDER, get_entry

CACHE = ZOO_FOLDER.parent / "build" / "cache"
PLAYED = ("vae", "wgan_gp", "realnvp", "made", "ddpm", "dcgan", "guidance")


def recipe_of(name: str, data: str = "digits") -> str:
    """The recipe of an entry that is played with on this data."""
    return f"{data}-conditional" if name == "dcgan" else data


def zoo_of(names: tuple[str, ...], folder: Path) -> Zoo:
    """A zoo of these entries, each with weights, none with a review; its cache is empty."""
    record = Record(ZOO_FOLDER.parent)
    shown = [Shown(get_entry(name), None, folder / "demo.ipynb") for name in names]
    cache = folder / "cache" / "site"
    return Zoo(record, shown, [], People(record.roster), "0" * 40, cache, draft=True)


def _rest(zoo: Zoo) -> Iterator[Page]:
    """Pages that others link to."""
    for path in ("index.html", "about.html", *(f"entries/{s.name}.html" for s in zoo.shown)):
        yield Page(path, "Else", "base.html.j2")


@pytest.fixture(scope="module")
def play_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of play pages, with the models of the recipe for the embedded data."""
    pytest.importorskip("onnxruntime")
    try:
        load_runtime(CACHE)
    except ZooError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(play, "_runtime", lambda _: load_runtime(CACHE))
        patch.setattr(play, "played_recipe", lambda shown: recipe_of(shown.name))
        zoo = zoo_of(PLAYED, folder)
        build(zoo, folder / "below" / "site", sections=[play.pages, _rest])
    return folder / "below" / "site"


@pytest.fixture(scope="module")
def served(play_site: Path) -> Iterator[dict[str, str]]:
    """Its address by place, "http" and "disk"."""
    with addresses(play_site) as places:
        yield places


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser for all tests of a file."""
    with chromium() as running:
        yield running


Visits = Callable[..., Visit]


@pytest.fixture
def visiting(served: dict[str, str], browser: Any) -> Iterator[Visits]:
    """Opens windows, by place and with options of the browser; in none may anything be wrong."""
    windows: list[Visit] = []

    def visit(place: str = "http", **options: object) -> Visit:
        windows.append(Visit(browser, served[place], **options))
        return windows[-1]

    yield visit
    for window in windows:
        window.close()
    wrong = [fault for window in windows for fault in window.faults]
    assert wrong == [], "; ".join(wrong)


@pytest.fixture
def opened(visiting: Visits) -> Callable[..., Any]:
    """Opens a play page and loads its model."""

    def go(name: str, place: str = "http", **options: object) -> Any:
        page = visiting(place, **options).open(f"play/{name}")
        assert not any("ort" in script for script in _loaded(page))  # not before it is asked for
        start(page)
        return page

    return go


def start(page: Any) -> None:
    """Load the model of an open page."""
    page.locator("[data-load]").click()
    page.locator("#play[data-ready=yes]").wait_for(timeout=60_000)


def _loaded(page: Any) -> list[str]:
    return page.evaluate("() => performance.getEntriesByType('resource').map((r) => r.name)")


def canvases(page: Any, selector: str) -> np.ndarray:
    """Colours of every pixel of canvases of one size, 0 to 255: (canvases, rows, columns, 3)."""
    seen = page.evaluate(
        """(selector) => [...document.querySelectorAll(selector)].map(function (seen) {
        const {width, height} = seen, copy = new OffscreenCanvas(width, height);
        const pen = copy.getContext("2d", {willReadFrequently: true});
        pen.drawImage(seen, 0, 0);
        return [height, width, Array.from(pen.getImageData(0, 0, width, height).data)]; })""",
        selector,
    )
    return np.stack([np.array(data).reshape(*size, 4)[..., :3] for *size, data in seen])


def pixels(page: Any, name: str) -> np.ndarray:
    """Red, green and blue of every pixel of a canvas, 0 to 255: (pixels, 3)."""
    return canvases(page, f"[data-{name}]")[0].reshape(-1, 3)


def become(page: Any, selector: str, wanted: np.ndarray, part: tuple[slice, ...] = ()) -> None:
    """Wait until canvases, or a part of them, show these greys (canvases, pixels), within 1."""
    for _ in range(200):
        seen = canvases(page, selector)[:, *part, ..., 0].reshape(wanted.shape)
        if np.abs(seen - wanted).max() <= 1:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{selector} shows something else")


def grey(page: Any, name: str) -> np.ndarray:
    """Grey of every pixel of a canvas, 0 to 255."""
    return pixels(page, name)[:, 0]


def said(page: Any, text: str) -> None:
    """Wait until the player says this."""
    page.locator(f'[data-say]:has-text("{text}")').first.wait_for(timeout=60_000)
