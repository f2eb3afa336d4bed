"""Models in the page: exported as in PyTorch, played in a real browser."""

from __future__ import annotations

import copy
import functools
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tools.publish.play import pages as play
from tools.publish.site.inspect import inspect
from tools.publish.tests.browsing import PLACES
from tools.publish.tests.playing import (  # noqa: F401
    PLAYED,
    become,
    browser,
    grey,
    opened,
    play_site,
    recipe_of,
    said,
    served,
    start,
    visiting,
    zoo_of,
)
from zoo.core.errors import ZooError
from zoo.core.registry import get_entry

pytest.importorskip("onnxruntime")
from tools.publish.play.export import CALLS, agree, call_of, export, noise_of, session
from tools.publish.play.facts import facts

Opened = Callable[..., Any]


@functools.cache
def exported(name: str, recipe: str) -> tuple[torch.nn.Module, bytes]:
    entry = get_entry(name)
    model = entry.load(recipe)
    return model, export(model, entry.card.family)


@pytest.mark.parametrize("data", ["digits", "mnist"])
@pytest.mark.parametrize("name", PLAYED)
def test_exported_outputs_are_those_of_pytorch(name: str, data: str) -> None:
    model, content = exported(name, recipe_of(name, data))
    call = call_of(model, get_entry(name).card.family)
    run, generator = session(content), torch.Generator().manual_seed(7)
    for _ in range(3):
        inputs = call.draw(model, generator)
        with torch.no_grad():
            wanted = call.function(model, *inputs).numpy()
        got = run(**{key: x.numpy() for key, x in zip(call.inputs, inputs, strict=True)})
        assert agree(got, wanted)
        assert np.abs(wanted).max() > 0


@pytest.mark.parametrize(
    ("name", "recipe", "reason"),
    [("vq_vae", "mnist-prior", "integers"), ("pixelcnn", "digits-conditional", "told a class")],
)
def test_a_model_that_no_player_fits_says_why(name: str, recipe: str, reason: str) -> None:
    shown = SimpleNamespace(entry=get_entry(name))
    with pytest.raises(ZooError, match=reason):
        play._exported(shown, recipe)


def test_a_diffusion_that_is_told_a_class_but_not_guided_says_why() -> None:
    with pytest.raises(ZooError, match="told a class"):
        call_of(SimpleNamespace(classes=3), "diffusion")


@torch.no_grad()
def test_a_continuous_flow_is_carried_back_without_its_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same noise as with the trace, which takes hundreds of derivatives for each picture."""
    from zoo.flow_matching import model as module

    flow = get_entry("flow_matching").load("digits")
    x = torch.rand(2, *flow.event_shape, generator=torch.Generator().manual_seed(0))
    wanted = flow(x, eps=torch.zeros_like(x))[0]
    monkeypatch.delattr(module, "velocity_and_trace")
    torch.testing.assert_close(noise_of(flow, x), wanted)
    entry = get_entry("flow_matching")
    told = facts(flow, "flow", entry.task(entry.config("digits")))
    assert told["dimension"] == 64
    assert len(told["ends"]) == 10


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


def test_directions_are_those_of_all_classes() -> None:
    """Class c is moved by z_c alone, a little farther for each; no class is drawn more often."""

    class Scaled(torch.nn.Module):
        classes, latent_dim, event_shape = 3, 3, (1, 1, 3)

        def generator(self, z: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return torch.tensor([[1, 0, 0], [0, 1.01, 0], [0, 0, 1.02]])[labels] * z

    told = facts(Scaled(), "adversarial", None)
    assert told["classes"] == 3
    assert told["inputs"] == {"z": [1, 3], "label": [1]}
    np.testing.assert_allclose(told["directions"], np.eye(3)[::-1], atol=1e-5)


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


def test_the_pages_have_no_fault(play_site: Path) -> None:  # noqa: F811
    """Their policy allows WebAssembly and a file of their own making, and nothing else."""
    assert [fault for fault in inspect(play_site) if fault.startswith("play/")] == []
    page = (play_site / "play" / "vae.html").read_text()
    assert "script-src &#39;self&#39; &#39;wasm-unsafe-eval&#39;;" in page
    assert "connect-src blob:" in page


@pytest.mark.parametrize("place", PLACES)
def test_a_slider_changes_the_picture(opened: Opened, place: str) -> None:  # noqa: F811
    page = opened("vae.html", place)
    before = grey(page, "main")
    page.locator("[data-sliders] input").first.fill("2.5")
    said(page, "direction 1 +2.5 σ")
    assert np.abs(grey(page, "main") - before).max() > 20
    page.locator("[data-reset]").click()
    page.locator('[data-say]:not(:has-text("direction"))').first.wait_for()
    assert (grey(page, "main") == before).all()


def test_a_generator_makes_the_picture_of_pytorch(opened: Opened) -> None:  # noqa: F811
    page = opened("wgan_gp.html#seed=5")
    model = get_entry("wgan_gp").load("digits")
    z = page.evaluate("(n) => Array.from(zooPlay.normals(5, 0, n))", model.latent_dim)
    with torch.no_grad():
        wanted = model.generator(torch.tensor([z])).clamp(0, 1).flatten().numpy()
    assert np.abs(grey(page, "main") - 255 * wanted).max() <= 1


@torch.no_grad()
def test_all_pictures_are_those_of_the_chosen_class(opened: Opened) -> None:  # noqa: F811
    """By the address, then by quick clicks: the picture, both rows, the walk and the map."""
    page = opened("dcgan.html#seed=5&class=7")
    entry = get_entry("dcgan")
    model = entry.load("digits-conditional")
    told = facts(model, "adversarial", entry.task(entry.config("digits-conditional")))
    draws = page.evaluate(
        "(n) => [...Array(12).keys()].map((k) => Array.from(zooPlay.normals(5, k, n)))",
        model.latent_dim,
    )
    z, directions = torch.tensor(draws), torch.tensor(told["directions"])
    corner = z[:1] - 3 * directions[0] + 3 * directions[1]  # of the map, at its top left

    def wanted(z: torch.Tensor, label: int) -> np.ndarray:
        return 255 * model.generator(z, torch.full((len(z),), label)).flatten(1).numpy()

    assert np.abs(grey(page, "main") - wanted(z[:1], 7)).max() <= 1
    for name in ("1", "9", "3"):
        page.get_by_role("radio", name=name, exact=True).check()
    become(page, "[data-main]", wanted(z[:1], 3))
    become(page, "[data-ends=from] canvas", wanted(z, 3))
    become(page, "[data-ends=to] canvas", wanted(z, 3))
    become(page, "[data-film] canvas:first-child", wanted(z[:1], 3))
    become(page, "[data-film] canvas:last-child", wanted(z[1:2], 3))
    become(page, "[data-pad]", wanted(corner, 3), (slice(8), slice(8)))
    assert np.abs(wanted(z, 7) - wanted(z, 3)).max(1).min() > 100


def test_a_flow_walks_back_to_a_test_picture(opened: Opened) -> None:  # noqa: F811
    page = opened("realnvp.html#from=3&to=3")
    entry = get_entry("realnvp")
    told = facts(entry.load("digits"), "flow", entry.task(entry.config("digits")))
    z = torch.tensor([told["ends"][3]["z"]])
    with torch.no_grad():
        wanted = entry.load("digits").inverse(z).clamp(0, 1).flatten().numpy()
    assert np.abs(grey(page, "main") - 255 * wanted).max() <= 1


def test_denoising_ends_where_pytorch_ends(opened: Opened) -> None:  # noqa: F811
    """The chain of Algorithm 2 with the page's noise: within one of 255 grey values."""
    ends_as(opened("ddpm.html#seed=5"), get_entry("ddpm").load("digits"))


