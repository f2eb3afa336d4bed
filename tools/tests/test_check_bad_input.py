"""Broken entries are reported in single lines, each once, and never by a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.checks import Finding, Status, Subject, notebook, running
from tools.process.simulation.toy import replace
from tools.tests.conftest import Repository

BESIDES = {"evidence"}


def findings(repository: Repository) -> list[tuple[str, Finding]]:
    report = repository.check()
    return [(r.check, f) for r in report.results if r.check not in BESIDES for f in r.findings]


@pytest.mark.parametrize(
    ("name", "content", "check", "rule", "line"),
    [
        ("README.md", b"# No front matter\n", "card", "does not begin with YAML", 1),
        ("README.md", b"", "card", "does not begin with YAML", 1),
        ("README.md", b"---\ntitle: [\n---\n", "card", "not valid YAML", 2),
        ("README.md", b"---\n" + b"[" * 5000 + b"\n---\n", "card", "levels of nesting", 2),
        ("demo.ipynb", b"not json", "notebook", "broken JSON", 1),
        ("demo.ipynb", b"[]", "notebook", "it has no list of cells", None),
        ("demo.ipynb", b"", "notebook", "broken JSON", 1),
    ],
)
def test_one_broken_file_is_one_line(
    repository: Repository, name: str, content: bytes, check: str, rule: str, line: int | None
) -> None:
    (repository.toy / name).write_bytes(content)
    found = [(c, f) for c, f in findings(repository) if "does not name arXiv" not in f.rule]
    assert [(c, rule in f.rule, f.line) for c, f in found] == [(check, True, line)], found


def test_a_syntax_error_is_one_line_and_the_others_wait(repository: Repository) -> None:
    replace(repository.toy / "model.py", {"import math": "import math math"})
    found = findings(repository)
    assert [(c, f.place) for c, f in found] == [("syntax", "zoo/toy/model.py:10")]
    report = repository.check()
    waiting = [r.check for r in report.results if r.note.startswith("waits for syntax")]
    assert waiting == [
        "mistakes",
        "card",
        "lint",
        "format",
        "docs",
        "imports",
        "evidence",
        "mutation",
    ]


def test_null_bytes_in_code(repository: Repository) -> None:
    (repository.toy / "recipe.py").write_bytes(b"x = 1\0\n")
    assert [c for c, f in findings(repository) if "null bytes" in f.rule] == ["syntax"]


def test_an_entry_without_a_card_or_anything_is_reported(repository: Repository) -> None:
    empty = repository.root / "zoo" / "empty"
    empty.mkdir()
    (empty / "notes.txt").write_text("hello\n")
    report = repository.check("empty")
    assert "zoo/empty/README.md" in [f.path for r in report.results for f in r.findings]
    assert not any("itself stopped" in f.rule for r in report.results for f in r.findings)


def test_a_check_that_stops_hides_no_other(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("odd")

    monkeypatch.setattr(notebook, "_structure", fail)
    results = {result.check: result for result in repository.check().results}
    assert (
        "the check notebook itself stopped: ValueError: odd" in results["notebook"].findings[0].rule
    )
    assert results["layout"].status is Status.PASS


def test_tests_that_never_end_are_stopped(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository.toy / "test_toy.py").write_text("import time\n\ntime.sleep(600)\n")
    monkeypatch.setattr(running, "SECONDS", 1)
    found = list(running.tests(Subject("toy", repository.root)))
    assert [finding.rule for finding in found] == ["the tests took more than 1 s"]


def test_failing_tests_are_short(repository: Repository) -> None:
    (repository.toy / "test_toy.py").write_text(
        "import pytest\n\n\n"
        "@pytest.mark.parametrize('x', range(9))\n"
        "def test_x(x):\n    helper(x)\n\n\n"
        "def helper(x):\n    assert x == 'one'\n"
    )
    found = list(running.tests(Subject("toy", repository.root)))
    assert [finding.place for finding in found] == ["zoo/toy/test_toy.py:10"] * 3
    assert found[0].rule == "test_x[0]: AssertionError: assert 0 == 'one'"
    assert found[0].fix == "pytest zoo/toy -k test_x"


def test_tests_that_cannot_be_imported_and_no_tests(repository: Repository) -> None:
    subject = Subject("toy", repository.root)
    (repository.toy / "test_toy.py").write_text("import gone_module\n")
    found = list(running.tests(subject))
    assert [f.place for f in found] == ["zoo/toy/test_toy.py:1"]
    assert "ModuleNotFoundError: No module named 'gone_module'" in found[0].rule
    (repository.toy / "test_toy.py").write_text("")
    assert [finding.rule for finding in running.tests(subject)] == ["no tests"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "tyo"], "no entry 'tyo' in the zoo: "),
        (["check"], "name entries, or say --all or --changed"),
        (["check", "--all", "--changed"], "name entries, or say --all or --changed"),
        (["check", "--all", "--base", "main"], "--base goes with --changed"),
        (["check", "--all", "--output", "x.html"], "the file ends in .txt, .md or .json"),
        (["new", "class"], "'class' cannot be an entry's name"),
        (["new", "core"], "'core' cannot be an entry's name"),
        (["new", "../x"], "'../x' cannot be an entry's name"),
        (["new", "toy", "--family", "flo"], "unknown family 'flo': did you mean 'flow'?"),
        (["new", "toy", "--arxiv", "123"], "'123' is no arXiv identifier"),
        (["new", "toy", "--title", "a\nb"], "a title is one line of text"),
    ],
)
def test_the_command_line_says_it_in_one_line(arguments: list[str], words: str) -> None:
    program = "import tools.cli; tools.cli.main()"
    command = [sys.executable, "-c", program, *arguments]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode in (1, 2)
    assert words in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
