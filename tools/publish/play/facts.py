"""What a player needs to know besides the exported function: schedule, order, directions, ends.

All of it is asked of the model by its family's protocol; nothing is computed again in JavaScript.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from tools.publish.play.export import TOLERANCE, call_of, noise_of
from zoo.core.errors import ZooError
from zoo.core.recipes import Task

DIRECTIONS = 6
_DRAWS = 64  # of the prior, over which the picture's change along a direction is averaged
_BATCH = 50  # steps of a diffusion model that are asked about at once
_STEP = 0.25  # of the central difference, in standard deviations


def facts(model: nn.Module, family: str, task: Task) -> dict[str, Any]:
    """Facts of a model as JSON values.

    Raises:
        ZooError: the model does not work as the family's player does.
    """
    call = call_of(model, family)
    inputs = call.draw(model, torch.Generator().manual_seed(0))
    shapes = {name: list(x.shape) for name, x in zip(call.inputs, inputs, strict=True)}
    with torch.no_grad():
        particular = _OF[family](model, task)
    told = {"classes": model.classes} if "label" in call.inputs else {}
    return {"shape": list(model.event_shape), "inputs": shapes, **told, **particular}


def _latent_variable(model: nn.Module, task: Task) -> dict[str, Any]:
    def decode(z: Tensor) -> Tensor:
        return model.decode(z).mean

    def encode(x: Tensor) -> Tensor:
        return model.encode(x).mean

    return {
        "dimension": model.latent_dim,
        "directions": _rounded(directions(decode, model.latent_dim)),
        "ends": _ends(task, encode),
    }


def _adversarial(model: nn.Module, task: Task) -> dict[str, Any]:
    classes = getattr(model, "classes", 0)
    draws = _DRAWS + -_DRAWS % (classes or 1)  # as many of each class
    labels = [torch.arange(draws) % classes] if classes else []

    def generate(z: Tensor) -> Tensor:
        return model.generator(z, *labels)

    return {
        "dimension": model.latent_dim,
        "directions": _rounded(directions(generate, model.latent_dim, draws)),
        "ends": [],
    }


def _flow(model: nn.Module, task: Task) -> dict[str, Any]:
    z = noise_of(model, torch.full((1, *model.event_shape), 0.5))
    ends = _ends(task, lambda x: noise_of(model, x).flatten(1))
    return {"dimension": z[0].numel(), "directions": [], "ends": ends}


def directions(decode: Any, dimension: int, draws: int = _DRAWS) -> Tensor:
    """Unit vectors in latent space along which the picture changes most, (K, dimension).

    With J the Jacobian of the picture at z, they are the first eigenvectors of E[JᵀJ] over the
    prior: ‖J v‖² is how far the picture moves along v. Each points where its largest entry is
    positive, so that equal weights give equal directions.
    """
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(draws, dimension, generator=generator)
    columns = []
    for step in _STEP * torch.eye(dimension):
        columns.append((decode(z + step) - decode(z - step)).flatten(1) / (2 * _STEP))
    jacobian = torch.stack(columns, dim=2).double()  # (draws, pixels, dimension)
    moved = torch.einsum("npi,npj->ij", jacobian, jacobian) / len(z)
    vectors = torch.linalg.eigh(moved).eigenvectors.flip(1).T[:DIRECTIONS]
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    return vectors * largest.sign()


def _ends(task: Task, encode: Any) -> list[dict[str, Any]]:
    """Latents of ten test pictures, one of each class; none where the data is not at hand."""
    from zoo.core.data import DATASETS, is_available, load_dataset
    from zoo.core.noise import Noise

    name = task.config.dataset
    if name not in DATASETS or not is_available(name):
        return []
    data = load_dataset(name, "test")
    classes = sorted(set(data.labels.tolist()))[:10]
    rows = [int((data.labels == label).nonzero()[0]) for label in classes]
    z = encode(task.prepare(data.images[rows], Noise(seed=0, step=0)))
    return [{"label": str(c), "z": _rounded(row)} for c, row in zip(classes, z, strict=True)]


def _autoregressive(model: nn.Module, task: Task) -> dict[str, Any]:
    """The order of the pixels, and whether the upper half comes first, so that it can be given."""
    size = math.prod(model.event_shape)
    position = getattr(model, "ordering", None)
    if position is None and getattr(model, "orderings", None) is not None:
        position = model.orderings[0]
    position = torch.arange(size) if position is None else torch.as_tensor(position)
    order = position.argsort().tolist()
    channels, rows, columns = model.event_shape
    upper = sorted(order[: channels * (rows // 2) * columns])
    halved = channels == 1 and upper == list(range(len(upper)))
    return {"order": order, "given": len(upper) if halved else 0}


def _diffusion(model: nn.Module, task: Task) -> dict[str, Any]:
    """The constants of ancestral sampling, by t from 1 on, read off the model's own methods.

    x̂_0 = (x_t − √(1 − ᾱ_t) ε) / √ᾱ_t, x_{t−1} = a_t x̂_0 + b_t x_t + σ_t · noise.
    """
    t = torch.arange(1, model.timesteps + 1)
    ones = torch.ones(model.timesteps, *model.event_shape, dtype=torch.float64)
    zeros = torch.zeros_like(ones)
    alpha_bar = model.alpha_bar.double()[1:]
    of_x0 = model.posterior(ones, zeros, t)[0].flatten(1)[:, 0]
    of_xt = model.posterior(zeros, ones, t)[0].flatten(1)[:, 0]
    variance = torch.cat(
        [
            model.reverse(x, s)[1].expand_as(x).flatten(1)
            for x, s in zip(zeros.float().split(_BATCH), t.split(_BATCH), strict=True)
        ]
    )
    if (variance != variance[:, :1]).any():
        raise ZooError("the variance of its reversal is not one number for each step")
    low, high = (float(model.unscale(torch.tensor(edge))) for edge in (-1.0, 1.0))
    schedule = {
        "signal": alpha_bar.sqrt(),
        "noise": (1 - alpha_bar).sqrt(),
        "of_x0": of_x0.double(),
        "of_xt": of_xt.double(),
        "sigma": variance[:, 0].double().sqrt(),
    }
    told = getattr(model, "classes", 0)  # and then guided
    return {
        "timesteps": model.timesteps,
        "clip": _clips(model, schedule),
        "unscale": [(low + high) / 2, (high - low) / 2],
        **({"null": model.null, "weight": model.weight} if told else {}),
        **{name: values.tolist() for name, values in schedule.items()},
    }


def _clips(model: nn.Module, schedule: dict[str, Tensor]) -> bool:
    """Whether the model's reversal clips the predicted picture.

    Raises:
        ZooError: its mean is not that of the posterior, clipped or not.
    """
    generator = torch.Generator().manual_seed(0)
    t = torch.randint(1, model.timesteps + 1, (32,), generator=generator)
    x_t = 1.5 * torch.randn(32, *model.event_shape, generator=generator)
    signal, noise, of_x0, of_xt, _ = (
        values[t - 1].view(-1, 1, 1, 1) for values in schedule.values()
    )
    mean = model.reverse(x_t, t)[0]
    x0_hat = (x_t - noise * model.predict(x_t, t)) / signal
    for clip, x0 in ((True, x0_hat.clamp(-1, 1)), (False, x0_hat)):
        error = (of_x0 * x0 + of_xt * x_t - mean).abs() / mean.abs().clamp(min=1)
        if error.max() <= TOLERANCE:
            return clip
    raise ZooError("the mean of its reversal is not that of the posterior at the predicted picture")


def _rounded(values: Tensor) -> list[Any]:
    """To five decimals, far below what an eye sees."""
    if values.dim() > 1:
        return [_rounded(row) for row in values]
    return [round(value, 5) for value in values.tolist()]


_OF = {
    "latent-variable": _latent_variable,
    "adversarial": _adversarial,
    "flow": _flow,
    "autoregressive": _autoregressive,
    "diffusion": _diffusion,
}
