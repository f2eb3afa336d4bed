"""Orders and distances of energies, on models whose answer is known."""

import math

import pytest
import torch
from torch import nn

from zoo.core.data import load_dataset, test_images
from zoo.core.errors import ZooError
from zoo.core.metrics import measure
from zoo.core.metrics.energy_protocols import (
    auroc,
    baseline_scores,
    dequantised,
    gap_ratio,
    lead,
    strange_images,
)


class Known(nn.Module):
    """An energy and chains that are given: what the k-th step leaves, k = 1, 2, ..."""

    event_shape = (1, 8, 8)

    def __init__(self, energy, chain=lambda x, k: x) -> None:
        super().__init__()
        self.energy, self.chain, self.taken = energy, chain, 0

    def langevin(self, x, eps):
        self.taken = self.taken % 400 + len(eps)
        return self.chain(x, self.taken)


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


def real(n):
    """Training images instead of samples: what a perfect sampler would return."""
    images, generator = load_dataset("digits", "train").images, torch.Generator().manual_seed(0)
    rows = torch.randint(len(images), (n,), generator=generator)
    u = torch.rand(n, 1, 8, 8, generator=generator)
    return (images[rows] + u) / 17


def test_the_protocol_of_the_gap() -> None:
    data = real(2000)
    perfect = measure(Known(ink, lambda x, k: data), "energy-gap", "digits", progress=False)
    assert perfect.value < 0.2
    for length in ("100", "200", "400"):
        order = perfect.details["auroc_samples_above_test"][length]
        assert order == pytest.approx(0.5, abs=0.05)
    stuck = measure(Known(ink), "energy-gap", "digits", progress=False)
    assert stuck.value > 1


@pytest.mark.parametrize("passing", [100, 200, 400])
def test_chains_that_only_pass_through_the_data_miss(passing) -> None:
    """At one of the three lengths the chains are data, at the others nearly black."""
    data = real(2000)
    model = Known(ink, lambda x, k: data if k == passing else 0.01 * data)
    found = measure(model, "energy-gap", "digits", progress=False)
    assert found.value > 1
    signed = found.details["signed_gap_in_sd_of_test"]
    assert {k: abs(gap) < 0.2 for k, gap in signed.items()} == {
        str(k): k == passing for k in (100, 200, 400)
    }
    assert max(map(abs, signed.values())) == pytest.approx(found.value)


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
    found = measure(Known(ink), "ood-lead", "digits", progress=False)
    kinds = found.details["per_kind"]
    assert kinds["energy"]["upside down"] == pytest.approx(0.5, abs=0.001)
    assert kinds["energy"]["shuffled pixels"] == pytest.approx(0.5, abs=0.001)
    assert kinds["energy"]["inverted"] > 0.99
    assert kinds["pixels"]["shuffled pixels"] > 0.9
    rows = [(name, kinds[name]["upside down"], kinds[name]["means of two"]) for name in kinds]
    assert [name for name, _, _ in rows] == ["energy", "pixels", "gaussian"]
    leads = [rows[0][k] - max(rows[1][k], rows[2][k]) for k in (1, 2)]
    assert found.value == pytest.approx(sum(leads) / 2)
    assert 0 < found.sd < 0.05
    turned = measure(Known(lambda x: -ink(x)), "ood-lead", "digits", progress=False)
    for kind, value in kinds["energy"].items():
        assert turned.details["per_kind"]["energy"][kind] == pytest.approx(1 - value)


def test_a_baseline_has_no_lead_over_itself() -> None:
    train = load_dataset("digits", "train").images.float() / 16
    for score in baseline_scores(train).values():
        assert measure(Known(score), "ood-lead", "digits", progress=False).value <= 0


def test_lead_over_the_better_of_the_others() -> None:
    test = torch.tensor([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    one = torch.tensor([[2.0, 3.0], [0.5, 0.5], [-1.0, -1.0]])  # 1, 1/2, 0
    two = torch.tensor([[0.5, 0.5], [-1.0, 2.0], [2.0, 2.0]])  # 1/2, 1/2, 1
    assert lead(test, [one]) == 0.5
    assert lead(test, [one, two]) == 0


def test_baselines_by_their_formulas() -> None:
    train = torch.tensor([[0.0, 0.5], [1.0, 0.5], [0.5, 0.2]]).view(3, 1, 1, 2)
    scores, x = baseline_scores(train), torch.tensor([0.9, 0.3]).view(1, 1, 1, 2)
    m = [0.5, 0.4]
    expected = -sum(
        v * math.log(p) + (1 - v) * math.log(1 - p) for v, p in zip((0.9, 0.3), m, strict=True)
    )
    assert scores["pixels"](x).item() == pytest.approx(expected, rel=1e-5)
    a, b, c = 0.25 + 0.01, 0.03 + 0.01, 0.0  # variances with n - 1, and the covariance
    expected = (0.4**2 * b + 0.1**2 * a - 2 * 0.4 * -0.1 * c) / (a * b - c**2)
    assert scores["gaussian"](x).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("metric", ["energy-gap", "ood-lead"])
def test_a_model_without_energy_is_refused(metric) -> None:
    class Plain(nn.Module):
        event_shape = (1, 8, 8)

    with pytest.raises(ZooError, match="needs a model with energy"):
        measure(Plain(), metric, "digits", progress=False)
    with pytest.raises(ZooError, match="grey images"):
        measure(Known(ink), metric, "grid25", progress=False)
