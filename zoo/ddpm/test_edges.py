"""Edges: the smallest recipes, the times that DDIM visits, noise by the generator, the range."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from zoo.core.conformance import perturbed
from zoo.ddpm.model import DDPM
from zoo.ddpm.recipe import RECIPES, Task


class Watched(DDPM):
    """A diffusion that predicts no noise and remembers at which times it was asked."""

    def __init__(self, timesteps: int) -> None:
        super().__init__(torch.nn.Identity(), (1, 1, 1), 256, timesteps, 0.01, 0.3)
        self.times: list[int] = []

    def predict(self, x_t: Tensor, t: Tensor) -> Tensor:
        self.times.append(int(t[0]))
        return torch.zeros_like(x_t)


def test_the_smallest_settings_are_allowed() -> None:
    changes = {"width": 2, "depth": 1, "timesteps": 2, "sampling_steps": 2}
    config = dataclasses.replace(RECIPES["tiny"], **changes)
    assert {name: getattr(config, name) for name in changes} == changes


def test_ddim_visits_the_times_nearest_to_even_spacing() -> None:
    for steps, times in ((3, [10, 7, 3]), (4, [10, 8, 5, 2]), (1, [10])):
        model = Watched(10)
        model.sample(2, torch.Generator().manual_seed(0), steps=steps)
        assert model.times == times


def test_all_noise_of_ddim_comes_from_the_generator() -> None:
    torch.manual_seed(0)
    model = perturbed(Task(RECIPES["tiny"]).build())
    draws = []
    for state in (0, 1):  # the global state must not matter
        torch.manual_seed(state)
        draws.append(model.sample(4, torch.Generator().manual_seed(3), steps=4, eta=1.0))
    assert torch.equal(*draws)


def test_what_leaves_the_range_is_brought_back() -> None:
    model = Watched(4)
    for outside, value in ((3.0, 1.0), (-3.0, 0.0)):
        model.ancestral = lambda x, generator, outside=outside: torch.full_like(x, outside)
        assert (model.sample(2) == value).all()


def test_the_terms_of_the_bound_carry_no_graph() -> None:
    model = Task(RECIPES["tiny"]).build()
    terms = model.bound_terms(torch.zeros(2, 1, 4, 4))
    assert not any(term.requires_grad for term in terms.values())
