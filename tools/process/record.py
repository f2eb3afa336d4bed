"""The record of a term in a clone: policy, people, and one ledger per entry."""

from __future__ import annotations

import functools
import os
import uuid
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from tools.process import clock
from tools.process.board import board_page
from tools.process.git import commit_paths, file_at, git, head
from tools.process.ledger.committed import UNDER_WAY, under_way
from tools.process.ledger.events import (
    Assigned,
    Event,
    Payload,
    Released,
    ReviewRevealed,
    ReviewsClosed,
)
from tools.process.ledger.file import Ledger, writing
from tools.process.ledger.machine import Rejection, apply, replay
from tools.process.ledger.state import Submission
from tools.process.ledger.transition import Refused
from tools.process.rules.config import load_bids, load_policy, load_roster
from tools.process.rules.policy import Policy
from tools.process.rules.roster import Bid, Roster
from tools.process.times import in_course_time
from zoo.core.errors import ZooError, nearest
from zoo.core.files import replacing

# The roles in which a person of the roster may act. Who runs the term neither develops nor reviews.
ACTS_AS = {
    "instructor": ("instructor",),
    "developer": ("developer", "reviewer"),
    "reviewer": ("reviewer",),
}
# They begin or resume a period of others, who learn of it only when it is recorded.
BEGINS = (Assigned, ReviewsClosed, ReviewRevealed, Released)


def find_root(start: Path | None = None) -> Path:
    """The clone that a command works on: $ZOO_ROOT, or the one around the working directory."""
    if os.environ.get("ZOO_ROOT"):
        return Path(os.environ["ZOO_ROOT"]).resolve()
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "reviews" / "policy.yaml").is_file():
            return folder
    raise ZooError(f"no reviews/policy.yaml in {here} or above it: go into a clone of the zoo")


def differs(path: Path, text: str) -> bool:
    """Whether a file is not there, or not this text byte for byte."""
    return not path.is_file() or path.read_bytes() != text.encode()


