"""The commands on the page of an entry: to draw, to measure, to train, to load."""

from __future__ import annotations

from markupsafe import Markup

from tools.publish.site.code import highlighted
from tools.publish.site.zoo import Shown

_PICTURES, _POINTS = 64, 4000  # samples that are enough to judge by


def commands(shown: Shown) -> list[tuple[str, Markup]]:
    """(what it does, the command highlighted), in the order of the page."""
    name, recipe = shown.name, shown.entry.default_recipe
    shell = [
        *_drawing(shown),
        ("Measure every claim again", f"zoo verify {name}"),
        ("Train the measured recipe yourself", f"zoo train {name} --recipe {recipe}"),
    ]
    return [
        *((label, highlighted(command, "sh")) for label, command in shell),
        ("In Python", highlighted(_python(shown), "python")),
    ]


def _drawing(shown: Shown) -> list[tuple[str, str]]:
    from zoo.core.densities import DENSITIES
    from zoo.core.text import TEXTS

    name, data = shown.name, _dataset(shown)
    if data in TEXTS:  # printed
        return [
            ("Write texts with the shipped weights", f"zoo sample {name}"),
            ("Let it go on from your words", f'zoo sample {name} -n 1 --prompt "the "'),
        ]
    count = _POINTS if data in DENSITIES else _PICTURES
    return [
        ("Draw samples from the shipped weights", f"zoo sample {name} -n {count} -o {name}.png")
    ]


def _python(shown: Shown) -> str:
    from zoo.core.text import TEXTS

    name, data = shown.name, _dataset(shown)
    if data in TEXTS:
        imports = "import zoo\nfrom zoo.core.text import decode"
        use = f'x = model.sample(1)\nprint(decode(x[0], "{data}"))'
    else:
        imports, use = "import zoo", "x = model.sample(16)"
    return f'{imports}\n\nmodel = zoo.load("{name}")\n{use}'


def _dataset(shown: Shown) -> str:
    """What the default recipe's claim is measured on; "" without claims."""
    claims = shown.entry.card.claims
    return claims[0].dataset if claims else ""
