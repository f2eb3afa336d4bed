"""Tests particular to DDPM and DDIM; the laws of the diffusion family are checked besides."""

import math

import pytest
import torch
from torch import Tensor

from zoo.core.data import load_dataset
from zoo.core.noise import Noise
from zoo.ddpm.model import DDPM, discretised_log_prob
from zoo.ddpm.recipe import RECIPES, Task


class Exact(DDPM):
    """A diffusion in one dimension whose predictor is a given function of (x_t, ᾱ_t)."""

    def __init__(self, predictor, timesteps=1000, levels=256, **options):
        super().__init__(torch.nn.Identity(), (1, 1, 1), levels, timesteps, **options)
        self.predictor, self.seen = predictor, []

    def predict(self, x_t: Tensor, t: Tensor) -> Tensor:
        self.seen.append((x_t, t))
        return self.predictor(x_t, self.alpha_bar[t].to(x_t.dtype).view(-1, 1, 1, 1))


def gaussian(mean: float, std: float):
    """The noise expected in x_t when the data are N(mean, std²): −√(1 − ᾱ) times the score."""

    def predictor(x_t, alpha_bar):
        variance = alpha_bar * std**2 + 1 - alpha_bar
        return (1 - alpha_bar).sqrt() * (x_t - alpha_bar.sqrt() * mean) / variance

    return predictor


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# -- the forward process ---------------------------------------------------------------------------


def test_schedule_of_section_4():
    model = Exact(gaussian(0, 1))
    assert model.alpha_bar.shape == (1001,)
    assert model.alpha_bar[0] == 1
    assert model.beta[1].item() == pytest.approx(1e-4)
    assert model.beta[1000].item() == pytest.approx(0.02)
    product = math.prod(1 - (1e-4 + (0.02 - 1e-4) * i / 999) for i in range(1000))
    assert model.alpha_bar[1000].item() == pytest.approx(product, rel=1e-9)


def test_q_sample_composes_the_single_steps():
    """Eq. 4 has the mean and the variance that t steps of eq. 2 leave."""
    model = Exact(gaussian(0, 1), timesteps=7, beta_first=0.1, beta_last=0.4)
    mean, variance = 1.0, 0.0
    for t in range(1, 8):
        beta = model.beta[t].item()
        mean, variance = math.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
        one, zero, time = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1), torch.tensor([t])
        assert model.q_sample(one, time, zero).item() == pytest.approx(mean, rel=1e-6)
        assert model.q_sample(zero, time, one).item() ** 2 == pytest.approx(variance, rel=1e-5)


@pytest.mark.parametrize("t", [2, 3, 7])
def test_posterior_is_bayes_rule(t):
    model = Exact(gaussian(0, 1), timesteps=7, beta_first=0.1, beta_last=0.4)
    x0, x_t, beta, before = 0.7, -0.4, model.beta[t], model.alpha_bar[t - 1]
    grid = torch.linspace(-8, 8, 200_001, dtype=torch.float64)  # values of x_{t−1}
    log_p = -((grid - before.sqrt() * x0) ** 2) / (2 * (1 - before))
    log_p = log_p - (x_t - (1 - beta).sqrt() * grid) ** 2 / (2 * beta)
    p = log_p.softmax(0)
    mean = (p * grid).sum()
    variance = (p * (grid - mean) ** 2).sum()
    found = model.posterior(torch.full((1, 1), x0), torch.full((1, 1), x_t), torch.tensor([t]))
    assert found[0].item() == pytest.approx(mean.item(), abs=1e-6)
    assert found[1].item() == pytest.approx(variance.item(), rel=1e-5)


def test_posterior_of_the_first_step_is_the_data():
    model = Exact(gaussian(0, 1))
    x0 = torch.tensor([[0.3]])
    mean, variance = model.posterior(x0, torch.tensor([[0.9]]), torch.tensor([1]))
    assert mean.item() == pytest.approx(0.3)
    assert variance.item() == 0


# -- the objective ---------------------------------------------------------------------------------


def test_loss_compares_with_the_true_noise():
    x0, eps = torch.rand(9, 1, 1, 1), torch.randn(9, 1, 1, 1)
    t = torch.randint(1, 1001, (9,))
    assert Exact(lambda x_t, alpha_bar: eps).loss(x0, t, eps) == 0
    silent = Exact(lambda x_t, alpha_bar: torch.zeros_like(x_t)).loss(x0, t, eps)
    assert silent.item() == pytest.approx(eps.square().mean().item())


