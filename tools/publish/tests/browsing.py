"""A site in a real browser, over http under a sub-path and from disk, where nothing goes unseen."""

from __future__ import annotations

import functools
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
PLACES = ("http", "disk")
# Runs before the scripts of any page: what its policy refuses is kept.
_LISTEN = """
addEventListener("securitypolicyviolation", function (event) {
  console.error("policy: " + event.violatedDirective + " " + event.blockedURI);
});
"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless browser; skips where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no chromium or chrome on this machine")
    with sync_api.sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@contextmanager
def addresses(site: Path) -> Iterator[dict[str, str]]:
    """The site's address by place: on a server below the folder it lies in, and on disk."""
    handler = functools.partial(_Quiet, directory=str(site.parent.parent))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    below = f"{site.parent.name}/{site.name}/"
    yield {
        "http": f"http://127.0.0.1:{server.server_port}/{below}",
        "disk": f"{site.as_uri()}/",
    }
    server.shutdown()
    server.server_close()


class Visit:
    """A reader's window on a site.

    Attributes:
        page: the window.
        address: of the site, with a slash at its end.
        faults: what the console complains of, what a policy refuses, dialogs, failed scripts, and
            requests for anything that is not of the site.
    """

    def __init__(self, browser: Any, address: str, **options: object) -> None:
        self.address, self.faults = address, []
        self.context = browser.new_context(**options)
        self.context.add_init_script(_LISTEN)
        self.context.on("request", self._asked)
        self.context.on("requestfailed", self._failed)
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self._fault("script", str(error)))
        self.page.on("dialog", self._dialog)

    def open(self, path: str) -> Any:
        """Go to a page of the site; the window."""
        self.page.goto(self.address + path)
        return self.page

    def follow(self, link: Any) -> None:
        """Click a link and wait until all of its page is there."""
        with self.page.expect_navigation():
            link.click()

    def where(self) -> str:
        """The path of the page within the site, with its fragment."""
        return self.page.url.removeprefix(self.address)

    def close(self) -> None:
        """Close the window and everything it kept."""
        self.context.close()

    def _fault(self, kind: str, what: str) -> None:
        self.faults.append(f"{kind}: {what}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self._fault("request", request.url[:200])

    def _failed(self, request: Any) -> None:
        if request.failure != "net::ERR_ABORTED":  # as the page's own loading when it downloads
            self._fault("failed", request.url[:200])

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self._fault("console", message.text[:300])

    def _dialog(self, dialog: Any) -> None:
        self._fault("dialog", dialog.message)
        dialog.dismiss()
