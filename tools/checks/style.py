"""Lint, format and documentation of the code."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.checks.findings import Finding, Skip
from tools.checks.registry import check
from tools.checks.subject import Subject
from tools.text import code_lines

HOUSE_FOLDERS = ("zoo/core", "zoo/__init__.py", "tools", "notebooks")


def _targets(subject: Subject) -> list[str]:
    """What ruff is asked to look at."""
    if not subject.is_house:
        return [subject.relative(subject.folder)]
    return [name for name in HOUSE_FOLDERS if (subject.root / name).exists()]


def _ruff(subject: Subject, *arguments: str) -> list[dict[str, Any]]:
    """What ruff says under the repository's configuration.

    That a notebook cannot be read is left out: the notebook check says it.
    """
    if importlib.util.find_spec("ruff") is None:
        raise Skip("ruff is not installed: pip install 'genzoo[workflow]'")
    command = [sys.executable, "-m", "ruff", *arguments, "--output-format=json", "--"]
    command += _targets(subject)
    done = subprocess.run(command, cwd=subject.root, capture_output=True, text=True, check=False)
    if done.returncode and not done.stdout:  # ruff could not work, as on a bad configuration
        raise RuntimeError(f"ruff: {done.stderr}")
    unreadable = ("io", "invalid-syntax")
    return [
        item
        for item in json.loads(done.stdout or "[]")  # without a Python file it says nothing
        if not (item["filename"].endswith(".ipynb") and item["code"] in unreadable)
    ]


def _path(subject: Subject, item: dict[str, Any]) -> str:
    """The file of one of ruff's findings."""
    return subject.relative(Path(item["filename"]))


@check("lint", needs=("syntax",), house=True)
def lint(subject: Subject) -> Iterator[Finding]:
    """`ruff check` passes; missing docstrings are the docs check's business."""
    for item in _ruff(subject, "check", "--no-fix", "--extend-ignore=D1"):
        path, cell = _path(subject, item), f" (cell {item['cell']})" if item["cell"] else ""
        offered = (item["fix"] or {}).get("message")
        fix = f"{offered}: ruff check --fix {path}" if offered else f"see {item['url']}"
        line = None if cell else item["location"]["row"]
        yield Finding(path, f"{item['code']}{cell}: {item['message']}", fix, line)


@check("format", needs=("syntax",), house=True)
def format_(subject: Subject) -> Iterator[Finding]:
    """`ruff format` would change nothing."""
    for item in _ruff(subject, "format", "--check"):
        path = _path(subject, item)
        yield Finding(path, "not formatted", f"ruff format {path}")


@check("docs", needs=("syntax",), house=True)
def docs(subject: Subject) -> Iterator[Finding]:
    """Modules, public classes and functions have docstrings, and every Config field a line."""
    for item in _ruff(subject, "check", "--no-fix", "--select=D1", "--ignore=D105,D107"):
        fix = "say what it is; shapes, units and errors where it has any"
        yield Finding(_path(subject, item), item["message"], fix, item["location"]["row"])
    if subject.is_house:
        return
    for path in subject.python_files():
        if path.name == "model.py":
            yield from _model_docstring(subject, path)
        elif path.name == "recipe.py":
            yield from _config_fields(subject, path)


def _model_docstring(subject: Subject, path: Path) -> Iterator[Finding]:
    """The module docstring of model.py names the paper and the command that trains it."""
    text = ast.get_docstring(subject.trees[path]) or ""
    if not text:
        return  # ruff has said so
    place = subject.relative(path)
    command = f"zoo train {subject.name}"
    if command not in text:
        yield Finding(
            place, f"the docstring does not say `{command}`", "add the command that trains it", 1
        )
    paper = subject.front_matter.get("paper")
    arxiv = str(paper.get("arxiv", "")) if isinstance(paper, dict) else ""
    if arxiv not in text:
        yield Finding(place, f"the docstring does not name arXiv {arxiv}", "cite the paper", 1)


def _config_fields(subject: Subject, path: Path) -> Iterator[Finding]:
    """`Config` is a frozen dataclass and each of its fields is described.

    A description is the string below the field, a comment beside or above it, or a line of the
    class's docstring that begins with the field's name.
    """
    place, lines = subject.relative(path), code_lines(subject.text(path))
    classes = [node for node in subject.trees[path].body if isinstance(node, ast.ClassDef)]
    config = next((node for node in classes if node.name == "Config"), None)
    if config is None:
        yield Finding(
            place,
            "there is no class Config",
            "add a frozen dataclass: its fields are the recipe",
            1,
        )
        return
    if "frozen=True" not in " ".join(ast.unparse(d) for d in config.decorator_list):
        fix = "write @dataclass(frozen=True, kw_only=True)"
        yield Finding(place, "Config is not a frozen dataclass", fix, config.lineno)
    described = ast.get_docstring(config) or ""
    following = [*config.body[1:], None]
    for node, after in zip(config.body, following, strict=True):
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
            continue
        name = node.target.id
        # ast counts columns in bytes.
        beside = b"#" in lines[node.end_lineno - 1].encode()[node.end_col_offset :]
        above = lines[node.lineno - 2].lstrip().startswith("#")
        below = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if not (beside or above or below or re.search(rf"(?m)^\W*{name}\b", described)):
            fix = "say what it is, and its unit, in a string below it or a comment beside it"
            yield Finding(place, f"Config.{name} is not described", fix, node.lineno)
