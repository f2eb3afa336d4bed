"""Tests of what is particular to MAF and IAF; zoo.core.conformance has the laws of all flows."""

import math

import pytest
import torch

from zoo.core.conformance import check_entry, check_model, conformance_report, perturbed
from zoo.core.data import is_available, load_dataset
from zoo.core.metrics.baselines import baseline_values, to_logits
from zoo.core.metrics.inputs import test_inputs as inputs_of
from zoo.core.noise import Noise
from zoo.core.registry import get_entry
from zoo.maf.model import IAF, MAF, MaskedAffine
from zoo.maf.recipe import RECIPES, Config, Task

SHAPE = {"layers": 3, "hidden": (16, 16)}


def flow(kind=MAF, event_shape=(5,), **settings):
    """A small flow in float64 in which no layer is neutral."""
    torch.manual_seed(0)
    return perturbed(kind(event_shape, **{**SHAPE, **settings}), 0.3).double()


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def jacobians(function, x):
    """Jacobians (B, D, D) of a map of single examples, by autograd."""
    single = torch.autograd.functional.jacobian
    return torch.stack([single(lambda v: function(v[None])[0], row) for row in x])


def test_order_is_reversed_from_one_made_to_the_next():
    orders = [b.degrees[0].tolist() for b in flow().bijections if isinstance(b, MaskedAffine)]
    assert orders == [[1, 2, 3, 4, 5], [5, 4, 3, 2, 1], [1, 2, 3, 4, 5]]


def test_two_mades_are_a_density_that_no_single_order_has():
    """With one MADE x_1 is Gaussian; after the second, in reversed order, it is not."""
    for layers, gaussian in ((1, True), (2, False)):
        model = flow(layers=layers, batch_norm=False)
        x = draw(6, 5)
        x[:, 0] = torch.linspace(-2, 2, 6, dtype=torch.float64)
        x[:, 1:] = x[:1, 1:]
        u, _ = model.to_noise(x)
        second = u[:, 0].diff().diff().abs().max()
        assert (second < 1e-12) == gaussian


def test_new_model_is_a_gaussian_on_logits():
    model = MAF((1, 2, 3), **SHAPE, margin=0.05).double().eval()
    u = torch.rand(5, 1, 2, 3, dtype=torch.float64)
    p = 0.05 + 0.9 * u
    normal = torch.distributions.Normal(0.0, math.sqrt(1 + 1e-5) ** 3)  # ε of three layers
    expected = normal.log_prob(p.logit()) + (0.9 / (p * (1 - p))).log()
    torch.testing.assert_close(model.log_prob(u), expected.flatten(1).sum(1))


def test_density_of_logits_is_that_of_the_pixels_without_the_jacobian():
    model, u = flow(event_shape=(1, 2, 3), margin=1e-6), torch.rand(5, 1, 2, 3).double()
    expected = model.log_prob(u) - to_logits(u.flatten(1))[1]
    torch.testing.assert_close(model.log_prob_in_logit_space(u), expected)
    torch.testing.assert_close(Task(RECIPES["tiny"]).loss(model, u, None)["loss"], -expected.mean())


class TestInverseAutoregressiveFlow:
    """The same weights, the other way round."""

    @pytest.fixture(params=[False, True], ids=["plain", "batch norm"])
    def pair(self, request):
        maf = flow(MAF, batch_norm=request.param)
        iaf = IAF((5,), **SHAPE, batch_norm=request.param).double().eval()
        iaf.load_state_dict(maf.state_dict())
        return maf, iaf

    def test_forward_is_the_inverse_of_maf(self, pair):
        maf, iaf = pair
        x = draw(8, 5)
        z, log_det = iaf(x)
        assert torch.equal(z, maf.inverse(x))
        assert torch.equal(log_det, maf.to_data(x)[1])

    def test_inverse_is_the_forward_of_maf(self, pair):
        maf, iaf = pair
        z = draw(8, 5)
        u, log_det = maf(z)
        assert torch.equal(iaf.inverse(z), u)
        assert torch.equal(iaf.to_data(z)[1], log_det)
        torch.testing.assert_close(iaf(u)[1], -log_det)

    def test_density_in_the_sampling_pass_is_the_slow_one(self, pair):
        z = draw(8, 5)
        for model in pair:
            x, log_prob = model.inverse_with_log_prob(z)
            assert torch.equal(x, model.inverse(z))
            torch.testing.assert_close(log_prob, model.log_prob(x))

    def test_sampling_calls_each_network_once(self, pair, monkeypatch):
        calls, conditionals = [], MaskedAffine.conditionals
        monkeypatch.setattr(
            MaskedAffine, "conditionals", lambda self, x: calls.append(1) or conditionals(self, x)
        )
        pair[1].sample(4)
        assert len(calls) == 3


