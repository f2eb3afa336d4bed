"""Orders and distances of energies, on models whose answer is known."""

import pytest
import torch
from torch import nn

from zoo.core.data import load_dataset, test_images
from zoo.core.errors import ZooError
from zoo.core.metrics import measure
from zoo.core.metrics.energy_protocols import auroc, dequantised, gap_ratio, strange_images


class Known(nn.Module):
    """An energy and a sampler that are given."""

    event_shape = (1, 8, 8)

    def __init__(self, energy, sample=None) -> None:
        super().__init__()
        self.energy = energy
        self.draw = sample or (lambda n, generator: torch.rand(n, 1, 8, 8, generator=generator))

    def sample(self, n, generator=None):
        return self.draw(n, generator)


def ink(x):
    return x.flatten(1).sum(1)


def test_auroc_by_counting_pairs() -> None:
    low, high = torch.tensor([1.0, 2, 2, 5]).double(), torch.tensor([2.0, 6, 0]).double()
    pairs = [(a < b) + 0.5 * (a == b) for a in low.tolist() for b in high.tolist()]
    assert auroc(low, high) == pytest.approx(sum(pairs) / 12)
    assert auroc(low, low) == 0.5
    assert auroc(low, low + 10) == 1


def test_gap_is_in_deviations_of_the_test_images() -> None:
    test, noise = torch.tensor([1.0, 3.0]).double(), torch.full((3,), 50.0).double()
    assert gap_ratio(test, test + 3, noise) == pytest.approx(3 / 2**0.5)
    assert gap_ratio(test, test - 3, noise) == pytest.approx(3 / 2**0.5)


def test_a_chain_that_goes_nowhere_has_a_gap_of_one_or_more() -> None:
    test = torch.tensor([1.0, 3.0]).double()
    for away in (0.01, 1.0, 50.0):
        assert gap_ratio(test, test + away, test + away) >= 1 - 1e-9


def real(n, generator):
    """Training images instead of samples: what a perfect sampler would return."""
    images = load_dataset("digits", "train").images
    rows = torch.randint(len(images), (n,), generator=generator)
    u = torch.rand(n, 1, 8, 8, generator=generator)
    return (images[rows] + u) / 17


def test_the_protocol_of_the_gap() -> None:
    perfect = measure(Known(ink, real), "energy-gap", "digits", progress=False)
    assert perfect.value < 0.1
    assert perfect.details["auroc_samples_above_test"] == pytest.approx(0.5, abs=0.05)
    stuck = measure(Known(ink), "energy-gap", "digits", progress=False)
    assert stuck.value > 1
    sunk = measure(
        Known(ink, lambda n, g: 0.01 * torch.rand(n, 1, 8, 8, generator=g)),
        "energy-gap", "digits", progress=False,
    )  # fmt: skip
    assert sunk.value > 1
    assert sunk.details["signed_gap_in_sd_of_test"] < -1


def test_strange_images_are_what_they_are_called() -> None:
    test, strange = test_images("digits"), strange_images("digits")
    grey = {name: (17 * x).floor() / 16 for name, x in strange.items()}
    assert torch.equal(grey["inverted"], 1 - test)
    assert torch.equal(grey["upside down"], test.flip(2))
    assert torch.equal(
        grey["shuffled pixels"].flatten(1).sort().values, test.flatten(1).sort().values
    )
    assert not torch.equal(grey["shuffled pixels"], test)
    assert (grey["constant"].flatten(1).std(1) == 0).all()
    assert grey["means of two"].mean().item() == pytest.approx(test.mean().item(), abs=0.04)
    assert (grey["uniform noise"].mean() - 0.5).abs() < 0.01
    assert torch.equal((17 * dequantised(test, "digits")).floor() / 16, test)


def test_the_protocol_of_strange_images() -> None:
    found = measure(Known(ink), "ood-auroc", "digits", progress=False)
    kinds = found.details["per_kind"]
    assert kinds["upside down"] == pytest.approx(0.5, abs=0.001)
    assert kinds["shuffled pixels"] == pytest.approx(0.5, abs=0.001)
    assert kinds["inverted"] > 0.99
    assert found.value == pytest.approx(sum(kinds.values()) / len(kinds))
    flat = measure(Known(lambda x: 0 * ink(x)), "ood-auroc", "digits", progress=False)
    assert flat.value == 0.5
    upside_down = measure(Known(lambda x: -ink(x)), "ood-auroc", "digits", progress=False)
    assert upside_down.value == pytest.approx(1 - found.value)
    assert found.details["baseline_per_kind"]["shuffled pixels"] > 0.9


@pytest.mark.parametrize("metric", ["energy-gap", "ood-auroc"])
def test_a_model_without_energy_is_refused(metric) -> None:
    class Plain(nn.Module):
        event_shape = (1, 8, 8)

    with pytest.raises(ZooError, match="needs a model with energy"):
        measure(Plain(), metric, "digits", progress=False)
    with pytest.raises(ZooError, match="grey images"):
        measure(Known(ink), metric, "grid25", progress=False)
