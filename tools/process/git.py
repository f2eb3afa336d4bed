"""The few git commands that the process needs."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from zoo.core.errors import ZooError

CONTENT = (("cat-file", "blob"), ("cat-file", "--batch"))
# Where git works, as hooks and other programs set it: a command works on its own clone.
ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")
ELSEWHERE += ("GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_ALTERNATE_OBJECT_DIRECTORIES")
PATIENCE = 5.0  # seconds that a commit waits for another git command in the same clone


def git(
    root: Path, *arguments: str, check: bool = True, stdin: bytes | None = None, **environment: str
) -> str:
    """Standard output of a git command; without the last newline, unless it is a file's content.

    Raises:
        ZooError: git says no, and `check` is set; its first line of complaint.
    """
    return git_bytes(root, *arguments, check=check, stdin=stdin, **environment).decode(
        errors="replace"
    )


def git_bytes(
    root: Path, *arguments: str, check: bool = True, stdin: bytes | None = None, **environment: str
) -> bytes:
    """The same, as bytes."""
    ours = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    done = subprocess.run(
        ["git", *arguments],
        cwd=root,
        input=stdin,
        stdin=None if stdin is not None else subprocess.DEVNULL,
        capture_output=True,
        env={**ours, "LC_ALL": "C", **environment},
    )
    if check and done.returncode:
        complaint = done.stderr.decode(errors="replace").strip().splitlines()
        because = complaint[0] if complaint else f"status {done.returncode}"
        raise ZooError(f"git {arguments[0]}: {because}")
    content = arguments[0] == "show" or arguments[:2] in CONTENT
    return done.stdout if content else done.stdout.rstrip(b"\n")


def head(root: Path) -> str:
    """The present commit; empty before the first."""
    return git(root, "rev-parse", "--verify", "--quiet", "HEAD", check=False)


def has_commit(root: Path, commit: str) -> bool:
    """Whether a commit is in this clone."""
    found = ("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
    return bool(git(root, *found, check=False))


def how_to_fetch(root: Path) -> str:
    """What brings a commit that others have: the rest of a shallow clone, or a tag."""
    if git(root, "rev-parse", "--is-shallow-repository", check=False) == "true":
        return "git fetch --unshallow --tags"
    return "git fetch --tags; if that does not bring it, who submitted it says git push --tags"


def require_commit(root: Path, commit: str) -> None:
    """Refuse to go on without a frozen commit."""
    if not has_commit(root, commit):
        rule = f"this clone lacks the frozen commit {commit[:12]}"
        raise ZooError(f"{rule}: {how_to_fetch(root)}")


def file_at(root: Path, commit: str, path: str) -> bytes | None:
    """A file's content at a commit; None where there is no such file."""
    try:
        return git_bytes(root, "cat-file", "blob", f"{commit}:{path}")
    except ZooError:
        return None


def commit_paths(root: Path, message: str, *paths: str) -> None:
    """Commit these paths and nothing else, ignored ones too; without hooks, which judge code."""
    _when_free(root, "add", "--force", "--", *paths)
    if git(root, "diff", "--cached", "--name-only", "--", *paths):
        _when_free(root, "commit", "--quiet", "--no-verify", "-m", message, "--", *paths)


def _when_free(root: Path, *arguments: str) -> None:
    """Run a command that writes the index, when no other git command does."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            git(root, *arguments)
            return
        except ZooError as error:
            if ".lock': File exists" not in str(error):
                raise
            if time.monotonic() > until:
                lock = str(error).split("'")[1]
                rule = "another git command is at work in this clone, or was killed"
                raise ZooError(f"{rule}; if none is, remove {lock}") from None
        time.sleep(0.1)
