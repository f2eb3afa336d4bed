"""The landing page says what cards and results say."""

import pytest

from tools import readme
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
