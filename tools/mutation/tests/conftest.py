"""A small entry with weak tests, in a repository of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from zoo.core.registry import ZOO_FOLDER

FILES = {
    "__init__.py": '"""A toy."""\n',
    "model.py": '''"""A normal density, and a distance that is tested weakly."""

import math

import torch
from torch import nn


class Gauss(nn.Module):
    """N(mean, I) in the plane."""

    event_shape = (2,)

    def __init__(self):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(2))

    def log_prob(self, x):
        """Nats, (B,)."""
        return -0.5 * ((x - self.mean).square() + math.log(2 * math.pi)).sum(1)

    @torch.no_grad()
    def sample(self, n, generator=None):
        """Draw n points."""
        return self.mean + torch.randn(n, 2, generator=generator)


def distance(a, b):
    """The absolute difference, tested with b = 0 and a > 0 only."""
    return abs(a - b)


def unused(a):
    """No test runs this."""
    return a > 1
''',
    "recipe.py": '''"""Recipes."""

from zoo.core import recipes
from zoo.toy.model import Gauss


class Config(recipes.TrainingConfig):
    """Nothing more."""


RECIPES = {"tiny": Config(dataset="moons", steps=10, batch_size=16)}


class Task(recipes.Task):
    """Maximum likelihood."""

    def build(self):
        """A new model."""
        return Gauss()

    def loss(self, model, x, noise):
        """Nats."""
        return {"loss": -model.log_prob(x).mean()}
''',
    "README.md": """---
title: Toy
paper: {arxiv: "1502.03509", authors: [A. Author], year: 2015}
family: baseline
developers: ["@dev-one"]
claims: []
ai_assistance: none
---
""",
    "test_toy.py": '''"""Weak tests."""

import torch

from zoo.toy.model import distance
from zoo.toy.recipe import RECIPES, Task


def test_distance_from_zero():
    assert distance(3.0, 0.0) == 3.0


def test_loss_is_an_average():
    task = Task(RECIPES["tiny"])
    model = task.build()
    x = torch.ones(3, 2)
    torch.testing.assert_close(task.loss(model, x, None)["loss"], -model.log_prob(x)[0])
''',
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the library's core and the entry "toy"."""
    root = tmp_path_factory.mktemp("repository")
    ignored = shutil.ignore_patterns("test_*", "__pycache__", "benchmarks")
    shutil.copytree(ZOO_FOLDER / "core", root / "zoo" / "core", ignore=ignored)
    shutil.copy(ZOO_FOLDER / "__init__.py", root / "zoo")
    (root / "zoo" / "toy").mkdir()
    for name, text in FILES.items():
        (root / "zoo" / "toy" / name).write_text(text)
    return root
