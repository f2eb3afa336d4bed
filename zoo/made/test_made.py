"""What is particular to MADE: its masks, its orderings, its ensemble and its sampler."""

from __future__ import annotations

import dataclasses
import itertools
import math

import pytest
import torch
from torch.autograd.functional import jacobian

from zoo.core.errors import ZooError
from zoo.core.noise import Noise
from zoo.made.model import MADE, sample_degrees
from zoo.made.recipe import RECIPES, Task

SHAPE = (1, 2, 4)
D = math.prod(SHAPE)
VARIANTS = [
    pytest.param({"hidden": (30,)}, id="one layer"),
    pytest.param({"hidden": (24, 24, 24), "direct": False}, id="three layers, not direct"),
    pytest.param({"hidden": (24, 16), "order": "random", "seed": 5}, id="random order"),
    pytest.param({"hidden": (30,), "masks": 3, "seed": 2}, id="connectivity-agnostic"),
    pytest.param({"hidden": (24, 24), "masks": 3, "order": "random"}, id="order-agnostic"),
]


def build(**kwargs: object) -> MADE:
    """A small model whose weights are far from zero, so that a leak is seen."""
    torch.manual_seed(1)
    model = MADE(SHAPE, **kwargs)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.6)
    return model.double()


def all_images() -> torch.Tensor:
    rows = list(itertools.product([0.0, 1.0], repeat=D))
    return torch.tensor(rows, dtype=torch.float64).unflatten(1, SHAPE)


@pytest.mark.parametrize("kwargs", VARIANTS)
def test_probabilities_sum_to_one(kwargs: dict) -> None:
    model = build(**kwargs)
    x = all_images()
    assert model.log_prob(x).exp().sum().item() == pytest.approx(1.0, abs=1e-12)
    for k in range(model.n_masks):
        assert model.log_prob_of_mask(x, k).exp().sum().item() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("kwargs", VARIANTS)
def test_an_output_depends_on_exactly_the_inputs_before_it(kwargs: dict) -> None:
    """Zero Jacobian where it must be, and (with direct connections) non-zero elsewhere."""
    model = build(**kwargs)
    x = torch.rand(1, *SHAPE, dtype=torch.float64)
    for k, position in enumerate(model.orderings):
        J = jacobian(lambda x, k=k: model.logits(x, k), x).reshape(D, D)
        before = position[None, :] < position[:, None]  # [i, j]: x_j comes before x_i
        assert (J[~before] == 0).all()
        if model.direct is not None:
            assert (J[before] != 0).all()


@pytest.mark.parametrize("direct", [True, False])
def test_number_of_paths_equals_the_masks_product(direct: bool) -> None:
    """The product of all masks counts the paths from input j to output i (after equation 10)."""
    model = build(hidden=(40, 30), direct=direct, order="random", seed=3)
    paths = model.output.masks[0].long()
    for layer in reversed(model.hidden):
        paths = paths @ layer.masks[0].long()
    m0, m1, m2 = (m[0].tolist() for m in model.degrees)
    expected = [
        [sum(m0[j] <= a <= b < m0[i] for a in m1 for b in m2) for j in range(D)] for i in range(D)
    ]
    assert paths.tolist() == expected


def test_masks_by_hand() -> None:
    """Three inputs in natural order and one unit of each possible degree."""
    seed = next(
        s for s in range(99) if sample_degrees(3, (2,), "natural", 1, s)[1].tolist() == [[1, 2]]
    )
    model = MADE((3,), hidden=(2,), direct=True, seed=seed)
    assert model.hidden[0].masks[0].tolist() == [[1, 0, 0], [1, 1, 0]]
    assert model.output.masks[0].tolist() == [[0, 0], [1, 0], [1, 1]]
    assert model.direct.masks[0].tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]


