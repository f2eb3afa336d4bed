"""Each operator: exactly what it makes of a line, and a line that it leaves alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tools.mutation.mutants import mutants_in, mutants_of
from tools.mutation.operators import OPERATORS
from zoo.core.errors import ZooError
from zoo.core.registry import ZOO_FOLDER, entry_names

FUNCTION = "def loss(self, x, noise, generator, model):\n    "


def made(tmp_path: Path, operator: str, body: str, head: str = FUNCTION) -> list[str]:
    """What an operator makes of the body of a function."""
    path = tmp_path / "model.py"
    path.write_text(head + body, encoding="utf-8")
    mutants = [one for one in mutants_in(path) if one.operator == operator]
    return [one.applied(head + body).removeprefix(head) for one in mutants]


# operator, line, what it becomes, a line that is left alone
CASES = [
    ("sign", "return a + b", ["return a - b"], "return [a] + [b]"),
    ("sign", "return -x.log()", ["return x.log()"], "return x.sum(-1)"),
    ("sign", "return -(a @ b)", ["return (a @ b)"], "return -1"),
    ("sign", "x -= b", ["x += b"], "x *= b"),
    ("sign", "return x[a - 1] - 1e-6", [], "return range(n - 1)"),
    ("drop-term", "return a + b", ["return b", "return a"], "return a * b"),
    ("drop-term", "return (a * b) + c - d", None, "return [*a] + b"),
    ("drop-term", "h += t", ["pass", "h = t"], "h *= t"),
    ("drop-term", "return 1e-5 + a", ["return 1e-5"], "return a"),
    ("double-term", "return a - b", ["return a - 2 * (b)"], "return 1 - b"),
    ("factor", "return 0.5 * (a + b)", ["return (a + b)"], "return a * b"),
    ("factor", "return (a + b) / 2", ["return (a + b)"], "return a // 2"),
    ("drop-factor", "return a * b", ["return b", "return a"], "return 0.5 * b"),
    ("drop-factor", "return (a + b) / c", ["return (a + b)"], "return a / 2"),
    ("inverse", "return a / b", ["return a * b"], "return 1 / b"),
    ("power", "return (a - b) ** 2", ["return (a - b)"], "return 2 ** a"),
    ("function", "return (a + b).exp().sum()", ["return (a + b).sum()"], "return a.sum()"),
    ("function", "return torch.tanh(a)", ["return (a)"], "return torch.sum(a)"),
    ("twin", "return torch.tril(a)", ["return torch.triu(a)"], "return torch.zeros(n, 0)"),
    ("twin", "return (-p).log1p()", ["return (-p).log()"], "return p.log()"),
    ("sum-mean", "return x.sum(1)", ["return x.mean(1)"], "return sum(x)"),
    ("sum-mean", "return x.logsumexp(0)", ["return x.mean(0)"], "return q.mean"),
    ("sum-mean", 'f(reduction="mean")', ['f(reduction="sum")'], 'f(reduction="none")'),
    ("axis", "return x.sum(-1)", ["return x.sum(-2)"], "return x.flatten(1)"),
    ("axis", "return torch.cat(y, dim=1)", ["return torch.cat(y, dim=0)"], "return max(a, 1)"),
    ("axis", "return torch.softmax(x, 0)", ["return torch.softmax(x, 1)"], "return x.sum()"),
    ("swap", "mean, log_var = f(x)", ["log_var, mean = f(x)"], "self.a, self.b = f(x)"),
    ("swap", "return z, log_det", ["return log_det, z"], "a, b = None, None"),
    ("swap", "return torch.where(m, a, b)", ["return torch.where(m, b, a)"], "return f(m, a, b)"),
    ("swap", "return torch.cat((a, b), 1)", ["return torch.cat((b, a), 1)"], "return f((a, b))"),
    ("range", "range(T, 0, -1)", ["range(T - 1, 0, -1)", "range(T, 1, -1)"], "arrange(T)"),
    ("range", "return x[1:-1]", ["return x[2:-1]", "return x[1:-2]"], "return x[:]"),
    ("range", "return enumerate(x, start=1)", ["return enumerate(x, start=0)"], "enumerate(x)"),
    ("index", "return a[t - 1]", ["return a[t]"], "return a[2 * t]"),
    ("index", "f(a[t], b[-1])", ["f(a[t - 1], b[-1])", "f(a[t], b[-2])"], "UNITS[t]"),
    ("comparison", "return a > b", ["return a >= b"], "return a is b"),
    ("comparison", "if a < 1: raise E", ["if a <= 1: raise E"], "if a in b: raise E"),
    ("mask", "return ~a & b", ["return a & b", "return ~a | b"], "return not a"),
    ("mask", "return a and b", ["return a or b"], "return a"),
    ("condition", "x = y if a else z", ["x = y if not (a) else z"], "x = y if a == 1 else z"),
    ("condition", "if not a: x = 1", ["if a: x = 1"], "if not a: raise E"),
    ("constant", "f(2, 0.2)", ["f(3, 0.2)", "f(2, 0.4)"], "x.flatten(1)"),
    ("constant", "return 0.0", ["return 1.0"], "return a + 1e-8"),
    ("flag", "return f(a, bias=True)", ["return f(a, bias=False)"], "return zip(a, strict=True)"),
    ("drop-step", "weight.clamp_(-c, c)", ["pass"], "names.append(c)"),
    ("drop-noise", "return torch.randn(n, 2)", ["return (0 * torch.randn(n, 2))"], "x.normal()"),
    (
        "share-noise",
        "return noise.uniform(n)",
        ["return (lambda e: e[:1].expand_as(e).clone())(noise.uniform(n))"],
        "return noise.seed(n)",
    ),
    (
        "reuse-noise",
        "z, a = noise.normal(n), 1\n    w = noise.normal(n)",
        ["z, a = noise.normal(n), 1\n    w = z"],
        "z = noise.normal(n)\n    w = noise.normal(m)",
    ),
    ("noise-kind", "return torch.rand(n)", ["return torch.randn(n)"], "return torch.randint(n, m)"),
    ("drop-generator", "return f(n, generator=generator)", ["return f(n, generator=None)"], "g(x)"),
    ("detach", "return f(a.detach())", ["return f(a)"], "return f(a)"),
    ("detach", "return f(self.critic(a))", ["return f(self.critic(a).detach())"], "return f(g(a))"),
    ("no-grad", "with torch.no_grad(): f()", ["with torch.enable_grad(): f()"], "with a: f()"),
    ("mode", "model.eval()", ["model.train()"], "return eval(x)"),
    ("mode", "return self.training", ["return (not self.training)"], "self.training = x"),
    ("decay", "return a.lerp(b, self.decay)", ["return a.lerp(b, (1 - self.decay))"], "return a"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("operator", "line", "becomes", "other"), CASES, ids=[f"{c[0]}: {c[1][:40]}" for c in CASES]
)
def test_before_and_after(
    tmp_path: Path, operator: str, line: str, becomes: list[str] | None, other: str
) -> None:
    if becomes is None:  # one term of a chain at a time
        becomes = ["return c - d", "return (a * b) - d", "return (a * b) + c"]
    assert made(tmp_path, operator, line) == becomes
    assert made(tmp_path, operator, other) == []


def test_every_operator_has_a_case_and_says_what_it_imitates() -> None:
    assert {case[0] for case in CASES} == OPERATORS.keys()
    for operator in OPERATORS.values():
        assert operator.mistake
        assert "\n" not in operator.mistake


def test_gradients_are_switched_where_a_decorator_does_and_not_cut_below_it(tmp_path: Path) -> None:
    head = "class A:\n    "
    body = "@torch.no_grad()\n    def loss(self, x):\n        return f(self.g(x))"
    assert made(tmp_path, "detach", body, head) == []
    assert made(tmp_path, "no-grad", body, head) == [body.replace("no_grad", "enable_grad")]


@pytest.mark.parametrize(
    "text",
    [
        '"""a > b and 1 + 2."""',
        "def f(x: Literal[1, 2] = 3) -> Tensor[4]:\n    return x",
        'def f(x):\n    if f(x):\n        raise ValueError(f"{x + 1} of {x > 2}", 1 + x)',
        "def f(x):\n    assert f(x > 0)",
        "class Config:\n    rate: float = 0.5 * 2\n    steps = 3 + 4",
        "from a import b\nUNITS = {1: b}",
        "if TYPE_CHECKING:\n    x = 1 + a",
    ],
)
def test_what_is_no_mathematics_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "model.py"
    path.write_text(text)
    assert mutants_in(path) == []


def test_numbers_of_recipes_are_choices_and_those_of_models_are_not(tmp_path: Path) -> None:
    for name, count in (("model.py", 1), ("recipe.py", 0)):
        (tmp_path / name).write_text("SIDE = 4\n")
        assert len(mutants_in(tmp_path / name)) == count


def test_parentheses_comments_and_wide_characters_are_kept(tmp_path: Path) -> None:
    body = "σ = (  # über + alles\n        (μ)  # + \n        + (β)\n    )"
    assert made(tmp_path, "sign", body) == [body.replace("+ (β)", "- (β)")]
    assert made(tmp_path, "drop-term", body) == [
        "σ = (  # über + alles\n        (β)\n    )",
        "σ = (  # über + alles\n        (μ)\n    )",
    ]


def test_ids_survive_edits_elsewhere_and_tell_equal_lines_apart(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    text = "def f(a):\n    b = a + 1\n    b = a + 1\n    return b  # end\n"
    path.write_text(text)
    before = [one.id for one in mutants_in(path)]
    assert len(set(before)) == len(before) > 0
    path.write_text("X = f(y)\n\n\ndef g(a):\n    pass\n\n\n" + text.replace("# end", "# the end"))
    assert [one.id for one in mutants_in(path)] == before
    path.write_text(text.replace("return b", "return b * a"))
    assert set(before) < {one.id for one in mutants_in(path)}


def test_a_file_that_does_not_parse_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("x = 1\ny = = 2\n")
    with pytest.raises(ZooError, match=r"model\.py:2: does not parse"):
        mutants_of(tmp_path)


@pytest.mark.parametrize("entry", entry_names())
def test_every_mutant_of_the_zoo_is_another_program(entry: str) -> None:
    folder = ZOO_FOLDER / entry
    mutants = mutants_of(folder)
    assert len({one.id for one in mutants}) == len(mutants)
    plain = {path.name: path.read_text() for path in folder.glob("*.py")}
    trees = {name: ast.dump(ast.parse(text)) for name, text in plain.items()}
    for one in mutants[::5]:
        assert ast.dump(ast.parse(one.applied(plain[one.file]))) != trees[one.file], one.id
