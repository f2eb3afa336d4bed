"""The ledger of an entry, `reviews/<model>/events.jsonl`: append-only, one writer at a time."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from tools.process.ledger.events import Event
from tools.process.ledger.lines import Malformed, from_line, to_line
from zoo.core.errors import ZooError

MARKS = ("<<<<<<< ", "=======", ">>>>>>> ")  # of git, after a merge that it could not finish
PATIENCE = 10.0  # seconds that a second writer waits for the first


@contextlib.contextmanager
def writing(reviews: Path) -> Iterator[None]:
    """Hold the one lock of all ledgers; the system frees it when a process dies.

    Raises:
        ZooError: another command held it for too long.
    """
    reviews.mkdir(parents=True, exist_ok=True)
    with (reviews / ".lock").open("a") as file:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise ZooError(
                        "another zoo command is writing to reviews/: try again when it has ended"
                    ) from None
                time.sleep(0.02)
        yield


def digest(line: str) -> str:
    """What the next line names: sha256 of this one, its newline included."""
    return hashlib.sha256(line.encode()).hexdigest()


class Ledger:
    """One entry's ledger.

    Attributes:
        path: of the file, which need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> tuple[list[str], bytes]:
        """The complete lines, and what an interrupted write left after the last newline."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return [], b""
        except OSError as error:
            raise ZooError(f"cannot read {self.path}: {error.strerror or error}") from None
        whole, newline, torn = data.rpartition(b"\n")
        try:
            text = (whole + newline).decode()
        except UnicodeDecodeError as error:
            number = data[: error.start].count(b"\n") + 1
            raise self._broken(number, "not UTF-8") from None
        if "\r" in text:
            number = text[: text.index("\r")].count("\n") + 1
            raise self._broken(number, "a carriage return: an editor changed the line ends")
        # At newlines only: texts hold other signs that Python would take for the end of a line.
        return [line + "\n" for line in text.split("\n")[:-1]], torn

    def read(self) -> list[Event]:
        """All events, each checked against the line before it.

        Raises:
            ZooError: a line that is no event, or one that was changed after it was written.
        """
        events: list[Event] = []
        previous = ""
        for number, line in enumerate(self.lines()[0], start=1):
            try:
                event, named = from_line(line)
            except Malformed as error:
                two = "git left two versions of the ledger here"
                rule = two if line.startswith(MARKS) else str(error)
                raise self._broken(number, rule) from None
            if named != previous:
                rule = "the line before it was changed, removed or added after it was written"
                raise self._broken(number, rule)
            events.append(event)
            previous = digest(line)
        return events

    def append(self, event: Event) -> None:
        """Write one event to the disk; the caller holds the lock. A torn end is cut off first."""
        lines, torn = self.lines()
        line = to_line(event, digest(lines[-1]) if lines else "")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self.path.open("ab") as file:
                if torn:
                    file.truncate(file.tell() - len(torn))
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ZooError(f"cannot write {self.path}: {error.strerror or error}") from error

    def mend(self) -> bool:
        """Cut off what an interrupted write left; whether there was anything."""
        torn = self.lines()[1]
        if torn:
            os.truncate(self.path, self.path.stat().st_size - len(torn))
        return bool(torn)

    def _broken(self, number: int, rule: str) -> ZooError:
        place = f"reviews/{self.path.parent.name}/{self.path.name}:{number}"
        fix = "a ledger is never edited by hand; zoo reconcile puts it together from the commits"
        return ZooError(f"{place}: {rule}; {fix}")
