"""Tests of MAF's layers, each against a closed form or autograd: MADE, batch norm, logit."""

import copy
import math

import pytest
import torch

from zoo.core.conformance import perturbed
from zoo.core.metrics.baselines import to_logits
from zoo.made.model import sample_degrees
from zoo.maf.model import BatchNorm, Logit, MaskedAffine, bounded


def layer(dim=5, hidden=(16, 16), reverse=False):
    """One MADE in float64."""
    degrees = sample_degrees(dim, hidden, "natural", 1, 0)
    if reverse:
        degrees[0] = dim + 1 - degrees[0]
    torch.manual_seed(0)
    return perturbed(MaskedAffine(degrees), 0.5).double()


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def jacobians(function, x):
    """Jacobians (B, D, D) of a map of single examples, by autograd."""
    single = torch.autograd.functional.jacobian
    return torch.stack([single(lambda v: function(v[None])[0], row) for row in x])


@pytest.mark.parametrize("reverse", [False, True])
def test_jacobian_of_a_made_is_triangular_in_its_order(reverse):
    made, x = layer(reverse=reverse), draw(3, 5)
    jacobian = jacobians(lambda v: made(v)[0], x)
    if reverse:
        jacobian = jacobian.flip(1, 2)
    assert torch.equal(jacobian, jacobian.tril())
    assert (jacobian.tril(-1).abs().amax(0)[1:, :-1].diagonal() > 0).all()  # and it does look back
    torch.testing.assert_close(jacobian.diagonal(dim1=1, dim2=2).log().sum(1), made(x)[1])


@pytest.mark.parametrize("reverse", [False, True])
def test_inverse_of_a_made_is_equation_3(reverse):
    """D passes of x ← u exp(α(x)) + μ(x) end at the fixed point, from any start."""
    made, u = layer(reverse=reverse), draw(4, 5)
    x = draw(4, 5, seed=1)
    for _ in range(5):
        mu, alpha = made.conditionals(x)
        x = u * alpha.exp() + mu
    found, log_det = made.inverse(u)
    torch.testing.assert_close(found, x)
    torch.testing.assert_close(log_det, made.conditionals(x)[1].sum(1))
    torch.testing.assert_close(made(x)[0], u)


@pytest.mark.parametrize("a", [(0.5, -1.5), (30.0, -30.0)])
def test_made_with_known_conditionals_is_equation_4(a):
    made, alpha = layer(2, ()), [2 * math.tanh(v / 2) for v in a]
    with torch.no_grad():
        made.output.bias.copy_(torch.tensor([1.0, 2.0, *a]))  # μ, then α before its bound
        made.output.weight.zero_()
    x = torch.tensor([[3.0, 7.0]], dtype=torch.float64)
    u, log_det = made(x)
    expected = [2.0 * math.exp(-alpha[0]), 5.0 * math.exp(-alpha[1])]
    torch.testing.assert_close(u, torch.tensor([expected], dtype=torch.float64))
    assert log_det.item() == pytest.approx(-sum(alpha), abs=1e-12)
    back, minus = made.inverse(u)
    torch.testing.assert_close(back, x)
    assert minus.item() == pytest.approx(sum(alpha), abs=1e-12)


def test_bound_is_smooth_and_neutral_near_zero():
    a = torch.linspace(-50, 50, 1001, dtype=torch.float64).requires_grad_()
    alpha = bounded(a)
    (slope,) = torch.autograd.grad(alpha.sum(), a)
    assert alpha.abs().max() <= 2
    assert slope[500] == 1  # at a = 0
    assert (slope[450:551] > 0).all()  # a clamp would stop the gradient
    torch.testing.assert_close(bounded(a / 1e4), a / 1e4, atol=1e-7, rtol=1e-5)


def test_masked_weights_get_no_gradient_in_either_direction():
    """Equal losses by the two directions have equal gradients, and none where a mask is zero."""
    found = []
    for direction in ("forward", "inverse"):
        made, x = layer(), draw(6, 5)
        u, log_det = made(x)
        if direction == "inverse":
            x, log_det = made.inverse(u.detach())
            loss = (x.square() + log_det[:, None]).sum()
        else:
            for _ in range(5):
                mu, alpha = made.conditionals(x)
                x = u.detach() * alpha.exp() + mu
            loss = (x.square() + alpha.sum(1)[:, None]).sum()
        loss.backward()
        for linear in (*made.hidden, made.output):
            assert (linear.weight.grad[linear.masks[0] == 0] == 0).all()
            assert (linear.weight.grad != 0).any()
        found.append([p.grad for p in made.parameters()])
    torch.testing.assert_close(*found)


