"""A small repository to check, with one complete entry."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from tools.checks import Report, Subject, run_checks
from tools.process.simulation.toy import fill_in
from tools.scaffold import create_entry
from zoo.core.registry import ZOO_FOLDER


class Repository:
    """A repository below a temporary folder with the entry "toy"."""

    def __init__(self, root: Path) -> None:
        self.root, self.toy = root, root / "zoo" / "toy"

    def check(self, *names: str, static: bool = True) -> Report:
        """The report on the named subjects, on toy by default."""
        subjects = [Subject(name, self.root) for name in names or ["toy"]]
        return run_checks(subjects, static=static, jobs=2)

    def new(self, name: str = "toy") -> None:
        """The skeleton of an entry."""
        title = "Masked Autoencoder for Distribution Estimation"
        create_entry(self.root, name, title, "1502.03509", "autoregressive")


@pytest.fixture
def bare(tmp_path: Path) -> Repository:
    """A repository with the real configuration and templates, and no entry."""
    source = ZOO_FOLDER.parent
    shutil.copy(source / "pyproject.toml", tmp_path)
    shutil.copytree(source / "templates", tmp_path / "templates")
    (tmp_path / "zoo" / "core").mkdir(parents=True)
    for package in ("zoo", "zoo/core"):
        (tmp_path / package / "__init__.py").write_text('"""A package."""\n')
    return Repository(tmp_path)


@pytest.fixture
def repository(bare: Repository) -> Repository:
    """A repository whose entry "toy" breaks no static rule but that of its evidence."""
    bare.new()
    fill_in(bare.toy)
    Image.new("L", (8, 8)).save(bare.toy / "samples.png")
    return bare