def test_a_guided_chain_ends_where_pytorch_ends(opened: Opened) -> None:  # noqa: F811
    """On the same noise for every class and weight: eq. 6, the conditional model, no class."""
    page = opened("guidance.html#seed=5&class=3&weight=2.5")
    model = get_entry("guidance").load("digits")
    ends = [ends_as(page, guided_to(model, 3, 2.5))]
    page.locator("[data-input=weight]").fill("0")
    ends.append(ends_as(page, guided_to(model, 3, 0.0)))
    page.get_by_role("radio", name="none").check()
    ends.append(ends_as(page, model))
    assert all(np.abs(a - b).max() > 20 for a, b in itertools.combinations(ends, 2))


def guided_to(model: Any, label: int, weight: float) -> Any:
    """A chain with the same weights that predicts the guided noise."""
    chain = copy.copy(model)
    chain.predict = lambda x_t, t: model.guided(x_t, t, torch.full_like(t, label), weight)
    return chain


def ends_as(page: Any, model: Any) -> np.ndarray:
    """Plays the chain of seed 5 from its start; the picture at its end, which is the model's."""
    said(page, "Step 0 of 1000")
    page.select_option("[data-input=pace]", "0")
    page.locator("[data-play]").click()
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
    said(page, "Step 1000 of 1000")
    got = grey(page, "noisy")
    assert np.abs(got - wanted).max() <= 1
    assert got.std() > 20
    return got


def test_the_same_seed_draws_the_same_pixels_as_pytorch(opened: Opened) -> None:  # noqa: F811
    page = opened("made.html#seed=3")
    page.select_option("[data-input=pace]", "0")
    model = get_entry("made").load("digits")
    size = math.prod(model.event_shape)
    pictures = []
    for seed in (3, 4, 3):
        page.locator("[data-input=seed]").fill(str(seed))
        page.locator("[data-input=seed]").blur()
        said(page, f"Pixel 0 of {size}" if pictures else "Pixel 0")
        page.locator("[data-play]").click()
        said(page, f"Pixel {size} of {size}")
        u = page.evaluate("([s, n]) => Array.from(zooPlay.uniforms(s, 0, n))", [seed, size])
        wanted = model.from_uniform(torch.tensor([u], dtype=torch.float32))[0].numpy()
        pictures.append(grey(page, "picture"))
        assert (pictures[-1] == 255 * wanted).all()
    assert (pictures[0] == pictures[2]).all()
    assert (pictures[0] != pictures[1]).any()


def test_half_a_picture_is_kept_while_the_rest_is_drawn_anew(opened: Opened) -> None:  # noqa: F811
    page = opened("made.html#seed=3")
    page.select_option("[data-input=pace]", "0")
    page.locator("[data-play]").click()
    said(page, "Pixel 64 of 64")
    before = grey(page, "picture")
    page.locator("[data-keep]").click()
    said(page, "yours")
    said(page, "Pixel 64 of 64")
    after = grey(page, "picture")
    assert ((after > 0) == (before > 0))[:32].all()
    assert ((after > 0) != (before > 0))[32:].any()
