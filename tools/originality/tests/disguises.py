"""Disguises of a copy, for the corpus that the threshold is calibrated on.

Each takes Python source and gives source that does the same (or, for `half`, half of it) and looks
different. They are applied one on top of the other: every level includes those before it.
"""

from __future__ import annotations

import ast
import json
import random
from collections.abc import Callable

_KEPT = {"self", "cls", "super", "forward", "setup"}  # names that a framework looks for
_DTYPES = {"float32": "float64", "float64": "float32", "int64": "int32", "bool": "uint8"}
_DEAD = (
    "unused_total = sum(range(len(str(__name__))))",
    "debug_flag = bool(__debug__) and isinstance(__name__, str)",
    "scratch = [entry for entry in sorted(globals()) if entry.startswith('_') or not entry]",
    "if len(str(id(object))) > 400:\n    raise RuntimeError('cannot be ' + str(__name__))",
)
Disguise = Callable[[ast.Module, random.Random], ast.Module]


def own_names(tree: ast.AST) -> set[str]:
    """Names that the file itself gives: what an author can change at will."""
    names = _names(tree, ast.Store)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
    return names


class _Renamed(ast.NodeTransformer):
    """Every own name becomes another word, the same one everywhere in the file."""

    def __init__(self, tree: ast.Module, draw: random.Random) -> None:
        words = sorted(own_names(tree) - _KEPT)
        numbers = list(range(len(words)))
        draw.shuffle(numbers)
        dunder = {word for word in words if word.startswith("__")}
        self.new = {
            word: word if word in dunder else f"{'_' * word.startswith('_')}item_{number}"
            for word, number in zip(words, numbers, strict=True)
        }

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self.new.get(node.id, node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        node.attr = self.new.get(node.attr, node.attr)
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self.new.get(node.arg, node.arg)
        return self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        node.arg = self.new.get(node.arg, node.arg) if node.arg else None
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self.new.get(node.name, node.name)
        return self.generic_visit(node)

    visit_ClassDef = visit_FunctionDef


def renamed(tree: ast.Module, draw: random.Random) -> ast.Module:
    """All own names changed; formatting and comments are lost on the way."""
    return _Renamed(tree, draw).visit(tree)


class _Reworded(ast.NodeTransformer):
    def __init__(self, draw: random.Random) -> None:
        self.draw = draw

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, bool) or node.value is None:
            return node
        if isinstance(node.value, int | float):
            node.value = node.value + self.draw.randint(1, 9)
        elif isinstance(node.value, str):
            node.value = "words " + node.value[::-1][:20]
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        node.attr = _DTYPES.get(node.attr, node.attr)
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Name("object", ast.Load())
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)


def reworded(tree: ast.Module, draw: random.Random) -> ast.Module:
    """Literals, docstrings, element types and type hints changed."""
    return _Reworded(draw).visit(tree)


def _names(node: ast.AST, kind: type) -> set[str]:
    found = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, kind)}
    return found | {
        n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute) and isinstance(n.ctx, kind)
    }


def _independent(first: ast.stmt, second: ast.stmt) -> bool:
    """Whether two neighbouring statements can change places."""
    simple = (ast.Assign, ast.AnnAssign, ast.Expr)
    if not isinstance(first, simple) or not isinstance(second, simple):
        return False
    written, also = _names(first, ast.Store), _names(second, ast.Store)
    read, again = _names(first, ast.Load), _names(second, ast.Load)
    return not (written & (again | also) or also & read)


def reordered(tree: ast.Module, draw: random.Random) -> ast.Module:
    """Functions and classes shuffled, independent neighbours exchanged."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        if isinstance(node, ast.Module | ast.ClassDef):
            places = [
                i for i, item in enumerate(body) if isinstance(item, ast.FunctionDef | ast.ClassDef)
            ]
            moved = [body[i] for i in places]
            draw.shuffle(moved)
            for place, item in zip(places, moved, strict=True):
                body[place] = item
        for place in range(len(body) - 1):
            if _independent(body[place], body[place + 1]):
                body[place], body[place + 1] = body[place + 1], body[place]
    return tree


def padded(tree: ast.Module, draw: random.Random) -> ast.Module:
    """A statement that does nothing after every statement of every function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            body = []
            for item in node.body:
                body += [item, *ast.parse(draw.choice(_DEAD)).body]
            node.body = body
    return tree


def halved(tree: ast.Module, other: ast.Module, draw: random.Random) -> ast.Module:
    """Half of the functions, by length, give way to those of another's file."""
    functions = [
        (holder.body, item)
        for holder in ast.walk(tree)
        if isinstance(holder, ast.Module | ast.ClassDef)
        for item in holder.body
        if isinstance(item, ast.FunctionDef)
    ]
    draw.shuffle(functions)
    whole = sum(len(ast.unparse(item)) for _, item in functions)
    gone = 0
    for body, item in functions:
        if gone + len(ast.unparse(item)) <= whole / 2:
            gone += len(ast.unparse(item))
            body[body.index(item)] = ast.Pass()
    tree.body += other.body
    return tree


LEVELS: dict[str, tuple[Disguise, ...]] = {
    "renamed": (renamed,),
    "reformatted": (renamed,),  # `written` adds comments and blank lines
    "literals and types": (renamed, reworded),
    "reordered": (renamed, reworded, reordered),
    "half rewritten": (renamed, reworded, reordered),
    "in a notebook": (renamed, reworded, reordered),
    "dead code": (renamed, reworded, reordered, padded),
}


def disguised(source: str, level: str, seed: int, other: str = "") -> str:
    """A copy of a file under a disguise.

    Args:
        source: the file.
        level: one of `LEVELS`.
        seed: of all choices.
        other: for "half rewritten", the file that the other half is taken from.
    """
    draw = random.Random(seed)
    tree = ast.parse(source)
    if level == "half rewritten":
        tree = halved(tree, ast.parse(other), draw)
    for change in LEVELS[level]:
        tree = change(tree, draw)
    text = ast.unparse(ast.fix_missing_locations(tree))
    return text if level == "renamed" else _recommented(text, draw)


def _recommented(text: str, draw: random.Random) -> str:
    """Comments and blank lines of no meaning, where a line begins a statement."""
    lines = []
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        if draw.random() < 0.3 and not line.strip().startswith(("'", '"')):
            lines += ["", f"{indent}# step {draw.randint(1, 99)}"]
        lines.append(line)
    return "\n".join(lines) + "\n"


def notebook(source: str) -> str:
    """The same code as a notebook, a cell for every statement of the file."""
    cells = [
        {
            "cell_type": "code",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": ast.unparse(node).splitlines(keepends=True),
        }
        for node in ast.parse(source).body
    ]
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})