class TestBatchNorm:
    """Appendix B of the paper."""

    def test_training_normalises_the_batch_and_counts_its_scale(self):
        norm, x = BatchNorm(3).double().train(), 2 * draw(50, 3) + 1
        u, log_det = norm(x)
        torch.testing.assert_close(u.mean(0), torch.zeros(3).double(), atol=1e-12, rtol=0)
        torch.testing.assert_close(
            u.var(0, unbiased=False), torch.ones(3).double(), rtol=1e-4, atol=0
        )
        variance = x.var(0, unbiased=False) + 1e-5
        torch.testing.assert_close(log_det, -0.5 * variance.log().sum().expand(50))

    def test_gamma_and_beta(self):
        norm, x = BatchNorm(2).double().eval(), draw(4, 2)
        with torch.no_grad():
            norm.gamma.copy_(torch.tensor([0.5, -1.0]))
            norm.beta.copy_(torch.tensor([3.0, 4.0]))
            norm.running_mean.copy_(torch.tensor([1.0, -2.0]))
            norm.running_var.copy_(torch.tensor([4.0, 9.0]))
        u, log_det = norm(x)
        m, v = torch.tensor([1.0, -2.0]), torch.tensor([4.0, 9.0]).double() + 1e-5
        scale = torch.tensor([0.5, -1.0]).double().exp()
        torch.testing.assert_close(u, (x - m) / v.sqrt() * scale + torch.tensor([3.0, 4.0]))
        torch.testing.assert_close(log_det, torch.full((4,), -0.5 - 0.5 * v.log().sum()).double())
        back, minus = norm.inverse(u)
        torch.testing.assert_close(back, x)
        torch.testing.assert_close(minus, -log_det)

    def test_running_averages_are_those_of_the_first_batches_then_exponential(self):
        norm = BatchNorm(1, momentum=0.25).train()
        batches = [torch.full((2, 1), float(i)) + torch.tensor([[-2.0], [2.0]]) for i in range(6)]
        for batch in batches[:4]:
            norm(batch)
        assert norm.running_mean.item() == pytest.approx(1.5)  # the mean of 0, 1, 2, 3
        assert norm.running_var.item() == pytest.approx(4.0)
        norm(batches[4])
        assert norm.running_mean.item() == pytest.approx(0.75 * 1.5 + 0.25 * 4)
        norm.eval()(batches[5])
        assert norm.running_mean.item() == pytest.approx(0.75 * 1.5 + 0.25 * 4)

    def test_gradients_flow_through_the_statistics(self):
        norm, x = BatchNorm(2).double().train(), draw(8, 2).requires_grad_()
        torch.autograd.gradcheck(lambda v: copy.deepcopy(norm)(v), x)
        weights = draw(8, 2, seed=1)
        (found,) = torch.autograd.grad((norm(x)[0] * weights).sum(), x)
        torch.testing.assert_close(found.sum(0), torch.zeros(2).double(), atol=1e-12, rtol=0)


@pytest.mark.parametrize("margin", [1e-6, 0.05])
def test_logit_is_the_one_of_the_metric(margin):
    logit, u = Logit(margin).double(), torch.rand(4, 3, dtype=torch.float64)
    y, log_det = logit(u)
    torch.testing.assert_close(y, (margin + (1 - 2 * margin) * u).logit())
    torch.testing.assert_close(logit.inverse(y), u)
    torch.testing.assert_close(jacobians(lambda v: logit(v)[0], u).slogdet().logabsdet, log_det)
    if margin == 1e-6:
        for mine, theirs in zip(logit(u), to_logits(u), strict=True):
            torch.testing.assert_close(mine, theirs)


def test_logit_is_as_exact_near_white_as_near_black():
    black = torch.tensor([[0.0, 2.0**-24, 2.0**-20]])
    (y, slope), (z, same) = Logit(1e-6)(black), Logit(1e-6)(1 - black)
    torch.testing.assert_close(y, -z)
    torch.testing.assert_close(slope, same)


def test_running_averages_carry_no_gradient():
    """Else the second step of training would go back through the first."""
    norm = BatchNorm(3).train()
    norm(torch.randn(8, 3, requires_grad=True))
    assert not norm.running_mean.requires_grad
    assert not norm.running_var.requires_grad
