"""What is drawn for the eye."""

import torch
from torch import nn

from tools.samples import draw


class Entry:
    """An entry whose weights are a given model."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def load(self, recipe, device):
        return self.model


class Free(nn.Module):
    """Noise in the generator's order."""

    def sample(self, n, generator=None):
        return torch.rand(n, 1, 2, 2, generator=generator)


class Told(nn.Module):
    """The label that was asked for, -1 where none was."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def sample(self, n, generator=None, labels=None):
        labels = torch.full((n,), -1) if labels is None else labels
        return labels.float().view(-1, 1, 1, 1)


def test_samples_are_the_first_of_the_seed() -> None:
    first, again = draw(Entry(Free()), 3, seed=4), draw(Entry(Free()), 5, seed=4)
    assert torch.equal(first, again[:3])


def test_models_that_are_told_a_class_are_asked_for_each_in_turn() -> None:
    assert draw(Entry(Told(3)), 7).flatten().tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert draw(Entry(Told(0)), 2).flatten().tolist() == [-1, -1]  # told nothing
