"""The commands that an entry's page offers: they fit what the entry draws."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tools.publish.site.commands import commands
from tools.publish.site.zoo import Shown, Zoo


def offered(zoo: Zoo, dataset: str) -> list[str]:
    """The commands as a reader copies them, of an entry whose first claim is on this data."""
    shown: Shown = zoo.shown[0]
    card = shown.entry.card
    shown.entry.__dict__["card"] = replace(card, claims=[replace(card.claims[0], dataset=dataset)])
    return [command.striptags() for _, command in commands(shown)]


@pytest.mark.parametrize(("dataset", "count"), [("mnist", 64), ("checkerboard", 4000)])
def test_pictures_and_points_go_into_a_file(small_zoo: Zoo, dataset: str, count: int) -> None:
    assert offered(small_zoo, dataset) == [
        f"zoo sample alpha -n {count} -o alpha.png",
        "zoo verify alpha",
        "zoo train alpha --recipe digits",
        'import zoo model = zoo.load("alpha") x = model.sample(16)',
    ]


def test_text_is_printed_and_continued(small_zoo: Zoo) -> None:
    first, second, *_, python = offered(small_zoo, "tinyshakespeare")
    assert first == "zoo sample alpha"
    assert second == 'zoo sample alpha -n 1 --prompt "the "'
    assert python.endswith('x = model.sample(1) print(decode(x[0], "tinyshakespeare"))')
