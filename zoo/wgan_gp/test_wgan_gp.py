"""What is particular to the paper; the family's laws are checked by `zoo.core.conformance`."""

from __future__ import annotations

import copy
import dataclasses
from unittest import mock

import pytest
import torch
from torch import Tensor, nn

from zoo.core.errors import ZooError
from zoo.core.loop import Loop
from zoo.core.metrics import measure
from zoo.core.noise import Noise
from zoo.core.registry import get_entry
from zoo.core.training import train
from zoo.wgan_gp.model import WassersteinGAN, gradient_penalty
from zoo.wgan_gp.recipe import RECIPES, Task

CPU = torch.device("cpu")


class Quadratic(nn.Module):
    """D(x) = a‖x‖²/2: the slope at x is a‖x‖."""

    def __init__(self, a: float = 1.0) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a))

    def forward(self, x: Tensor) -> Tensor:
        return self.a * x.flatten(1).square().sum(1) / 2


def test_penalty_has_its_closed_form_and_derivative() -> None:
    real, fake = torch.ones(2, 1, 3, 4), torch.zeros(2, 1, 3, 4)
    alpha = torch.tensor([0.25, 0.75])
    critic = Quadratic(2.0)
    penalty = gradient_penalty(critic, real, fake, alpha)
    slope = 2.0 * alpha * 12**0.5  # x̂ = ε·1 has norm ε√12, over all of C, H and W
    assert penalty.item() == pytest.approx((slope - 1).square().mean().item(), rel=1e-6)
    (derivative,) = torch.autograd.grad(penalty, critic.a)
    expected = (2 * (slope - 1) * alpha * 12**0.5).mean()
    assert derivative.item() == pytest.approx(expected.item(), rel=1e-6)


def test_epsilon_weighs_the_data() -> None:
    """Algorithm 1 line 6: x̂ = ε x + (1 − ε) x̃, so ε = 1 is the data and ε = 0 the samples."""
    real, fake = torch.full((3, 5), 2.0), torch.full((3, 5), -7.0)
    for epsilon, point in ((1.0, real), (0.0, fake)):
        found = gradient_penalty(Quadratic(), real, fake, torch.full((3,), epsilon))
        assert found.item() == pytest.approx((point[0].norm().item() - 1) ** 2, rel=1e-6)


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0, 3.0])
def test_penalty_is_two_sided(slope: float) -> None:
    direction = torch.tensor([3.0, 4.0]) / 5
    found = gradient_penalty(
        lambda x: slope * x @ direction, torch.randn(8, 2), torch.randn(8, 2), torch.rand(8)
    )
    assert found.item() == pytest.approx((slope - 1) ** 2, abs=1e-6)


def test_best_critic_of_two_points_has_slope_one() -> None:
    """Proposition 1: between point masses at distance d it is linear there, with slope 1.

    With the penalty the best slope is 1 + d/(2λ): s·d − λ(s − 1)² is largest there.
    """
    model = WassersteinGAN((2,), latent_dim=1, width=32, penalty_weight=10.0)
    model.generator = nn.Sequential(nn.Linear(1, 2))
    nn.init.zeros_(model.generator[0].weight), nn.init.zeros_(model.generator[0].bias)
    real = torch.tensor([[0.6, 0.8]]).expand(32, 2)  # the fakes are at 0: d = 1
    torch.manual_seed(0)
    for parameter in model.critic.parameters():
        nn.init.normal_(parameter, std=0.2)
    optimizer = torch.optim.Adam(model.critic.parameters(), 3e-3, betas=(0.0, 0.9))
    for step in range(300):
        noise = Noise(0, step)
        loss = model.critic_loss(real, noise.normal(32, 1), noise.uniform(32))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    path = (torch.linspace(0.05, 0.95, 19)[:, None] * real[0]).requires_grad_()
    (gradient,) = torch.autograd.grad(model.critic(path).sum(), path)
    assert (gradient.norm(dim=1) - 1.05).abs().max() < 0.06
    direction = gradient / gradient.norm(dim=1, keepdim=True)
    assert (direction @ real[0]).min() > 0.99  # it points from the samples to the data
    assert loss.item() == pytest.approx(-1 - 1 / 40, abs=0.04)  # −d − d²/(4λ)