def test_density_in_the_sampling_pass_of_images():
    for kind in (MAF, IAF):
        model = flow(kind, (1, 2, 3), margin=0.05)
        x, log_prob = model.inverse_with_log_prob(draw(8, 6))
        torch.testing.assert_close(log_prob, model.log_prob(x))


@pytest.mark.parametrize("kind", [MAF, IAF])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(
    "settings", [{"event_shape": (2,)}, {"event_shape": (1, 2, 2), "margin": 1e-6}]
)
def test_laws_of_flows(kind, batch_norm, settings):
    torch.manual_seed(1)
    outcomes = check_model(kind(**SHAPE, **settings, batch_norm=batch_norm), "flow")
    assert all(outcome.passed for outcome in outcomes), conformance_report(outcomes)


def test_laws_of_flows_on_the_entry():
    outcomes = check_entry("maf")
    assert all(outcome.passed for outcome in outcomes), conformance_report(outcomes)


def test_a_correlated_gaussian_is_learned_to_its_entropy():
    """One MADE without hidden units is a full-covariance Gaussian, whose entropy is known."""
    root = torch.tensor([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [-0.5, 0.3, 0.2]])
    x = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0)) @ root.T
    model = MAF((3,), layers=1, hidden=(), batch_norm=False)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = -model.log_prob(x).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    fitted = 0.5 * torch.cov(x.T, correction=0).logdet() + 1.5 * math.log(2 * math.pi * math.e)
    assert closure().item() == pytest.approx(fitted.item(), abs=1e-3)


def test_paper_recipe():
    config = RECIPES["mnist-gpu"]
    assert (config.layers, config.hidden, config.batch_size) == (5, (1024, 1024), 100)
    for name in ("mnist", "mnist-gpu"):
        task = Task(RECIPES[name])
        assert task.build().logit.margin == 1e-6
        if is_available("mnist"):
            assert torch.equal(task.training_data(), load_dataset("mnist", "train").images[:50_000])


def test_prepare_crops_the_centre_and_dequantises():
    batch = torch.arange(64).view(1, 1, 8, 8).remainder(17).to(torch.uint8)
    x = Task(RECIPES["tiny"]).prepare(batch, Noise(0, 0))
    assert torch.equal((x * 17).floor().to(torch.uint8), batch[..., 3:5, 2:5])


def test_points_are_modelled_as_they_are():
    task = Task(
        Config(dataset="ring8", event_shape=(2,), layers=2, hidden=(8,), steps=1, batch_size=4)
    )
    assert task.build().logit is None
    points = task.training_data()[:4]
    assert torch.equal(task.prepare(points, Noise(0, 0)), points)


def shipped(recipe):
    """The shipped model of a recipe, or a skip."""
    entry = get_entry("maf")
    if not entry.weights_path(recipe).exists():
        pytest.skip(f"no weights of recipe {recipe} are shipped yet")
    if not is_available(entry.config(recipe).dataset):
        pytest.skip(f"{entry.config(recipe).dataset} is not on this machine")
    return entry.load(recipe)


@pytest.mark.parametrize(("recipe", "rows"), [("digits", 300), ("mnist", 400)])
def test_shipped_weights_beat_the_gaussian(recipe, rows):
    model = shipped(recipe)
    every = inputs_of(recipe)
    with torch.no_grad():
        nats = model.log_prob_in_logit_space(every[:: len(every) // rows]).mean()
    gaussian = baseline_values("logit-space log-density", recipe)["Gaussian on logits"]
    assert nats > gaussian + 5


@pytest.mark.parametrize("recipe", ["digits", "mnist"])
def test_no_sample_runs_away(recipe):
    model = shipped(recipe)
    dim = math.prod(model.event_shape)
    z = torch.randn(64, dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert model.to_data(z)[0].isfinite().all()


def test_shipped_weights_are_inverted():
    model = shipped("digits")
    x = inputs_of("digits")[:20]
    with torch.no_grad():
        z, _ = model(x)
        torch.testing.assert_close(model.inverse(z), x, atol=1e-3, rtol=0)


def test_shipped_weights_have_the_determinant_of_autograd():
    model = shipped("digits").double()
    x = inputs_of("digits")[:3].double()
    jacobian = jacobians(lambda v: model(v.view(1, 1, 8, 8))[0], x.flatten(1))
    torch.testing.assert_close(model(x)[1], jacobian.slogdet().logabsdet)
