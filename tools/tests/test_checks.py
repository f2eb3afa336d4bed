"""Every static rule: a complete entry breaks none, and one damage breaks one rule at its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tools.checks import Finding
from tools.process.simulation.toy import replace
from tools.tests.conftest import Repository

BESIDES = {"evidence"}  # has tests of its own


def findings(repository: Repository, *names: str) -> list[tuple[str, Finding]]:
    """(check, finding) pairs of the static checks."""
    report = repository.check(*names)
    return [(r.check, f) for r in report.results if r.check not in BESIDES for f in r.findings]


def the_one(repository: Repository, check: str) -> Finding:
    """The only finding, which must be of the named check."""
    found = findings(repository)
    assert [name for name, _ in found] == [check], found
    return found[0][1]


def test_a_complete_entry_breaks_no_rule(repository: Repository) -> None:
    assert findings(repository) == []


def test_the_house_of_a_repository_breaks_no_rule(repository: Repository) -> None:
    assert findings(repository, "house") == []


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text()))


def append(text: str) -> Callable[[Path], None]:
    """Add text at a file's end."""
    return lambda path: rewrite(path, lambda old: old + text)


def swap(old: str, new: str) -> Callable[[Path], None]:
    """Replace a text that occurs once."""
    return lambda path: replace(path, {old: new})


def below(path: Path) -> None:
    """Move the model into a subfolder."""
    path.parent.mkdir()
    path.write_text((path.parents[1] / "model.py").read_text())


# file, damage, check that must find it, words of the rule, line
DAMAGES: list[tuple[str, Callable[[Path], None], str, str, int | None]] = [
    ("mistakes.yaml", Path.unlink, "layout", "file is missing", None),
    ("samples.png", Path.unlink, "layout", "picture is missing", None),
    ("model.py", append("# x\n" * 350), "layout", "lines; a file has at most 350", 351),
    ("notes.md", lambda p: p.write_bytes(b"\xef\xbb\xbfhello\n"), "layout", "byte-order", 1),
    ("notes.md", lambda p: p.write_bytes(b"a\nb\r\n"), "layout", "CRLF", 2),
    ("notes.md", lambda p: p.write_bytes(b"a\n\xff\n"), "layout", "not UTF-8", 2),
    ("log.txt", lambda p: p.write_text("x" * (2**20 + 1)), "layout", "1.0 MiB; the limit", None),
    ("model.pt", lambda p: p.write_bytes(b"x"), "layout", "a pickle", None),
    ("weights.dat", lambda p: p.write_bytes(b"\x80\x04x"), "layout", "a pickle", None),
    ("weights.zip", lambda p: p.write_bytes(b"PK\3\4"), "layout", "a pickle", None),
    ("sub/impl.py", below, "layout", "Python below the entry's folder", None),
    ("digits.safetensors", lambda p: p.write_bytes(b"x"), "layout", "outside weights/", None),
    ("recipe.py", append("# TODO: tune\n"), "todo", "left to do", None),
    ("mistakes.yaml", lambda p: p.write_text("- ["), "mistakes", "not valid YAML", 2),
    ("mistakes.yaml", lambda p: p.write_text("a: 1\n"), "mistakes", "not a list", 1),
    ("mistakes.yaml", swap("tril(0)", "tril(("), "mistakes", "does not parse", None),
    ("mistakes.yaml", swap('"tril(-1)"', '"x"'), "mistakes", "`old` occurs", None),
    ("mistakes.yaml", swap('"tril(-1)"', '"gone"'), "mistakes", "`old` occurs 0 times", None),
    ("model.py", append("\n\n\nX = 1\n"), "format", "not formatted", None),
    ("model.py", append("\nimport json\n"), "lint", "E402", None),
    (
        "model.py",
        append("\n\ndef f() -> None:\n    pass\n"),
        "docs",
        "Missing docstring in public function",
        None,
    ),
    ("model.py", swap("arXiv 1502.03509", "a paper"), "docs", "name arXiv 1502.03509", 1),
    ("model.py", swap("zoo train toy", "zoo train"), "docs", "`zoo train toy`", 1),
    (
        "recipe.py",
        swap("        event_shape: shape (C, H, W)", "        of"),
        "docs",
        "Config.event_shape",
        23,
    ),
    ("recipe.py", swap("frozen=True, ", ""), "docs", "not a frozen dataclass", None),
    ("recipe.py", swap("class Config(", "class Settings("), "docs", "no class Config", 1),
    (
        "model.py",
        swap("import math", "import math\n\nimport scipy"),
        "imports",
        "imports scipy",
        None,
    ),
    (
        "recipe.py",
        swap("import dataclass", "import dataclass\nfrom tools import x"),
        "imports",
        "",
        6,
    ),
    ("model.py", append("\nfrom .test_util import f\n"), "imports", "zoo.toy.test_util.f", None),
    ("__init__.py", append("\nscale = 2\n"), "imports", "code in __init__.py", None),
    ("recipe.py", append("\nfrom zoo.toy import conftest\n"), "imports", "zoo.toy.conftest", None),
]


@pytest.mark.parametrize(
    ("name", "damage", "check", "words", "line"),
    DAMAGES,
    ids=[f"{check}-{words or name}" for name, _, check, words, _ in DAMAGES],
)
def test_one_damage_is_found_once_at_its_place(
    repository: Repository,
    name: str,
    damage: Callable[[Path], None],
    check: str,
    words: str,
    line: int | None,
) -> None:
    damage(repository.toy / name)
    found = [f for c, f in findings(repository) if c == check]
    assert len(found) >= 1
    assert words in found[0].rule
    assert found[0].path == f"zoo/toy/{name}"
    assert found[0].fix
    if line:
        assert found[0].line == line


def test_code_beside_the_entries_is_nobodys(repository: Repository) -> None:
    (repository.toy.parent / "net.py").write_text('"""A net."""\n')
    append("\nfrom zoo.net import Net\n")(repository.toy / "model.py")
    found = [f for c, f in findings(repository) if c == "imports"]
    assert [f.rule for f in found] == ["imports zoo/net.py, which is no entry's"]


def test_a_text_that_is_run_as_code_is_found(repository: Repository) -> None:
    append('\nexec("x = 1")\n')(repository.toy / "model.py")
    assert any("S102" in f.rule for c, f in findings(repository) if c == "lint")


def test_a_form_feed_moves_no_line(repository: Repository) -> None:
    recipe = repository.toy / "recipe.py"
    append('LINE = "\f\u2028"  # TODO: tune\n')(recipe)
    feed = {"@dataclass(": "# \f\f\f\n@dataclass("}
    described = {"        event_shape: shape (C, H, W)": "        of"}
    beside = {"    event_shape: tuple[int, ...]": "    event_shape: tuple[int, ...]  # (C, H, W)"}
    replace(recipe, feed | described | beside)
    found = {check: f.line for check, f in findings(repository) if check in ("docs", "todo")}
    assert found == {"todo": recipe.read_text().count("\n")}
