"""N-grams against enumeration and published figures; the text protocol on models that are known."""

import itertools
import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from zoo.core.conformance.token_examples import TokenChain
from zoo.core.errors import ZooError
from zoo.core.metrics import measure, text_protocols
from zoo.core.metrics.baselines import baseline_values
from zoo.core.metrics.ngrams import (
    KNESER_NEY_ORDERS,
    WITTEN_BELL_ORDERS,
    kneser_ney_log_probs,
    modified_discounts,
    witten_bell_log_probs,
)
from zoo.core.text import alphabet_of, is_cached, load_text

needs_shakespeare = pytest.mark.skipif(
    not is_cached("tinyshakespeare"), reason="tinyshakespeare is not at hand"
)
TEXT = np.random.Generator(np.random.PCG64(0)).integers(0, 3, 60)


def witten_bell(history: tuple[int, ...], c: int, size: int) -> float:
    """The recursion of the module's docstring, word by word."""
    lower = 1 / size if not history else witten_bell(history[1:], c, size)
    if not history:
        after = list(TEXT)
    else:
        n = len(history)
        places = range(len(TEXT) - n)
        after = [TEXT[i + n] for i in places if tuple(TEXT[i : i + n]) == history]
    if not after:
        return lower
    counts = Counter(after)
    return (counts[c] + len(counts) * lower) / (len(after) + len(counts))


def kneser_ney(history: tuple[int, ...], c: int, size: int, order: int) -> float:
    """The same for modified Kneser–Ney; a history of the highest order is the one that counts."""
    n = len(history) + 1
    grams = [tuple(TEXT[i : i + n]) for i in range(len(TEXT) - n + 1)]
    if n < order:  # in how many ways was each preceded?
        longer = {tuple(TEXT[i : i + n + 1]) for i in range(len(TEXT) - n)}
        grams = [gram[1:] for gram in longer]
    counts = Counter(grams)
    discounts = modified_discounts(np.array(list(counts.values())))
    after = {gram[-1]: count for gram, count in counts.items() if gram[:-1] == history}
    lower = kneser_ney(history[1:], c, size, order) if history else 1 / size
    if not after:
        return lower
    taken = sum(discounts[min(count, 3)] for count in after.values())
    own = after.get(c, 0) - discounts[min(after.get(c, 0), 3)]
    return (own + taken * lower) / sum(after.values())


@pytest.mark.parametrize("order", [1, 2, 4, 6])
def test_ngrams_are_the_recursion(order: int) -> None:
    test = np.array([0, 2, 1, 1, 0, 2, 2, 2, 2, 2, 2, 3, 1, 0, 0])
    witten_bells = witten_bell_log_probs(TEXT, test, 4, order)
    kneser_neys = kneser_ney_log_probs(TEXT, test, 4, order)
    for i, c in enumerate(test):
        history = tuple(test[max(0, i - order + 1) : i])
        expected = math.log(witten_bell(history, c, 4))
        assert witten_bells[i] == pytest.approx(expected, abs=1e-12)
        expected = math.log(kneser_ney(history, c, 4, order))
        assert kneser_neys[i] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("log_probs", [witten_bell_log_probs, kneser_ney_log_probs])
@pytest.mark.parametrize("order", [1, 3, 5])
def test_ngrams_sum_to_one_after_every_history(log_probs: Callable, order: int) -> None:
    for history in itertools.product(range(4), repeat=order - 1):
        p = [np.exp(log_probs(TEXT, np.array([*history, c]), 4, order)[-1]) for c in range(4)]
        assert min(p) > 0
        assert sum(p) == pytest.approx(1.0, abs=1e-12)


def test_discounts_are_those_of_chen_and_goodman() -> None:
    """Four counts of 1, two of 2, one of 3, one of 4: Y = 4 / (4 + 2·2)."""
    found = modified_discounts(np.array([1, 1, 1, 1, 2, 2, 3, 4, 9]))
    expected = [0, 1 - 2 * 0.5 * 2 / 4, 2 - 3 * 0.5 * 1 / 2, 3 - 4 * 0.5 * 1 / 1]
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("counts", [[5, 7], [1] * 8 + [2, 3, 3, 3], [1, 2, 3, 4, 4, 4, 4]])
def test_too_few_counts_have_the_usual_discounts(counts: list[int]) -> None:
    """None of 1, 2 or 3, or so many of the next that a discount would be negative."""
    assert modified_discounts(np.array(counts)).tolist() == [0, 0.5, 1, 1.5]


def test_both_kinds_of_discounts_occur_in_the_text_of_these_tests() -> None:
    grams = [Counter(zip(*(TEXT[i:] for i in range(n)), strict=False)) for n in range(1, 7)]
    found = [modified_discounts(np.array(list(counts.values())))[1] for counts in grams]
    assert 0.5 in found
    assert set(found) != {0.5}


