"""Honest models, of this project and of others, pass every law of their family."""

import pytest
import torch
import zuko
from torch import Generator, Tensor, nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from zoo.core.conformance import check_model, conformance_report, laws_for, perturbed
from zoo.core.conformance import examples as ex
from zoo.core.conformance.continuous_examples import SmallODE
from zoo.core.conformance.discriminator_examples import NormalGame, NormalisedGame
from zoo.core.conformance.energy_examples import SmallEnergy
from zoo.core.conformance.guidance_examples import SmallGuided
from zoo.core.conformance.score_examples import NormalScore
from zoo.core.conformance.token_examples import TokenChain
from zoo.core.families import FAMILIES

# Importing zuko turns the checks of torch.distributions off, for every later test as well.
torch.distributions.Distribution.set_default_validate_args(True)


class ZukoFlow(nn.Module):
    """A flow of the library zuko, in this project's words."""

    def __init__(self, flow: zuko.flows.Flow, dim: int) -> None:
        super().__init__()
        self.flow, self.event_shape = flow, (dim,)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.flow().transform.call_and_ladj(x)

    def inverse(self, z: Tensor) -> Tensor:
        return self.flow().transform.inv(z)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.flow().log_prob(x)

    @torch.no_grad()
    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        seed = int(torch.randint(2**31, (), generator=generator))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.flow().sample((n,))


class MixturePriorVAE(ex.LinearVAE):
    """A prior with two modes, for which no closed-form divergence exists."""

    def __init__(self) -> None:
        super().__init__(dim=4, latent_dim=1, binary=True)
        parts = Independent(Normal(torch.tensor([[-1.0], [2.0]]), torch.tensor([[0.5], [1.0]])), 1)
        self.prior = MixtureSameFamily(Categorical(torch.tensor([0.3, 0.7])), parts)

    @torch.no_grad()
    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        right = torch.rand(n, 1, generator=generator) < 0.7
        z = torch.randn(n, 1, generator=generator)
        z = torch.where(right, 2 + z, 0.5 * z - 1)
        return torch.bernoulli(self.decode(z).mean, generator=generator)


class ShiftedPriorVAE(ex.LinearVAE):
    """A prior that is not standard."""

    def __init__(self) -> None:
        super().__init__()
        self.prior = Independent(Normal(torch.tensor([0.5, -1.0]), torch.tensor([0.5, 1.5])), 1)

    @torch.no_grad()
    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        z = torch.tensor([0.5, -1.0]) + torch.randn(n, 2, generator=generator) * torch.tensor(
            [0.5, 1.5]
        )
        p_x = self.decode(z)
        return p_x.mean + p_x.stddev * torch.randn(n, 3, generator=generator)


def spline() -> ZukoFlow:
    return ZukoFlow(zuko.flows.NSF(2, transforms=2, hidden_features=(16,)), 2)


def masked() -> ZukoFlow:
    return ZukoFlow(zuko.flows.MAF(3, transforms=2, hidden_features=(16,)), 3)


# Laws of what a sampler may keep and a recurrent network carries on
SEQUENTIAL = {"cached sampling", "sampler's log-probability", "carried state"}

# Laws of fields that carry noise to data in continuous time
CONTINUOUS = {"affine field", "velocity target", "Gaussian data"}

# Laws of models that may be told a class
GUIDANCE = {
    "null label",
    "guidance weight",
    "guided score",
    "guided sampling",
    "condition dropping",
    "conditional loss",
}

# Laws of games whose critic is a discriminator, and of critics that a penalty holds
DISCRIMINATOR = {
    "optimal discriminator",
    "generator's objective",
    "sure discriminator",
    "separate batches",
}
PENALTY = {
    "critic of one example",
    "penalty of slopes",
    "penalty points",
    "penalty average",
    "wasserstein duality",
}

