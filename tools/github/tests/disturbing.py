"""Deliveries of a term to the bot: as they should be, or as a bad week at GitHub's would have them.

People are modelled too. Who is told that a command was refused, though it was theirs to give, gives
it again in a new comment after the clock has run; who is told nothing waits for the clock to find
the comment. They give up nothing and never read ahead.
"""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tools.github import serving
from tools.github.bot import MUTE, SORRY, mark
from tools.github.port import Comment, Failed, Issue
from tools.github.proposing import CHANGED
from tools.github.serving import Desk
from tools.github.tests.termscript import TERM, Propose, Say
from tools.github.tests.village import Village
from tools.github.writer import with_record
from tools.process.rules.policy import moment, stamp
from tools.process.tests.conftest import Term
from zoo.core.errors import ZooError

SWEPT, AGAIN = timedelta(minutes=30), timedelta(minutes=15)
PATIENCE = 6  # runs of the clock in which all of a day must be settled
TROUBLED = 3  # in how many of them, and of what is delivered between them, things may go wrong
UNDONE = (": refused: ", ": not run", SORRY, MUTE)


class Killed(BaseException):
    """The machine is gone: no handler of the bot's sees the end."""


@dataclass
class Said:
    """A comment that somebody waits for."""

    say: Say
    comment: Comment


@dataclass(frozen=True)
class Rates:
    """How often what goes wrong, from 0 to 1 per delivery (swaps and races: per neighbours)."""

    repeated: float = 0
    swapped: float = 0
    dropped: float = 0
    raced: float = 0
    failed: float = 0
    killed: float = 0
    refused: float = 0