def test_losses_are_those_of_algorithm_1() -> None:
    torch.manual_seed(1)
    model = WassersteinGAN((1, 8, 8), latent_dim=3, width=4, penalty_weight=7.0)
    x, z, alpha = torch.rand(6, 1, 8, 8), torch.randn(6, 3), torch.rand(6)
    fake = model.generator(z)
    distance = model.critic(x).mean() - model.critic(fake).mean()
    penalty = gradient_penalty(model.critic, x, fake, alpha)
    assert torch.allclose(model.critic_loss(x, z, alpha), -distance + 7.0 * penalty)
    assert torch.allclose(model.generator_loss(z), -model.critic(fake).mean())
    clipped = WassersteinGAN((1, 8, 8), latent_dim=3, width=4, lipschitz="clipping")
    clipped.load_state_dict(model.state_dict())
    assert torch.allclose(clipped.critic_loss(x, z, alpha), -distance)


@pytest.mark.parametrize("event_shape", [(1, 8, 8), (2,)])
def test_score_is_linear_in_the_last_layer(event_shape: tuple[int, ...]) -> None:
    """No sigmoid is left of the discriminator: a score can be any real number."""
    torch.manual_seed(7)
    critic = WassersteinGAN(event_shape, latent_dim=3, width=8).critic.double()
    x = torch.randn(6, *event_shape, dtype=torch.float64)
    before = critic(x)
    last = [layer for layer in critic if isinstance(layer, nn.Linear)][-1]
    with torch.no_grad():
        last.weight.mul_(-1000), last.bias.mul_(-1000)
    torch.testing.assert_close(critic(x), -1000 * before)


class Witness(Loop):
    """A loop that records the critic's batches and, per update, which network changed."""

    def __init__(self, task: Task) -> None:
        super().__init__(task, CPU)
        self.log: list[tuple[str, set[str]]] = []
        self.data: list[Tensor] = []
        critic_loss = self.model.critic_loss

        def recorded(real: Tensor, z: Tensor, alpha: Tensor) -> Tensor:
            self.data.append(real)
            return critic_loss(real, z, alpha)

        self.model.critic_loss = recorded

    def minimise(self, name: str, loss: Tensor) -> None:
        before = copy.deepcopy(self.model.state_dict())
        super().minimise(name, loss)
        after = self.model.state_dict()
        changed = {k.split(".")[0] for k in before if not torch.equal(before[k], after[k])}
        self.log.append((name, changed))


@pytest.mark.parametrize("lipschitz", ["penalty", "clipping"])
def test_order_of_algorithm_1(lipschitz: str) -> None:
    """n_critic updates of the critic alone, on new data each, then one of the generator alone."""
    task = Task(dataclasses.replace(RECIPES["tiny"], lipschitz=lipschitz, n_critic=3))
    loop = Witness(task)
    for _ in range(2):
        loop.advance()
    critic, generator = ("critic", {"critic"}), ("generator", {"generator"})
    assert loop.log == [critic, critic, critic, generator] * 2
    assert len(loop.data) == 6
    distances = torch.cdist(*[torch.stack(loop.data).flatten(1)] * 2)
    assert (distances + 1e3 * torch.eye(6)).min() > 0


def test_every_draw_of_a_step_is_new() -> None:
    """New z and ε are drawn for each update of the critic and once more for the generator."""
    loop = Loop(Task(RECIPES["tiny"]), CPU)
    seen: dict[str, list[Tensor]] = {"normal": [], "uniform": []}

    def spy(kind: str, draw):
        def drawn(self: Noise, *shape: int) -> Tensor:
            seen[kind].append(draw(self, *shape))
            return seen[kind][-1]

        return drawn

    with (
        mock.patch.object(Noise, "normal", spy("normal", Noise.normal)),
        mock.patch.object(Noise, "uniform", spy("uniform", Noise.uniform)),
    ):
        loop.advance()
    z, alpha = torch.cat(seen["normal"]), torch.cat(seen["uniform"])
    batch, n_critic = loop.config.batch_size, loop.config.n_critic
    assert len(z) == batch * (n_critic + 1) == len(z.unique(dim=0))
    assert len(alpha) == batch * n_critic == len(alpha.unique())
    assert all(draw.shape == (batch,) for draw in seen["uniform"])  # one ε per pair


def test_clipping_bounds_every_weight_of_the_critic() -> None:
    config = dataclasses.replace(RECIPES["tiny"], lipschitz="clipping", clip=0.02, steps=3)
    model = train(Task(config), progress=False).model
    largest = [weight.abs().max().item() for weight in model.critic.parameters()]
    assert max(largest) == pytest.approx(0.02)
    assert max(weight.abs().max().item() for weight in model.generator.parameters()) > 0.05


