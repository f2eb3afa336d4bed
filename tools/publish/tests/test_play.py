"""Models in the page: exported as in PyTorch, played in a real browser."""

from __future__ import annotations

import functools
import http.server
import math
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tools.process.record import Record
from tools.publish.people import People
from tools.publish.play import pages as play
from tools.publish.play.runtime import load_runtime
from tools.publish.site.build import build
from tools.publish.site.zoo import Shown, Zoo
from zoo.core.errors import ZooError
from zoo.core.registry import ZOO_FOLDER, get_entry

pytest.importorskip("onnxruntime")
from tools.publish.play.export import CALLS, agree, export, session
from tools.publish.play.facts import facts

ENTRIES = ("vae", "wgan_gp", "realnvp", "made", "ddpm")
CACHE = ZOO_FOLDER.parent / "build" / "cache"


@functools.cache
def exported(name: str, recipe: str) -> tuple[torch.nn.Module, bytes]:
    entry = get_entry(name)
    model = entry.load(recipe)
    return model, export(model, entry.card.family)


@pytest.mark.parametrize("recipe", ["digits", "mnist"])
@pytest.mark.parametrize("name", ENTRIES)
def test_exported_outputs_are_those_of_pytorch(name: str, recipe: str) -> None:
    model, content = exported(name, recipe)
    call = CALLS[get_entry(name).card.family]
    run, generator = session(content), torch.Generator().manual_seed(7)
    for _ in range(3):
        inputs = call.draw(model, generator)
        with torch.no_grad():
            wanted = call.function(model, *inputs).numpy()
        got = run(**{key: x.numpy() for key, x in zip(call.inputs, inputs, strict=True)})
        assert agree(got, wanted)
        assert np.abs(wanted).max() > 0


def test_equal_weights_give_equal_bytes() -> None:
    model, content = exported("vae", "digits")
    assert export(model, "latent-variable") == content


def test_a_graph_that_computes_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = iter([1.0, -1.0, -1.0, -1.0, -1.0, -1.0])

    class Fickle(torch.nn.Module):  # its branch is not followed by the exporter
        latent_dim = 4

        def generator(self, z: torch.Tensor) -> torch.Tensor:
            return z if z.sum() > 0 else 2 * z

    call = CALLS["adversarial"]
    monkeypatch.setitem(
        CALLS,
        "adversarial",
        type(call)(call.function, call.inputs, lambda *_: (torch.full((1, 4), next(draws)),)),
    )
    with pytest.raises(ZooError, match="differs from PyTorch"):
        export(Fickle(), "adversarial")


def test_the_schedule_is_the_entrys() -> None:
    entry = get_entry("ddpm")
    model = entry.load("digits")
    told = facts(model, "diffusion", entry.task(entry.config("digits")))
    t = torch.arange(1, model.timesteps + 1)
    beta, bar = model.beta, model.alpha_bar
    assert told["timesteps"] == 1000
    assert told["clip"] is True
    assert told["unscale"] == [0.5, 0.5]
    np.testing.assert_allclose(told["signal"], bar[1:].sqrt(), rtol=1e-12)
    np.testing.assert_allclose(told["noise"], (1 - bar[1:]).sqrt(), rtol=1e-12)
    of_x0 = bar[t - 1].sqrt() * beta[t] / (1 - bar[t])
    of_xt = (1 - beta[t]).sqrt() * (1 - bar[t - 1]) / (1 - bar[t])
    np.testing.assert_allclose(told["of_x0"], of_x0, rtol=1e-6)
    np.testing.assert_allclose(told["of_xt"], of_xt, rtol=1e-6)
    sigma = ((1 - bar[t - 1]) / (1 - bar[t]) * beta[t]).sqrt()
    np.testing.assert_allclose(told["sigma"][1:], sigma[1:], rtol=1e-6)


def test_offline_there_is_no_play_page_and_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    zoo = zoo_of(("vae",), tmp_path)
    assert list(play.pages(zoo)) == []
    assert play.play_href(zoo, zoo.shown[0]) is None
    said = capsys.readouterr().err
    assert said.count("onnxruntime-web 1.18.0 cannot be downloaded (no route to host)") == 1


# -- in a real browser -----------------------------------------------------------------------------