def test_degrees_follow_the_paper() -> None:
    m0, m1, m2 = sample_degrees(9, (400, 400), "random", 5, seed=7)
    for k in range(5):
        assert sorted(m0[k].tolist()) == list(range(1, 10))
        assert set(m1[k].tolist()) == set(range(1, 9))  # every degree 1 … D − 1 occurs, D never
        assert m2[k].min() >= m1[k].min()
        assert m2[k].max() == 8
    assert len({tuple(row.tolist()) for row in m0}) == 5
    natural = sample_degrees(9, (4,), "natural", 2, seed=7)[0]
    assert natural.tolist() == [list(range(1, 10))] * 2


def test_no_unit_is_cut_off_in_a_deep_network() -> None:
    """Degrees below the minimum of the layer beneath would leave units without any input."""
    for seed in range(20):
        model = MADE(SHAPE, hidden=(3, 3, 3), seed=seed)
        for layer in model.hidden:
            assert (layer.masks.sum(2) > 0).all()


def test_masks_are_pinned_by_the_seed() -> None:
    """A weight file is meaningless under other masks: these draws must never change."""
    m0, m1 = sample_degrees(6, (5,), "random", 2, seed=0)
    assert m0.tolist() == [[6, 3, 2, 4, 1, 5], [5, 1, 4, 6, 2, 3]]
    assert m1.tolist() == [[3, 5, 1, 1, 5], [2, 2, 1, 2, 5]]


@pytest.mark.parametrize("kwargs", VARIANTS)
def test_sampler_equals_one_full_pass_for_each_element(kwargs: dict) -> None:
    """The sampler that computes each unit once, against the plain D-pass one, bit for bit."""
    model = build(**kwargs)
    u = torch.rand(50, D, dtype=torch.float64)
    for k in range(model.n_masks):
        x = torch.zeros(50, D, dtype=torch.float64)
        for d in model.orderings[k].argsort():
            logits = model.logits(x.unflatten(1, SHAPE), k).flatten(1)
            x[:, d] = (u[:, d] < logits[:, d].sigmoid()).double()
        assert torch.equal(model.from_uniform(u, k), x)


def test_sampler_draws_each_image_as_often_as_its_probability_says() -> None:
    torch.manual_seed(0)
    model = MADE((1, 1, 4), hidden=(20,), masks=2, order="random")
    n = 40_000
    codes = model.sample(n, torch.Generator().manual_seed(3)).flatten(1) @ 2.0 ** torch.arange(4)
    counts = codes.long().bincount(minlength=16).double()
    x = (torch.arange(16)[:, None] >> torch.arange(4) & 1).float().unflatten(1, (1, 1, 4))
    expected = n * model.log_prob(x).exp().double()
    chi2 = ((counts - expected) ** 2 / expected).sum().item()
    assert chi2 < 37.7  # 99.9 % quantile with 15 degrees of freedom; the seed is fixed


