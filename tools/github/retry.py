"""When to ask GitHub again, and after how long: rate limits, faults, silence.

GitHub's rules: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api and
https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from tools.github.port import Failed

TRIES = 4  # of one request
PATIENCE = 300.0  # seconds of waiting in all: a job that waits longer had better be run again
SECONDARY = 60.0  # GitHub asks for a minute at least where it names no time
# What may be asked twice: it leaves the same state. A POST makes another comment.
IDEMPOTENT = ("GET", "PUT", "PATCH")
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
HOPELESS = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)


class Unheard(Failed):
    """No usable answer came to a request that GitHub may have carried out."""


@dataclass(frozen=True)
class Trouble:
    """Why a request has no answer; the seconds after which to ask again, None for never."""

    failure: Failed
    seconds: float | None


class Patience:
    """The time that one client may spend waiting, and how it waits."""

    def __init__(self, sleep: Callable[[float], object], now: Callable[[], datetime]) -> None:
        self.now = now
        self._sleep = sleep
        self._left = PATIENCE

    def wait(self, seconds: float, failure: Failed) -> None:
        """Wait; the failure is raised instead when that takes more than what is left."""
        if seconds > self._left:
            raise failure
        self._left -= seconds
        self._sleep(seconds)


def pause(attempt: int) -> float:
    """Seconds to wait after a fault: 1, 2, 4."""
    return 2.0 ** (attempt - 1)


def after_answer(
    what: str, response: httpx.Response, text: str, attempt: int, now: datetime
) -> Trouble | None:
    """What is wrong with an answer that asking again could mend; None where nothing is.

    Args:
        what: the request, "GET /user".
        response: its answer.
        text: the beginning of the answer's body.
        attempt: 1 for the first.
        now: the present moment.
    """
    status = response.status_code
    seconds = _limited(response, text, attempt, now)
    if seconds is not None:
        free = datetime.fromtimestamp(min(now.timestamp() + seconds, 4e9), UTC)
        until = f"{free:%Y-%m-%d %H:%M} UTC"
        return Trouble(Failed(f"GitHub's rate limit stops {what} until {until}", status), seconds)
    if status >= 500:
        return _fault(what, f"GitHub answered {status} to {what}", status, attempt)
    return None


def after_silence(what: str, error: httpx.RequestError, attempt: int) -> Trouble:
    """What to do when no answer came. The error's own text is not shown: it may quote headers."""
    message = f"GitHub did not answer {what} ({type(error).__name__})"
    if not isinstance(error, httpx.TransportError) or isinstance(error, HOPELESS):
        return Trouble(Failed(message), None)
    if isinstance(error, NEVER_SENT):
        return Trouble(Failed(message), pause(attempt))
    return _fault(what, message, 0, attempt)


def _fault(what: str, message: str, status: int, attempt: int) -> Trouble:
    """A failure after which nobody knows whether GitHub did what it was asked to do."""
    if what.split()[0] in IDEMPOTENT:
        return Trouble(Failed(message, status), pause(attempt))
    return Trouble(Unheard(message, status), None)


def _limited(response: httpx.Response, text: str, attempt: int, now: datetime) -> float | None:
    """Seconds that a rate limit asks for; None where there is no rate limit."""
    if response.status_code not in (403, 429):
        return None
    wanted = response.headers.get("retry-after", "")
    if wanted.isdecimal():
        return float(wanted)
    reset = response.headers.get("x-ratelimit-reset", "")
    if response.headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        return max(0.0, float(reset) - now.timestamp()) + 1
    if response.status_code == 429 or wanted or "secondary rate limit" in text.lower():
        return SECONDARY * 2.0 ** (attempt - 1)
    return None
