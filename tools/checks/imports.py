"""Who may import whom: tools -> zoo.<entry> -> zoo.core, read from the code without running it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.checks.findings import Finding
from tools.checks.registry import check
from tools.checks.subject import SCRATCH, Subject, walk_nodes

WORKFLOW = {"pydantic", "papermill", "nbformat", "nbclient", "nbconvert", "rich", "ruff", "IPython"}
PICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
MODEL = {"torch", "numpy"}
EXTRAS = {"lightning_fabric", "tensorboard"}  # imported where they are asked for
RUNTIME = MODEL | EXTRAS | {"torchvision", "scipy", "sklearn", "safetensors"}
RUNTIME |= {"click", "yaml", "tqdm", "matplotlib", "PIL"}


def imported_modules(tree: ast.Module, package: str) -> Iterator[tuple[str, int]]:
    """(absolute module name, line) of every import in the file, at any depth.

    `package` is the file's own, for relative imports. `from a import b` yields `a.b`: whether b is
    a module or a name in it, the first parts decide.
    """
    for node in walk_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = parts[: len(parts) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{stem}.{alias.name}", node.lineno


def entry_folders(root: Path) -> set[str]:
    """Names of the folders beside zoo/core."""
    folders = {path.name for path in (root / "zoo").iterdir() if path.is_dir()}
    return folders - {"core", *SCRATCH}


@check("imports", needs=("syntax",), house=True)
def imports(subject: Subject) -> Iterator[Finding]:
    """Imports follow the layers, and nothing in zoo needs the workflow's packages."""
    entries, allowed = entry_folders(subject.root), subject.builds_on
    for path, tree in subject.trees.items():
        place = subject.relative(path)
        package = ".".join(path.relative_to(subject.root).parent.parts)
        is_test = path.name.startswith("test_") or path.name == "conftest.py"
        for module, line in imported_modules(tree, package):
            broken = _layer_rule(subject, module, entries, allowed)
            if broken is None and not is_test:
                broken = _package_rule(module, subject, path)
            if broken:
                yield Finding(place, *broken, line)
        if path.name == "__init__.py" and not subject.is_house:
            # Neither digests nor mutants are of it: a change would stay unseen.
            for node in filter(_does_something, tree.body):
                fix = "leave a docstring, imports and __all__ there; the rest to model.py"
                yield Finding(place, "code in __init__.py", fix, node.lineno)


def _does_something(node: ast.stmt) -> bool:
    """Whether a statement is more than a docstring, an import, or `__all__ = [...]`."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(ast.Constant()):
            return False
        case ast.Assign([ast.Name("__all__")], ast.List() | ast.Tuple()):
            return False
    return True


def _layer_rule(
    subject: Subject, module: str, entries: set[str], allowed: set[str]
) -> tuple[str, str] | None:
    """The (rule, fix) that an import breaks by reaching into another layer."""
    top, _, rest = module.partition(".")
    if top == "tools":
        return "zoo does not import tools", "move what both need to zoo.core"
    other = rest.partition(".")[0]
    if top == "zoo" and not subject.is_house and (subject.root / "zoo" / f"{other}.py").is_file():
        return f"imports zoo/{other}.py, which is no entry's", "put it beside model.py"
    if top != "zoo" or other not in entries or other == subject.name:
        return None
    if subject.is_house:
        return (
            f"zoo.core knows no paper, but imports zoo.{other}",
            "pass the model in as an argument",
        )
    if other not in allowed:
        fix = f"add `builds_on: [{other}]` to the card if the paper builds on it, or write your own"
        return f"imports zoo.{other}, which the card does not name", fix
    return None


def _package_rule(module: str, subject: Subject, path: Path) -> tuple[str, str] | None:
    """The (rule, fix) that an import of a package breaks."""
    top = module.partition(".")[0]
    if re.match(r"zoo\.\w+\.(test_|conftest\b)", module):
        # Neither digests nor mutants are of the tests: a change of the model would stay unseen.
        return f"imports {module}, which is a test's", "move what both need beside model.py"
    if top in PICKLERS:
        return f"{top} runs code when it loads", "save tensors with zoo.core.checkpoints"
    if top in WORKFLOW:
        return f"zoo must work without {top}", "move this to tools, or do without"
    if subject.is_house or top in sys.stdlib_module_names:
        return None
    if path.name == "model.py":
        if module.startswith("zoo.core") or top not in {*MODEL, "zoo"}:
            fix = "model.py stands alone: torch, numpy and the standard library"
            return f"model.py imports {module}", fix
    elif top not in RUNTIME | {"zoo"}:
        return (
            f"{top} is not a dependency of zoo",
            "do without it, or propose it for pyproject.toml",
        )
    return None
