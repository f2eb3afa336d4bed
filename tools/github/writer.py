"""The record on the default branch: fetch it, act on it, push what came of it, or begin again.

Many jobs may write at once. Nobody waits for a lock: who finds the branch moved takes the new one
and acts on that, so all events end in the ledgers in some order and nothing is ever forced. An act
is done again after a lost answer too, and must then change nothing: events carry identities.
"""

from __future__ import annotations

import base64
import os
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tools.process.git import git, head
from tools.process.record import Record
from tools.text import one_line
from zoo.core.errors import ZooError

T = TypeVar("T")

# What an act makes besides commits: tags of versions, and the texts of reviews that were filed on
# GitHub, where they can be read anyway; the next job, on another machine, needs them.
MADE = ("refs/tags", "refs/zoo")
LOCK = "reviews/.lock"
TELLING = ("!", "fatal:", "error:", "remote:")  # how the lines begin in which git says why
PATIENT = {  # a remote that asks for a password or falls silent is one that does not answer
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_HTTP_LOW_SPEED_LIMIT": "100",
    "GIT_HTTP_LOW_SPEED_TIME": "30",
}


def made_refs(root: Path) -> dict[str, str]:
    """What acts made in a clone besides commits, and where each reference points."""
    listing = git(root, "for-each-ref", "--format=%(refname) %(objectname)", *MADE)
    return dict(line.split(" ") for line in listing.splitlines())


def restore_refs(root: Path, before: dict[str, str]) -> None:
    """Put what acts made back to what it was."""
    present = made_refs(root)
    changes = [f"delete {ref}" for ref in present if ref not in before]
    changes += [f"update {ref} {at}" for ref, at in before.items() if present.get(ref) != at]
    if changes:
        git(root, "update-ref", "--stdin", stdin="".join(f"{line}\n" for line in changes).encode())


class _Again(Exception):
    """The remote has moved, refused or not answered: another attempt may do better."""


