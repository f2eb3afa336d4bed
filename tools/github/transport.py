"""Requests to GitHub, one after the other: gidgethub forms and reads them, httpx carries them.

gidgethub leaves the input and output to its user, as coroutines. Ours never wait for another, so
they are run to their end in place (`_finish`), without an event loop.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Awaitable, Iterator, Mapping
from urllib.parse import urlsplit

import httpx
from gidgethub import HTTPException, sansio
from gidgethub.abc import GitHubAPI

from tools.github.port import Failed
from tools.github.retry import TRIES, Patience, Trouble, Unheard, after_answer, after_silence
from tools.text import one_line
from zoo.core.errors import ZooError

LOCAL = ("localhost", "127.0.0.1")
LIMIT = 64 << 20  # bytes of an answer: far more than any page of a hundred comments
GONE = (404, 410)
REQUESTER = "genzoo-bot"
VERSION = "2022-11-28"
# What gidgethub and the standard library raise over an answer that is not what it claims to be.
SENSELESS = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


class Transport:
    """A connection to GitHub's REST interface on behalf of one account.

    Attributes:
        calls: requests sent so far, repeated ones included.
    """

    def __init__(
        self,
        token: str,
        base_url: str,
        patience: Patience,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        place = urlsplit(base_url)
        if place.scheme != "https" and not (place.scheme == "http" and place.hostname in LOCAL):
            raise ZooError("GitHub's address must begin with https://: the token goes there")
        if not token.strip():
            raise ZooError("no token for GitHub: set GITHUB_TOKEN")
        self.calls = 0
        self._token, self._origin, self._patience = token.strip(), place[:2], patience
        # Up to 20 s of silence; GitHub itself gives up on a request after 10.
        self._http = httpx.Client(
            transport=transport,
            timeout=httpx.Timeout(20, connect=10),
            headers={"X-GitHub-Api-Version": VERSION},
        )
        self._api = _Api(self, self._token, base_url)

    def get(self, url: str, **names: object) -> object:
        """The answer to a GET."""
        with self._translated("GET", url, names):
            data = _finish(self._api.getitem(url, names))
            if data is None:
                raise ValueError("nothing")
            return data

    def find(self, url: str, **names: object) -> object | None:
        """The answer to a GET; None for what does not exist or no longer does."""
        try:
            return self.get(url, **names)
        except Failed as failure:
            if failure.status in GONE:
                return None
            raise

    def pages(self, url: str, key: str | None = None, **names: object) -> Iterator[object]:
        """The items of a list over all its pages, below `key` where an object wraps it."""
        items = self._api.getiter(url, {"per_page": 100, **names}, iterable_key=key)
        while True:
            with self._translated("GET", url, names):
                try:
                    item = _finish(anext(items))
                except StopAsyncIteration:
                    return
            yield item

    def write(self, method: str, url: str, data: Mapping[str, object], **names: object) -> object:
        """The answer to a POST, PUT or PATCH."""
        send = {"POST": self._api.post, "PUT": self._api.put, "PATCH": self._api.patch}[method]
        with self._translated(method, url, names):
            return _finish(send(url, names, data=data))

    def download(self, url: str, limit: int, **names: object) -> bytes:
        """The bytes behind a GET, redirections followed; Failed beyond `limit` bytes."""
        with self._translated("GET", url, names):
            address = sansio.format_url(url, names, base_url=self._api.base_url)
            headers = sansio.create_headers(REQUESTER, oauth_token=self._token)
            status, answer, content = self.carry("GET", address, headers, b"", limit)
            if status != 200:
                sansio.decipher_response(status, answer, b"")
            return content

    def carry(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, limit: int = LIMIT
    ) -> tuple[int, httpx.Headers, bytes]:
        """Send a request, again while that may help; status, headers and body of the answer."""
        place = urlsplit(url)
        if place[:2] != self._origin or {".", ".."} & set(place.path.split("/")):
            raise Failed(f"refused to send the token to {one_line(url)}")
        what = f"{method} {one_line(place.path)}"
        for attempt in itertools.count(1):
            self.calls += 1
            try:
                response, content = self._send(method, url, headers, body, limit)
            except httpx.RequestError as error:
                trouble: Trouble | None = after_silence(what, error, attempt)
            else:
                text = content[:2000].decode(errors="replace")
                trouble = after_answer(what, response, text, attempt, self._patience.now())
            if trouble is None:
                return response.status_code, response.headers, content
            if trouble.seconds is None or attempt == TRIES:
                raise trouble.failure
            self._patience.wait(trouble.seconds, trouble.failure)
        raise AssertionError("unreachable")

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, limit: int
    ) -> tuple[httpx.Response, bytes]:
        """One request. httpx takes the token off where a redirection leads to another host."""
        request = self._http.build_request(method, url, headers=dict(headers), content=body)
        response = self._http.send(request, stream=True, follow_redirects=method == "GET")
        with contextlib.closing(response):
            limit = limit if response.status_code == 200 else LIMIT  # a refusal has its own words
            content = bytearray()
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > limit:
                    raise Failed(f"{one_line(urlsplit(url).path)} has more than {limit} bytes")
        return response, bytes(content)

    @contextlib.contextmanager
    def _translated(self, method: str, url: str, names: Mapping[str, object]) -> Iterator[None]:
        """Failures of the library as those of the port, in one line without the token."""
        what = f"{method} {urlsplit(sansio.format_url(url, names)).path}"
        try:
            yield
        except HTTPException as error:
            status = int(error.status_code)
            message = f"GitHub answered {status} to {what}: {error}"
        except SENSELESS:
            kind = Unheard if method == "POST" else Failed
            raise kind(one_line(f"GitHub's answer to {what} cannot be read")) from None
        else:
            return
        raise Failed(one_line(message.replace(self._token, "***")), status) from None


class _Api(GitHubAPI):
    """gidgethub over our own carrier."""

    def __init__(self, carrier: Transport, token: str, base_url: str) -> None:
        super().__init__(REQUESTER, oauth_token=token, base_url=base_url)
        self._carrier = carrier

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, Mapping[str, str], bytes]:
        return self._carrier.carry(method, url, headers, body)

    async def sleep(self, seconds: float) -> None:
        """Not used: our carrier waits by itself."""
        raise NotImplementedError


def _finish(work: Awaitable[object]) -> object:
    """The result of a coroutine that waits for nothing."""
    try:
        work.__await__().send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("a request waited for something else")
