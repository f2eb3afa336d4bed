"""Entry pages opened from disk in a real browser: nothing foreign runs, and copying works."""

from __future__ import annotations

import base64
import json

import pytest

from tools.publish.site.build import build
from tools.publish.tests.browsing import chromium
from tools.publish.tests.conftest import zoo_of

ACTS = "document.title='evil'"
SVG = (
    f'<svg xmlns="http://www.w3.org/2000/svg" onload="{ACTS}"><script>{ACTS}</script>'
    '<image href="https://evil.example/x.png"/></svg>'
)
HTML = (
    f'<script>{ACTS}</script><img src=x onerror="{ACTS}"><iframe srcdoc="<script>{ACTS}</script>">'
    f'</iframe><a href="javascript:{ACTS}">link</a><style>main{{display:none}}</style>{SVG}'
)


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def site(small_zoo, tmp_path):
    """A site whose notebook, title and card of "alpha" are hostile."""
    folder = small_zoo.root / "zoo" / "alpha"
    forms = [{"text/html": HTML}, {"image/svg+xml": SVG}, {"application/javascript": ACTS}]
    outputs = [{"output_type": "display_data", "metadata": {}, "data": form} for form in forms]
    image = f"data:image/svg+xml;base64,{base64.b64encode(SVG.encode()).decode()}"
    text = f"# A\n\n{HTML}\n\n[l](javascript:{ACTS}) ![p]({image}) $\\href{{javascript:x}}{{x_0}}$"
    cells = [
        {"cell_type": "markdown", "id": "a", "source": text},
        {"cell_type": "code", "id": "b", "source": HTML, "outputs": outputs},
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "demo.ipynb").write_text(json.dumps(notebook))
    card = (folder / "README.md").read_text().replace("The alpha model", json.dumps(SVG))
    (folder / "README.md").write_text(f"{card}\n## Limitations\n\n{text}\n")
    build(zoo_of(small_zoo.root), tmp_path / "site")
    return tmp_path / "site"


@pytest.mark.parametrize("name", ["alpha.html", "alpha/notebook.html"])
def test_nothing_foreign_runs_or_loads(browser, site, name):
    page, asked, dialogs = browser.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    page.goto((site / "entries" / name).as_uri())
    page.wait_for_timeout(100)
    assert page.title() != "evil"
    assert dialogs == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert page.locator("main h1").count() == 1
    assert page.evaluate("getComputedStyle(document.querySelector('main')).display") != "none"
    assert page.locator("math").count() >= 1
    assert (
        page.evaluate("document.fonts.load('16px \"Zoo Math\"').then(fonts => fonts.length)") == 1
    )
    page.close()


def test_a_command_is_copied_as_it_is_written(browser, site):
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto((site / "entries" / "beta.html").as_uri())
    page.get_by_role("button", name="Copy the command that measures the claims").click()
    page.get_by_role("status").filter(has_text="Copied to the clipboard").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "zoo verify beta"
    context.close()


def test_without_scripts_there_is_no_button_and_the_whole_text(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "entries" / "beta.html").as_uri())
    assert page.locator(".copy").count() == 0
    assert "zoo verify beta" in page.locator("main").inner_text()
    context.close()