def test_optimisers_are_those_of_the_papers() -> None:
    task = Task(RECIPES["tiny"])
    model = task.build()
    for name, optimizer in task.optimizers(model).items():
        assert isinstance(optimizer, torch.optim.Adam)
        assert optimizer.defaults["betas"] == (0.0, 0.9)
        own = {id(p) for group in optimizer.param_groups for p in group["params"]}
        assert own == {id(p) for p in getattr(model, name).parameters()}
    clipping = Task(dataclasses.replace(RECIPES["tiny"], lipschitz="clipping"))
    for optimizer in clipping.optimizers(model).values():
        assert isinstance(optimizer, torch.optim.RMSprop)


def test_gradients_of_two_halves_average_to_those_of_the_whole() -> None:
    """What two processes compute, the penalty included: every term is a mean over examples."""
    torch.manual_seed(2)
    model = WassersteinGAN((1, 8, 8), latent_dim=3, width=4)
    x = torch.rand(8, 1, 8, 8)

    def gradients(rank: int, world: int) -> Tensor:
        size = len(x) // world
        noise = Noise(5, 0, rank, world)
        z, alpha = noise.normal(size, 3), noise.uniform(size)
        loss = model.critic_loss(x[rank * size : (rank + 1) * size], z, alpha)
        flat = torch.autograd.grad(loss, list(model.critic.parameters()))
        return torch.cat([gradient.flatten() for gradient in flat])

    halves = (gradients(0, 2) + gradients(1, 2)) / 2
    assert torch.allclose(halves, gradients(0, 1), atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"n_critic": 0}, "n_critic"),
        ({"lipschitz": "spectral"}, "spectral"),
        ({"event_shape": (1, 8, 10)}, "multiples of 4"),
        ({"steps": 0}, "steps"),  # the rules of every recipe still hold
    ],
)
def test_impossible_settings_are_refused_in_one_line(settings: dict, named: str) -> None:
    with pytest.raises(ZooError, match=named) as refused:
        dataclasses.replace(RECIPES["tiny"], **settings)
    assert "\n" not in str(refused.value)


def test_the_model_refuses_what_it_cannot_be() -> None:
    with pytest.raises(ValueError, match="penalty"):
        WassersteinGAN((2,), latent_dim=1, width=4, lipschitz="spectral")
    with pytest.raises(ValueError, match="multiples of 4"):
        WassersteinGAN((1, 30, 28), latent_dim=1, width=4)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_samples_are_drawn_where_the_generator_is(device: str) -> None:
    """A seed names the same samples, whichever device the model is on."""
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    model = WassersteinGAN((2,), latent_dim=3, width=4)
    z = torch.randn(5, 3, generator=torch.Generator(device).manual_seed(6), device=device)
    for place in {"cpu", device}:
        samples = model.to(place).sample(5, torch.Generator(device).manual_seed(6))
        assert samples.device.type == place
        with torch.no_grad():
            torch.testing.assert_close(samples, model.generator(z.to(place)))


def test_shipped_critic_has_slope_one_between_data_and_samples() -> None:
    entry = get_entry("wgan_gp")
    if not entry.weights_path("digits").exists():
        pytest.skip("no weights of recipe digits are shipped yet")
    found = measure(entry.load("digits"), "critic-slope", "digits", progress=False)
    assert found.value == pytest.approx(1, abs=0.1)


def wasserstein_1d(x: Tensor, y: Tensor) -> float:
    """W1 of two equally large samples of numbers: the mean distance once both are sorted."""
    return (x.flatten().sort().values - y.flatten().sort().values).abs().mean().item()


class Numbers(Task):
    """The same algorithm on data 2 + N(0, 1)/2 in one dimension, where W1 is exact."""

    def prepare(self, batch: Tensor, noise: Noise) -> Tensor:
        return 2 + 0.5 * noise.normal(len(batch), 1)


@pytest.mark.parametrize("lipschitz", ["penalty", "clipping"])
def test_training_reduces_the_wasserstein_distance(lipschitz: str) -> None:
    config = dataclasses.replace(
        RECIPES["tiny"], event_shape=(1,), latent_dim=1, width=16, lipschitz=lipschitz, clip=0.1,
        penalty_weight=0.1, n_critic=3, learning_rate=3e-3, schedule="linear", ema_decay=0.95,
        batch_size=64, steps=150,
    )  # fmt: skip
    data = 2 + 0.5 * torch.randn(5000, 1, generator=torch.Generator().manual_seed(3))
    task = Numbers(config)
    torch.manual_seed(config.seed)
    before = wasserstein_1d(task.build().sample(5000), data)
    model = train(task, progress=False).model
    after = wasserstein_1d(model.sample(5000, torch.Generator().manual_seed(4)), data)
    assert before > 1.5
    assert after < 0.4
