"""The author's work on a small entry: what rehearsals and tests write into a skeleton of `zoo new`.

The model is logistic autoregression, log p(x) = sum_d log Bernoulli(x_d; sigma(b_d + sum_{j<d} W_dj x_j)).
"""  # noqa: E501

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

MODEL = '''"""Logistic autoregression (arXiv {{arxiv}}, section 2, with no hidden layer).

p(x) = prod_d Bernoulli(x_d; sigma(b_d + sum_{j<d} W_dj x_j)) over binary images in raster order.

Trained by `zoo train {{name}} --recipe digits`.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn


class {{class}}(nn.Module):
    """Each pixel is a logistic regression on the pixels before it.

    Args:
        event_shape: shape of one example, (C, H, W).
    """

    def __init__(self, event_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.event_shape = event_shape
        dim = math.prod(event_shape)
        self.weight = nn.Parameter(torch.zeros(dim, dim))
        self.bias = nn.Parameter(torch.zeros(dim))

    def logits(self, x: Tensor) -> Tensor:
        """Logit of x_d = 1 given the earlier pixels; ``(B, *event_shape) -> (B, *event_shape)``."""
        before = self.weight.tril(-1)  # strictly below the diagonal: pixel d sees j < d
        return (x.flatten(1) @ before.T + self.bias).view_as(x)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-probability of each example, nats; ``(B, *event_shape) -> (B,)``."""
        logits = self.logits(x)
        terms = x * logits - nn.functional.softplus(logits)
        return terms.flatten(1).sum(1)

    @torch.no_grad()
    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """Draw ``n`` examples pixel by pixel, shape ``(n, *event_shape)``."""
        x = self.bias.new_zeros(n, *self.event_shape)
        for d in range(x[0].numel()):
            p = self.logits(x).flatten(1)[:, d].sigmoid()
            x.view(n, -1)[:, d] = torch.bernoulli(p, generator=generator)
        return x
'''

TEST = """

def test_without_weights_the_pixels_are_independent() -> None:
    model = Task(RECIPES["tiny"]).build()
    with torch.no_grad():
        model.bias.copy_(torch.linspace(-1, 1, len(model.bias)))
    x = model.sample(4, torch.Generator().manual_seed(0))
    p = model.bias.sigmoid()
    truth = torch.where(x.flatten(1) == 1, p, 1 - p).log().sum(1)
    assert torch.allclose(model.log_prob(x), truth, atol=1e-6)
"""

MISTAKES = (
    ("a pixel sees itself", "tril(-1)", "tril(0)"),
    ("the mask is transposed", "self.weight.tril(-1)", "self.weight.triu(1)"),
    ("mean over dimensions", ".sum(1)", ".mean(1)"),
    ("the bias is forgotten", "+ self.bias)", "+ 0 * self.bias)"),
    ("the normaliser has the wrong sign", "softplus(logits)", "softplus(-logits)"),
    ("the mean instead of a draw", "torch.bernoulli(p, generator=generator)", "p"),
)

CARD = {
    'authors: ["TODO"]': "authors: [Mathieu Germain]",
    'developers: ["TODO"]': 'developers: ["@octocat"]',
    "id: digits-TODO": "id: digits-nll",
    "metric: TODO": "metric: nll-nats",
    'where: "TODO"': 'where: "not in the paper"',
    'accept: "TODO"': 'accept: "<= 25"',
    'ai_assistance: "TODO"': "ai_assistance: none",
    "deviations: []": "deviations: [No hidden layer.]",
    "TODO: the paper's idea and what of it this entry contains, in a few sentences.": "A toy.",
    "TODO: what was measured beside the paper's number: protocol, hardware, time. "
    "A miss is a result, too.": "See results.json.",
    'TODO: what differs from the paper, as a numbered list with reasons; "None." '
    "if nothing does.": "1. No hidden layer, to stay small.",
    "TODO: choices that the paper does not state and how they were made; drop the section "
    "if there are none.": "The initial weights: zero.",
    "TODO: what was not reproduced, and where the model fails.": "It sees pairs of pixels only.",
}


def model_text(name: str, arxiv: str) -> str:
    """The text of `model.py` in an entry of this name."""
    words = {"name": name, "class": class_name(name), "arxiv": arxiv}
    text = MODEL
    for token, word in words.items():
        text = text.replace("{{" + token + "}}", word)
    return text


def class_name(name: str) -> str:
    """The model's class in an entry of this name, as the skeleton calls it."""
    return "".join(word.capitalize() for word in name.split("_"))


def fill_in(folder: Path, arxiv: str = "1502.03509") -> None:
    """Do the author's work in the skeleton of an autoregressive entry."""
    (folder / "model.py").write_text(model_text(folder.name, arxiv))
    replace(folder / "__init__.py", {"TODO: what this entry reproduces, in one line.": "A toy."})
    replace(
        folder / "recipe.py",
        {
            "TODO: the paper's training algorithm in one sentence.": "Maximum likelihood.",
            "TODO: the objective and its equation, in nats per example, averaged over the batch.": (
                "Mean negative log-likelihood, nats per example."
            ),
            'raise NotImplementedError(\'TODO: return {"loss": the objective, and what is worth '
            "logging}')": 'return {"loss": -model.log_prob(x).mean()}',
        },
    )
    replace(folder / "README.md", CARD)
    test = folder / f"test_{folder.name}.py"
    test.write_text(
        test.read_text().partition("\n\ndef test_what_is_particular")[0].rstrip() + "\n"
    )
    test.write_text(test.read_text() + TEST)
    plant_list(folder, MISTAKES)
    notebook = json.loads((folder / "demo.ipynb").read_text())
    for cell in notebook["cells"]:
        cell["source"] = [line.replace("TODO: ", "Here: ") for line in cell["source"]]
    (folder / "demo.ipynb").write_text(json.dumps(notebook, indent=1) + "\n")


def plant_list(folder: Path, mistakes: Sequence[tuple[str, str, str]]) -> None:
    """Write `mistakes.yaml` with those that can be planted in the model as it stands."""
    model = (folder / "model.py").read_text()
    rows = [
        {"name": name, "law": "normalisation", "file": "model.py", "old": old, "new": new}
        for name, old, new in mistakes
        if model.count(old) == 1
    ]
    (folder / "mistakes.yaml").write_text(json.dumps(rows, indent=2))


def replace(path: Path, changes: dict[str, str]) -> None:
    """Replace texts that each occur exactly once in the file."""
    text = path.read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {path.name}"
        text = text.replace(old, new)
    path.write_text(text)