def test_loss_and_reverse_agree_on_the_sign_of_the_noise():
    """With the true ε, the mean of the reversal is eq. 11 and the posterior's, eq. 7."""
    eps, x0, t = (
        torch.randn(5, 1, 1, 1),
        torch.rand(5, 1, 1, 1),
        torch.tensor([2, 9, 80, 400, 1000]),
    )
    model = Exact(lambda x_t, alpha_bar: eps)
    x_t = model.q_sample(x0, t, eps)
    mean, variance = model.reverse(x_t, t)
    expected = model.posterior(x0, x_t, t)
    torch.testing.assert_close(mean, expected[0], atol=1e-5, rtol=1e-5)
    beta, alpha_bar = (v[t].float().view(-1, 1, 1, 1) for v in (model.beta, model.alpha_bar))
    eq_11 = (x_t - beta / (1 - alpha_bar).sqrt() * eps) / (1 - beta).sqrt()
    torch.testing.assert_close(mean, eq_11, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(variance, expected[1])


def test_predicted_image_is_clipped_to_the_range_of_the_data():
    """Eq. 15 gives (x_t − √(1 − ᾱ_t) ε) / √ᾱ_t, which a wrong ε takes anywhere."""
    model = Exact(lambda x_t, alpha_bar: torch.full_like(x_t, 0.5), timesteps=4, beta_last=0.4)
    t, x_t = torch.tensor([4, 4, 4]), torch.tensor([-9.0, 0.3, 9.0]).view(3, 1, 1, 1)
    a = model.alpha_bar[4].item()
    expected = [-1, (0.3 - math.sqrt(1 - a) * 0.5) / math.sqrt(a), 1]
    assert model.predict_x0(x_t, t).flatten().tolist() == pytest.approx(expected, rel=1e-6)


# -- sampling --------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [None, 1000])
def test_exact_score_samples_the_gaussian(steps):
    """Data N(0.2, 0.15²) on [−1, 1]: Algorithm 2 and DDIM return them, with 1000 steps each."""
    x = DDPM.scale(Exact(gaussian(0.2, 0.15)).sample(2000, seeded(), steps))
    assert x.mean().item() == pytest.approx(0.2, abs=0.013)  # 4 standard errors
    assert x.std().item() == pytest.approx(0.15, rel=0.06)


def test_ddim_with_all_steps_and_full_noise_is_ddpm():
    """S = T, η = 1: the same draws give the same sample, step by step."""
    model = Exact(gaussian(0.1, 0.3), timesteps=30, beta_first=0.01, beta_last=0.3)
    x_T = torch.randn(50, 1, 1, 1, generator=seeded())
    ancestral = model.ancestral(x_T, seeded(1))
    implicit = model.ddim(x_T, 30, 1.0, seeded(1))
    torch.testing.assert_close(implicit, ancestral, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("steps", [1, 4, 7, 100, 1000])
def test_ddim_runs_along_its_own_subsequence(steps):
    """One data point c: every state is √ᾱ_τ c + √(1 − ᾱ_τ) ε with the first ε, the last one c."""

    def predictor(x_t, alpha_bar):
        return (x_t - alpha_bar.sqrt() * 0.6) / (1 - alpha_bar).sqrt()

    model = Exact(predictor)
    x_T = torch.randn(3, 1, 1, 1, generator=seeded())
    eps = predictor(x_T.double(), model.alpha_bar[-1])
    torch.testing.assert_close(
        model.ddim(x_T.double(), steps, 0.0, None), torch.full_like(eps, 0.6)
    )
    times = [int(t[0]) for _, t in model.seen]
    assert len(times) == steps
    assert times == sorted(set(times), reverse=True)
    for x, t in model.seen:
        expected = model.q_sample(torch.full_like(eps, 0.6), t, eps)
        torch.testing.assert_close(x, expected, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("eta", [0.3, 1.0])
def test_ddim_noise_keeps_the_marginals(eta):
    """One data point: with any η, the state at time τ has variance 1 − ᾱ_τ (DDIM lemma 1)."""

    def predictor(x_t, alpha_bar):
        return (x_t - alpha_bar.sqrt() * 0.6) / (1 - alpha_bar).sqrt()

    model = Exact(predictor)
    model.ddim(torch.randn(20_000, 1, 1, 1, generator=seeded()), 10, eta, seeded(1))
    assert len({x.std().item() for x, _ in model.seen}) == 10
    for x, t in model.seen:
        variance = 1 - model.alpha_bar[t[0]].item()
        assert x.var().item() == pytest.approx(variance, rel=0.04)  # σ of a variance: 1 %


def test_no_noise_at_the_last_step():
    model = Exact(gaussian(0.1, 0.3), timesteps=2, beta_first=0.2, beta_last=0.4)
    for sampler in (model.ancestral, lambda x, g: model.ddim(x, 2, 1.0, g)):
        model.seen.clear()
        x_0 = sampler(torch.randn(4, 1, 1, 1), seeded())
        (_, two), (x_1, one) = model.seen
        assert two.tolist() == [2] * 4
        torch.testing.assert_close(x_0, model.reverse(x_1, one)[0])


def test_variances_of_the_reversal():
    """β̃_t for t ≥ 2; the decoder, t = 1, has that of t = 2."""
    model, t = Exact(gaussian(0.1, 0.3), timesteps=5, beta_last=0.4), torch.tensor([1, 2, 3, 5])
    x = torch.zeros(4, 1, 1, 1)
    expected = model.posterior(x, x, torch.tensor([2, 2, 3, 5]))[1]
    assert torch.equal(model.reverse(x, t)[1], expected)


def test_default_sampler_is_the_recipes():
    model = Exact(gaussian(0.1, 0.3), timesteps=20)
    model.sample(2)
    assert len(model.seen) == 20
    model.sampling_steps = 5
    model.sample(2)
    assert len(model.seen) == 25


# -- the bound -------------------------------------------------------------------------------------


def test_decoder_is_a_distribution_over_the_levels():
    for levels in (2, 17, 256):
        x0 = DDPM.scale(torch.arange(levels, dtype=torch.float64) / (levels - 1))
        for mean in (-3.0, -1.0, 0.013, 1.2):
            for std in (0.01, 0.4):
                mass = discretised_log_prob(x0, torch.tensor(mean), torch.tensor(std), levels).exp()
                assert mass.sum().item() == pytest.approx(1, abs=1e-9)


def test_decoder_integrates_the_density_over_a_bin():
    """Grey value 128 of 256 is the interval from 127.5/255 to 128.5/255, on [−1, 1]."""
    normal = torch.distributions.Normal(0.1, 0.05)
    edges = 2 * torch.tensor([127.5, 128.5]) / 255 - 1
    expected = normal.cdf(edges).diff().log()
    x0 = torch.tensor([2 * 128 / 255 - 1])
    found = discretised_log_prob(x0, torch.tensor(0.1), torch.tensor(0.05), 256)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=0)


def test_decoder_stays_finite_far_from_the_data():
    found = discretised_log_prob(torch.tensor([0.0]), torch.tensor(1.0), torch.tensor(0.01), 255)
    assert found.isfinite().all()
    assert found.item() == pytest.approx(-0.5 * (1 - 1 / 254) ** 2 / 0.01**2, rel=2e-3)


def exact_log_prob(model: DDPM) -> Tensor:
    """Log p(k) of all grey values, for a predictor that is linear in x_t.

    Then every p(x_{t−1} | x_t) = N(a x_t + b, σ²), and all marginals of the chain are Gaussian;
    x̂_0 must stay so far inside [−1, 1] that it is never clipped.
    """
    mean, variance = torch.zeros(()).double(), torch.ones(()).double()
    for t in range(model.timesteps, 0, -1):
        probe = torch.tensor([0.0, 1.0]).double().view(2, 1, 1, 1)
        out, var = model.reverse(probe, torch.tensor([t, t]))
        b, a = out[0].squeeze(), (out[1] - out[0]).squeeze()
        mean, variance = a * mean + b, a**2 * variance + var[0].squeeze()
    grey = torch.arange(model.levels).double() / (model.levels - 1)
    return discretised_log_prob(model.scale(grey), mean, variance.sqrt(), model.levels)


@pytest.mark.parametrize("timesteps", [2, 8])
@pytest.mark.parametrize("std", [0.1, 0.2])
def test_bound_is_below_the_exact_likelihood(timesteps, std):
    model = Exact(gaussian(0.1, std), timesteps, levels=5, beta_first=0.05, beta_last=0.6)
    exact = exact_log_prob(model)
    assert exact.exp().sum().item() == pytest.approx(1, abs=1e-9)
    repeats = 2000
    x = (torch.arange(5).double() / 4).repeat_interleave(repeats).view(-1, 1, 1, 1)
    bound = model.log_prob_bound(x, seeded()).view(5, repeats)
    error = bound.std(1) / math.sqrt(repeats)
    assert (bound.mean(1) <= exact + 4 * error).all()


def test_prior_term_is_the_divergence_from_the_prior():
    model = Exact(gaussian(0, 1), timesteps=4, beta_first=0.1, beta_last=0.4)
    x = torch.rand(6, 1, 1, 1)
    mean, variance = model.alpha_bar[-1].sqrt() * model.scale(x), 1 - model.alpha_bar[-1]
    q = torch.distributions.Normal(mean.double().flatten(), variance.sqrt())
    expected = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0))
    torch.testing.assert_close(model.bound_terms(x)["L_T"], expected.float())


