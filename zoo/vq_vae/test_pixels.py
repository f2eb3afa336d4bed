"""The likelihood of grey values, by enumeration of all of them."""

import pytest
import torch

from zoo.vq_vae.pixels import GreyPixels


def raw(components=3, channels=1, sides=(1, 1), batch=5, seed=0, spread=1.0):
    """Random parameters (B, 3M·C, H, W), float64."""
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, 3 * components * channels, *sides)
    return spread * torch.randn(shape, generator=generator, dtype=torch.float64)


def every(levels, parameters, channels=1):
    """Log-probabilities of all grey values of one pixel, (B, L)."""
    rows = parameters.repeat_interleave(levels, 0)
    x = torch.linspace(0, 1, levels, dtype=torch.float64).repeat(len(parameters))
    found = GreyPixels(rows, channels, levels).log_prob(x.view(-1, 1, 1, 1))
    return found.view(len(parameters), levels)


@pytest.mark.parametrize("levels", [2, 17, 256])
@pytest.mark.parametrize("spread", [0.3, 3.0])
def test_probabilities_sum_to_one(levels, spread):
    total = every(levels, raw(spread=spread)).exp().sum(1)
    torch.testing.assert_close(total, torch.ones(5).double(), atol=1e-9, rtol=0)


def test_each_is_a_difference_of_distribution_functions():
    """The textbook form, in which the lowest cell has no lower edge and the highest no upper."""
    levels, parameters = 17, raw()
    logits, mean, log_scale = parameters.view(5, 3, 3).unbind(1)  # (B, M) each
    edges = (2 * torch.arange(1, levels).double() - 1) / (levels - 1) - 1  # on [−1, 1]
    below = torch.sigmoid((edges - mean[..., None]) * (-log_scale).exp()[..., None])
    below = torch.cat([torch.zeros(5, 3, 1), below, torch.ones(5, 3, 1)], 2)
    expected = (logits.softmax(1)[..., None] * below.diff(dim=2)).sum(1)
    torch.testing.assert_close(every(levels, parameters).exp(), expected, atol=1e-12, rtol=0)


def test_far_and_narrow_components_keep_their_digits():
    """Where the difference of two sigmoids is 0 in double precision; and all gradients exist."""
    parameters = torch.tensor([[0.0, 1.0, -3.0]]).view(1, 3, 1, 1).requires_grad_()
    found = GreyPixels(parameters, 1, 256).log_prob(torch.zeros(1, 1, 1, 1) + 100 / 255)
    a = (200 / 255 - 1 + 1 / 255 - 1) * torch.tensor(3.0).exp()
    width = 2 / 255 * torch.tensor(3.0).exp()
    torch.testing.assert_close(found[0], a + torch.log(1 - (-width).exp()), rtol=1e-5, atol=0)
    for log_scale, x in ((-30.0, 0.0), (-30.0, 1.0), (-30.0, 0.4), (8.0, 0.4)):
        values = torch.tensor([[0.0, 0.2, log_scale]]).view(1, 3, 1, 1).requires_grad_()
        log_p = GreyPixels(values, 1, 256).log_prob(torch.full((1, 1, 1, 1), x))
        (gradient,) = torch.autograd.grad(log_p.sum(), values)
        assert log_p.isfinite().all()
        assert gradient.isfinite().all()


def test_scales_have_a_lower_limit():
    one, other = (torch.tensor([[0.0, 0.1, s]]).view(1, 3, 1, 1).double() for s in (-7.0, -9.0))
    torch.testing.assert_close(every(256, one), every(256, other))
    assert (every(256, one) - every(256, one + torch.tensor([0, 0, 1.0]).view(1, 3, 1, 1))).any()


def test_parameters_are_weights_means_and_scales_for_each_channel():
    """Two components, two channels: the second channel's first component is that of row 1."""
    parameters = torch.zeros(1, 12, 1, 1)
    parameters[0, :, 0, 0] = torch.arange(12.0) / 10
    pixels = GreyPixels(parameters, 2, 17)
    torch.testing.assert_close(pixels.means.flatten(), torch.tensor([0.4, 0.5, 0.6, 0.7]))
    torch.testing.assert_close(pixels.scales.log().flatten(), torch.tensor([0.8, 0.9, 1.0, 1.1]))
    expected = torch.tensor([[0.0, 0.1], [0.2, 0.3]]).log_softmax(0)
    torch.testing.assert_close(pixels.log_weights[0, :, :, 0, 0], expected)
    assert (pixels.batch_shape, pixels.event_shape) == ((1,), (2, 1, 1))


def test_mean_by_enumeration():
    parameters = raw(spread=2.0)
    grey = torch.linspace(0, 1, 256, dtype=torch.float64)
    expected = every(256, parameters).exp() @ grey
    found = GreyPixels(parameters, 1, 256).mean.flatten()
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)


