"""What a disguise changes leaves the tokens as they are; what the code does is in them."""

from __future__ import annotations

import ast

import pytest

from tools.originality.fingerprints import hashes
from tools.originality.normalise import Statement, imported_names, units


def statements(source: str) -> list[Statement]:
    """All statements of a source, in order."""
    tree = ast.parse(source)
    return [item for unit in units(tree, imported_names(tree)) for item in unit.statements]


def hashed(source: str) -> list[list[int]]:
    """The hashes of every statement."""
    return [hashes(statement) for statement in statements(source)]


LOSS = "import torch\nloss = (-0.5 * (1 + lv - m.pow(2) - lv.exp()).sum(dim=1)).mean()\n"


@pytest.mark.parametrize(
    "other",
    [
        "import torch\ntotal = (-0.5 * (1 + b - a.pow(2) - b.exp()).sum(dim=1)).mean()\n",
        "import torch\nloss = (-2 * (7 + lv - m.pow(3) - lv.exp()).sum(dim=4)).mean()\n",
        "import torch\nloss = ((lv + 1 - m.pow(2) - lv.exp()).sum(dim=1) * -0.5).mean()\n",
        "import torch as t\nl = t.mean(-0.5 * t.sum(1 + b - t.pow(a, 2) - t.exp(b), 1))  # why\n",
        "import torch\nloss: float = (\n  -0.5 * (1 + lv - m.pow(2)\n  - lv.exp()).sum(1)).mean()",
        "import torch\nloss = +(-0.5 * (1 + +lv - +m.pow(+2) - +(+lv).exp()).sum(1)).mean()\n",
        "import torch\nself.loss = (-0.5 * (1 + s.a.lv - m.pow(2) - s.a.lv.exp()).sum(1)).mean()\n",
    ],
    ids=[
        "names",
        "literals",
        "operands",
        "functions",
        "type hint and lines",
        "pluses",
        "attributes",
    ],
)
def test_a_disguise_changes_nothing(other: str) -> None:
    assert hashed(other) == hashed(LOSS)
    assert any(hashed(LOSS))


@pytest.mark.parametrize(
    "other",
    [
        "import torch\nloss = (-0.5 * (1 + lv - m.pow(2) - lv.exp()).sum(dim=1)).sum()\n",
        "import torch\nloss = (-0.5 * (1 + lv - m.pow(2) + lv.exp()).sum(dim=1)).mean()\n",
        "import torch\nloss = (-0.5 * (1 + lv - m.pow(2) - m.exp()).sum(dim=1)).mean()\n",
    ],
    ids=["another function", "another sign", "another variable"],
)
def test_other_mathematics_is_another_statement(other: str) -> None:
    assert hashed(other) != hashed(LOSS)


def test_the_larger_side_is_the_larger_side() -> None:
    assert statements("a > b")[0].tokens[0] == statements("b < a")[0].tokens[0] == "Lt"
    assert hashed("f(x[1:], y) > g(z)") == hashed("g(z) < f(x[1:], y)")


def test_x_plus_is_x_equals_x_plus() -> None:
    assert hashed("total += f(x, y) * weight") == hashed("total = total + weight * f(x, y)")


def test_what_says_nothing_is_no_statement() -> None:
    source = '"""Words."""\nimport math\nfrom os import path as p\nx: int\npass\nglobal y\n'
    assert statements(source) == []


def test_functions_are_units_and_heads_are_statements() -> None:
    source = (
        "def f(x):\n    if x:\n        y = 1\n    def g():\n        return 2\n    return y\n"
        "class A:\n    n = 3\n    def h(self):\n        return 4\n"
    )
    found = {unit.name: [s.line for s in unit.statements] for unit in units(ast.parse(source), {})}
    assert found == {"f": [2, 3, 6], "f.g": [5], "A": [8], "A.h": [10]}


def test_an_imported_name_is_known_by_its_own() -> None:
    first = "from torch.nn import functional as F\ny = F.relu(a @ b + c)"
    second = "from torch.nn.functional import relu as r\ny = r(a @ b + c)"
    assert hashed(first) == hashed(second)
