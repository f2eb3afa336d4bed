"""Laws of guidance: models of the family ``diffusion`` that have ``predict_given(x_t, t, labels)``.

Without labels such a model is unconditional and obeys the laws of all diffusions. These say how its
two predictions are combined, and put exact ones in their place: data of a class are Gaussian, data
of all classes a mixture of Gaussians.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from zoo.core.conformance.gaussian_chain import alpha_bar, column, scaled
from zoo.core.conformance.law import (
    Broken,
    Law,
    NotApplicable,
    Subject,
    expect_close,
    expect_mean,
    law,
    replaced,
)

LAWS: list[Law] = []
STD = 0.2  # of the data of a class, whose means are spread over [-0.4, 0.4]


@law(
    LAWS,
    "null label",
    "predict is predict_given at the null label, to the last bit; that is none of the classes"
    " 0..K-1, and no two of all K + 1 labels give the same prediction.",
)
def _null(subject: Subject) -> str:
    model, (x_t, t, _) = _guided(subject), _inputs(subject)
    if model.null in range(model.classes):
        raise Broken(f"expected a null label outside 0..{model.classes - 1}, found {model.null}")
    with torch.no_grad():
        answers = [
            model.predict_given(x_t, t, torch.full_like(t, label))
            for label in (*range(model.classes), model.null)
        ]
        _expect_equal("predict", model.predict(x_t, t), answers[-1])
    for i, first in enumerate(answers):
        for j, second in enumerate(answers[:i]):
            if torch.allclose(first, second, rtol=1e-4, atol=1e-6):
                raise Broken(f"expected labels {j} and {i} to differ, found equal predictions")
    return f"{len(answers)} different predictions"


@law(
    LAWS,
    "guidance weight",
    "guided is (1 + w) predict_given - w predict: the conditional model to the last bit for w = 0,"
    " the unconditional one for w = -1, and linear in w.",
)
def _weight(subject: Subject) -> str:
    model, (x_t, t, labels) = _guided(subject), _inputs(subject)
    with torch.no_grad():
        given, free = model.predict_given(x_t, t, labels), model.predict(x_t, t)
        _expect_equal("guided at w = 0", model.guided(x_t, t, labels, 0.0), given)
        _expect_equal("guided at w = -1", model.guided(x_t, t, labels, -1.0), free)
        for w in (0.5, 1.0, 3.0):
            found, line = model.guided(x_t, t, labels, w), given + w * (given - free)
            expect_close(f"guided at w = {w:g}", found, line, 1e-5, 1e-4)
    return "w = -1, 0, 0.5, 1, 3"


@law(
    LAWS,
    "guided score",
    "With the exact eps of Gaussian classes, guided is -sqrt(1 - alpha_bar_t) times the gradient of"
    " log p_t(x | c) + w log p_t(c | x), by autograd.",
)
def _score(subject: Subject) -> str:
    model, (x_t, t, labels) = _guided(subject), _inputs(subject)
    a = column(alpha_bar(subject)[t], x_t)
    for w in (0.0, 1.0, 2.5):
        x = x_t.double().requires_grad_()
        log_p = class_log_probs(subject, x, t)  # (B, K)
        rows = torch.arange(len(x))
        log_q = log_p[rows, labels] + w * log_p.log_softmax(1)[rows, labels]
        (score,) = torch.autograd.grad(log_q.sum(), x)
        with replaced(model, predict_given=exact_given(subject)), torch.no_grad():
            found = model.guided(x_t.double(), t, labels, w)
        expect_close(f"guided at w = {w:g}", found, -(1 - a).sqrt() * score, 1e-6, 1e-6)
    return "w = 0, 1, 2.5"


@law(
    LAWS,
    "guided sampling",
    "A sample with labels and a weight is what the sampler draws from the same noise where predict"
    " is replaced by guided with these; without a weight it is that of the model's own.",
)
def _sampling(subject: Subject) -> str:
    model, n = _guided(subject), 3 * _guided(subject).classes
    labels = torch.randperm(n, generator=subject.generator(41)) % model.classes

    def truth(x_t: Tensor, t: Tensor, labels: Tensor, weight: float) -> Tensor:
        # Every argument matters, and is a function of the example alone.
        centre = column((labels + 1) * (1 + weight) / (1 + len(x_t)), x_t)
        return 0.5 * x_t - 0.3 * centre.to(x_t.dtype)

    settings: list[dict[str, Any]] = [{}]
    if "steps" in inspect.signature(model.sample).parameters:
        third = max(2, model.timesteps // 3)
        settings += [{"steps": third, "eta": 0.0}, {"steps": third, "eta": 1.0}]
    for setting in settings:
        for weight in (None, 0.0, 2.5):
            w = model.weight if weight is None else weight
            with replaced(model, guided=truth):
                found = model.sample(
                    n, subject.generator(5), labels=labels, weight=weight, **setting
                )
            with replaced(model, predict=lambda x_t, t, w=w: truth(x_t, t, labels, w)):
                expected = model.sample(n, subject.generator(5), **setting)
            expect_close(f"sample at w = {w:g}, {setting}", found, expected, 1e-6)
    return f"w = {model.weight:g}, 0, 2.5 with {len(settings)} samplers"


@law(
    LAWS,
    "condition dropping",
    "drop(labels, u) puts the null label where the example's own u ~ U[0, 1) is below p_uncond, and"
    " leaves the other labels as they are.",
)
def _dropping(subject: Subject) -> str:
    model = _guided(subject)
    n = 20_000
    labels = torch.arange(n) % model.classes
    u = torch.rand(n, generator=subject.generator(42))
    found = model.drop(labels, u)
    gone = found == model.null
    if not torch.equal(found[~gone], labels[~gone]):
        raise Broken("expected the labels that are kept to stay as they were, found others")
    expect_mean("share of dropped labels", gone.double(), model.p_uncond)
    for label in range(model.classes):
        share = gone[labels == label].double()
        expect_mean(f"share of dropped labels {label}", share, model.p_uncond)
    # One at a time: what happens to an example is decided by its own draw.
    alone = torch.cat([model.drop(labels[i : i + 1], u[i : i + 1]) for i in range(50)])
    if not torch.equal(alone, found[:50]):
        raise Broken("expected each label to be dropped by its own draw, found another's")
    return f"{float(gone.double().mean()):.3f} of {n} labels dropped"


@law(
    LAWS,
    "conditional loss",
    "loss_given(x0, t, eps, labels) is the mean of (eps - predict_given(x_t, t, labels))^2 at x_t ="
    " q_sample(x0, t, eps).",
)
def _loss(subject: Subject) -> str:
    model, (x0, t, labels) = _guided(subject), _inputs(subject)
    labels = torch.where(torch.arange(len(t)) % 3 == 0, model.null, labels)
    eps, answer = (subject.normal(*x0.shape, stream=s) for s in (43, 44))
    calls: list[tuple[Tensor, ...]] = []

    def given(*inputs: Tensor) -> Tensor:
        calls.append(inputs)
        return answer

    with replaced(model, predict_given=given):
        found = model.loss_given(x0, t, eps, labels)
    if len(calls) != 1:
        raise Broken(f"expected one call of self.predict_given, found {len(calls)}")
    a = column(alpha_bar(subject)[t], x0)
    expect_close("x_t in the loss", calls[0][0], a.sqrt() * x0 + (1 - a).sqrt() * eps, 1e-5, 1e-5)
    expect_close("t in the loss", calls[0][1], t.double(), 0.0)
    expect_close("labels in the loss", calls[0][2], labels.double(), 0.0)
    return expect_close("loss", found, (eps - answer).square().mean(), 1e-5, 1e-5)


def class_log_probs(subject: Subject, x_t: Tensor, t: Tensor) -> Tensor:
    """Log p_t(x_t | c) of every class, in float64, (B, K)."""
    a = alpha_bar(subject)[t]
    spread = a * STD**2 + 1 - a  # (B,)
    x = x_t.double().flatten(1)[:, None]  # (B, 1, D)
    away = x - (a.sqrt()[:, None] * _means(subject))[:, :, None]  # (B, K, D)
    squares = away.square() / spread[:, None, None] + spread[:, None, None].log()
    return -0.5 * (squares + math.log(2 * math.pi)).sum(2)


def exact_given(subject: Subject) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """E[eps | x_t, c] for Gaussian classes: a stand-in for ``predict_given``.

    At the null label it is the mean of the classes' under p(c | x_t), classes being equally likely.
    """

    def given(x_t: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        a = alpha_bar(subject)[t]
        means, x = _means(subject), x_t.double().flatten(1)
        belief = class_log_probs(subject, x_t, t).softmax(1)
        known = torch.nn.functional.one_hot(labels.clamp(0, len(means) - 1), len(means)).double()
        belief = torch.where((labels == subject.model.null)[:, None], belief, known)
        centred = x - (a.sqrt() * (belief @ means))[:, None]
        eps = (1 - a).sqrt()[:, None] * centred / (a * STD**2 + 1 - a)[:, None]
        return eps.view_as(x_t).to(x_t.dtype)

    return given


def _means(subject: Subject) -> Tensor:
    return torch.linspace(-0.4, 0.4, subject.model.classes, dtype=torch.float64)


def _inputs(subject: Subject) -> tuple[Tensor, Tensor, Tensor]:
    """Examples on the diffusion's scale, with a time and a class each."""
    n = 4 * subject.model.classes
    x = scaled(subject, subject.examples(n))
    t = torch.randint(1, subject.model.timesteps + 1, (n,), generator=subject.generator(45))
    return x, t, torch.arange(n) % subject.model.classes


def _guided(subject: Subject) -> Any:
    """The model; NotApplicable unless it may be told a class."""
    if not hasattr(subject.model, "predict_given"):
        raise NotApplicable("no predict_given: this diffusion is not told a class")
    return subject.model


def _expect_equal(what: str, found: Tensor, expected: Tensor) -> None:
    if not torch.equal(found, expected):
        gap = float((found - expected).abs().max())
        raise Broken(f"{what}: expected equal bits, found a difference of {gap:.3g}")