class Record:
    """What a clone knows about its term, and the one way to add to it.

    Attributes:
        root: the clone.
        reviews: its folder of policy, people, ledgers and reviews.
        said_at: when what is recorded next was said, by a clock that its author cannot set; None
            for now.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or find_root()
        self.reviews = self.root / "reviews"
        self.said_at: datetime | None = None
        self._touched: set[str] = set()
        self._committable = False

    @functools.cached_property
    def policy(self) -> Policy:
        """The course's rules."""
        return load_policy(self.reviews / "policy.yaml")

    @functools.cached_property
    def roster(self) -> Roster:
        """The people."""
        return load_roster(self.reviews / "roster.yaml")

    @functools.cached_property
    def bids(self) -> dict[str, Bid]:
        """What people would like to review."""
        return load_bids(self.reviews / "bids.yaml")

    def models(self) -> list[str]:
        """Names of all entries with a ledger, sorted."""
        return sorted(path.parent.name for path in self.reviews.glob("*/events.jsonl"))

    def folder(self, model: str) -> Path:
        """The folder of an entry's ledger, reviews and response."""
        return self.reviews / model

    def ledger(self, model: str) -> Ledger:
        """The ledger of an entry."""
        return Ledger(self.folder(model) / "events.jsonl")

    def events(self, model: str) -> list[Event]:
        """Everything that happened to an entry; ZooError names the nearest for an unknown one."""
        if model not in self.models():
            raise ZooError(f"no ledger of '{model}': {nearest(model, self.models())}")
        return self.ledger(model).read()

    def state(self, model: str) -> Submission:
        """Where an entry stands."""
        return self._replay(model, self.events(model))

    def states(self) -> dict[str, Submission]:
        """Where every entry stands."""
        return {model: self.state(model) for model in self.models()}

    def append(
        self, model: str, actor: str, payload: Payload, *, event_id: str | None = None
    ) -> Submission:
        """Record that something happens now, or when it was said; the new state.

        Args:
            model: name of the entry.
            actor: handle of who causes it, or "clock".
            payload: what happens.
            event_id: identity of a delivery that may come twice; a new one by default.

        Raises:
            ZooError: the rule that it breaks and the fix; nothing was written.
        """
        name, role = self._acting(actor, payload)
        self._refuse_uncommittable()
        with writing(self.reviews):
            ledger, commit = self.ledger(model), head(self.root)
            state = self._replay(model, ledger.read())
            self._refuse_rewritten(model, commit)
            event = Event(
                id=event_id or uuid.uuid4().hex,
                model=model,
                at=self._moment(state, payload),
                actor=name,
                role=role,
                commit=commit,
                payload=payload,
            )
            after = apply(state, event, event.at)
            if isinstance(after, Rejection):
                raise ZooError(in_course_time(str(after), self.policy.zone))
            if after is not state:
                ledger.append(event)
        self._touched.add(f"reviews/{model}/events.jsonl")
        return after

    def commit(self, message: str, *paths: Path | str) -> None:
        """Commit what was recorded, these files, and the board; call it once, at the end."""
        with writing(self.reviews):
            board = self.write_board(self.states())
            named = {self.root / path for path in (*paths, *self._touched)}
            files = sorted(path.relative_to(self.root).as_posix() for path in (board, *named))
            try:
                commit_paths(self.root, message, *files)
            except ZooError as error:
                rule = f"recorded, but not committed: {error}"
                raise ZooError(f"{rule}; after that, zoo reconcile commits it") from None
        self._touched.clear()

    def write_board(self, states: Mapping[str, Submission]) -> Path:
        """Write reviews/README.md where it is not what the ledgers say."""
        board = self.reviews / "README.md"
        page = board_page(states, self.policy)
        if differs(board, page):
            with replacing(board) as partial:
                partial.write_text(page, encoding="utf-8")
        return board

    def _refuse_uncommittable(self) -> None:
        """What is recorded must be committed, on a branch that somebody will push; asked once."""
        if self._committable:
            return
        half = under_way(self.root)
        if half is not None:
            rule = f"git is in the middle of a {UNDER_WAY[half]}"
            raise ZooError(f"{rule}: finish it first, zoo reconcile mends the ledgers")
        if not git(self.root, "symbolic-ref", "--quiet", "HEAD", check=False):
            rule = f"no branch is checked out in {self.root}: what is recorded here would be lost"
            raise ZooError(f"{rule}; go to your clone, or git switch main")
        if not git(self.root, "var", "GIT_COMMITTER_IDENT", check=False):
            rule = "git does not know who commits here"
            fix = 'git config user.name "…" and git config user.email "…"'
            raise ZooError(f"{rule}: {fix}, as you want them to be public")
        self._committable = True

    def _refuse_rewritten(self, model: str, commit: str) -> None:
        """A ledger that was cut or edited is mended before anything comes to stand behind it."""
        name = f"reviews/{model}/events.jsonl"
        before = file_at(self.root, commit, name) or b""
        path = self.ledger(model).path
        if before and not (path.is_file() and path.read_bytes().startswith(before)):
            rule = f"{name}: not all that was committed is in it"
            raise ZooError(f"{rule}; zoo reconcile puts it back")

    def _moment(self, state: Submission, payload: Payload) -> datetime:
        """When an event counts: a ledger's times never go back, and none is to come."""
        now = clock.now()
        if self.said_at is None or isinstance(payload, BEGINS):
            return now
        return min(now, max(self.said_at, state.last_at or self.said_at))

    def _acting(self, actor: str, payload: Payload) -> tuple[str, str]:
        """(handle as the roster spells it, role); ZooError for who may never do this."""
        if actor == "clock":
            return actor, "clock"
        person = self.roster.find(actor)
        if not person.active:
            rule = f"{person.handle} is not active in reviews/roster.yaml"
            raise ZooError(f"{rule}: say active: true there for who takes part")
        for role in ACTS_AS[person.role]:
            if role in payload.BY:
                return person.handle, role
        rule = f"{person.handle} is {person.role} in reviews/roster.yaml"
        raise ZooError(f"{rule}: '{payload.TYPE}' is for the {' or '.join(payload.BY)}")

    def _replay(self, model: str, events: list[Event]) -> Submission:
        try:
            return replay(model, events)
        except Refused as refusal:
            raise ZooError(f"reviews/{model}/events.jsonl: {refusal}; see zoo fsck") from None
