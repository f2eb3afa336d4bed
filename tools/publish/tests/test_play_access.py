"""Players for all readers: by keyboard, with less motion, by screen reader, and where they fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tools.publish.tests.playing import (  # noqa: F401
    PLAYED,
    Visits,
    browser,
    grey,
    opened,
    pixels,
    play_site,
    said,
    served,
    start,
    visiting,
)
from tools.publish.tests.test_accessible import RULES, axe  # noqa: F401

GIVEN = [242, 162, 120]


def test_axe_finds_nothing_before_and_after_loading(
    visiting: Visits,  # noqa: F811
    axe: str,  # noqa: F811
) -> None:
    found = []
    window = visiting(bypass_csp=True, reduced_motion="reduce")
    for name in PLAYED:
        page = window.open(f"play/{name}.html")
        page.evaluate(axe)
        found += [(name, "before", theme, fault) for theme, fault in _faults(page)]
        start(page)
        found += [(name, "after", theme, fault) for theme, fault in _faults(page)]
    assert found == []


def _faults(page: Any) -> Iterator[tuple[str, list[Any]]]:
    """Theme and fault."""
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        run = "rules => axe.run({runOnly: {type: 'tag', values: rules}})"
        result = page.evaluate(run, RULES)
        assert result["passes"]
        for fault in result["violations"]:
            yield theme, [fault["id"], *(node["target"] for node in fault["nodes"])]


def test_a_reader_with_a_keyboard_draws_and_lets_the_model_finish(
    opened: Callable[..., Any],  # noqa: F811
) -> None:
    page = opened("made.html#seed=3")
    assert page.evaluate("document.activeElement.matches('[data-play]')")  # not lost in loading
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.matches('[data-picture]')")
    # The pen starts at column 4 of row 2 of 8 × 8; the upper half ends with row 3.
    for key in ("Space", "ArrowRight", "Space", "ArrowDown", "ArrowDown", "Space", "ArrowUp"):
        page.keyboard.press(key)
    page.keyboard.press("ArrowUp")  # off the pixels that are painted, as the pen has their colour
    page.keyboard.press("Tab")
    said(page, "Pixel 32 of 64 · yours")
    given = (pixels(page, "picture") == GIVEN).all(1)
    assert np.flatnonzero(given).tolist() == [2 * 8 + 4, 2 * 8 + 5, 3 * 8 + 5]
    page.select_option("[data-input=pace]", "0")
    page.locator("[data-play]").focus()
    page.keyboard.press("Enter")
    said(page, "Pixel 64 of 64")
    assert ((pixels(page, "picture") == GIVEN).all(1) == given).all()


def test_a_reader_with_a_keyboard_guides_and_the_address_keeps_it(
    opened: Callable[..., Any],  # noqa: F811
) -> None:
    page = opened("guidance.html")
    weight = page.get_by_role("slider", name="Weight w")
    assert weight.input_value() == "1"  # the model's own
    assert page.get_by_role("group", name="Guide it to a class").is_visible()
    for key in ("Shift+Tab", "ArrowRight", "ArrowRight", "Shift+Tab"):
        page.keyboard.press(key)  # first to the weight, then to the class
    assert weight.input_value() == "2"
    assert page.get_by_role("radio", name="0").evaluate("it => it === document.activeElement")
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/guidance.html#seed=1&class=1&weight=2")
    page.reload()
    start(page)
    assert page.get_by_role("radio", name="1").is_checked()
    assert weight.input_value() == "2"
    page.get_by_role("radio", name="1").press("ArrowLeft")
    page.keyboard.press("ArrowLeft")  # around to the last
    page.wait_for_url("**/guidance.html#seed=1&class=none&weight=2")
    assert weight.is_disabled()


def test_a_reader_with_a_keyboard_chooses_a_class_and_the_address_keeps_it(
    opened: Callable[..., Any],  # noqa: F811
) -> None:
    page = opened("dcgan.html")
    before = grey(page, "main")
    assert page.get_by_role("group", name="Class").is_visible()
    page.get_by_role("radio", name="0", exact=True).press("ArrowRight")
    page.wait_for_url("**/dcgan.html#seed=1&from=0&to=1&mix=0&class=1&*")
    page.reload()
    start(page)
    assert page.get_by_role("radio", name="1", exact=True).is_checked()
    assert np.abs(grey(page, "main") - before).max() > 100


def test_a_model_without_classes_has_no_choice_of_one(visiting: Visits) -> None:  # noqa: F811
    for name in ("wgan_gp", "ddpm"):
        page = visiting().open(f"play/{name}.html")
        assert page.locator(".play-classes, [data-input=weight], .play-told").count() == 0


def test_with_less_motion_a_chain_is_sixteen_stills(
    opened: Callable[..., Any],  # noqa: F811
) -> None:
    """All steps are taken, and a pause shows where the chain is."""
    counting = """() => { window.painted = [];
    const put = CanvasRenderingContext2D.prototype.putImageData;
    CanvasRenderingContext2D.prototype.putImageData = function (...all) {
      if (this.canvas.matches("[data-picture]")) painted.push(performance.now());
      return put.apply(this, all); }; }"""
    stills = {}
    for motion in ("reduce", "no-preference"):
        page = opened("made.html#seed=3", reduced_motion=motion)
        page.select_option("[data-input=pace]", "1")
        page.evaluate(counting)
        page.locator("[data-play]").click()
        said(page, "Pixel 64 of 64")
        stills[motion] = page.evaluate("painted.length")
    assert stills == {"reduce": 16, "no-preference": 64}


def test_with_less_motion_a_walk_goes_by_stills(
    opened: Callable[..., Any],  # noqa: F811
) -> None:
    page = opened("vae.html", reduced_motion="reduce")
    page.evaluate(
        """() => { const field = document.querySelector("[data-input=mix]"); window.seen = [];
        const {get, set} = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value");
        Object.defineProperty(field, "value", {get: get,
          set(v) { seen.push(Number(v)); set.call(this, v); }}); }"""
    )
    page.locator("[data-walk]").click()
    first = page.evaluate(
        """() => new Promise(function look(done) {
        if (seen.length < 3) requestAnimationFrame(() => look(done));
        else done(seen.slice(0, 3)); })"""
    )
    assert first == [13, 25, 38]


def test_a_browser_without_webassembly_is_told_so(
    served: dict[str, str],  # noqa: F811
    browser: Any,  # noqa: F811
) -> None:
    page = browser.new_page()
    page.add_init_script("delete window.WebAssembly")
    page.goto(served["http"] + "play/vae.html")
    page.locator("[data-load]").click()
    page.locator('[data-status]:has-text("WebAssembly, which runs it, is switched off")').wait_for()
    page.close()


def test_a_file_that_does_not_arrive_can_be_asked_for_again(
    served: dict[str, str],  # noqa: F811
    browser: Any,  # noqa: F811
) -> None:
    page = browser.new_page()
    page.route("**/vae.onnx.js", lambda route: route.abort())
    page.goto(served["http"] + "play/vae.html")
    page.locator("[data-load]").click()
    page.locator('[data-status]:has-text("vae.onnx.js did not arrive")').wait_for()
    page.unroute("**/vae.onnx.js")
    start(page)
    assert grey(page, "main").std() > 20
    page.close()
