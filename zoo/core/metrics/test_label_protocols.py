"""Labels of samples: generators that return real images, of the label asked for or of another."""

import pytest
import torch
from torch import Tensor, nn

from zoo.core.data import is_available, load_dataset, scale
from zoo.core.errors import ZooError
from zoo.core.metrics import fidelity, label_protocols, measure
from zoo.core.metrics.label_protocols import nearest_labels

needs_mnist = pytest.mark.skipif(not is_available("mnist"), reason="MNIST is not at hand")


class Copies(nn.Module):
    """Draws training images of the labels asked for, each label moved on by `shift`."""

    event_shape, classes = (1, 28, 28), 10

    def __init__(self, shift: int = 0, labels: tuple[int, ...] = tuple(range(10))) -> None:
        super().__init__()
        data = load_dataset("mnist", "train")
        self.shift, self.labels = shift, torch.tensor(labels)
        images = scale(data.images[:4000], data.levels)
        self.images = [images[data.labels[:4000] == y] for y in range(10)]

    def sample(self, n: int, generator: torch.Generator, labels: Tensor | None = None) -> Tensor:
        if labels is None:
            labels = self.labels[torch.randint(len(self.labels), (n,), generator=generator)]
        assert len(labels) == n
        drawn = torch.rand(n, generator=generator)
        pools = [self.images[y] for y in ((labels + self.shift) % 10).tolist()]
        return torch.stack([p[int(u * len(p))] for p, u in zip(pools, drawn, strict=True)])


@pytest.fixture
def small(monkeypatch):
    """A protocol of the same form with fewer samples."""
    monkeypatch.setattr(label_protocols, "SAMPLES", 1500)
    monkeypatch.setattr(label_protocols, "EXAMPLES", 3000)
    monkeypatch.setattr(label_protocols, "SEEDS", (0, 1))
    monkeypatch.setattr(fidelity, "SUBSETS", 2)
    monkeypatch.setattr(fidelity, "neighbour_scores", lambda *_: {})  # has its own tests


@needs_mnist
def test_accuracy_of_labels_that_are_obeyed_and_that_are_not(small):
    obeyed = measure(Copies(), "conditional-accuracy", "mnist", progress=False)
    assert obeyed.value > 0.99
    assert min(obeyed.details["per_class"]) > 0.97
    assert obeyed.details["samples"]["fd"] < 1.5
    assert obeyed.seeds == (0, 1)
    other = measure(Copies(shift=1), "conditional-accuracy", "mnist", progress=False)
    assert other.value < 0.01


@needs_mnist
def test_every_class_has_an_accuracy_of_its_own(small):
    model = Copies()
    model.images[3] = model.images[5]
    found = measure(model, "conditional-accuracy", "mnist", progress=False)
    assert found.details["per_class"][3] < 0.05
    assert min(found.details["per_class"][:3] + found.details["per_class"][4:]) > 0.97
    threes = (load_dataset("mnist", "test").labels[:1500] == 3).double().mean().item()
    assert found.value == pytest.approx(1 - threes, abs=0.01)


@needs_mnist
def test_divergence_of_the_classes(small):
    even = measure(Copies(), "class-kl", "mnist", progress=False)
    assert even.value < 0.02
    assert even.details["classes_present"] == 10
    half = measure(Copies(labels=(0, 1, 2, 3, 4)), "class-kl", "mnist", progress=False)
    assert half.details["classes_present"] == 5
    assert half.value == pytest.approx(torch.tensor(2.0).log().item(), abs=0.05)


@needs_mnist
def test_a_nearest_neighbour_learns_from_the_samples(small):
    right = measure(Copies(), "neighbour-error", "mnist", progress=False)
    real = right.details["real_training_images"]
    assert right.value == pytest.approx(real, abs=0.03)
    assert right.n == 10_000
    wrong = measure(Copies(shift=1), "neighbour-error", "mnist", progress=False)
    assert wrong.value > 0.95


def test_nearest_label_by_hand():
    examples = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 1.0]])
    queries = torch.tensor([[0.1, 0.4], [0.1, 0.6], [2.0, 0.0], [9.0, 9.0]])
    labels = torch.tensor([7, 8, 9])
    assert nearest_labels(examples, labels, queries).tolist() == [7, 9, 8, 8]
    x, q = torch.randn(50, 4, dtype=torch.float64), torch.randn(700, 4, dtype=torch.float64)
    expected = torch.cdist(q, x).argmin(1)
    assert torch.equal(nearest_labels(x, torch.arange(50), q), expected)


@pytest.mark.parametrize("metric", ["conditional-accuracy", "class-kl", "neighbour-error"])
def test_they_are_of_mnist(metric):
    model = nn.Identity()
    model.event_shape, model.classes = (1, 8, 8), 10
    with pytest.raises(ZooError, match="'mnist' only"):
        measure(model, metric, "digits", progress=False)


@pytest.mark.parametrize("metric", ["conditional-accuracy", "neighbour-error"])
def test_labels_need_classes(metric):
    model = nn.Identity()
    model.event_shape, model.classes = (1, 28, 28), 0
    with pytest.raises(ZooError, match="classes = 10"):
        measure(model, metric, "mnist", progress=False)