# (family, model, laws that do not apply to it)
HONEST = {
    "zuko spline flow": ("flow", spline, {"dequantisation", *CONTINUOUS}),
    "zuko masked autoregressive flow": (
        "flow",
        masked,
        {"dequantisation", "normalisation", "sample frequencies", *CONTINUOUS},
    ),
    "mixture of torch.distributions": ("baseline", ex.GaussianMixture, set()),
    "mixture in one dimension": ("baseline", lambda: ex.GaussianMixture(dim=1), set()),
    "sigmoid belief network": ("autoregressive", ex.SigmoidBelief, SEQUENTIAL),
    "its ensemble": ("autoregressive", lambda: ex.SigmoidBelief(masks=3), SEQUENTIAL),
    "recurrent network over tokens": ("autoregressive", TokenChain, set()),
    "the same over two tokens": (
        "autoregressive",
        lambda: TokenChain(vocab_size=2, length=6),
        set(),
    ),
    "binary baseline": ("baseline", ex.SigmoidBelief, set()),
    "linear Gaussian VAE": (
        "latent-variable",
        ex.LinearVAE,
        {"normalisation", "sample frequencies"},
    ),
    "Bernoulli VAE": (
        "latent-variable",
        lambda: ex.LinearVAE(dim=5, latent_dim=1, binary=True),
        {"linear-Gaussian truth"},
    ),
    "VAE with a mixture prior": ("latent-variable", MixturePriorVAE, {"linear-Gaussian truth"}),
    "VAE with a shifted prior": (
        "latent-variable",
        ShiftedPriorVAE,
        {"normalisation", "sample frequencies"},
    ),
    "affine flow": ("flow", ex.AffineFlow, {"dequantisation", *CONTINUOUS}),
    "flow in continuous time": ("flow", SmallODE, {"dequantisation"}),
    "affine image flow": (
        "flow",
        lambda: ex.AffineFlow((1, 1, 2)),
        {"dequantisation", "sample frequencies", *CONTINUOUS},
    ),
    "GAN": ("adversarial", ex.SmallGAN, {"fresh noise", *DISCRIMINATOR}),
    "game of normals": ("adversarial", NormalGame, {"fresh noise", "separate batches", *PENALTY}),
    "minimax game": (
        "adversarial",
        lambda: NormalGame("minimax"),
        {"fresh noise", "separate batches", *PENALTY},
    ),
    "game with batch normalisation": ("adversarial", NormalisedGame, {"fresh noise", *PENALTY}),
    "diffusion": ("diffusion", ex.SmallDiffusion, {"scale", *GUIDANCE}),
    "guided diffusion": ("diffusion", SmallGuided, {"scale"}),
    "energy of points": ("energy", SmallEnergy, {"negatives"}),
    "energy of images": ("energy", lambda: SmallEnergy((1, 1, 2)), {"negatives"}),
    "score": ("score", NormalScore, set()),
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_model_passes(name: str) -> None:
    family, build, idle = HONEST[name]
    torch.manual_seed(0)
    outcomes = check_model(build(), family)
    assert all(outcome.passed for outcome in outcomes), conformance_report(outcomes)
    tasks = {"configuration", "own noise"}  # laws of recipes, which these models lack
    assert {outcome.law for outcome in outcomes if not outcome.applies} == idle | tasks
    assert [outcome.law for outcome in outcomes] == [law.name for law in laws_for(family)]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", HONEST)
def test_honest_model_passes_whatever_the_seed(name: str, seed: int) -> None:
    family, build, _ = HONEST[name]
    torch.manual_seed(seed)
    outcomes = check_model(build(), family, seed=seed)
    assert all(outcome.passed for outcome in outcomes), conformance_report(outcomes)


@pytest.mark.parametrize("family", FAMILIES)
def test_laws_have_distinct_names_and_one_sentence(family: str) -> None:
    laws = laws_for(family)
    assert len({law.name for law in laws}) == len(laws)
    assert all(law.statement.endswith(".") for law in laws)


def test_outcomes_are_deterministic_and_leave_the_global_generator_alone() -> None:
    model = ex.GaussianMixture()
    before = torch.get_rng_state()
    first, second = (
        [(o.law, o.passed, o.message) for o in check_model(model, "baseline")] for _ in range(2)
    )
    assert first == second
    assert torch.equal(before, torch.get_rng_state())


def test_perturbation_reaches_zero_layers_and_spares_the_original() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    nn.init.zeros_(model[0].weight)
    noisy = perturbed(model, seed=4)
    assert not bool(model[0].weight.any())
    assert bool((noisy[0].weight != 0).all())
    assert bool((noisy[1].running_var != 1).all())
    assert not noisy.training
    assert torch.equal(noisy[0].weight, perturbed(model, seed=4)[0].weight)