def test_step_terms_are_divergences_of_gaussians():
    """L_{t−1} of each step, from torch.distributions, for a predictor that always says 0.3."""
    model = Exact(lambda x_t, alpha_bar: torch.full_like(x_t, 0.3), timesteps=6, beta_last=0.3)
    x = torch.rand(4, 1, 1, 1).double()
    found = model.bound_terms(x, seeded(5))["L_t"]
    assert found.shape == (4, 5)
    generator = seeded(5)
    for t in range(2, 7):
        eps = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        time, x0 = torch.full((4,), t), model.scale(x)
        x_t = model.q_sample(x0, time, eps)
        (mean_q, var_q), (mean_p, var_p) = model.posterior(x0, x_t, time), model.reverse(x_t, time)
        kl = torch.distributions.kl_divergence(
            torch.distributions.Normal(mean_q, var_q.sqrt()),
            torch.distributions.Normal(mean_p, var_p.sqrt()),
        )
        torch.testing.assert_close(found[:, t - 2], kl.flatten())


def test_bound_is_minus_the_sum_of_its_terms():
    model = Exact(gaussian(0.1, 0.4), timesteps=3, beta_first=0.1, beta_last=0.3)
    x = torch.rand(5, 1, 1, 1)
    terms = model.bound_terms(x, seeded(3))
    total = terms["L_T"] + terms["L_t"][:, 0] + terms["L_t"][:, 1] + terms["L_0"]
    torch.testing.assert_close(model.log_prob_bound(x, seeded(3)), -total)


