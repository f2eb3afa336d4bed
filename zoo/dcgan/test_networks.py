"""Both networks and both losses, recomputed from the functions of torch and the weights."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.core.conformance.law import perturbed
from zoo.dcgan.model import DCGAN, Told


def model_of(classes: int = 0, shape: tuple[int, ...] = (1, 8, 8), **settings: object) -> DCGAN:
    """A small model in double precision with nothing neutral about it."""
    torch.manual_seed(0)
    return perturbed(DCGAN(shape, 3, 4, classes=classes, **settings).double())


def normalised(h: Tensor, state: dict[str, Tensor], name: str, training: bool) -> Tensor:
    if training:
        mean, variance = h.mean((0, 2, 3)), h.var((0, 2, 3), correction=0)
    else:
        mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    scaled = (h - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
    return scaled * state[f"{name}.weight"][:, None, None] + state[f"{name}.bias"][:, None, None]


def told(h: Tensor, state: dict[str, Tensor], name: str, y: Tensor | None) -> Tensor:
    return h if y is None else h + state[f"{name}.labels.weight"][y].view_as(h)


def generated(model: DCGAN, z: Tensor, y: Tensor | None) -> Tensor:
    s = model.generator.state_dict()
    first = torch.einsum("bi,icjk->bcjk", z, s["hidden.0.layer.weight"])
    h = normalised(told(first, s, "hidden.0", y), s, "hidden.0.norm", model.training).relu()
    h = F.conv_transpose2d(h, s["hidden.1.layer.weight"], stride=2, padding=1)
    h = normalised(told(h, s, "hidden.1", y), s, "hidden.1.norm", model.training).relu()
    h = F.conv_transpose2d(h, s["output.weight"], s["output.bias"], stride=2, padding=1)
    return (1 + h.tanh()) / 2


def scored(model: DCGAN, x: Tensor, y: Tensor | None) -> Tensor:
    s = model.critic.state_dict()
    h = F.conv2d(2 * x - 1, s["hidden.0.layer.weight"], s["hidden.0.layer.bias"], 2, 1)
    h = told(h, s, "hidden.0", y)
    h = torch.where(h > 0, h, 0.2 * h)
    h = F.conv2d(h, s["hidden.1.layer.weight"], None, 2, 1)
    h = normalised(told(h, s, "hidden.1", y), s, "hidden.1.norm", model.training)
    h = torch.where(h > 0, h, 0.2 * h)
    return (h * s["output.weight"]).flatten(1).sum(1) + s["output.bias"]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("classes", [0, 10])
@pytest.mark.parametrize("shape", [(1, 8, 8), (2, 4, 12)])
def test_both_networks_layer_by_layer(shape: tuple[int, ...], classes: int, training: bool) -> None:
    model = model_of(classes, shape).train(training)
    z = torch.randn(6, 3, dtype=torch.float64)
    y = torch.arange(6) % 3 if classes else None
    x = generated(model, z, y)
    assert x.shape == (6, *shape)
    expected = scored(model, x.detach(), y)
    torch.testing.assert_close(model.generator(z, y), x)
    torch.testing.assert_close(model.critic(x, y), expected)
    assert 0 < x.min() < x.max() < 1


@pytest.mark.parametrize("classes", [0, 10])
def test_rules_of_the_architecture(classes: int) -> None:
    """Strides instead of pooling, no hidden linear layer, normalisation where the paper has it.

    The one exception is the label's map to all hidden units, Deviation 4 of the card.
    """
    model = DCGAN((3, 64, 64), 100, width=4, stages=4, classes=classes)
    kinds = {type(m) for m in model.modules()} - {DCGAN, Told, nn.ModuleList, nn.Identity}
    names = {kind.__name__ for kind in kinds}
    networks = {"GeneratorNetwork", "DiscriminatorNetwork"}
    expected = {"Conv2d", "ConvTranspose2d", "BatchNorm2d"} | ({"Embedding"} if classes else set())
    assert names - networks == expected
    maps = [h.labels for net in (model.generator, model.critic) for h in net.hidden if h.labels]
    sizes = [512, 1024, 2048, 4096, 4096, 2048, 1024, 512] if classes else []
    assert [tuple(layer.weight.shape) for layer in maps] == [(10, size) for size in sizes]
    above = [layer.layer.out_channels for layer in model.generator.hidden]
    assert above == [32, 16, 8, 4]
    assert model.generator.hidden[0].layer.kernel_size == (4, 4)  # 100 → 4×4, as in Figure 1
    assert [layer.layer.out_channels for layer in model.critic.hidden] == [4, 8, 16, 32]
    assert all(layer.layer.stride == (2, 2) for layer in model.critic.hidden)
    assert all(isinstance(layer.norm, nn.BatchNorm2d) for layer in model.generator.hidden)
    normed = [isinstance(layer.norm, nn.BatchNorm2d) for layer in model.critic.hidden]
    assert normed == [False, True, True, True]
    assert model.sample(2).shape == (2, 3, 64, 64)


def test_initial_weights() -> None:
    """N(0, 0.02²), zero biases, unit gains; Section 4."""
    torch.manual_seed(0)
    model = DCGAN((1, 28, 28), 100, 32, classes=10)
    for name, weight in model.named_parameters():
        if "norm.weight" in name:
            assert (weight == 1).all()
        elif "bias" in name:
            assert (weight == 0).all()
        else:
            assert weight.std().item() == pytest.approx(0.02, rel=0.15), name
            assert abs(weight.mean().item()) < 5 * 0.02 / weight.numel() ** 0.5, name


def test_scores_are_logits() -> None:
    """No sigmoid is left at the end: the score is linear in the last layer."""
    critic, x = model_of().critic, torch.rand(5, 1, 8, 8, dtype=torch.float64)
    before = critic(x)
    with torch.no_grad():
        critic.output.weight.mul_(-1000), critic.output.bias.mul_(-1000)
    torch.testing.assert_close(critic(x), -1000 * before)


def test_precision_of_scores_and_images_is_that_of_the_inputs() -> None:
    """The networks' outputs are bfloat16; what is computed from them is not rounded again."""
    model, outputs = model_of().float(), []
    for network in (model.generator, model.critic):
        network.output.register_forward_hook(lambda layer, x, y: outputs.append(y))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        x = model.generator(torch.randn(4, 3))
        scores = model.critic(x)
    assert outputs[0].dtype == outputs[1].dtype == torch.bfloat16
    expected = (1 + outputs[0].tanh().float()) / 2
    assert x.dtype == scores.dtype == torch.float32
    assert torch.equal(x, expected)
    assert not torch.equal(x, expected.bfloat16().float())
    assert torch.equal(scores, outputs[1].flatten().float())


# The game


@pytest.mark.parametrize("classes", [0, 10])
@pytest.mark.parametrize("objective", ["non-saturating", "minimax"])
def test_losses_from_probabilities(objective: str, classes: int) -> None:
    """G, eq. 1 and Section 3, on the model's own networks, data and samples normalised apart."""
    model = model_of(classes, objective=objective).train()
    x, z = torch.rand(6, 1, 8, 8, dtype=torch.float64), torch.randn(6, 3, dtype=torch.float64)
    y = torch.tensor([0, 1, 2, 3, 9, 1]) if classes else None
    fake = generated(model, z, y)
    on_data, on_samples = scored(model, x, y).sigmoid(), scored(model, fake, y).sigmoid()
    value = on_data.log().mean() + (1 - on_samples).log().mean()
    torch.testing.assert_close(model.critic_loss(x, z, labels=y), -value)
    losses = {"minimax": (1 - on_samples).log().mean(), "non-saturating": -on_samples.log().mean()}
    torch.testing.assert_close(model.generator_loss(z, y), losses[objective])