def test_log_prob_sums_over_pixels():
    parameters = raw(channels=2, sides=(2, 3), batch=1)
    x = torch.randint(17, (1, 2, 2, 3), generator=torch.Generator().manual_seed(0)).double() / 16
    whole = GreyPixels(parameters, 2, 17).log_prob(x)
    parts = parameters.unflatten(1, (3, 3, 2))  # (1, 3, M, C, H, W)
    total = sum(
        GreyPixels(parts[:, :, :, c, i, j].reshape(1, 9, 1, 1), 1, 17).log_prob(
            x[:, c, i, j].view(1, 1, 1, 1)
        )
        for c in range(2)
        for i in range(2)
        for j in range(3)
    )
    torch.testing.assert_close(whole, total)


def test_draws_are_independent_with_the_right_frequencies():
    """Of two pixels with the same parameters: each value's share, and that of each pair."""
    levels, n = 5, 60_000
    parameters = raw(components=2, batch=1, seed=3)
    p = every(levels, parameters).exp()[0]
    wide = parameters.expand(n, -1, 1, 2)
    x = GreyPixels(wide, 1, levels).sample(torch.Generator().manual_seed(0))
    k = x[:, 0, 0] * (levels - 1)
    torch.testing.assert_close(k, k.round(), atol=1e-9, rtol=0)
    pairs = torch.bincount((k[:, 0] * levels + k[:, 1]).round().long(), minlength=levels**2) / n
    torch.testing.assert_close(pairs.double(), torch.outer(p, p).flatten(), atol=0.01, rtol=0)
    rows = k.round().view(-1, 4).long()  # two neighbouring examples: independent, too
    cross = torch.bincount(rows[:, 0] * levels + rows[:, 2], minlength=levels**2) / len(rows)
    torch.testing.assert_close(cross.double(), torch.outer(p, p).flatten(), atol=0.012, rtol=0)


@pytest.mark.parametrize("x", [0.5 / 255, (3 + 0.7) / 256, -1 / 255, 256 / 255])
def test_values_off_the_grid_are_refused(x):
    with pytest.raises(ValueError, match="grey values k/255"):
        GreyPixels(raw(), 1, 256).log_prob(torch.full((5, 1, 1, 1), x).double())


def test_draws_are_those_of_the_generator_in_closed_form():
    """Every draw, tails included: the component of `pick`, its mean and scale, and logit u."""
    levels, n = 256, 4000
    parameters = raw(components=3, seed=5, batch=1).expand(n, -1, -1, -1).clone()
    parameters[:, 6:] -= 3  # narrow components: the tails are not cut by the range of greys
    found = GreyPixels(parameters, 1, levels).sample(torch.Generator().manual_seed(7))
    pick, u = torch.rand(2, n, 1, 1, 1, generator=torch.Generator().manual_seed(7)).double()
    logits, means, log_scales = parameters[0, :, 0, 0].view(3, 3)
    edges = logits.softmax(0).cumsum(0)
    m = torch.bucketize(pick.flatten(), edges[:2], right=True)
    y = means[m] + log_scales[m].exp() * (u.flatten().log() - (1 - u.flatten()).log())
    grey = ((y + 1) * 255 / 2).round().clamp(0, 255) / 255
    torch.testing.assert_close(found.flatten(), grey, atol=1e-9, rtol=0)
    assert u.min() < 1e-3
    assert u.max() > 1 - 1e-3
    assert {0, 1, 2} == set(m.tolist())


def test_draws_and_means_carry_what_they_should():
    parameters = raw().requires_grad_()
    pixels = GreyPixels(parameters, 1, 17)
    assert not pixels.sample().requires_grad
    assert pixels.mean.requires_grad
    torch.manual_seed(0)
    assert not torch.equal(*(GreyPixels(raw(sides=(8, 8)), 1, 256).sample() for _ in range(2)))


def test_the_smallest_scale_is_an_eighth_of_a_grey_value():
    """Of 2/255, its width on [−1, 1]."""
    pixels = GreyPixels(torch.tensor([0.0, 0.0, -50.0]).view(1, 3, 1, 1), 1, 256)
    assert pixels.scales.item() / (2 / 255) == pytest.approx(1 / 8, abs=0.01)


@pytest.mark.parametrize(("shift", "accepted"), [(0.009, True), (-0.009, True), (0.02, False)])
def test_how_far_from_the_grid_a_value_may_be(shift, accepted):
    x = torch.tensor((100 + shift) / 255).double().expand(5, 1, 1, 1)
    if accepted:
        exact = torch.tensor(100 / 255).double().expand(5, 1, 1, 1)
        found, expected = (GreyPixels(raw(), 1, 256).log_prob(v) for v in (x, exact))
        torch.testing.assert_close(found, expected)
    else:
        with pytest.raises(ValueError, match="k = 0"):
            GreyPixels(raw(), 1, 256).log_prob(x)


def test_a_hundredth_of_a_grey_value_is_still_on_the_grid():
    at = torch.full((5, 1, 1, 1), 0.01).double()
    found = GreyPixels(raw(), 1, 2).log_prob(at)
    torch.testing.assert_close(found, GreyPixels(raw(), 1, 2).log_prob(0 * at))
