"""The protocols of guidance on samplers whose accuracy and recall are known."""

import pytest
import torch
from torch import nn

from zoo.core.data import is_available, load_dataset, scale
from zoo.core.errors import ZooError
from zoo.core.metrics import fidelity, guidance_protocols, measure
from zoo.core.metrics.classifier import features

needs_mnist = pytest.mark.skipif(not is_available("mnist"), reason="MNIST is not at hand")


class Archive(nn.Module):
    """Training images for samples: of any class with w < 2, of the right one from there on.

    At w = 4 there is only one image of each class. The unconditional model has noise.
    """

    event_shape, classes, weight, sampling_steps = (1, 28, 28), 10, 1.0, None

    def __init__(self, blank: float = 0.0) -> None:
        super().__init__()
        data = load_dataset("mnist", "train")
        self.images, self.labels = scale(data.images, data.levels), data.labels
        self.register_buffer("blank", torch.tensor(blank))
        self.calls = []

    def sample(self, n, generator=None, labels=None, weight=None):
        self.calls.append((n, weight))
        if labels is None:
            return torch.rand(n, 1, 28, 28, generator=generator)
        if weight < 2:
            return self.images[torch.randint(len(self.images), (n,), generator=generator)]
        order = torch.randperm(len(self.images), generator=generator)
        pools = [order[self.labels[order] == k] for k in range(10)]
        rows = [pools[k][0 if weight == 4 else i] for i, k in enumerate(labels.tolist())]
        return self.images[torch.stack(rows)]


@pytest.fixture
def small(monkeypatch):
    """Fewer samples, fewer images to compare them with, and no sweep of another test."""
    real, labels = features(scale(load_dataset("mnist", "test").images[:500], 256))
    monkeypatch.setattr(guidance_protocols, "real_features", lambda device: (real, labels))
    monkeypatch.setattr(guidance_protocols, "SAMPLES", 300)
    monkeypatch.setattr(guidance_protocols, "BATCH", 200)
    monkeypatch.setattr(guidance_protocols, "_last", {})


@needs_mnist
def test_what_is_measured(small) -> None:
    model = Archive()
    accuracy = measure(model, "guided-accuracy", "mnist", progress=False)
    assert model.calls[:4] == [(200, 0.0), (100, 0.0)] * 2  # two seeds, 300 samples in batches
    assert len(model.calls) == 4 * (len(guidance_protocols.WEIGHTS) + 1)
    gain = measure(model, "guidance-accuracy-gain", "mnist", progress=False)
    loss = measure(model, "guidance-recall-loss", "mnist", progress=False)
    assert len(model.calls) == 4 * (len(guidance_protocols.WEIGHTS) + 1)  # one sweep for all
    rows = accuracy.details["sweep"]
    assert set(rows) == {"w=0", "w=0.5", "w=1", "w=2", "w=4", "unconditional", "real"}
    assert accuracy.value == rows["w=2"]["accuracy"] > 0.97
    assert rows["w=0"]["accuracy"] == pytest.approx(0.1, abs=0.06)  # of any class: chance
    assert gain.value == pytest.approx(rows["w=2"]["accuracy"] - rows["w=0"]["accuracy"])
    assert loss.value == pytest.approx(rows["w=0"]["recall"] - rows["w=4"]["recall"])
    assert rows["w=4"]["recall"] < 0.1 < 0.7 < rows["w=0"]["recall"]
    assert rows["real"]["accuracy"] > 0.97
    assert (accuracy.n, accuracy.seeds) == (300, (0, 1))
    assert len(accuracy.details["per_seed"]) == 2
    measure(Archive(blank=1.0), "guidance-recall-loss", "mnist", progress=False)
    assert len(guidance_protocols._last) == 1  # other weights: a sweep of their own


@needs_mnist
def test_scores_are_those_of_fidelity(small) -> None:
    data = load_dataset("mnist", "train")
    images, labels = scale(data.images[:300], data.levels), data.labels[:300].clone()
    labels[:30] = (labels[:30] + 1) % 10
    found = guidance_protocols.scores(images, labels, "cpu")
    assert found["accuracy"] == pytest.approx(0.9, abs=0.01)
    near = fidelity.neighbour_scores(
        guidance_protocols.real_features("cpu")[0], features(images)[0]
    )
    assert (found["precision"], found["recall"]) == (near["precision"], near["recall"])


def test_what_it_is_not_defined_for() -> None:
    model = nn.Identity()
    model.event_shape = (1, 28, 28)
    with pytest.raises(ZooError, match="guidance weight"):
        measure(model, "guided-accuracy", "mnist", progress=False)
    with pytest.raises(ZooError, match="data set 'mnist' only"):
        measure(model, "guided-accuracy", "digits", progress=False)
