"""The index remembers documents, and nothing else."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tools.originality import index as module
from tools.originality.index import opened
from tools.originality.sources import Document, Piece
from zoo.core.cards import Acknowledgement
from zoo.core.errors import ZooError

SOURCE = "def f(x, y):\n    return torch.exp(x + y * x).sum(dim=1) - y.log()\n"


def _document(name: str, source: str = SOURCE) -> Document:
    thanks = Acknowledgement("a loop", "https://example.org/a/b", "MIT", ["model.py"])
    return Document(name, "1312.6114", frozenset({"@dev-one"}), [Piece("m.py", source)], [thanks])


def test_a_document_comes_back_as_it_was(tmp_path: Path) -> None:
    with opened(tmp_path / "deep" / "index.sqlite") as index:
        assert index.add(_document("one"))
    with opened(tmp_path / "deep" / "index.sqlite") as index:
        ((number, known),) = index.documents().items()
        assert index.document(number) == _document("one")
        assert known == Document(
            "one", "1312.6114", frozenset({"@dev-one"}), [], _document("one").declared
        )
        assert not index.add(_document("one"))


def test_a_changed_document_takes_the_place_of_the_old() -> None:
    with opened() as index:
        index.add(_document("one"))
        (number,) = index.documents()
        before = {value for unit in index.units_of(number) for value in unit.hashes}
        assert index.add(
            _document("one", "def f(x):\n    return x.view(1, 2, 3).mean(dim=1) + x\n")
        )
        after = {value for unit in index.units_of(number) for value in unit.hashes}
        assert before
        assert after
        assert not before & after
        assert all(index.files_with(value) == [] for value in before)
        assert all([n for n, _ in index.files_with(value)] == [number] for value in after)


def test_a_folder_is_replaced_as_a_whole_and_forgotten(tmp_path: Path) -> None:
    with opened() as index:
        index.replace("", [_document("vae")], tmp_path)
        index.replace("old/", [_document("old/vae"), _document("old/made")], tmp_path / "old")
        assert index.replace("old/", [_document("old/vae")], tmp_path / "old") == 0
        assert [d.name for d in index.documents().values()] == ["vae", "old/vae"]
        with pytest.raises(ZooError, match="another folder named old is remembered"):
            index.replace("old/", [_document("old/vae")], tmp_path / "other" / "old")
        with pytest.raises(ZooError, match=r"no folder of that name is remembered \(old\)"):
            index.forget("new")
        index.forget("old")
        assert [d.name for d in index.documents().values()] == ["vae"]


def test_nothing_is_kept_of_what_fails(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    broken = _document("two")
    broken.pieces.append(Piece("broken.py", "def f(:\n"))
    with pytest.raises(SyntaxError), opened(path) as index:
        index.replace("", [_document("one"), broken], tmp_path)
    with opened(path) as index:
        assert index.documents() == {}


def test_other_fingerprints_are_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "index.sqlite"
    with opened(path) as index:
        index.add(_document("one"))
        (number,) = index.documents()
        right = index.units_of(number)[0].hashes
        index._db.execute("UPDATE units SET hashes = x'00'")
    monkeypatch.setattr(module, "VERSION", module.VERSION + 1)
    with opened(path) as index:
        assert [unit.hashes for unit in index.units_of(number)] == [right]


def test_a_file_that_is_no_index_is_named(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    path.write_text("words" * 400)
    with (
        pytest.raises(ZooError, match=r"is no index .*: delete it, it is made again; .*--against"),
        opened(path),
    ):
        pass


def test_an_index_in_use_is_not_to_be_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "index.sqlite"
    assert module.PATIENCE >= 30
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    with opened(path) as index:
        index.add(_document("one"))
        with (
            pytest.raises(ZooError, match=r"is used by another run: wait for it$"),
            opened(path) as other,
        ):
            other.add(_document("two"))


def test_what_cannot_be_written_is_not_to_be_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "index.sqlite"
    path.mkdir()
    with pytest.raises(ZooError, match=r"sqlite cannot be written \(unable to open"), opened(path):
        pass
    path.rmdir()
    with opened(path):
        pass
    connect = sqlite3.connect
    reading = lambda name, *more: connect(f"file:{name}?mode=ro", *more, uri=True)  # noqa: E731
    monkeypatch.setattr(sqlite3, "connect", reading)
    with (
        pytest.raises(ZooError, match=r"sqlite cannot be written \(attempt to write a readonly"),
        opened(path) as index,
    ):
        index.add(_document("one"))
    with (
        pytest.raises(ZooError, match=r"index.sqlite cannot be made: File exists"),
        opened(path / "index.sqlite"),
    ):
        pass


@pytest.mark.parametrize(
    "damage",
    [
        "documents SET about = '{}'",
        "documents SET about = 'words'",
        """documents SET about = '{"declared": [1], "paper": "", "team": []}'""",
        "documents SET pieces = x'00'",
        "units SET hashes = x'00'",
        "units SET hashes = NULL",
    ],
)
def test_damage_is_one_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "index.sqlite"
    with opened(path) as index:
        index.add(_document("one"))
        index._db.execute(f"UPDATE {damage}")
    with pytest.raises(ZooError, match=r"is damaged.*: delete it"), opened(path) as index:
        assert [(index.document(n), index.units_of(n)) for n in index.documents()] == []
