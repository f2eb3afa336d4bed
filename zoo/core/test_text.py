"""Text as tokens: splits, alphabets, windows; nothing pins what the docstrings say."""

import subprocess
import sys

import pytest
import torch

from zoo.core import text
from zoo.core.data import Batches, is_available
from zoo.core.errors import ZooError
from zoo.core.text import ALPHABETS, TEXTS, decode, encode, load_text, normalise, windows


@pytest.mark.parametrize("name", TEXTS)
def test_splits_are_the_first_nine_tenths_and_the_rest(name: str) -> None:
    if not is_available(name):
        pytest.skip(f"{name} is not at hand")
    train, rest = load_text(name, "train"), load_text(name, "validation")
    whole = decode(train.tokens, name) + decode(rest.tokens, name)
    assert whole == text._read(name)
    assert len(train) == int(0.9 * len(whole))
    assert train.tokens.dtype == torch.uint8
    assert int(train.tokens.max()) < len(train.alphabet)
    assert train.sha256 != rest.sha256


@pytest.mark.skipif(not is_available("tinyshakespeare"), reason="tinyshakespeare is not at hand")
def test_shakespeare_has_the_published_size_and_every_character() -> None:
    train, rest = (load_text("tinyshakespeare", split) for split in ("train", "validation"))
    assert (len(train), len(rest)) == (1_003_854, 111_540)
    assert len(train.tokens.unique()) == len(train.alphabet) == 65
    assert decode(train.tokens[:14], "tinyshakespeare") == "First Citizen:"


def test_alphabets_are_sorted_and_characters_are_distinct() -> None:
    for alphabet in ALPHABETS.values():
        assert list(alphabet) == sorted(set(alphabet))


def test_docstrings_are_enough_text_and_use_their_whole_alphabet() -> None:
    train = load_text("docstrings", "train")
    assert len(train) > 150_000
    assert len(train.tokens.unique()) == len(train.alphabet)


def test_docstrings_are_the_same_in_another_process_and_do_not_depend_on_what_was_imported() -> (
    None
):
    """A notebook replaces pdb.Pdb, and -OO drops docstrings: neither reaches the source."""
    code = (
        "import pdb; pdb.Pdb = int; from zoo.core.text import *;"
        "print(load_text('docstrings', 'train').sha256)"
    )
    call = [sys.executable, "-OO", "-c", code]
    other = subprocess.run(call, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == load_text("docstrings", "train").sha256


def test_only_public_names_are_documented() -> None:
    found = text._documentation("textwrap")
    assert found[0] == "Text wrapping and filling."
    assert any(entry.startswith("Wrap a single paragraph of text") for entry in found)
    assert not any("_munge_whitespace" in entry for entry in found)


def test_a_python_without_sources_is_told_so(monkeypatch) -> None:
    monkeypatch.setattr(text.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ZooError, match="without the source of its module textwrap"):
        text._documentation("textwrap")


def test_text_is_brought_to_the_alphabet() -> None:
    raw = "A  Tab\tand 3 digits…\n\n \n\nEnd;  x"
    assert normalise(raw, ALPHABETS["docstrings"]) == "a taband digits\n\nend x"


def test_what_is_encoded_is_decoded() -> None:
    tokens = encode("to be, or not", "docstrings")
    assert tokens.dtype == torch.int64
    assert decode(tokens, "docstrings") == "to be, or not"


def test_strange_characters_names_and_splits_are_refused() -> None:
    with pytest.raises(ZooError, match="'Z' is no character of docstrings"):
        encode("Z", "docstrings")
    with pytest.raises(ZooError, match="did you mean 'tinyshakespeare'"):
        load_text("tinyshakespear", "train")
    with pytest.raises(ZooError, match="use 'train' or 'validation'"):
        load_text("docstrings", "test")
    with pytest.raises(ZooError, match="do not fit"):
        windows(torch.arange(3), 4)


def test_an_epoch_of_windows_starts_everywhere_once() -> None:
    tokens = torch.arange(23)
    every = windows(tokens, 4)
    assert every.data_ptr() == tokens.data_ptr()
    batches = Batches(every, batch_size=5, seed=3)
    drawn = torch.cat([batches[i] for i in range(4)])
    assert (drawn.diff(dim=1) == 1).all()
    assert sorted(drawn[:, 0].tolist()) == list(range(20))
    assert torch.equal(batches[2], Batches(every, 5, seed=3)[2])


def test_a_damaged_download_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("ZOO_DATA", str(tmp_path))
    text._read.cache_clear()
    (tmp_path / "tinyshakespeare").mkdir()
    (tmp_path / "tinyshakespeare" / "input.txt").write_text("To be")
    with pytest.raises(ZooError, match="is damaged: delete it"):
        text._read("tinyshakespeare")
    text._read.cache_clear()


def test_without_a_network_the_advice_is_the_embedded_text(tmp_path, monkeypatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no route")

    monkeypatch.setenv("ZOO_DATA", str(tmp_path))
    monkeypatch.setattr(text.urllib.request, "urlopen", offline)
    text._read.cache_clear()
    with pytest.raises(ZooError, match="or use dataset=docstrings"):
        text._read("tinyshakespeare")
    assert not (tmp_path / "tinyshakespeare").exists()
    text._read.cache_clear()