def with_record(
    root: Path,
    act: Callable[[Record], T],
    *,
    remote: str = "origin",
    token: str = "",
    also: str = "",
    attempts: int = 10,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Act on the newest record, and push its commits and tags together or not at all.

    Args:
        root: a clone that belongs to the bot alone; it is set to the remote's default branch.
        act: appends to the record and commits; done again when the branch has moved meanwhile.
        remote: name of the remote.
        token: sent as a header to an http remote; in no address, argument or file.
        also: what else to fetch, as a refspec; one with a "*" may find nothing.
        attempts: how often to try.
        sleep: waits for some seconds.

    Returns:
        What the last act returned.

    Raises:
        ZooError: what the act raised, or the clone is not the bot's own, or no attempt succeeded.
            Nothing of the act is left then.
    """
    clone = _Clone(root, remote, token, also)
    clone.require_clean()
    last = ""
    for attempt in range(attempts):
        if attempt:  # two that race should not meet again
            sleep(random.uniform(0.1, 0.5) * 2 ** min(attempt, 5))
        try:
            clone.renew()
            return clone.perform(act)
        except _Again as error:
            last = str(error)
    rule = f"the record could not be written to {remote} in {attempts} attempts ({last})"
    raise ZooError(f"{rule}: nothing was changed; try again later")


class _Clone:
    """The bot's clone, between what the remote has and what an act makes."""

    def __init__(self, root: Path, remote: str, token: str, also: str) -> None:
        self.root, self.remote, self.also = root, remote, [also] if also else []
        self.secrets = [token, _basic(token)] if token else []
        self.environment = {**os.environ, **PATIENT, **self._header(token)}
        self.branch = self.base = ""
        self.refs: dict[str, str] = {}

    def require_clean(self) -> None:
        """Refuse a clone in which somebody works, reviewers' ignored drafts included."""
        changed = git(self.root, "status", "--porcelain", "--untracked-files=all").splitlines()
        listing = ("ls-files", "--others", "--ignored", "--exclude-standard", "--", "reviews")
        drafts = set(git(self.root, *listing).splitlines()) - {LOCK}
        if changed or drafts:
            path = changed[0][3:] if changed else min(drafts)
            rule = f"the clone holds uncommitted work ({one_line(path)})"
            raise ZooError(f"{rule}: the record is written in a clone of its own, git clone")

    def renew(self) -> None:
        """Take the remote's default branch and its tags, and forget everything else."""
        answer = self._ask("ls-remote", "--symref", self.remote, "HEAD")
        if not answer.startswith("ref: "):
            raise _Again(f"{self.remote} names no default branch")
        branch = answer.split()[1]
        there = f"refs/remotes/{self.remote}/{branch.removeprefix('refs/heads/')}"
        made = [f"+{place}/*:{place}/*" for place in MADE]
        self._ask(
            "fetch", "--quiet", "--no-tags", self.remote, f"+{branch}:{there}", *made, *self.also
        )
        base = git(self.root, "rev-parse", "--verify", there)
        if not self.base and git(self.root, "rev-list", "-1", "HEAD", f"^{base}"):
            rule = f"the clone holds commits that {self.remote} lacks"
            raise ZooError(f"{rule}: the record is written in a clone of its own, git clone")
        self.branch, self.base, self.refs = branch, base, made_refs(self.root)
        self._reset()

    def perform(self, act: Callable[[Record], T]) -> T:
        """Act and push; afterwards the clone is as the remote is."""
        try:
            result = act(Record(self.root))
            self._require_committed()
            now = made_refs(self.root)
            made = [ref for ref, value in now.items() if self.refs.get(ref) != value]
            if head(self.root) != self.base or made:
                names = [f"{ref}:{ref}" for ref in made]
                options = ("--quiet", "--porcelain", "--atomic", "--no-verify")
                self._ask("push", *options, self.remote, f"HEAD:{self.branch}", *names)
                self.base, self.refs = head(self.root), now
            return result
        finally:
            self._reset()

    def _require_committed(self) -> None:
        """An act commits what it writes: else the next reset would lose it without a word."""
        left = git(self.root, "status", "--porcelain", "--untracked-files=all").splitlines()
        if left:
            raise ZooError(f"{one_line(left[0][3:])} was written, not committed: nothing is kept")

    def _reset(self) -> None:
        """Files, branch and references as they were after `renew`, or after the push."""
        name = self.branch.removeprefix("refs/heads/")
        git(self.root, "checkout", "--quiet", "--force", "--no-track", "-B", name, self.base)
        git(self.root, "clean", "-ffdq")
        git(self.root, "clean", "-ffdxq", "--", "reviews")
        restore_refs(self.root, self.refs)

    def _ask(self, *arguments: str) -> str:
        """Output of a git command that talks to the remote; `_Again` where that fails."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=self.environment,
        )
        if done.returncode == 0:
            return done.stdout
        lines = (done.stdout + done.stderr).splitlines()
        why = next((line for line in lines if line.startswith(TELLING)), "no answer")
        for secret in self.secrets:
            why = why.replace(secret, "***")
        raise _Again(f"git {arguments[0]}: {one_line(why)}")

    def _header(self, token: str) -> dict[str, str]:
        """Settings for git, in its environment: the header, for this remote's address only."""
        url = git(self.root, "remote", "get-url", "--push", self.remote)
        if not token or not url.startswith(("https://", "http://")):
            return {}
        number = int(os.environ.get("GIT_CONFIG_COUNT", "0"))
        return {
            "GIT_CONFIG_COUNT": str(number + 1),
            f"GIT_CONFIG_KEY_{number}": f"http.{url}.extraheader",
            f"GIT_CONFIG_VALUE_{number}": f"Authorization: Basic {_basic(token)}",
        }


def _basic(token: str) -> str:
    return base64.b64encode(f"x-access-token:{token}".encode()).decode()
