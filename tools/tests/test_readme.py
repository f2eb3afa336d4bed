"""The landing page says what cards and results say."""

from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from tools import readme, samples
from zoo.core.errors import ZooError
from zoo.core.registry import entry_names, get_entry


def test_table_of_claims_is_current():
    text = readme.README.read_text(encoding="utf-8")
    assert readme.with_table(text) == text, "run: python -m tools.readme"


def test_table_has_every_claim():
    table = readme.claims_table()
    rows = sum(len(get_entry(name).card.claims) for name in entry_names())
    assert len(table.splitlines()) == rows + 2


def test_readme_without_markers_is_refused():
    with pytest.raises(ZooError, match="needs the lines"):
        readme.with_table("# A zoo\n")


def test_picture_is_shown_and_exists():
    assert "zoo/samples.png" in readme.README.read_text(encoding="utf-8")
    assert readme.PICTURE.exists()


@pytest.mark.parametrize(
    ("default", "pictured"),
    [("mnist", "mnist"), ("mnist-prior", "mnist-prior"), ("checkerboard", "mnist")],
)
def test_a_second_stage_is_pictured(monkeypatch, default, pictured):
    monkeypatch.setattr(readme, "get_entry", lambda name: SimpleNamespace(default_recipe=default))
    assert readme._pictured("any") == pictured


def test_names_beside_the_samples_are_whole(monkeypatch, tmp_path):
    """Black tiles: with a name cut off, its ink would reach the first of them."""
    names, out = ["a", "a_name_that_is_quite_long"], tmp_path / "samples.png"
    stored = tmp_path / "mnist"
    stored.touch()
    shown = SimpleNamespace(weights_path=lambda recipe: stored, default_recipe="digits")
    monkeypatch.setattr(readme, "entry_names", lambda: names)
    monkeypatch.setattr(readme, "get_entry", lambda name: shown)
    monkeypatch.setattr(samples, "draw", lambda entry, count, recipe: torch.zeros(count, 1, 28, 28))
    readme.paint(out)
    with Image.open(out) as picture:
        margin = picture.width - readme.COLUMNS * readme.PIXELS
        left = picture.crop((0, 0, margin, picture.height)).point(lambda grey: 255 - grey)
    box = left.getbbox()
    assert box[0] >= readme.GAP - 2
    assert margin - readme.GAP - 3 <= box[2] <= margin - readme.GAP + 2
