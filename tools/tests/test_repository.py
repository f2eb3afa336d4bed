"""What the repository says of itself is true: commands exist, files can be read, links lead on."""

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import click
import pytest
import yaml

from tools.cli import main

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")]
SHELL = ("sh", "shell", "bash", "console")
ELSEWHERE = {
    "cd",
    "cp",
    "export",
    "git",
    "pip",
    "python",
    "python3",
    "pytest",
    "ruff",
    "pre-commit",
    "source",
}


def tracked(*patterns: str) -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    files = (ROOT / name for name in listing.stdout.split("\0") if name)
    return [file for file in files if file.is_file()]


def blocks(document: Path, languages: tuple[str, ...]) -> list[str]:
    fence = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [body for language, body in fence.findall(document.read_text()) if language in languages]


def script_lines(script: str) -> list[str]:
    """Commands of a shell script, without prompts, comments and continuation lines."""
    joined = script.replace("\\\n", " ")
    lines = (re.sub(r"^\$ ", "", line.strip()) for line in joined.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def documented_commands() -> list[tuple[str, str]]:
    found = [
        (document.name, line)
        for document in DOCUMENTS
        if document.is_file()
        for block in blocks(document, SHELL)
        for line in script_lines(block)
    ]
    for path in sorted((ROOT / ".github/workflows").glob("*.yml")):
        jobs = yaml.safe_load(path.read_text())["jobs"].values()
        runs = [step.get("run", "") for job in jobs for step in job["steps"]]
        lines = [line for run in runs for line in script_lines(run)]
        found += [(path.name, line) for line in lines if line.startswith(("zoo ", "make "))]
    return found


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def refuse_unknown(words: list[str]) -> None:
    """Parse a `zoo` command line as click would, without running it."""
    command: click.Command = main
    context = click.Context(command, info_name="zoo")
    while isinstance(command, click.Group) and (words or not command.invoke_without_command):
        name, command, words = command.resolve_command(context, words)
        assert command is not None, words
    command.make_context(name, list(words), parent=context)


@pytest.mark.parametrize(("document", "line"), documented_commands())
def test_documented_commands_exist(document, line, monkeypatch, tmp_path):
    monkeypatch.setenv("ZOO_HANDLE", "@dev-one")  # commands that act want to know for whom
    words = shlex.split(line, comments=True)
    for made in (word for word in words if re.fullmatch(r"build/\S+\.json", word)):
        monkeypatch.chdir(tmp_path)  # an earlier command of the workflow wrote the file
        Path(made).parent.mkdir(parents=True)
        Path(made).touch()
    words = [word for word in words if not re.fullmatch(r"[A-Z_]+=\S*", word)]
    if words[0] == "make":
        assert set(words[1:]) <= targets(), line
    elif words[0] == "zoo":
        cut = next((n for n, w in enumerate(words) if w in ("|", "&&", ">", ">>", ";")), None)
        words = [re.sub(r"^<.*>$|^\$.*|^\$\{.*", "vae", word) for word in words[1:cut]]
        refuse_unknown(words)
    else:
        assert words[0] in ELSEWHERE, f"{document}: {line}"


def test_the_command_parser_above_can_fail():
    with pytest.raises(click.UsageError):
        refuse_unknown(["notebook", "run", "--no-such-option"])
    with pytest.raises(click.UsageError):
        refuse_unknown(["no-such-command"])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_python_in_the_documents_compiles(document):
    for block in blocks(document, ("python",)):
        compile(block, document.name, "exec")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_of_the_documents_lead_somewhere(document):
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_make_target_is_explained():
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    explained = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert sorted(phony[1].split()) == sorted(explained)


def test_python_files_can_be_read_in_one_sitting():
    long = {f: len(f.read_text().splitlines()) for f in tracked("*.py")}
    assert {str(f): n for f, n in long.items() if n > 350} == {}


def test_no_file_names_a_machine():
    """No absolute path of somebody's computer, and nothing that lies outside the repository."""
    machine = re.compile(r"(?<![\w.~<>*)}\]])/(?:home|Users|root|work|mnt|tmp)/[\w.-]+")
    outside = re.compile(r"(?<![\w/.])\.\./shared")
    found = []
    for file in tracked(
        "*.py", "*.md", "*.ipynb", "*.yml", "*.yaml", "*.toml", "Makefile", ".ci/*"
    ):
        if file.name.startswith("test_"):
            continue  # tests may show what is refused
        for number, line in enumerate(file.read_text().splitlines(), start=1):
            if machine.search(line) or (outside.search(line) and file.parent.name != ".ci"):
                found.append(f"{file.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert found == []


def test_licence_and_citation_agree_with_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert project["license"] == citation["license"] == "MIT"
    assert project["version"] == citation["version"]
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
