"""Edges: the smallest layer, and what a file of weights holds."""

from __future__ import annotations

import dataclasses

from zoo.made.recipe import RECIPES, Task


def test_a_layer_of_one_unit_is_allowed() -> None:
    config = dataclasses.replace(RECIPES["tiny"], hidden=(1, 1), masks=1)
    assert [layer.out_features for layer in Task(config).build().hidden] == [1, 1]


def test_masks_are_not_saved() -> None:
    """They follow from the recipe; a file of weights would be several times as large."""
    names = Task(RECIPES["tiny"]).build().state_dict().keys()
    assert {name.rpartition(".")[2] for name in names} == {"weight", "bias"}
