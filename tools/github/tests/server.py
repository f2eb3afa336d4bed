"""A GitHub that answers with its own examples, judges every request, and fails as it is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tools.github.client import Client
from tools.github.tests.contract import Operation, contract

TOKEN = "ghs_neverShownToAnybody"
BEGIN = datetime(2026, 10, 19, 12, 0, tzinfo=UTC)
BASE = "https://api.github.com"
Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class Server:
    """Answers are taken from what was planned for an operation, then from GitHub's examples.

    Attributes:
        requests: (operation, request) in order.
        slept: seconds that the client waited, in order; `now` moves with them.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, httpx.Request]] = []
        self.slept: list[float] = []
        self.now = BEGIN
        self._planned: dict[str, list[Answer]] = {}

    def client(self, repository: str = "zoo-course/zoo", **options: Any) -> Client:
        """A client of this server."""
        return Client(
            repository,
            options.pop("token", TOKEN),
            transport=httpx.MockTransport(self._answer),
            sleep=self._sleep,
            now=lambda: self.now,
            **options,
        )

    def plan(self, operation: str, *answers: Answer) -> None:
        """Answers of the next calls of an operation."""
        assert operation in contract().operations, operation
        self._planned.setdefault(operation, []).extend(answers)

    def asked(self) -> list[str]:
        """The operations asked for, in order."""
        return [operation for operation, _ in self.requests]

    def body(self, index: int = -1) -> Any:
        """What a request carried."""
        return json.loads(self.requests[index][1].content)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.host != "api.github.com":  # where a redirection led
            self.requests.append((str(request.url), request))
            planned = self._planned[str(request.url)].pop(0)
            assert isinstance(planned, httpx.Response)
            return planned
        operation = contract().judge(request)
        self.requests.append((operation.id, request))
        if self._planned.get(operation.id):
            planned = self._planned[operation.id].pop(0)
            if isinstance(planned, Exception):
                raise planned
            return planned(request) if callable(planned) else planned
        return example(operation)

    def redirect_to(self, url: str, answer: httpx.Response) -> None:
        """What another host answers."""
        self._planned[url] = [answer]

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


def example(operation: Operation) -> httpx.Response:
    """GitHub's own example of an answer."""
    status = min(operation.answers)
    value = contract().example(operation)
    if value is None:
        return httpx.Response(int(status))
    return httpx.Response(int(status), json=value)


def given(operation: str, **changes: object) -> Any:
    """GitHub's example of an answer with some fields changed; still one that GitHub could give."""
    found = contract().operations[operation]
    data = contract().example(found)
    data = {**data, **changes} if isinstance(data, dict) else [{**data[0], **changes}]
    contract().judge_answer(found, data)
    return data


def answer(operation: str, **changes: object) -> httpx.Response:
    """`given` as a response."""
    return httpx.Response(200, json=given(operation, **changes))


def refusal(status: int, message: str = "No", **headers: str) -> httpx.Response:
    """GitHub says no; header names with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"message": message}, headers=named)