def zoo_of(names: tuple[str, ...], folder: Path) -> Zoo:
    record = Record(ZOO_FOLDER.parent)
    shown = [Shown(get_entry(name), None, folder / "demo.ipynb") for name in names]
    cache = folder / "cache" / "site"
    return Zoo(record, shown, [], People(record.roster), "0" * 40, cache, draft=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a site below a sub-path, with small models."""
    try:
        load_runtime(CACHE)
    except ZooError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(play, "_runtime", lambda _: load_runtime(CACHE))
        patch.setattr(play, "played_recipe", lambda _: "digits")
        zoo = zoo_of(("vae", "realnvp", "made", "ddpm"), folder)
        build(zoo, folder / "www" / "below" / "site", sections=["tools.publish.play.pages"])

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    serve = functools.partial(Quiet, directory=str(folder / "www"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/below/site/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium or chrome on this machine")
    api = pytest.importorskip("playwright.sync_api")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with api.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def opened(site: str, browser: object) -> Iterator[object]:
    """Opens a play page and loads its model; fails on a foreign request or a complaint."""
    page, wrong = browser.new_page(), []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    allowed = (site, "blob:" + site.partition("/below")[0])
    page.on("request", lambda r: None if r.url.startswith(allowed) else wrong.append(r.url))

    def go(name: str) -> object:
        page.goto("about:blank")
        page.goto(f"{site}play/{name}")
        assert not any("ort" in script for script in loaded(page))  # not before it is asked for
        page.locator("[data-load]").click()
        page.locator("#play[data-ready=yes]").wait_for(timeout=60_000)
        return page

    yield go
    page.close()
    assert wrong == []


def loaded(page: object) -> list[str]:
    return page.evaluate("() => performance.getEntriesByType('resource').map((r) => r.name)")


def pixels(page: object, name: str) -> np.ndarray:
    """Red of every pixel of a canvas, 0 to 255."""
    data = page.evaluate(
        """(name) => { const c = document.querySelector(`[data-${name}]`);
        return Array.from(c.getContext("2d").getImageData(0, 0, c.width, c.height).data); }""",
        name,
    )
    return np.array(data)[::4]


def test_a_slider_changes_the_picture(opened: object) -> None:
    page = opened("vae.html")
    before = pixels(page, "main")
    page.locator("[data-sliders] input").first.fill("2.5")
    page.locator('[data-say]:has-text("direction 1 +2.5")').first.wait_for()
    assert np.abs(pixels(page, "main") - before).max() > 20
    page.locator("[data-reset]").click()
    page.locator('[data-say]:not(:has-text("direction"))').first.wait_for()
    assert (pixels(page, "main") == before).all()


def test_a_flow_walks_back_to_a_test_picture(opened: object) -> None:
    page = opened("realnvp.html#from=3&to=3")
    entry = get_entry("realnvp")
    told = facts(entry.load("digits"), "flow", entry.task(entry.config("digits")))
    z = torch.tensor([told["ends"][3]["z"]])
    with torch.no_grad():
        wanted = entry.load("digits").inverse(z).clamp(0, 1).flatten().numpy()
    assert np.abs(pixels(page, "main") - 255 * wanted).max() <= 1


def test_denoising_ends_where_pytorch_ends(opened: object) -> None:
    """The chain of Algorithm 2 with the page's noise: within one of 255 grey values."""
    page = opened("ddpm.html#seed=5")
    model = get_entry("ddpm").load("digits")
    T, size = model.timesteps, math.prod(model.event_shape)
    noise = page.evaluate(
        "([T, n]) => Array.from({length: T + 2}, (_, t) => Array.from(zooPlay.normals(5, t, n)))",
        [T, size],
    )
    noise = torch.tensor(noise, dtype=torch.float32).view(T + 2, 1, *model.event_shape)
    x = noise[T + 1]
    with torch.no_grad():
        for t in range(T, 0, -1):
            mean, variance = model.reverse(x, torch.tensor([t]))
            x = mean + variance.sqrt() * noise[t] if t > 1 else mean
    wanted = 255 * model.unscale(x).clamp(0, 1).flatten().numpy()
    page.select_option("[data-input=pace]", "0")
    page.locator("[data-play]").click()
    page.locator('[data-say]:has-text("Step 1000 of 1000")').first.wait_for(timeout=60_000)
    got = pixels(page, "noisy")
    assert np.abs(got - wanted).max() <= 1
    assert got.std() > 20


def test_the_same_seed_draws_the_same_pixels_as_pytorch(opened: object) -> None:
    model = get_entry("made").load("digits")
    size = math.prod(model.event_shape)
    pictures = []
    for seed in (3, 3, 4):
        page = opened(f"made.html#seed={seed}")
        u = page.evaluate("([s, n]) => Array.from(zooPlay.uniforms(s, 0, n))", [seed, size])
        page.select_option("[data-input=pace]", "0")
        page.locator("[data-play]").click()
        page.locator(f'[data-say]:has-text("Pixel {size} of {size}")').first.wait_for()
        wanted = model.from_uniform(torch.tensor([u], dtype=torch.float32))[0].numpy()
        pictures.append(pixels(page, "picture"))
        assert (pictures[-1] == 255 * wanted).all()
    assert (pictures[0] == pictures[1]).all()
    assert (pictures[0] != pictures[2]).any()


def test_half_a_picture_is_kept_while_the_rest_is_drawn_anew(opened: object) -> None:
    page = opened("made.html#seed=3")
    page.select_option("[data-input=pace]", "0")
    page.locator("[data-play]").click()
    page.locator('[data-say]:has-text("Pixel 64 of 64")').first.wait_for()
    before = pixels(page, "picture")
    page.locator("[data-keep]").click()
    page.locator('[data-say]:has-text("yours")').first.wait_for()
    page.locator('[data-say]:has-text("Pixel 64 of 64")').first.wait_for()
    after = pixels(page, "picture")
    assert ((after > 0) == (before > 0))[:32].all()
    assert ((after > 0) != (before > 0))[32:].any()
