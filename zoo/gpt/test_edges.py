"""Edges: one layer, one head, everything in the nucleus, ties, and initial positions."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from zoo.gpt.model import GPT, filtered
from zoo.gpt.recipe import RECIPES


def test_the_smallest_model_is_allowed() -> None:
    smallest = {"context": 1, "width": 1, "heads": 1, "layers": 1}
    config = dataclasses.replace(RECIPES["tiny"], **smallest)
    assert {name: getattr(config, name) for name in smallest} == smallest


def test_one_layer_continues_with_a_cache_as_without() -> None:
    torch.manual_seed(0)
    model = GPT(5, 6, width=8, heads=2, layers=1).eval()
    prompt = torch.tensor([[0, 1], [2, 3]])
    drawn = [
        model.generate(prompt, 7, generator=torch.Generator().manual_seed(1), cache=cache)
        for cache in (True, False)
    ]
    assert torch.equal(drawn[0][0], drawn[1][0])
    assert not drawn[0][1].requires_grad


def test_positions_begin_with_a_standard_deviation_of_two_hundredths() -> None:
    torch.manual_seed(0)
    positions = GPT(5, 500, width=64).positions
    assert positions.std().item() == pytest.approx(0.02, rel=0.03)
    assert positions.mean().item() == pytest.approx(0.0, abs=0.001)


def test_a_nucleus_of_everything_keeps_what_rounding_would_drop() -> None:
    """Before the last token stands 1 − 2e-22, which is 1 in double precision."""
    log_p = filtered(torch.tensor([[0.0, -50.0]]), top_p=1.0)
    assert log_p.isfinite().all()
    assert torch.equal(log_p, filtered(torch.tensor([[0.0, -50.0]])))


def test_among_equals_the_first_are_kept() -> None:
    log_p = filtered(torch.zeros(3, 1000), top_k=300)
    assert log_p[:, :300].isfinite().all()
    assert log_p[:, 300:].isinf().all()
