"""`zoo originality` as an instructor runs it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tools.cli import main
from tools.originality.tests.corpus import ROOT, models
from tools.originality.tests.disguises import disguised


@pytest.fixture
def class_zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with two entries and a private directory beside it."""
    root = tmp_path / "clone"
    for name in ("made", "vae"):
        shutil.copytree(ROOT / "zoo" / name, root / "zoo" / name)
    for name in ("policy.yaml", "roster.yaml"):
        (root / "reviews").mkdir(exist_ok=True)
        shutil.copy(ROOT / "reviews" / name, root / "reviews" / name)
    shutil.copytree(ROOT / "templates", root / "templates")
    monkeypatch.setenv("ZOO_ROOT", str(root))
    monkeypatch.setenv("ZOO_PRIVATE", str(tmp_path / "private"))
    monkeypatch.chdir(root)
    import subprocess

    subprocess.run(["git", "init", "-q", "."], cwd=root, check=True)
    return root


def _run(*words: str) -> Result:
    return CliRunner().invoke(main, ["originality", *words])


def test_a_copied_reference_is_found_and_remembered(class_zoo: Path, tmp_path: Path) -> None:
    (tmp_path / "refs").mkdir()
    copied = disguised(models()["made"], "dead code", 1)
    (tmp_path / "refs" / "net.py").write_text(copied)
    (tmp_path / "refs" / "broken.py").write_text("def f(:\n")
    first = _run("--against", str(tmp_path / "refs"))
    assert first.exit_code == 0, first.output
    assert "made and refs/net.py" in first.output
    assert "broken.py: does not parse: line 1" in first.output
    shutil.rmtree(tmp_path / "refs")
    again = json.loads(_run("made", "--format", "json").stdout)
    assert [match["second"] for match in again["matches"]] == ["refs/net.py"]
    page = tmp_path / "private" / "originality" / "report.html"
    assert "item_" in page.read_text()
    assert "Nothing to look at" in _run("vae").output
    assert "Nothing to look at" in _run("--forget", "refs").output


def test_entries_of_an_earlier_term_are_known_by_their_clone(
    class_zoo: Path, tmp_path: Path
) -> None:
    shutil.copytree(class_zoo / "zoo" / "made", tmp_path / "last-term" / "zoo" / "made")
    card = tmp_path / "last-term" / "zoo" / "made" / "README.md"
    card.write_text(card.read_text().replace("@zoo-maintainers", "@dev-one"))
    assert "made and last-term/made: 100 %" in _run("--against", str(card.parents[2])).output


def test_a_card_that_names_the_victim_excuses_nothing(class_zoo: Path) -> None:
    copied = disguised(models()["made"], "reordered", 1)
    (class_zoo / "zoo" / "vae" / "model.py").write_text(copied)
    ledger = class_zoo / "reviews" / "vae" / "events.jsonl"
    ledger.parent.mkdir()
    proposed = (ROOT / "reviews" / "vae" / "events.jsonl").read_text().splitlines()[0]
    ledger.write_text(proposed.replace("@zoo-maintainers", "@dev-one") + "\n")
    assert "stands in made, both by" not in _run("vae").output
    assert "1 pair has a file" in _run("vae").output
    ledger.unlink()  # nobody has proposed it: its card alone says whose it is
    assert "1 pair has a file" in _run("vae").output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mode"], "no entry 'mode': did you mean 'made'?"),
        (["--against", "nowhere"], "--against nowhere: no such folder"),
        (["--private", "inside"], "choose a folder outside"),
        (["--forget", "refs"], "no folder of that name is remembered (none)"),
    ],
)
def test_bad_input_is_one_line(class_zoo: Path, words: list[str], said: str) -> None:
    result = _run(*words)
    assert result.exit_code == 1
    assert said in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert "Traceback" not in result.output


def test_no_private_directory_is_refused(class_zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZOO_PRIVATE")
    assert "say --private DIR, or set ZOO_PRIVATE once" in _run().output


def test_a_private_directory_of_somebody_else_is_one_line(
    class_zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, look, make = tmp_path / "private", os.stat, os.mkdir

    def refusing(act: Callable[..., object]) -> Callable[..., object]:
        def refuse(path: object, *words: object, **more: object) -> object:
            if str(path).startswith(f"{closed}/"):
                raise PermissionError(13, "Permission denied")
            return act(path, *words, **more)

        return refuse

    closed.mkdir()
    monkeypatch.setattr(os, "stat", refusing(look))
    monkeypatch.setattr(os, "mkdir", refusing(make))
    result = _run()
    assert result.output == f"Error: {closed}/originality cannot be made: Permission denied\n"
