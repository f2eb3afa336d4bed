"""Tests of what is particular to MAF and IAF; zoo.core.conformance has the laws of all flows."""

import math

import pytest
import torch

from zoo.core.conformance import check_entry, check_model, conformance_report, perturbed
from zoo.core.data import is_available
from zoo.core.metrics.baselines import baseline_values, to_logits
from zoo.core.metrics.inputs import test_inputs as inputs_of
from zoo.core.registry import get_entry
from zoo.maf.model import IAF, MAF, MaskedAffine
from zoo.maf.recipe import RECIPES, Task

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


def test_the_jacobian_of_the_logit_has_no_gradient_in_the_parameters():
    """So density of logits and density of pixels have the same one, and it is not cut."""
    model, u = flow(event_shape=(1, 2, 3), margin=1e-3), torch.rand(5, 1, 2, 3).double()
    gradients = [
        torch.autograd.grad(density(u).sum(), list(model.parameters()))
        for density in (model.log_prob, model.log_prob_in_logit_space)
    ]
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)


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
@pytest.mark.parametrize("settings", [{}, {"margin": 0.05}])
def test_gradients_flow_through_examples_and_their_density(kind, settings):
    """By finite differences of both answers of the sampling pass."""
    model = flow(kind, (1, 1, 3), **settings)
    assert torch.autograd.gradcheck(model.inverse_with_log_prob, draw(4, 3).requires_grad_())


def test_samples_of_images_are_moved_into_the_cube_and_points_are_not():
    """Noise this wide leaves the support at both ends."""
    model = flow(event_shape=(1, 2, 3), margin=0.2)
    x = model.sample(200, torch.Generator().manual_seed(0))
    z = torch.randn(200, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    wide = model.inverse(z)
    assert wide.min() < 0
    assert wide.max() > 1
    assert torch.equal(x, wide.clamp(0, 1))
    points = flow(event_shape=(6,))
    assert torch.equal(points.sample(200, torch.Generator().manual_seed(0)), points.inverse(z))


def test_masks_follow_from_the_seed_and_differ_from_layer_to_layer():
    def masks(seed):
        made = [b for b in MAF((5,), **SHAPE, seed=seed).bijections if isinstance(b, MaskedAffine)]
        assert all(len(b.hidden[0].masks) == 1 for b in made)
        return [b.hidden[1].masks for b in made]

    first, again, other = masks(3), masks(3), masks(4)
    assert all(map(torch.equal, first, again))
    assert torch.equal(first[1], other[0])  # layer k has seed + k
    assert not torch.equal(first[0], first[1])


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


@pytest.mark.parametrize(("recipe", "astray"), [("digits", 0), ("mnist", 12)])
def test_no_sample_overflows_and_few_go_astray(recipe, astray):
    """Of 64 samples of the MNIST model 7 have a logit beyond ±100; those of images end at ±14."""
    model = shipped(recipe)
    dim = math.prod(model.event_shape)
    z = torch.randn(64, dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        y = model.to_data(z)[0]
    assert y.isfinite().all()
    assert (y.abs().amax(1) > 100).sum() <= astray


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
