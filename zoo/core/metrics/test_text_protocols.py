"""N-grams against enumeration and published figures; the text protocol on models that are known."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from zoo.core.conformance.token_examples import TokenChain
from zoo.core.errors import ZooError
from zoo.core.metrics import measure, text_protocols
from zoo.core.metrics.baselines import baseline_values
from zoo.core.metrics.ngrams import ORDERS, ngram_log_probs
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


@pytest.mark.parametrize("order", [1, 2, 4, 6])
def test_ngrams_are_the_recursion(order: int) -> None:
    test = np.array([0, 2, 1, 1, 0, 2, 2, 2, 2, 2, 2, 3, 1, 0, 0])
    found = ngram_log_probs(TEXT, test, 4, order)
    for i, c in enumerate(test):
        history = tuple(test[max(0, i - order + 1) : i])
        assert found[i] == pytest.approx(math.log(witten_bell(history, c, 4)), abs=1e-12)


def test_ngrams_sum_to_one_after_every_history() -> None:
    for history in itertools.product(range(4), repeat=2):
        p = [np.exp(ngram_log_probs(TEXT, np.array([*history, c]), 4, 3)[-1]) for c in range(4)]
        assert sum(p) == pytest.approx(1.0, abs=1e-12)


def test_stored_ngrams_are_those_of_the_literature() -> None:
    stored = baseline_values("nats/char", "tinyshakespeare")
    expected = {1: 3.347, 2: 2.486, 3: 2.049, 5: 1.669, 6: 1.698}
    for order, value in expected.items():
        assert stored[f"Witten-Bell {order}-gram"] == pytest.approx(value, abs=6e-4)
    assert min(stored, key=stored.get) == "Witten-Bell 5-gram"


@needs_shakespeare
def test_stored_ngrams_are_what_counting_gives() -> None:
    train, test = (load_text("tinyshakespeare", s).tokens.numpy() for s in ("train", "validation"))
    found = -ngram_log_probs(train, test, 65, 2).mean()
    stored = baseline_values("nats/char", "tinyshakespeare")["Witten-Bell 2-gram"]
    assert found == pytest.approx(stored, abs=1e-9)


def test_docstrings_are_counted() -> None:
    found = baseline_values("nats/char", "docstrings")
    assert len(found) == len(ORDERS)
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
