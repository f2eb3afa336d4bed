"""A small zoo of fictional entries: no training, no weights, no torch."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from PIL import Image

from tools.process.git import git, head
from tools.process.ledger.state import Review, Signature, Submission, Submitted
from tools.process.record import Record
from tools.publish.people import People
from tools.publish.site.zoo import Shown, Zoo
from zoo.core.evidence import Result, save_results
from zoo.core.registry import ZOO_FOLDER, Entry

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def add_entry(root: Path, name: str, **card: object) -> Path:
    """Write `zoo/<name>/` with a card, code, a picture, a notebook and a measured claim."""
    folder = root / "zoo" / name
    folder.mkdir(parents=True)
    front = {
        "title": f"The {name} model",
        "paper": {"arxiv": "1312.6114", "authors": ["Ada One", "Bea Two"], "year": 2013},
        "family": "latent-variable",
        "developers": ["@dev-one"],
        "claims": [
            {
                "id": "digits-elbo",
                "dataset": "digits",
                "metric": "elbo-nats",
                "paper": {"value": 88.5, "where": "Table 1"},
                "accept": "<= 90.0",
                "recipe": "digits",
            }
        ],
        "deviations": ["Adam instead of Adagrad."],
        "ai_assistance": "none",
        **card,
    }
    text = yaml.safe_dump(front, allow_unicode=True, sort_keys=False)
    (folder / "README.md").write_text(f"---\n{text}---\n\n# {name}\n\nAn example.\n", "utf-8")
    (folder / "recipe.py").write_text('"""Recipes."""\n\nRECIPES = {}\n')
    (folder / "model.py").write_text('"""The model."""\n\nANSWER = 42\n')
    Image.new("L", (64, 48), 160).save(folder / "samples.png")
    (folder / "demo.ipynb").write_bytes(notebook(f"# {name}", "print(1)", "1\n"))
    return folder


def notebook(heading: str, code: str, output: str) -> bytes:
    """The bytes of an executed notebook of two cells."""
    stream = {"output_type": "stream", "name": "stdout", "text": output}
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": heading},
        {
            "cell_type": "code",
            "id": "b",
            "metadata": {},
            "execution_count": 1,
            "source": code,
            "outputs": [stream],
        },
    ]
    content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content).encode()


def measured(claim: str = "digits-elbo", value: float = 87.5, **fields: object) -> Result:
    """A result as the tools record it."""
    result = Result(
        claim=claim,
        value=value,
        sd=0.25,
        n=1000,
        seeds=[0],
        status="reproduced",
        protocol="elbo-nats/1",
        recipe="digits",
        code="c" * 64,
        weights="e" * 64,
        data="d" * 64,
        torch="2.13.0",
        device="CPU, 1 thread",
        seconds=1.5,
    )
    return replace(result, **fields)


def reviewed(name: str, findings: int = 3, resolved: int = 3) -> Submission:
    """The state of a published entry with one review."""
    keys = [f"F{number:02}" for number in range(1, findings + 1)]
    signed = {
        f"rev-one/{key}": Signature("verified" if place < resolved else "partial", "seen", NOW)
        for place, key in enumerate(keys)
    }
    review = Review("@rev-one", NOW, status="revealed", findings=dict.fromkeys(keys, "minor"))
    return Submission(
        model=name,
        stage="published",
        since=NOW,
        v1=Submitted("1" * 40, NOW, "@dev-one", False),
        v2=Submitted("2" * 40, NOW, "@dev-one", False),
        reviews={"@rev-one": review},
        answers={f"rev-one/{key}": "fixed" for key in keys},
        signatures=signed,
    )


def zoo_of(root: Path, states: dict[str, Submission] | None = None) -> Zoo:
    """The zoo of a folder, its notebooks taken as executed."""
    record, states = Record(root), states or {}
    entries = [Entry(path.parent.name, path.parent) for path in root.glob("zoo/*/recipe.py")]
    shown = [
        Shown(entry, states.get(entry.name), entry.folder / "demo.ipynb")
        for entry in sorted(entries, key=lambda entry: entry.name)
    ]
    lessons = sorted((root / "notebooks").glob("*.ipynb"))
    people = People(record.roster)
    return Zoo(record, shown, lessons, people, head(root), root / "build" / "cache" / "site")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with policy, people, a licence and one lesson, and no entry."""
    root, source = tmp_path / "clone", ZOO_FOLDER.parent
    for name in ("LICENSE", "CITATION.cff", "reviews/policy.yaml"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes((source / name).read_bytes())
    (root / "reviews" / "roster.yaml").write_text("people: []\n")
    (root / "notebooks").mkdir()
    (root / "notebooks" / "00_first.ipynb").write_bytes(notebook("# A first lesson", "1", "1\n"))
    subprocess.run(["git", "init", "-q", "-b", "main", root], check=True)
    for key, value in (("user.name", "dev-one"), ("user.email", "dev-one@example.org")):
        git(root, "config", key, value)
    return root


@pytest.fixture
def small_zoo(clone: Path) -> Zoo:
    """Two entries: "alpha" is published and measured, "beta" is neither."""
    save_results(add_entry(clone, "alpha"), {"digits-elbo": measured()})
    paper = {"arxiv": "1605.08803", "authors": ["Cleo Three"], "year": 2016}
    add_entry(clone, "beta", paper=paper, family="flow", builds_on=["alpha"])
    git(clone, "add", ".")
    git(clone, "commit", "-q", "-m", "A small zoo")
    return zoo_of(clone, {"alpha": reviewed("alpha")})
