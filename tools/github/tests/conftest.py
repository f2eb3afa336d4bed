"""Every request of every test here is judged by GitHub's own description of its interface."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tools.github.tests.contract import contract
from tools.github.tests.server import Server
from tools.github.transport import Transport


@pytest.fixture(autouse=True)
def judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever answers a client, an emulator too, its requests are judged before they are sent."""
    send = Transport._send

    def judging(self: Transport, method: str, url: str, *rest: Any) -> tuple[httpx.Response, bytes]:
        headers, body, _ = rest
        contract().judge(httpx.Request(method, url, headers=dict(headers), content=body))
        return send(self, method, url, *rest)

    monkeypatch.setattr(Transport, "_send", judging)


@pytest.fixture
def server() -> Server:
    """A GitHub of examples."""
    return Server()
