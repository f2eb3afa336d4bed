"""`zoo new`: the skeleton breaks the rules that ask for the author's work and no other."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.process.simulation.toy import fill_in, replace
from tools.scaffold import create_entry
from tools.tests.conftest import Repository
from zoo.core.errors import ZooError
from zoo.core.families import FAMILIES, missing_attributes
from zoo.core.registry import ZOO_FOLDER

STATIC_WORK = ["layout", "todo", "mistakes", "card"]
WORK = [*STATIC_WORK, "tests", "conformance", "execution"]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_skeleton_of_every_family_asks_for_the_authors_work_only(
    bare: Repository, family: str
) -> None:
    create_entry(bare.root, "toy", 'On "quotes", \\beta and @names', "2006.11239", family)
    report = bare.check()
    assert report.failing("toy") == STATIC_WORK
    rules = {f.rule for r in report.results if r.check == "layout" for f in r.findings}
    assert rules == {"the sample picture is missing"}


def test_a_skeleton_without_options_asks_for_the_title_too(bare: Repository) -> None:
    create_entry(bare.root, "toy", "TODO", "TODO", "baseline")
    report = bare.check()
    assert report.failing("toy") == STATIC_WORK
    rules = [f.rule for r in report.results if r.check == "card" for f in r.findings]
    assert "'title' is still the skeleton's placeholder" in rules
    assert "'paper.arxiv' is still the skeleton's placeholder" in rules


@pytest.mark.parametrize("family", FAMILIES)
def test_the_skeleton_has_the_methods_of_its_family(bare: Repository, family: str) -> None:
    create_entry(bare.root, "toy", "A title", "2006.11239", family)
    code = (bare.toy / "model.py").read_text().replace("raise NotImplementedError", "_ = str")
    names: dict[str, type] = {}
    exec(compile(code, "model.py", "exec"), names)
    model = names["Toy"]((1, 2, 3))
    attributes = missing_attributes(model, family)  # only what __init__ has yet to set
    assert all(f"set self.{name}" in code for name in attributes)


@pytest.mark.parametrize(
    "name", ["Toy", "toy-1", "1toy", "toy__x", "toy_", "class", "core", "house", "", "a/b", "é"]
)
def test_a_name_that_is_no_package_name_is_refused(bare: Repository, name: str) -> None:
    with pytest.raises(ZooError, match="cannot be an entry's name"):
        bare.new(name)
    assert sorted(path.name for path in (bare.root / "zoo").iterdir()) == ["__init__.py", "core"]


def test_an_existing_entry_is_left_alone(bare: Repository) -> None:
    bare.new()
    (bare.toy / "model.py").write_text("mine")
    with pytest.raises(ZooError, match="zoo/toy exists already"):
        bare.new()
    assert (bare.toy / "model.py").read_text() == "mine"


def test_outside_a_clone_there_is_no_template(bare: Repository) -> None:
    shutil.rmtree(bare.root / "templates")
    with pytest.raises(ZooError, match="zoo new works in a clone"):
        bare.new()
    assert not bare.toy.exists()


def test_a_failure_half_way_leaves_nothing(bare: Repository) -> None:
    (bare.root / "templates" / "entry" / "zz.md").write_text("{{unknown}}")
    with pytest.raises(KeyError):
        bare.new()
    assert sorted(path.name for path in (bare.root / "zoo").iterdir()) == ["__init__.py", "core"]


def zoo(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line of the repository at `root`."""
    command = [sys.executable, "-c", "import tools.cli; tools.cli.main()", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def copy(tmp_path: Path) -> Repository:
    """A copy of this repository without its entries."""
    source = ZOO_FOLDER.parent
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("zoo/core", "tools", "templates"):
        shutil.copytree(source / name, tmp_path / name, ignore=ignored)
    for name in ("zoo/__init__.py", "pyproject.toml"):
        shutil.copy(source / name, tmp_path / name)
    return Repository(tmp_path)


def test_from_the_skeleton_to_an_entry_that_passes(copy: Repository) -> None:
    options = ("--title", "Masked Autoencoder", "--arxiv", "1502.03509")
    assert zoo(copy.root, "new", "toy", *options, "--family", "autoregressive").returncode == 0

    done = zoo(copy.root, "check", "toy", "--format", "json")
    assert done.returncode == 1
    results = json.loads(done.stdout)["results"]
    assert [r["check"] for r in results if r["status"] == "fail"] == WORK
    assert [r["check"] for r in results if r["status"] == "skip"] == [
        "evidence",
        "mutation",
    ]
    asked = [finding for r in results for finding in r["findings"]]
    assert all(finding["fix"] for finding in asked)
    unbuilt = [f["path"] for f in asked if "NotImplementedError: TODO: build" in f["rule"]]
    assert unbuilt == ["zoo/toy/model.py", "zoo/toy/model.py", "zoo/toy/demo.ipynb"]

    fill_in(copy.toy)
    replace(copy.toy / "recipe.py", {"steps=1000": "steps=100"})
    done = zoo(copy.root, "check", "toy", "--static", "--format", "github")
    assert done.stdout.count("::error") == 2  # the picture and the evidence
    assert "the claim 'digits-nll' has no result" in done.stdout

    trained = zoo(copy.root, "reproduce", "toy", "--pending")
    assert trained.returncode == 0, trained.stderr
    picture = zoo(copy.root, "sample", "toy", "-n", "64", "-o", "zoo/toy/samples.png")
    assert picture.returncode == 0, picture.stderr
    done = zoo(copy.root, "check", "toy", "--output", "report.md", "--output", "report.json")
    assert done.returncode == 0, done.stdout
    assert "14 passed, 0 failed, 1 skipped\n" in done.stdout
    assert json.loads((copy.root / "report.json").read_text())["ok"] is True
    assert (copy.root / "report.md").read_text().startswith("### ✔ zoo check")
    assert (copy.root / "build" / "notebooks" / "toy.html").is_file()