# -- the recipes -----------------------------------------------------------------------------------


def test_scales_are_inverse():
    x = torch.tensor([0.0, 0.25, 1.0])
    assert DDPM.scale(x).tolist() == [-1, -0.5, 1]
    assert torch.equal(DDPM.unscale(DDPM.scale(x)), x)


def test_task_draws_every_time_and_no_other():
    task = Task(RECIPES["tiny"])
    model, seen = task.build(), set()
    model.predict = lambda x_t, t: seen.update(t.tolist()) or torch.zeros_like(x_t)
    batch = load_dataset("digits", "train").images[:256]
    x = task.prepare(batch, Noise(0, 0))
    assert x.shape == (256, *model.event_shape)
    assert torch.equal((x * 16).round().byte(), batch[:, :, 2:6, 2:6])
    loss = task.loss(model, x, Noise(0, 0))["loss"]
    assert loss.item() == pytest.approx(1, abs=0.1)  # E ε² for a network that says 0
    assert seen == set(range(1, model.timesteps + 1))


def test_task_scales_the_data():
    task, seen = Task(RECIPES["tiny"]), []
    model = task.build()
    model.q_sample = lambda x0, t, eps: seen.append(x0) or x0
    x = torch.rand(4, *model.event_shape)
    task.loss(model, x, Noise(0, 0))
    assert torch.equal(seen[0], 2 * x - 1)