class Course:
    """One run of the term.

    Attributes:
        happened: how often each disturbance came about.
    """

    def __init__(
        self, term: Term, village: Village, rates: Rates, seed: int, patch: pytest.MonkeyPatch
    ) -> None:
        self.term, self.village, self.rates = term, village, rates
        self.random = random.Random(seed)
        self.troubled = False
        self.happened: dict[str, int] = {}
        self.later: list[Comment | Issue] = []
        self.machines: dict[str, Path] = {}
        self.faults: list[list[str]] = []
        self.plan = threading.local()
        self.lock = threading.RLock()
        patch.setattr(serving, "with_record", self._writing)

    def run(self) -> Course:
        """The whole term."""
        for day in TERM:
            self.troubled = True
            self.now = moment(day.at)
            self.term.at(day.at)
            for deed in day.deeds:
                deed(self.village)
            waited = self._deliver_all([self._write(one) for one in day.said])
            self._pass(timedelta(hours=day.hours))
            self._settle(waited)
        return self

    # People

    def _write(self, one: Say | Propose) -> Said | Issue:
        """Somebody writes; what GitHub will deliver."""
        if isinstance(one, Propose):
            self.village.proposes(one.who, one.model, one.paper)
            return self.village.github.issue_table[self.village.places[f"{one.model}.issue"]]
        author = self.village.github.users[one.who]
        return Said(one, self.village.github.say(self.village.places[one.where], author, one.body))

    def _settle(self, waited: list[Said]) -> None:
        """The clock runs, people say again what was refused, until nobody waits any more."""
        for attempt in range(PATIENCE):
            self.troubled = attempt < TROUBLED
            settled = self._tick()
            self._confirm()
            open_ones = [(one, self._undone(one)) for one in waited]
            waited = [one for one, lines in open_ones if lines is None]
            again = [
                Say(one.say.who, one.say.where, "\n".join(lines))
                for one, lines in open_ones
                if lines and not one.say.refused
            ]
            if settled and not waited and not again:
                return
            self._pass(AGAIN)
            waited += self._deliver_all([self._write(one) for one in again])
            self._pass(SWEPT)
        said = [one.body for one in self.village.github.comment_table.values()]
        raise AssertionError("\n".join(["never settled", *said, str(self.faults[-12:])]))

    def _confirm(self) -> None:
        """Who is told that a proposal was missed, and changed since, edits it."""
        github = self.village.github
        for one in list(github.comment_table.values()):
            if one.author == github.bot and CHANGED[:40] in one.body:
                issue = github.change(one.number)
                self._job("one", lambda desk, issue=issue: desk.proposal(issue))
                self._count("confirmed")

    def _undone(self, one: Said) -> list[str] | None:
        """The commands that were refused, by the bot's reply; None where there is no reply."""
        begin = mark(one.comment)
        said = self.village.github.said(one.comment.number)
        reply = next((text for text in said if text.startswith(begin)), None)
        if reply is None:
            return None
        lines = reply.removeprefix(begin).strip().split("\n")
        commands = one.say.body.strip().split("\n")
        # A reply has a line per command.
        return [
            c for c, line in zip(commands, lines, strict=False) if any(u in line for u in UNDONE)
        ]

    def _pass(self, time: timedelta) -> None:
        self.now += time
        self.term.at(stamp(self.now))

    # GitHub

    def _deliver_all(self, written: list[Said | Issue]) -> list[Said]:
        """Deliver what was written today, with what goes wrong; the comments among it."""
        queue: list[Comment | Issue] = [o.comment if isinstance(o, Said) else o for o in written]
        at = 0
        while at + 1 < len(queue):
            if self._chance("swapped"):
                queue[at : at + 2] = queue[at + 1], queue[at]
                at += 1
            at += 1
        queue = [one for one in queue if not self._chance("dropped")]
        for one in [o for o in queue if self._chance("repeated")]:
            queue.insert(self.random.randint(queue.index(one) + 1, len(queue)), one)
            self.later += [one] * self.random.randint(0, 1)
        if self.later and self._chance("repeated"):
            queue.insert(0, self.later.pop(0))
        while queue:
            one = queue.pop(0)
            if queue and queue[0] != one and self._chance("raced"):
                self.race(one, queue.pop(0))
            else:
                self._job("one", lambda desk, one=one: _take(desk, one), disturbed=True)
        return [one for one in written if isinstance(one, Said)]

    def race(self, *pair: Comment | Issue) -> None:
        """Two machines act on one and the same record before either of them pushes."""
        barrier, pushed = threading.Barrier(2), threading.Event()
        if self.random.random() < 0.5:  # else they push at once, too
            waits: tuple[threading.Event | None, ...] = (None, pushed)
        else:
            waits = (None, None)

        def work(name: str, one: Comment | Issue, wait: threading.Event | None) -> None:
            self.plan.barrier, self.plan.wait = barrier, wait
            self._job(name, lambda desk: _take(desk, one))
            pushed.set()

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(work, ("one", "two"), pair, waits))

    def _tick(self) -> bool:
        """The clock runs, perhaps twice; whether its last run found nothing wrong."""
        results: list[list[str]] = []
        for _ in range(2 if self._chance("repeated") else 1):
            results.append(["cut off"])
            self._job("one", lambda desk: results.append(desk.clock()[1]), disturbed=True)
        self.faults += results
        return not results[-1]

    def _job(self, name: str, work: Callable[[Desk], object], *, disturbed: bool = False) -> None:
        """A job on a machine; one that was killed leaves nothing to the next."""
        if name not in self.machines:
            self.machines[name] = self.village.clone()
        github = self.village.github
        if disturbed:
            self._plan()
        try:
            work(Desk(_Serial(github, self.lock), self.machines[name]))  # type: ignore[arg-type]
        except (Failed, ZooError):  # the job fails, in the log; the clock looks after it
            self._count("jobs failed")
        except Killed:
            self._count("jobs killed")
            shutil.rmtree(self.machines.pop(name))
        finally:
            self.plan.kill = self.plan.barrier = None
            github._faults.clear()
            (self.village.remote / "hooks/pre-receive").unlink(missing_ok=True)

    def _plan(self) -> None:
        """What will go wrong in the next job."""
        if self._chance("failed"):
            self.village.github.fail(
                self.random.randint(1, 14),
                status=self.random.choice([0, 429, 502]),
                done=self.random.random() < 0.5,
            )
        if self._chance("killed"):
            self.plan.kill = self.random.choice(["before", "after"])
        if self._chance("refused"):
            hook = self.village.remote / "hooks/pre-receive"
            hook.write_text("#!/bin/sh\nexit 1\n")
            hook.chmod(0o755)

    def _writing(self, root: Path, act: Callable[[Any], Any], **options: Any) -> Any:
        """`with_record` as the bot calls it, with what was planned."""
        kill, acts = getattr(self.plan, "kill", None), []

        def acting(record: Any) -> Any:
            acts.append(record)
            if len(acts) > 1:
                self._count("acted again")
            result = act(record)
            barrier, self.plan.barrier = getattr(self.plan, "barrier", None), None
            if barrier:
                barrier.wait(10)
                if self.plan.wait:
                    assert self.plan.wait.wait(10), threading.current_thread()
            if kill == "before":
                raise Killed
            return result

        result = with_record(root, acting, attempts=4, sleep=lambda seconds: None, **options)
        if kill == "after":
            raise Killed
        return result

    def _chance(self, name: str) -> bool:
        hit = self.troubled and self.random.random() < getattr(self.rates, name)
        if hit:
            self._count(name)
        return hit

    def _count(self, name: str) -> None:
        with self.lock:
            self.happened[name] = self.happened.get(name, 0) + 1


def _take(desk: Desk, one: Comment | Issue) -> str:
    return desk.proposal(one) if isinstance(one, Issue) else desk.comment(one)


class _Serial:
    """A GitHub that answers one call at a time, as its tables in memory need it."""

    def __init__(self, github: object, lock: threading.RLock) -> None:
        self._github, self._lock = github, lock

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._github, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            with self._lock:
                return found(*arguments, **named)

        return call
