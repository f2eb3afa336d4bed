"""Edges: the loss as a function of the data, whose gradient in training nobody asks for."""

from __future__ import annotations

import torch

from zoo.core.noise import Noise
from zoo.guidance.recipe import RECIPES, Task


def test_the_gradient_of_the_loss_in_the_data() -> None:
    """For ε_θ(x_t, c) = x_t: −2 √ᾱ_t (ε − x_t) / n on the model's scale, twice that in [0, 1]."""
    task = Task(RECIPES["tiny"])
    model, seen = task.build(), []
    inner = model.loss_given
    model.predict_given = lambda x_t, t, labels: x_t
    model.loss_given = lambda *inputs: seen.append(inputs) or inner(*inputs)
    generator = torch.Generator().manual_seed(0)
    x0 = torch.rand(5, 1, 4, 4, generator=generator).requires_grad_()
    labels = torch.arange(5)
    loss = task.loss(model, (x0, labels), Noise(0, 0))["loss"]
    (found,) = torch.autograd.grad(loss, x0)
    scaled, t, eps, _ = seen[0]
    root = model.alpha_bar[t].sqrt().float().view(-1, 1, 1, 1)
    error = eps - model.q_sample(scaled, t, eps)
    torch.testing.assert_close(found, -4 * root * error.detach() / x0.numel())
