"""Faults that teams of a rehearsal make in version 1, and what reviewers would say of them."""

from __future__ import annotations

from dataclasses import dataclass

from tools.process.findings import Category, Kind, Severity
from tools.process.simulation.toy import MISTAKES


@dataclass(frozen=True)
class Fault:
    """One fault, by the text that it puts into a file in place of another.

    Attributes:
        title: one line.
        category: of the finding.
        severity: of the finding.
        file: of the entry; "{name}" stands for its name.
        right: what stands there without the fault.
        wrong: what stands there with it.
        expected: what a review says.
        cell: id of the cell, in a notebook.
        kind: of the finding.
    """

    title: str
    category: Category
    severity: Severity
    file: str
    right: str
    wrong: str
    expected: str
    cell: str | None = None
    kind: Kind = "mistake"

    @property
    def observed(self) -> str:
        """What a review says of the frozen version."""
        if not self.wrong:
            return "`weights/digits.safetensors` is opened by none of the tests in this file."
        return f"At this place stands `{self.wrong}`, as a run of the frozen version shows, too."

    @property
    def suggestion(self) -> str:
        """What a review advises."""
        return f"Write `{self.right}`."


def _model(number: int, title: str, category: Category, severity: Severity, expected: str) -> Fault:
    """One of the faults that an entry's own list plants in its model."""
    _, right, wrong = MISTAKES[number]
    return Fault(title, category, severity, "model.py", right, wrong, expected)


FAULTS = (
    _model(
        0,
        "The mask lets a pixel see itself",
        "mathematics",
        "blocker",
        "Pixel d depends on the pixels before it only: the sum runs over j < d.",
    ),
    _model(
        1,
        "The mask is transposed",
        "model",
        "blocker",
        "Weights below the diagonal, as raster order asks: pixel d sees j < d.",
    ),
    _model(
        2,
        "The log-probability is a mean over pixels",
        "evaluation",
        "major",
        "A log-probability is the sum over all D pixels, in nats per example.",
    ),
    _model(
        3,
        "The bias is forgotten",
        "model",
        "major",
        "The logit of pixel d is b_d plus a weighted sum, as in the module's equation.",
    ),
    _model(
        4,
        "The normaliser has the wrong sign",
        "mathematics",
        "blocker",
        "log Bernoulli(x; sigma(a)) is x a minus softplus(a), with a plus inside.",
    ),
    Fault(
        "A tolerance that nothing can fail",
        "evaluation",
        "major",
        "test_{name}.py",
        "atol=1e-6",
        "atol=1e6",
        "A comparison with exact truth has a tolerance near rounding error, 1e-6.",
    ),
    Fault(
        "The loss is said to be in bits",
        "documentation",
        "minor",
        "recipe.py",
        "Mean negative log-likelihood, nats per example.",
        "Mean negative log-likelihood, bits per pixel.",
        "The code returns nats per example, and the docstring names that unit.",
    ),
    Fault(
        "The card knows no limitation",
        "documentation",
        "minor",
        "README.md",
        "It sees pairs of pixels only.",
        "None: it models everything.",
        "The card says where the model fails: it is linear in the pixels before.",
    ),
    Fault(
        "A deviation without its reason",
        "documentation",
        "nit",
        "README.md",
        "1. No hidden layer, to stay small.",
        "1. No hidden layer.",
        "Every numbered deviation says why it was made, in a few words.",
    ),
    Fault(
        "The notebook shows no failure",
        "documentation",
        "minor",
        "demo.ipynb",
        "Here: where the model fails, shown and not only said.",
        "Here: nothing, the model is perfect.",
        "The section on limitations shows where the model fails, in pictures or numbers.",
        cell="limitations",
    ),
)

# Those that no test can see: an entry with them passes its checks, which run its code.
READABLE = tuple(fault for fault in FAULTS if fault.file != "model.py")

# What a careless reviewer takes for a fault; the instructor says that it is none.
IMAGINED = Fault(
    "The weights begin at zero",
    "training",
    "minor",
    "model.py",
    "torch.randn(dim, dim)",
    "torch.zeros(dim, dim)",
    "Weights of a network begin at random values, or symmetry is never broken.",
)
# True, and left as it is: more than a small entry needs.
ABSENT = Fault(
    "No test on a trained model",
    "evaluation",
    "minor",
    "test_{name}.py",
    "a test on the shipped weights",
    "",
    "The entry's own tests also look at the weights that it ships.",
    kind="missing",
)

# Planted by an entry's list in place of those that its own faults make impossible.
SPARE = (
    ("the data term is that of the other value", "x * logits", "(1 - x) * logits"),
    ("odds for a probability", ".sigmoid()", ".exp()"),
    ("the last pixel is never drawn", "range(x[0].numel())", "range(x[0].numel() - 1)"),
    ("samples of one pixel", "x.view(n, -1)[:, d]", "x.view(n, -1)[:, 0]"),
    ("every weight is one", "torch.zeros(dim, dim)", "torch.ones(dim, dim)"),
)
