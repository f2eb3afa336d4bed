"""The instructor's private directory: never in the repository, nor in a clone or worktree of it."""

from __future__ import annotations

import os
from pathlib import Path

from tools.process.git import git
from zoo.core.errors import ZooError


def private_folder(given: str | None, root: Path) -> Path:
    """The private directory that the command line or ZOO_PRIVATE names; it need not exist.

    Args:
        given: of the option --private, or None.
        root: the clone whose grades it holds.

    Raises:
        ZooError: none was named, or it lies where git could publish it.
    """
    named = given or os.environ.get("ZOO_PRIVATE")
    if not named:
        raise ZooError(
            "grades live outside the repository: say --private DIR, or set ZOO_PRIVATE once"
        )
    folder = Path(named).expanduser().resolve()
    for tree in (root.resolve(), *_worktrees(root)):
        if folder.is_relative_to(tree):
            raise ZooError(f"{folder} lies in the repository ({tree}): choose a folder outside")
    for above in (folder, *folder.parents):
        if os.path.exists(above / "reviews" / "policy.yaml"):  # Path's own raises in a closed one
            raise ZooError(
                f"{folder} lies in a clone of the zoo ({above}): choose a folder outside"
            )
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise ZooError(f"{folder} is a file: name a folder")
    return folder


def existing(folder: Path) -> Path:
    """The folder; ZooError where it has not been prepared."""
    if not folder.is_dir():
        raise ZooError(f"{folder} does not exist: run zoo grade --prepare")
    return folder


def _worktrees(root: Path) -> list[Path]:
    """The repository itself and all work trees of it, resolved."""
    listing = git(root, "worktree", "list", "--porcelain").splitlines()
    trees = [line.removeprefix("worktree ") for line in listing if line.startswith("worktree ")]
    common = git(root, "rev-parse", "--path-format=absolute", "--git-common-dir")
    return [Path(tree).resolve() for tree in (*trees, common)]
