"""Every planted mistake is caught, by a law or a test that is named; honest entries pass."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tools import mistakes
from tools.mistakes import Mistake, Verdict, examine, load_mistakes
from zoo.core import registry
from zoo.core.errors import ZooError
from zoo.core.registry import entry_names

LISTED = [n for n in entry_names() if (registry.ZOO_FOLDER / n / "mistakes.yaml").exists()]
PLANTED = [mistake for name in LISTED for mistake in load_mistakes(name)]


@pytest.mark.parametrize("entry", LISTED)
def test_unbroken_entry_obeys_its_laws(entry: str) -> None:
    verdict = examine(entry, own_tests=False)
    assert not verdict.caught, verdict.message


@pytest.mark.parametrize("entry", LISTED)
def test_entry_lists_at_least_six_mistakes(entry: str) -> None:
    assert len(load_mistakes(entry)) >= 6


@pytest.mark.parametrize("mistake", PLANTED, ids=lambda m: f"{m.entry}: {m.name}")
def test_planted_mistake_is_caught(mistake: Mistake) -> None:
    verdict = examine(mistake.entry, mistake)
    assert verdict.caught, f"nothing noticed: {mistake.name}"
    assert verdict.by.startswith(("law: ", "test: ")), f"{verdict.by}: {verdict.message}"
    assert verdict.message


def test_a_harmless_change_is_not_called_caught_and_the_disk_is_left_alone() -> None:
    path = registry.ZOO_FOLDER / "made" / "model.py"
    source = path.read_text()
    change = Mistake("made", "a comment", "no leak", "model.py", source[:40], source[:40] + "!")
    verdict = examine("made", change, own_tests=False)
    assert not verdict.caught
    assert path.read_text() == source


def test_a_change_that_does_not_import_is_a_crash() -> None:
    line = "from torch import Tensor, nn"
    verdict = examine(
        "made", Mistake("made", "typo", "no leak", "model.py", line, "import nowhere")
    )
    assert verdict.by == "crash"
    assert "nowhere" in verdict.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[{name: n, law: l, file: model.py, old: absent, new: x}]", "occurs 0 times"),
        ("[{name: n, law: l, file: model.py, old: a, new: x}]", "occurs 2 times"),
        ("[{name: n, law: l, old: a, new: x}]", "has the keys"),
    ],
)
def test_a_wrong_list_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "recipe.py").touch()
    (folder / "model.py").write_text("a = a")
    monkeypatch.setattr(registry, "ZOO_FOLDER", tmp_path)
    with pytest.raises(ZooError, match=r"mistakes\.yaml is missing"):
        load_mistakes("toy")
    (folder / "mistakes.yaml").write_text(text)
    with pytest.raises(ZooError, match=message):
        load_mistakes("toy")


@pytest.mark.parametrize(
    ("mistake", "caught", "status"),
    [("(none)", False, 0), ("(none)", True, 1), ("sign", True, 0), ("sign", False, 1)],
)
def test_exit_status(
    monkeypatch: pytest.MonkeyPatch, mistake: str, caught: bool, status: int
) -> None:
    verdict = Verdict("made", mistake, caught, "law: no leak" if caught else "", "why", 0.1)
    monkeypatch.setattr(mistakes, "examine_all", lambda entries: [verdict])
    result = CliRunner().invoke(mistakes.main, ["made"])
    assert result.exit_code == status
    assert ("NOT CAUGHT" in result.output) == (mistake == "sign" and not caught)


def test_unknown_entry_is_one_line() -> None:
    result = CliRunner().invoke(mistakes.main, ["maed"])
    assert result.exit_code == 1
    assert "did you mean 'made'?" in result.output
