"""Frozen versions as folders to read and run: git worktrees below `build/reviews/`."""

from __future__ import annotations

import shutil
from pathlib import Path

from tools.process.git import git, require_commit
from zoo.core.errors import ZooError


def frozen_worktree(root: Path, model: str, commit: str) -> Path:
    """The folder with the frozen version 1 of an entry, as it was committed.

    It is made where there is none, and mended where it is broken, incomplete or at another commit.

    Raises:
        ZooError: the clone lacks the commit, or somebody has changed files there.
    """
    path = root / "build" / "reviews" / f"{model}-v1"
    require_commit(root, commit)
    if _belongs_to(root, path):
        _refuse_changed(root, path)
        try:
            git(path, "checkout", "--quiet", "--force", "--detach", commit)
            return path
        except ZooError:
            pass  # the rest of a run that was killed: nobody's work is in it
    if path.exists():
        shutil.rmtree(path)
    git(root, "worktree", "prune")
    # Forced twice, because a killed run leaves its entry locked.
    git(root, "worktree", "add", "--force", "--force", "--quiet", "--detach", str(path), commit)
    return path


def _belongs_to(root: Path, path: Path) -> bool:
    """Whether git takes the folder for a worktree of this clone."""
    if not (path / ".git").is_file():
        return False
    common = ("rev-parse", "--path-format=absolute", "--git-common-dir")
    ours, theirs = (git(folder, *common, check=False) for folder in (root, path))
    return ours == theirs


def _refuse_changed(root: Path, path: Path) -> None:
    """A reviewer's experiments are neither run as the frozen version nor thrown away."""
    status = git(path, "status", "--porcelain", check=False).splitlines()
    changed = [line[3:] for line in status if "D" not in line[:2]]
    if changed:
        here = path.relative_to(root).as_posix()
        rule = f"{here}: {changed[0]} is not as it was frozen"
        raise ZooError(f"{rule}; keep your changes elsewhere: git -C {here} stash -u")