def test_uniform_numbers_force_pixels_whatever_the_model_says() -> None:
    """In single precision a logit of ±200 has a sigmoid of exactly 0 or 1."""
    model = MADE(SHAPE, hidden=(20,), order="random")
    with torch.no_grad():
        model.output.bias.copy_(torch.tensor([-200.0, 200.0]).repeat(D // 2))
    forced = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * D)
    assert torch.equal(model.from_uniform(1 - forced), forced)
    left_to_the_model = model.from_uniform(torch.full((1, D), 0.5))
    assert left_to_the_model[0].tolist() == [0.0, 1.0] * (D // 2)


def test_ensemble_is_the_mean_of_probabilities() -> None:
    model = build(hidden=(20,), masks=4, order="random")
    x = all_images()
    mean = torch.stack([model.log_prob_of_mask(x, k).exp() for k in range(4)]).mean(0)
    torch.testing.assert_close(model.log_prob(x).exp(), mean)


def test_mean_of_logits_over_orderings_is_no_distribution() -> None:
    """Why probabilities are averaged: two pixels in both orders, x_i has logit 4·x_j − 2."""
    seed = next(
        s for s in range(99) if len(sample_degrees(2, (1,), "random", 2, s)[0].unique(dim=0)) == 2
    )
    model = MADE((2,), hidden=(1,), masks=2, order="random", seed=seed)
    torch.nn.init.zeros_(model.output.weight)
    torch.nn.init.constant_(model.output.bias, -2.0)
    torch.nn.init.constant_(model.direct.weight, 4.0)
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    assert model.log_prob(x).exp().sum().item() == pytest.approx(1.0)
    p = ((model.logits(x, 0) + model.logits(x, 1)) / 2).sigmoid()
    total = (p * x + (1 - p) * (1 - x)).prod(1).sum()
    sigma = 1 / (1 + math.exp(-2))
    assert total.item() == pytest.approx(sigma**2 + (1 - sigma) + 0.25)  # 1.14…, not 1


def test_maximum_likelihood_recovers_a_known_distribution() -> None:
    """Trained on all 2^4 images with known weights, the density reaches that distribution."""
    torch.manual_seed(0)
    x = all_images().float().flatten(1)[:16, 4:].unflatten(1, (1, 1, 4))
    target = torch.softmax(torch.randn(16), 0)
    model = MADE((1, 1, 4), hidden=(64,), order="random")
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(400):
        loss = -(target * model.log_prob(x)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    entropy = -(target * target.log()).sum()
    assert 0 <= loss.item() - entropy.item() < 0.01


def test_grey_values_are_refused() -> None:
    """Cross-entropy is a likelihood of zeros and ones only."""
    with pytest.raises(ValueError, match="support"):
        build().log_prob(torch.full((1, *SHAPE), 0.5, dtype=torch.float64))


def test_diverged_weights_give_nan() -> None:
    """No exception from here: the training loop reports a loss that is not finite."""
    model = build()
    torch.nn.init.constant_(model.output.bias, math.nan)
    assert model.log_prob(all_images()).isnan().all()


def test_impossible_settings_are_refused() -> None:
    for kwargs in ({"order": "raster"}, {"masks": 0}):
        with pytest.raises(ValueError, match=r"order|mask"):
            MADE(SHAPE, **kwargs)
    for changes in ({"dataset": "digits"}, {"masks": 0}, {"hidden": (20, 0)}):
        with pytest.raises(ZooError, match=r"binary|at least 1"):
            dataclasses.replace(RECIPES["tiny"], **changes)


def test_a_recipe_passes_all_its_fields_on() -> None:
    """With values other than the defaults, so that a field forgotten on the way shows."""
    changes = {"hidden": (7, 5), "direct": False, "masks": 2, "seed": 3}
    for order in ("natural", "random"):
        config = dataclasses.replace(RECIPES["tiny"], **changes | {"order": order})
        model = Task(config).build()
        assert model.event_shape == (1, 2, 5)
        assert model.direct is None
        expected = sample_degrees(10, (7, 5), order, masks=2, seed=3)
        for built, drawn in zip(model.degrees, expected, strict=True):
            assert torch.equal(built, drawn)
    assert Task(dataclasses.replace(config, direct=True)).build().direct is not None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_samples_follow_the_generator_wherever_the_model_is() -> None:
    model = build(hidden=(20,), masks=3, order="random").float()
    here = model.sample(50, torch.Generator().manual_seed(0))
    there = model.cuda().sample(50, torch.Generator().manual_seed(0))
    assert torch.equal(there.cpu(), here)
    assert model.sample(50, torch.Generator("cuda")).device.type == "cuda"


def test_the_loss_is_the_mean_of_nats_over_examples() -> None:
    task = Task(RECIPES["tiny"])
    torch.manual_seed(0)
    model = task.build()
    raw = torch.randint(0, 17, (32, 1, 8, 8), dtype=torch.uint8)
    x = task.prepare(raw, Noise(0, 0))
    assert x.shape == (32, *model.event_shape)
    assert set(x.unique().tolist()) == {0.0, 1.0}
    losses = {task.loss(model, x, Noise(0, step))["loss"].item() for step in range(30)}
    expected = {-model.log_prob_of_mask(x, k).mean().item() for k in range(model.n_masks)}
    assert losses == expected  # every mask gets its turn
