"""The world of a rehearsal: a temporary clone, a clock, commands typed by people, and a diary."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock
from zoneinfo import ZoneInfo

from click.testing import CliRunner

from tools.cli import main
from tools.process.git import git, head
from tools.process.ledger.state import Submission
from tools.process.record import Record
from tools.process.rules.policy import stamp
from zoo.core.errors import ZooError
from zoo.core.registry import ZOO_FOLDER

ZONE = ZoneInfo("Europe/Berlin")
INSTRUCTOR = "@instructor-one"
# What a course has before its first entry; the rest of a clone is made by the term.
HOUSE = ("pyproject.toml", ".gitignore", ".gitattributes", "LICENSE")
HOUSE += ("templates", "tools", "zoo/core")
SETTINGS = {  # background work would outlive the temporary folder
    "core.fsync": "none",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "commit.gpgsign": "false",
    "user.useConfigOnly": "true",
}


class World:
    """A clone, a private directory beside it, and the time of day.

    Attributes:
        root: the clone.
        private: the instructor's private directory.
        random: what everything that is drawn is drawn from.
        now: the present moment.
        refusals: what was refused, as it had to be.
        commands: how often each command was typed.
        seconds: how long it took in all.
        full: whether to run the code of one entry.
    """

    def __init__(self, folder: Path, seed: int, say: Callable[[str], None], full: bool) -> None:
        self.root, self.private = folder / "clone", folder / "private"
        self.random = random.Random(seed)
        self.now = datetime(2026, 9, 28, 7, tzinfo=UTC)
        self.refusals: list[str] = []
        self.commands: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()
        self.full = full
        self._say, self._day = say, ""

    @contextlib.contextmanager
    def entered(self) -> Iterator[World]:
        """Make the clone and work in it; afterwards the process is as it was.

        Identities of events come from the seed, and git knows neither its user's settings nor
        another clock, so that the same seed makes the same commits.
        """
        source = random.Random(self.random.getrandbits(64))

        def identity() -> uuid.UUID:
            return uuid.UUID(int=source.getrandbits(128), version=4)

        own = {"ZOO_ROOT": str(self.root), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
        own["GIT_CONFIG_GLOBAL"] = os.devnull
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        with mock.patch.dict(os.environ, {**kept, **own}, clear=True):
            self._set_clock()
            self._make_clone()
            with contextlib.chdir(self.root), mock.patch.object(uuid, "uuid4", identity):
                yield self

    def _make_clone(self) -> None:
        """A repository with the house and no entry."""
        scratch = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "*.pyc")
        for name in HOUSE:
            source, target = ZOO_FOLDER.parent / name, self.root / name
            if not source.exists():
                raise ZooError(f"no {name} beside the zoo: zoo simulate works in a clone")
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=scratch)
            else:
                shutil.copy(source, target)
        shutil.copy(ZOO_FOLDER / "__init__.py", self.root / "zoo")
        (self.root / "reviews").mkdir()
        git(self.root, "init", "--quiet", "--initial-branch", "main")
        for name, value in SETTINGS.items():
            git(self.root, "config", name, value)
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "--no-verify", "-m", "The house, before the term")

    # ------------------------------------------------------------------------------ time

    def at(self, local: str) -> None:
        """Set the clock: course time, "2026-10-19 23:59" or with seconds. It never moves back."""
        self.until(_moment(local))

    def before(self, local: str, steps: int) -> None:
        """Let a while pass, so short that as many such steps end before a date."""
        left = max(_moment(local) - self.now, timedelta(0))
        minutes = int(left.total_seconds() // 60 / steps * self.random.random())
        self.until(self.now + timedelta(minutes=minutes))

    def until(self, moment: datetime) -> None:
        """Set the clock to a moment, unless that is past."""
        self.now = max(self.now, moment)
        self._set_clock()

    def _set_clock(self) -> None:
        os.environ["ZOO_NOW"] = stamp(self.now)
        for who in ("AUTHOR", "COMMITTER"):
            os.environ[f"GIT_{who}_DATE"] = f"{int(self.now.timestamp())} +0000"
            os.environ[f"GIT_{who}_NAME"] = os.environ[f"GIT_{who}_EMAIL"] = "rehearsal"

    # ---------------------------------------------------------------------------- diary

    def note(self, text: str) -> None:
        """A line of the diary, below its day."""
        local = self.now.astimezone(ZONE)
        day = f"{local:%a} {local.day} {local:%b %Y}"
        if day != self._day:
            self._say(f"\n{day}")
            self._day = day
        self._say(f"  {local:%H:%M}  {text}")

    def print(self, text: str) -> None:
        """Text that belongs to no day."""
        self._say(text)

    # ------------------------------------------------------------------------- commands

    def zoo(self, *arguments: str, by: str = INSTRUCTOR) -> str:
        """What a command prints; the rehearsal ends where it does not succeed."""
        code, out, error = self._run(arguments, by)
        if code:
            self._say(out + error)
            raise ZooError(f"{by} typed zoo {' '.join(arguments)}, and it did not succeed")
        return out

    def refused(self, *arguments: str, by: str = INSTRUCTOR, because: str) -> str:
        """The one line with which a command refuses; the rehearsal ends where it does not."""
        code, out, error = self._run(arguments, by)
        line = error.strip().splitlines()[-1] if error.strip() else ""
        if code != 1 or because not in line or not line.startswith("Error: "):
            said = line or out.strip() or "nothing"
            raise ZooError(
                f"{by} typed zoo {' '.join(arguments)}, which must be refused ('{because}'); "
                f"status {code}, it said: {said}"
            )
        said = line.removeprefix("Error: ").replace(f"{self.root.parent}/", "")
        self.refusals.append(said)
        self.note(f"refused, {by}, zoo {_name(arguments)}: {said}")
        return line

    def _run(self, arguments: tuple[str, ...], by: str) -> tuple[int, str, str]:
        """Exit status, standard output and standard error."""
        os.environ["ZOO_HANDLE"] = by
        os.environ.pop("ZOO_PRIVATE", None)
        if by == INSTRUCTOR:
            os.environ["ZOO_PRIVATE"] = str(self.private)
        start = time.perf_counter()
        result = CliRunner().invoke(main, arguments, catch_exceptions=False)
        self.commands[_name(arguments)] += 1
        self.seconds[_name(arguments)] += time.perf_counter() - start
        return result.exit_code, result.stdout, result.stderr

    # --------------------------------------------------------------------------- record

    @property
    def record(self) -> Record:
        """The record as it is now."""
        return Record(self.root)

    def state(self, model: str) -> Submission:
        """Where an entry stands."""
        return self.record.state(model)

    def commit(self, message: str, *paths: str) -> None:
        """What people do with git beside the commands."""
        git(self.root, "add", "--", *paths)
        git(self.root, "commit", "--quiet", "--no-verify", "-m", message, "--", *paths)

    def head(self) -> str:
        """The last commit."""
        return head(self.root)

    def expect(self, holds: bool, what: str) -> None:
        """End the rehearsal unless something holds that must."""
        if not holds:
            raise ZooError(f"{stamp(self.now)}: this must hold and does not: {what}")


def _moment(local: str) -> datetime:
    """A moment of course time."""
    form = "%Y-%m-%d %H:%M" + (":%S" if local.count(":") == 2 else "")
    return datetime.strptime(local, form).replace(tzinfo=ZONE).astimezone(UTC)


def _name(arguments: Sequence[str]) -> str:
    """The name of a command, that of its group included."""
    return " ".join(arguments[: 2 if arguments[0] in ("review", "roster", "regrade") else 1])
