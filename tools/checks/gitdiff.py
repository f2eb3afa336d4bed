"""Which entries a change touches, asked of git."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tools.checks.subject import HOUSE, entry_subjects
from zoo.core.errors import ZooError


def _git(root: Path, *arguments: str) -> str:
    """Output of a git command; ZooError with git's own last line when it fails."""
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ZooError("git is not installed: name the entries to check, or use --all") from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ZooError(f"git {arguments[0]} failed ({reason}): name the entries, or use --all")
    return done.stdout


def changed_paths(root: Path, base: str | None) -> set[str]:
    """Files that differ from the merge base with `base`, untracked ones included.

    Without `base` that is the branch main, here or at origin.
    """
    known = _git(root, "for-each-ref", "--format=%(refname:short)").split()
    candidates = [base] if base else [name for name in ("main", "origin/main") if name in known]
    if not candidates:
        raise ZooError("there is no branch main to compare with: name one with --base")
    start = _git(root, "merge-base", candidates[0], "HEAD").strip()
    # -z: names as they are, without quotes; --no-renames: a moved file counts for both folders.
    tracked = _git(root, "diff", "--name-only", "--no-renames", "-z", start)
    untracked = _git(root, "ls-files", "--others", "--exclude-standard", "-z")
    return {name for name in (tracked + untracked).split("\0") if name}


def affected(root: Path, paths: set[str]) -> list[str]:
    """Names of the subjects to check again when `paths` changed, in the order of a full check.

    An entry is affected when a file of its folder changed, or when it builds on an affected one.
    The core, the project's configuration and the checks themselves affect every entry.
    """
    subjects = entry_subjects(root)
    names = [subject.name for subject in subjects]
    everything = (
        "zoo/core/",
        "zoo/__init__.py",
        "pyproject.toml",
        "tools/checks/",
        "tools/cards.py",
        "tools/documents.py",
        "tools/yamltext.py",
    )
    if any(path.startswith(everything) for path in paths):
        return [HOUSE, *names]
    hit = {name for name in names if any(path.startswith(f"zoo/{name}/") for path in paths)}
    while True:
        more = {s.name for s in subjects if hit & s.builds_on} - hit
        if not more:
            break
        hit |= more
    house = any(path.startswith(("tools/", "notebooks/")) for path in paths)
    return [HOUSE] * house + [name for name in names if name in hit]
