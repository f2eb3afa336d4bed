from __future__ import annotations

import pytest

from tools.github.boundaries import entries, refusal, trespasses
from tools.github.port import ChangedFile


def files(*paths: str) -> list[ChangedFile]:
    return [ChangedFile(path, "modified") for path in paths]


ENTRY = "zoo/vae/model.py"


@pytest.mark.parametrize(
    "path",
    [
        ".github/workflows/ci.yml",
        "tools/checks/runner.py",
        "reviews/policy.yaml",
        "reviews/roster.yaml",
        "reviews/bids.yaml",
        "reviews/vae/events.jsonl",
        "reviews/vae/v1/rev-one.md",
        "reviews/made/v2/response.md",
        "zoo/core/conformance/laws.py",
        "zoo/__init__.py",
        "zoo/vae_two.py",
        "conftest.py",
        "pyproject.toml",
        ".pre-commit-config.yaml",
        "templates/policy.yaml",
        "README.md/x",
    ],
)
def test_a_submission_changes_nothing_that_judges_it(path: str) -> None:
    assert trespasses(files(ENTRY, path)) == [path]
    assert trespasses(files(path)) == []  # a change of the library, which an instructor reads


def test_a_submission_may_answer_its_reviews_and_be_listed() -> None:
    allowed = files(ENTRY, "zoo/vae/weights/tiny.safetensors", "reviews/vae/v2/response.md")
    assert trespasses([*allowed, *files("README.md")]) == []


def test_what_a_file_was_before_counts_too() -> None:
    moved = ChangedFile("zoo/vae/ci.yml", "renamed", ".github/workflows/ci.yml")
    assert trespasses([moved]) == [".github/workflows/ci.yml"]
    away = ChangedFile("tools/model.py", "renamed", ENTRY)
    assert trespasses([away]) == ["tools/model.py"]


def test_entries_are_folders_of_the_zoo_but_the_core() -> None:
    found = files("zoo/vae/a", "zoo/made/b", "zoo/core/c", "zoo/x", "notebooks/zoo/y/z")
    assert entries(found) == ["made", "vae"]


def test_the_refusal_is_one_line_with_the_rule_and_the_fix() -> None:
    many = files(ENTRY, *(f"tools/{number}.py" for number in range(7)), "tools/a\n::error::b")
    assert refusal(many, "read") == (
        "a submission changes only its own folder zoo/vae/, this one also tools/0.py, tools/1.py, "
        "tools/2.py, tools/3.py, tools/4.py and 3 more: take that out, into a pull request of its "
        "own"
    )
    assert refusal(many, "admin") == ""
    assert refusal(many, "write") != ""
    assert refusal(files(ENTRY), "none") == ""