def test_stored_ngrams_are_those_of_the_literature_and_of_a_second_count() -> None:
    """Kneser–Ney: what a reader who counted for himself has found."""
    stored = baseline_values("nats/char", "tinyshakespeare")
    witten_bells = {1: 3.347, 2: 2.486, 3: 2.049, 5: 1.669, 6: 1.698}
    kneser_neys = {5: 1.561, 6: 1.523, 7: 1.517, 8: 1.519}
    for name, values in (("Witten-Bell", witten_bells), ("Kneser-Ney", kneser_neys)):
        for order, value in values.items():
            assert stored[f"{name} {order}-gram"] == pytest.approx(value, abs=6e-4)
    assert min(stored, key=stored.get) == "Kneser-Ney 7-gram"


@needs_shakespeare
def test_stored_ngrams_are_what_counting_gives() -> None:
    train, test = (load_text("tinyshakespeare", s).tokens.numpy() for s in ("train", "validation"))
    stored = baseline_values("nats/char", "tinyshakespeare")
    found = -witten_bell_log_probs(train, test, 65, 2).mean()
    assert found == pytest.approx(stored["Witten-Bell 2-gram"], abs=1e-9)
    found = -kneser_ney_log_probs(train, test, 65, 5).mean()
    assert found == pytest.approx(stored["Kneser-Ney 5-gram"], abs=1e-9)


def test_docstrings_are_counted() -> None:
    found = baseline_values("nats/char", "docstrings")
    assert len(found) == len(WITTEN_BELL_ORDERS) + len(KNESER_NEY_ORDERS)
    assert 1 < min(found.values()) < max(found.values()) < math.log(len(alphabet_of("docstrings")))


class Windows(nn.Module):
    """Uniform over K tokens; remembers what it was shown."""

    def __init__(self, size: int, vocab_size: int) -> None:
        super().__init__()
        self.event_shape, self.vocab_size, self.seen = (size,), vocab_size, []

    def logits(self, x: Tensor) -> Tensor:
        self.seen.append(x)
        return torch.zeros(*x.shape, self.vocab_size)


@pytest.mark.parametrize("n", [1, 5, 6, 7, 9, 23, 24, 200])
def test_every_token_counts_once_and_sees_at_least_half_a_window(n: int, monkeypatch) -> None:
    """With logits that say how far from the window's start a token stands, and which one it is."""
    size, tokens = 6, torch.arange(n)

    class Places(Windows):
        def logits(self, x: Tensor) -> Tensor:
            assert (x.diff(dim=1) == 1).all()  # neighbours in the text
            place = torch.arange(x.shape[1]).expand_as(x)
            return nn.functional.one_hot(x, n) * (1e3 * place[..., None] + x[..., None])

    monkeypatch.setattr(
        text_protocols, "_chosen", lambda logits, x: logits.gather(2, x[..., None])[..., 0]
    )
    found = text_protocols.log_probs(Places(size, n), tokens, "cpu")
    place, which = (found / 1e3).floor(), found % 1e3
    assert torch.equal(which.long(), tokens)
    assert (place >= torch.minimum(torch.arange(n), torch.tensor(size // 2))).all()
    assert (place <= torch.arange(n)).all()


def test_the_uniform_model_has_the_logarithm_of_the_alphabet() -> None:
    size = len(alphabet_of("docstrings"))
    found = measure(Windows(50, size), "nats-per-char", "docstrings", progress=False)
    assert found.value == pytest.approx(math.log(size))
    assert found.n == len(load_text("docstrings", "validation"))
    assert found.details["bits_per_char"] == pytest.approx(math.log2(size))
    assert found.details["context"] == 50
    assert found.sd == pytest.approx(0.0, abs=1e-6)


def test_the_standard_error_is_that_of_a_hundred_stretches(monkeypatch) -> None:
    """Of characters that are all alike within a stretch, and not as if they were independent."""
    size, n = len(alphabet_of("docstrings")), len(load_text("docstrings", "validation"))
    each = torch.rand(100, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([len(part) for part in torch.arange(n).tensor_split(100)])
    nats = each.repeat_interleave(lengths)
    monkeypatch.setattr(text_protocols, "log_probs", lambda *_: -nats)
    found = measure(Windows(50, size), "nats-per-char", "docstrings", progress=False)
    assert found.value == pytest.approx(nats.mean().item())
    assert found.sd == pytest.approx(each.std().item() / 10)
    assert found.sd > 5 * nats.std().item() / math.sqrt(n)


def test_a_recurrent_model_reads_the_text_once_and_carries_its_state(monkeypatch) -> None:
    """The whole in one pass is what chunks of 7 give."""
    torch.manual_seed(0)
    model = TokenChain(vocab_size=5)
    tokens = torch.randint(5, (50,))
    whole = model.logits(tokens[None])[0].log_softmax(1).gather(1, tokens[:, None])[:, 0]
    monkeypatch.setattr(text_protocols, "CHUNK", 7)
    found = text_protocols.log_probs(model, tokens, "cpu")
    torch.testing.assert_close(found.float(), whole)


def test_another_alphabet_is_refused() -> None:
    with pytest.raises(ZooError, match="37 characters, this one has 5"):
        measure(TokenChain(vocab_size=5), "nats-per-char", "docstrings", progress=False)
