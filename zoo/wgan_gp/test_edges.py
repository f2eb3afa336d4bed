"""Edges: settings that are just allowed, images that are not square, what each update is given."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from zoo.core.noise import Noise
from zoo.wgan_gp.model import WassersteinGAN
from zoo.wgan_gp.recipe import RECIPES, Task


def test_images_need_be_neither_square_nor_grey() -> None:
    model = WassersteinGAN((2, 8, 12), latent_dim=3, width=4)
    x = model.sample(5)
    assert x.shape == (5, 2, 8, 12)
    assert model.critic(x).shape == (5,)


def test_one_update_of_the_critic_is_allowed() -> None:
    assert dataclasses.replace(RECIPES["tiny"], n_critic=1).n_critic == 1


def test_clipping_goes_without_the_penalty() -> None:
    assert WassersteinGAN((2,), 2, 4, "clipping").penalty_weight == 0
    assert WassersteinGAN((2,), 2, 4, "penalty", penalty_weight=3.0).penalty_weight == 3


class Given:
    """A loop that takes no step and remembers what the critic is given."""

    def __init__(self, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
        self.model, self.batches, self.given = task.build(), 0, []
        loss = self.model.critic_loss

        def critic_loss(real: Tensor, z: Tensor, alpha: Tensor) -> Tensor:
            self.given.append((float(real.mean()), alpha))
            return loss(real, z, alpha)

        monkeypatch.setattr(self.model, "critic_loss", critic_loss)

    def next_batch(self) -> tuple[Tensor, Noise]:
        """The images of the n-th batch all have the value n / 10."""
        self.batches += 1
        return torch.full((16, 1, 8, 8), self.batches / 10), Noise(0, self.batches)

    def minimise(self, name: str, loss: Tensor) -> None:
        pass


def test_a_step_begins_with_its_own_batch_and_takes_new_ones_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = Task(RECIPES["tiny"])
    loop = Given(task, monkeypatch)
    task.training_step(loop, torch.zeros(16, 1, 8, 8), Noise(0, 0))
    assert [value for value, _ in loop.given] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


def test_every_pair_has_its_own_epsilon_strictly_between_data_and_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Algorithm 1 line 4: ε ~ U[0, 1] for each pair of each update."""
    task = Task(RECIPES["tiny"])
    loop = Given(task, monkeypatch)
    task.training_step(loop, torch.zeros(16, 1, 8, 8), Noise(0, 0))
    epsilons = torch.cat([alpha for _, alpha in loop.given])
    assert len(epsilons.unique()) == 5 * 16
    assert 0 < epsilons.min() < 0.1
    assert 0.9 < epsilons.max() < 1
