"""A new entry's folder, made from `templates/entry/`."""

from __future__ import annotations

import ast
import inspect
import json
import keyword
import re
import shutil
import tempfile
from pathlib import Path

from zoo.core import families, protocols
from zoo.core.errors import ZooError, nearest

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
ARXIV = re.compile(r"\d{4}\.\d{4,5}|[a-z-]+(\.[A-Z]{2})?/\d{7}")
RESERVED = {"core", "house", "tests"}  # folders and words that mean something else
BINARY = {"autoregressive", "latent-variable"}  # families whose Protocol or metrics speak of bits
_TOKEN = re.compile(r"\{\{(\w+)\}\}")


def create_entry(root: Path, name: str, title: str, arxiv: str, family: str) -> Path:
    """Write the skeleton of `zoo/<name>/` below `root` and return the folder.

    The folder appears complete or not at all.

    Raises:
        ZooError: a name that is taken or no package name, or an arXiv id or family that is none.
    """
    folder = root / "zoo" / name
    check_name(name)
    if folder.exists():
        raise ZooError(f"zoo/{name} exists already: choose another name, or remove the folder")
    if family not in families.FAMILIES:
        raise ZooError(f"unknown family '{family}': {nearest(family, families.FAMILIES)}")
    if arxiv != "TODO" and not ARXIV.fullmatch(arxiv):
        raise ZooError(f"'{arxiv}' is no arXiv identifier: write it as in 1312.6114")
    if not title.isprintable() or not title.strip():
        raise ZooError("a title is one line of text")
    template = root / "templates" / "entry"
    if not template.is_dir():
        raise ZooError(f"no templates in {root}: zoo new works in a clone, after pip install -e .")
    values = _values(name, title, arxiv, family)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{name}-"))
    try:
        for source in sorted(template.iterdir()):
            target = partial / _fill(source.name, values)
            target.write_text(_render(source, values), encoding="utf-8")
        partial.chmod(0o755)
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return folder


def check_name(name: str) -> None:
    """ZooError unless this can be the name of an entry's package."""
    if not NAME.fullmatch(name) or keyword.iskeyword(name) or name in RESERVED:
        rule = "use lower-case words joined by single underscores, such as wgan_gp"
        raise ZooError(f"'{name}' cannot be an entry's name: {rule}")


def _values(name: str, title: str, arxiv: str, family: str) -> dict[str, str]:
    """What the template's {{tokens}} stand for."""
    imports, attributes, methods = _stubs(family)
    year = re.match(r"(\d\d)\d\d\.", arxiv)  # arXiv ids of the new form begin with year and month
    return {
        "name": name,
        "class": "".join(word.capitalize() for word in name.split("_")),
        "title": title,
        "title_quoted": json.dumps(title, ensure_ascii=False),
        "arxiv": arxiv,
        "year": f"20{year[1]}" if year else "TODO",
        "family": family,
        "dataset": "binarized-digits" if family in BINARY else "digits",
        "imports": imports,
        "attributes": attributes,
        "methods": methods,
    }


def _fill(text: str, values: dict[str, str]) -> str:
    """The text with its tokens replaced, in one pass: a value that looks like a token stays."""
    return _TOKEN.sub(lambda match: values[match[1]], text)


def _render(source: Path, values: dict[str, str]) -> str:
    """A template's text; tokens in a notebook stand inside JSON strings."""
    if source.suffix == ".ipynb":
        values = {key: json.dumps(value, ensure_ascii=False)[1:-1] for key, value in values.items()}
    return _fill(source.read_text(encoding="utf-8"), values)


def _stubs(family: str) -> tuple[str, str, str]:
    """(import lines, attributes to set, methods to write), from the source of a family's Protocol.

    The methods keep the Protocol's signatures and docstrings, so that the skeleton says what each
    must return; a derived Protocol's method replaces that of its base.
    """
    source = inspect.getsource(protocols)
    classes = {n.name: n for n in ast.parse(source).body if isinstance(n, ast.ClassDef)}
    bases = [base.__name__ for base in families.FAMILIES[family].protocol.__mro__]
    attributes, methods = [], {}
    for node in (classes[base] for base in reversed(bases) if base in classes):
        for item in node.body:
            if isinstance(item, ast.AnnAssign) and item.target.id != "event_shape":
                attributes.append(item.target.id)
            elif isinstance(item, ast.FunctionDef):
                methods[item.name] = _stub(source, item)
    code = "\n\n".join(methods.values())
    names = [name for name in ("Generator", "Tensor") if re.search(rf"\b{name}\b", code)]
    imports = f"import torch\nfrom torch import {', '.join(names)}, nn"
    if "Distribution" in code:
        imports += "\nfrom torch.distributions import Distribution"
    todo = ", ".join(f"set self.{name}" for name in attributes)
    return imports, f"\n        # TODO: {todo}" if todo else "", code


def _stub(source: str, method: ast.FunctionDef) -> str:
    """One method of a Protocol as the skeleton has it: its lines, then an error for `...`."""
    docstring = method.body[0]
    lines = source.splitlines()[method.lineno - 1 : docstring.end_lineno]
    if method.name == "sample":
        lines.insert(0, "    @torch.no_grad()")
    lines.append(f'        raise NotImplementedError("TODO: write {method.name}")')
    return "\n".join(lines)
