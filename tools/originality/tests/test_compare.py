"""What counts as shared, and what does not."""

from __future__ import annotations

import re

import pytest

from tools.originality.compare import COMMON, THRESHOLD, Comparison, is_source
from tools.originality.index import fingerprinted, opened
from tools.originality.sources import GIVEN, Document, Piece
from tools.originality.tests.corpus import models
from tools.originality.tests.disguises import disguised
from zoo.core.cards import Acknowledgement

MADE, FLOW = models()["made"], models()["realnvp"]


def _document(name: str, *sources: str, paper: str = "", thanks: str = "") -> Document:
    pieces = [Piece(f"zoo/{name}/file_{n}.py", source) for n, source in enumerate(sources)]
    declared = [Acknowledgement("a file", thanks, "MIT", ["file_0.py"])] if thanks else []
    return Document(name, paper or name, frozenset(), pieces, declared)


def _score(first: Document, second: Document, *others: Document) -> float:
    with opened() as index:
        for document in (first, second, *others):
            index.add(document)
        found = Comparison(index)
        return found.pair(found.number(first.name), found.number(second.name)).score


def test_a_copy_is_found_and_a_stranger_is_not() -> None:
    with opened() as index:
        for document in (
            _document("made", MADE),
            _document("flow", FLOW),
            _document("copy", disguised(MADE, "dead code", 3)),
        ):
            index.add(document)
        comparison = Comparison(index)
        (pair,) = comparison.pairs([comparison.number("made")])
        assert comparison.documents[pair.second].name == "copy"
        assert pair.there.of_file > 0.9
        assert pair.there.of_file == pair.there.whole
        assert pair.back.whole < pair.there.whole  # the code that does nothing is its own
        assert comparison.pairs([comparison.number("flow")]) == []


def test_more_code_around_a_copy_does_not_hide_it() -> None:
    alone = _score(_document("made", MADE), _document("copy", MADE))
    among = _score(_document("made", MADE, FLOW), _document("copy", MADE, models()["ddpm"]))
    assert alone == among == 1.0


LOOP = """
import torch
def fit(model, batches, steps):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 100))
    for step, batch in zip(range(steps), batches):
        loss = model.loss(batch.to(torch.float32).flatten(1).clamp(0.0, 1.0)).mean()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, error_if_nonfinite=True)
        print(f"{step}: {loss.item():.3f} {torch.cuda.max_memory_allocated() / 2**20:.0f}")
"""


def test_what_many_papers_have_in_files_unlike_each_other_is_boilerplate() -> None:
    own = [models()[name] for name in ("made", "realnvp", "ddpm", "gpt", "vae")][:COMMON]
    one, two, *others = (_document(f"entry {n}", LOOP + text) for n, text in enumerate(own))
    shared = {value for unit in fingerprinted(_document("x", LOOP).pieces) for value in unit.hashes}
    for documents, rare in (([one, two, *others[:-1]], True), ([one, two, *others], False)):
        with opened() as index:
            for document in documents:
                index.add(document)
            found = Comparison(index)
            mine = {value for unit in found.own(found.number("entry 0")) for value in unit.hashes}
        assert (shared <= mine) is rare
        assert bool(shared & mine) is rare


def test_forks_do_not_make_a_copy_boilerplate() -> None:
    one, forks = _document("made", MADE), [_document(f"fork {n}", MADE) for n in range(2 * COMMON)]
    assert _score(one, *forks) == 1.0
    changed = [_document(f"fork {n}", disguised(MADE, "reordered", n)) for n in range(2 * COMMON)]
    assert _score(one, *changed) > 0.8


def test_forks_with_a_line_of_their_own_in_every_function_are_still_forks() -> None:
    def fork(word: str) -> Document:
        own = rf"\1assert torch.{word}(torch.arange(3) * 2).sum() >= 0\1\2"
        return _document(word, re.sub(r"(\n +)(return .*)", own, MADE))

    words = ["exp", "log", "sin", "cos", "tanh", "sqrt", "abs", "floor"]
    assert _score(_document("made", MADE), *map(fork, words)) > 0.8


def test_a_source_that_a_whole_class_copied_is_none() -> None:
    documents = [_document(f"team {n}", MADE, paper="1502.03509") for n in range(COMMON + 3)]
    assert _score(*documents) == 1.0


def test_what_everybody_was_given_counts_for_nobody() -> None:
    given = Document(GIVEN, GIVEN, pieces=[Piece("model.py", MADE)])
    assert _score(_document("made", MADE), _document("copy", MADE), given) == 0.0


URL = "https://example.org/someone/masked-nets"


def test_declared_code_is_not_counted_against_its_source() -> None:
    source = _document("refs/someone-masked-nets", MADE)
    assert _score(_document("one", MADE, FLOW, thanks=URL), source) == 0.0
    assert _score(_document("one", MADE, FLOW), source) == 1.0


def test_two_who_declare_the_same_source_are_not_compared_in_it() -> None:
    one, two = (_document(name, MADE, thanks=URL) for name in ("one", "two"))
    assert _score(one, two) == 0.0
    assert _score(one, _document("two", MADE, thanks=f"{URL}-other")) == 1.0
    assert _score(one, _document("two", MADE)) == 1.0


def test_a_declaration_of_other_code_covers_nothing() -> None:
    one, two = (_document(name, MADE, thanks=URL) for name in ("one", "two"))
    source = _document("refs/masked-nets", FLOW)
    assert _score(one, two, source) == 1.0
    with opened() as index:
        for document in (one, two, source):
            index.add(document)
        comparison = Comparison(index)
        (remark,) = comparison.remarks(comparison.number("one"))
        assert not remark.counts
        assert remark.found == "refs/masked-nets"
        assert remark.likeness < THRESHOLD


def test_a_declared_model_counts_all_the_same() -> None:
    source = _document("refs/masked-nets", MADE)
    thanks = [Acknowledgement("a model", URL, "MIT", ["model.py"])]
    pieces = [Piece("zoo/one/model.py", MADE)]
    assert _score(Document("one", "1", frozenset(), pieces, thanks), source) == 1.0


def test_an_address_elsewhere_names_no_entry() -> None:
    thanks = "https://example.org/someone/vae"
    entry = _document("vae", MADE, paper="1312.6114")
    assert _score(_document("vq_vae", MADE, thanks=thanks), entry) == 1.0
    thanks = "https://example.org/zoo/tree/main/zoo/vae/"
    assert _score(_document("vq_vae", MADE, thanks=thanks), entry) == 0.0


@pytest.mark.parametrize(
    ("name", "source", "same"),
    [
        ("refs/masked-nets", URL, True),
        ("refs/someone__masked-nets", URL + ".git", True),
        ("refs/masked-nets.py", URL + "/", True),
        ("refs/nets", URL, False),
        ("refs/masked-nets-2", URL, False),
        ("refs/x", "", False),
    ],
)
def test_which_document_an_address_names(name: str, source: str, same: bool) -> None:
    assert is_source(_document(name), source) is same
