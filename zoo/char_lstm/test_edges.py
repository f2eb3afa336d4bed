"""Edges: what an evaluation leaves behind, what is logged, and what the carried state spares."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from zoo.char_lstm.model import CharLSTM
from zoo.char_lstm.recipe import RECIPES, Task
from zoo.core.conformance.general import StubLoop
from zoo.core.conformance.law import Subject


def build() -> CharLSTM:
    torch.manual_seed(0)
    return CharLSTM(5, 6, width=7, layers=2).eval()


def test_no_graph_is_kept_of_generated_texts_or_of_logged_losses() -> None:
    prompt = torch.zeros(2, 3, dtype=torch.int64)
    assert not build().generate(prompt, 2)[1].requires_grad
    task = Task(RECIPES["tiny"])
    model = task.build()
    loop = StubLoop(Subject(model, "autoregressive", task), model)
    logged = task.training_step(loop, *loop.next_batch())
    assert not logged["loss"].requires_grad


@pytest.mark.parametrize(("cache", "read"), [(True, [4, 1, 1]), (False, [4, 5, 6])])
def test_the_carried_state_spares_reading_again(
    cache: bool, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start symbol and three tokens first, then one new token each time, or all of them."""
    model, lengths = build(), []
    forward = CharLSTM.forward

    def watched(self: CharLSTM, u: Tensor, *more: object) -> object:
        lengths.append(u.shape[1])
        return forward(self, u, *more)

    monkeypatch.setattr(CharLSTM, "forward", watched)
    model.generate(torch.zeros(2, 3, dtype=torch.int64), 3, cache=cache)
    assert lengths == read
