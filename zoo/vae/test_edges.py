"""Edges: the smallest networks, and the generator of the importance-weighted bound."""

from __future__ import annotations

import dataclasses

import torch

from zoo.vae.model import VAE
from zoo.vae.recipe import RECIPES


def test_one_latent_dimension_and_one_hidden_unit_are_allowed() -> None:
    config = dataclasses.replace(RECIPES["tiny"], latent_dim=1, hidden=1)
    assert (config.latent_dim, config.hidden) == (1, 1)


def test_the_bound_is_an_evaluation_that_follows_its_generator() -> None:
    model, x = VAE((1, 2, 3), 2, 8), torch.ones(4, 1, 2, 3)
    values = []
    for state in (0, 1):  # the global state must not matter
        torch.manual_seed(state)
        values.append(model.log_prob_bound(x, 3, torch.Generator().manual_seed(5)))
    assert torch.equal(*values)
    assert not values[0].requires_grad
