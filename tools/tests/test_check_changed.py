"""`zoo check --changed`: which subjects a change touches."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.checks.gitdiff import affected, changed_paths
from zoo.core.errors import ZooError


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    command = ["git", "-C", str(root), *identity, *arguments]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A committed repository: b builds on a, c on b, d on nothing."""
    for name, base in {"a": "", "b": "a", "c": "b", "d": ""}.items():
        folder = tmp_path / "zoo" / name
        folder.mkdir(parents=True)
        (folder / "README.md").write_text(f"---\nbuilds_on: [{base}]\n---\n")
    (tmp_path / "zoo" / "core").mkdir()
    (tmp_path / "zoo" / "core" / "noise.py").touch()
    git(tmp_path, "init", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    return tmp_path


def test_dependants_follow_over_several_steps(root: Path) -> None:
    assert affected(root, {"zoo/a/model.py"}) == ["a", "b", "c"]
    assert affected(root, {"zoo/b/model.py"}) == ["b", "c"]
    assert affected(root, {"zoo/d/model.py"}) == ["d"]
    assert affected(root, {"README.md"}) == []


@pytest.mark.parametrize("path", ["zoo/core/noise.py", "pyproject.toml", "tools/checks/card.py"])
def test_what_all_share_touches_all(root: Path, path: str) -> None:
    assert affected(root, {path}) == ["house", "a", "b", "c", "d"]


def test_lessons_and_other_tools_touch_the_house_only(root: Path) -> None:
    assert affected(root, {"notebooks/00_tour.ipynb"}) == ["house"]
    assert affected(root, {"tools/site/build.py"}) == ["house"]


def test_changes_are_counted_from_where_the_branch_began(root: Path) -> None:
    git(root, "checkout", "-b", "mine")
    (root / "zoo" / "a" / "model.py").touch()
    git(root, "add", ".")
    git(root, "commit", "-m", "mine")
    git(root, "checkout", "main")
    (root / "zoo" / "d" / "model.py").touch()  # main goes on: none of my business
    git(root, "add", ".")
    git(root, "commit", "-m", "theirs")
    git(root, "checkout", "mine")
    (root / "zoo" / "b" / "new file.py").touch()  # untracked, with a space
    (root / "zoo" / "c" / "README.md").write_text("changed")  # not staged
    paths = {"zoo/a/model.py", "zoo/b/new file.py", "zoo/c/README.md"}
    assert changed_paths(root, None) == paths
    assert changed_paths(root, "main") == paths
    assert changed_paths(root, "HEAD") == paths - {"zoo/a/model.py"}


def test_a_moved_file_touches_both_folders(root: Path) -> None:
    git(root, "mv", "zoo/a/README.md", "zoo/d/moved.md")
    assert changed_paths(root, None) == {"zoo/a/README.md", "zoo/d/moved.md"}


def test_ignored_files_do_not_count(root: Path) -> None:
    (root / ".gitignore").write_text("runs/\n")
    (root / "runs").mkdir()
    (root / "runs" / "x").touch()
    assert changed_paths(root, None) == {".gitignore"}


def test_no_branch_and_no_repository_are_one_line(root: Path, tmp_path_factory) -> None:
    with pytest.raises(ZooError, match=r"git merge-base failed .*gone"):
        changed_paths(root, "gone")
    git(root, "branch", "-m", "main", "trunk")
    with pytest.raises(ZooError, match="no branch main to compare with: name one with --base"):
        changed_paths(root, None)
    with pytest.raises(ZooError, match="not a git repository"):
        changed_paths(tmp_path_factory.mktemp("plain"), None)
