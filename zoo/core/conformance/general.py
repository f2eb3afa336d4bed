"""Laws of every family: sampling, independence of the batch, gradients, saving."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from safetensors import torch as safetensors
from torch import Tensor, nn

from zoo.core.conformance import noise as own_noise
from zoo.core.conformance.law import (
    Broken,
    Law,
    NotApplicable,
    Subject,
    expect_close,
    law,
    perturbed,
)
from zoo.core.errors import ZooError
from zoo.core.families import get_family
from zoo.core.noise import Noise

LAWS: list[Law] = []


@law(LAWS, "protocol", "The model has every attribute that its family's Protocol requires.")
def _protocol(subject: Subject) -> str:
    protocol = get_family(subject.family).protocol
    if not isinstance(subject.model, protocol):
        raise Broken(f"{type(subject.model).__name__} does not satisfy {protocol.__name__}")
    if not isinstance(subject.model, nn.Module):
        raise Broken(f"expected an nn.Module, found {type(subject.model).__name__}")
    return f"{type(subject.model).__name__} satisfies {protocol.__name__}"


@law(
    LAWS,
    "samples",
    "sample(n) returns n finite, different examples of the event shape within the model's support.",
)
def _samples(subject: Subject) -> str:
    x = subject.model.sample(16, subject.generator())
    if tuple(x.shape) != (16, *subject.shape):
        raise Broken(f"expected shape {(16, *subject.shape)}, found {tuple(x.shape)}")
    if x.requires_grad:
        raise Broken("expected samples without gradient, found a graph: sample under torch.no_grad")
    if not bool(x.isfinite().all()):
        raise Broken(f"expected finite values, found {int((~x.isfinite()).sum())} that are not")
    if subject.support == "binary" and not bool(((x == 0) | (x == 1)).all()):
        odd = float(x[(x != 0) & (x != 1)][0])
        raise Broken(f"expected values in {{0, 1}}, found {odd:.4g}: draw from p(x), not its mean")
    if subject.support == "tokens" and (
        x.dtype != torch.int64 or int(x.min()) < 0 or int(x.max()) >= subject.values
    ):
        found = f"{x.dtype} in [{x.min():.4g}, {x.max():.4g}]"
        raise Broken(f"expected int64 tokens in 0..{subject.values - 1}, found {found}")
    if subject.support == "unit" and (float(x.min()) < 0 or float(x.max()) > 1):
        raise Broken(f"expected values in [0, 1], found [{x.min():.4g}, {x.max():.4g}]")
    if len(x.unique(dim=0)) == 1:
        raise Broken("expected different examples, found the same one 16 times")
    return f"16 examples of shape {subject.shape} in [{x.min():.3g}, {x.max():.3g}]"


@law(
    LAWS,
    "seeded sampling",
    "A sample is a function of the generator's state alone, or else of the global one: equal seeds "
    "give equal samples.",
)
def _seeded(subject: Subject) -> str:
    first = subject.model.sample(4, subject.generator(7))
    torch.manual_seed(subject.seed + 1)  # another global state must not matter
    again = subject.model.sample(4, subject.generator(7))
    other = subject.model.sample(64, subject.generator(8))
    if not torch.equal(first, again):
        gap = float((first - again).abs().max())
        raise Broken(f"expected equal samples for equal seeds, found a difference of {gap:.3g}")
    if torch.equal(first, other[:4]) and len(other.unique(dim=0)) > 1:
        raise Broken("expected other samples for another seed, found the same")
    drawn = []
    for _ in range(2):
        torch.manual_seed(subject.seed + 2)
        drawn.append(subject.model.sample(4))
    if not torch.equal(*drawn):
        raise Broken("expected the global seed to decide where no generator is given, it does not")
    return "equal seeds, equal samples"


@law(
    LAWS,
    "configuration",
    "A recipe refuses what every recipe must: no steps, or batches without examples.",
)
def _configuration(subject: Subject) -> str:
    config = getattr(subject.task, "config", None)
    if config is None:
        raise NotApplicable("there is no recipe")
    for field in ("steps", "batch_size"):
        try:
            dataclasses.replace(config, **{field: 0})
        except ZooError:
            continue
        raise Broken(f"expected a refusal of {field} = 0, found none: call super().__post_init__()")
    return "0 steps and batches of 0 are refused"


@law(
    LAWS,
    "batch independence",
    "In evaluation mode what is said of an example does not depend on the rest of the batch.",
)
def _batch_independence(subject: Subject) -> str:
    for name, (function, inputs) in evaluations(subject).items():
        together = function(*inputs)
        if together.shape[:1] != inputs[0].shape[:1]:
            shape = tuple(together.shape)
            raise Broken(f"{name}: expected a batch of {len(inputs[0])} values, found {shape}")
        for row in range(3):
            alone = function(*(value[row : row + 1] for value in inputs))
            expect_close(f"{name} of one example alone", alone[0], together[row], 1e-4, 1e-4)
    return f"{', '.join(evaluations(subject))}: alone as in a batch"


@law(LAWS, "gradients", "The training loss sends a gradient to every parameter.")
def _gradients(subject: Subject) -> str:
    model = copy.deepcopy(subject.model).train()
    found = _task_gradients(subject, model) if subject.task else _loss_gradients(subject, model)
    parameters = dict(model.named_parameters())
    for name, parameter in parameters.items():
        if parameter.requires_grad and name not in found:
            raise Broken(f"expected a gradient for {name}, found none")
        # A critic's additive constant cancels between data and fakes: its gradient is truly zero.
        cancels = subject.family == "adversarial" and parameter.numel() == 1
        if parameter.requires_grad and not cancels and not found[name] > 0:
            raise Broken(f"expected a non-zero gradient for {name}, found {found[name]}")
    return f"all {len(parameters)} parameters receive one"


@law(
    LAWS,
    "saving",
    "A model loaded from its saved state computes the same values, bit for bit.",
)
def _saving(subject: Subject) -> str:
    state = {name: value.contiguous() for name, value in subject.model.state_dict().items()}
    stored = safetensors.load(safetensors.save({k: v.clone() for k, v in state.items()}))
    torch.manual_seed(subject.seed + 1)
    fresh = subject.task.build() if subject.task else subject.pristine
    fresh = perturbed(fresh, seed=subject.seed + 1)
    fresh.load_state_dict(stored)
    expected, found = evaluations(subject), evaluations(_with_model(subject, fresh))
    for name, (function, inputs) in expected.items():
        before, after = function(*inputs), found[name][0](*inputs)
        if not torch.equal(before, after):
            gap = float((before - after).abs().max())
            raise Broken(f"{name}: expected equal bits after loading, found {gap:.3g} apart")
    draws = [m.sample(4, subject.generator(3)) for m in (subject.model, fresh)]
    if not torch.equal(*draws):
        raise Broken("sample: expected equal bits after loading, found different samples")
    return f"{len(stored)} tensors; {', '.join(expected)} and sample bit-equal"


LAWS.extend(own_noise.LAWS)


def evaluations(subject: Subject) -> dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]]:
    """What the model says of single examples: name -> (function of batches, its inputs)."""
    model, batch = subject.model, 6
    x = subject.examples(batch)
    table: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]] = {}
    if subject.family == "latent-variable":
        eps = subject.normal(batch, model.latent_dim)
        table["elbo"] = (model.elbo, (x, eps))
        table["encode"] = (lambda x: model.encode(x).mean, (x,))
    elif subject.family == "quantised":
        table["log_prob_bound"] = (model.log_prob_bound, (x,))
        table["encode"] = (model.encode, (x,))
    elif subject.family == "adversarial":
        table["critic"] = (model.critic, (x,))
        table["generator"] = (model.generator, (subject.normal(batch, model.latent_dim),))
    elif subject.family == "energy":
        table["energy"] = (model.energy, (x,))
    elif subject.family == "diffusion":
        t = torch.randint(1, model.timesteps + 1, (batch,), generator=subject.generator())
        table["predict"] = (model.predict, (subject.normal(batch, *subject.shape), t))
        if hasattr(model, "predict_given"):
            labels = torch.arange(batch) % model.classes
            inputs = (subject.normal(batch, *subject.shape), t, labels)
            table["predict_given"] = (model.predict_given, inputs)
    elif subject.family == "score":
        table["score"] = (model.score, (x, _levels(subject, batch)))
    elif hasattr(model, "log_prob"):
        table["log_prob"] = (model.log_prob, (x,))
    return {name: (torch.no_grad()(function), inputs) for name, (function, inputs) in table.items()}


def _levels(subject: Subject, n: int) -> Tensor:
    """A noise level for each of n examples, random among the model's."""
    sigmas = subject.model.sigmas
    return sigmas[torch.randint(len(sigmas), (n,), generator=subject.generator())]


def _with_model(subject: Subject, model: Any) -> Subject:
    return Subject(model, subject.family, subject.task, subject.seed)


class StubLoop:
    """The part of the training loop that a task's ``training_step`` sees; takes no step.

    Attributes:
        gradients: parameter name -> largest absolute gradient, for parameters reached so far.
    """

    def __init__(self, subject: Subject, model: nn.Module) -> None:
        self.subject, self.model, self.step, self.device = subject, model, 0, torch.device("cpu")
        self.config, self.fabric = subject.task.config, None
        self.optimizers = subject.task.optimizers(model)
        self.gradients: dict[str, float] = {}
        self._batches = 0

    def next_batch(self) -> tuple[Any, Noise]:
        """A fresh batch in the model's support, with classes where it is told them, and noise."""
        self._batches += 1
        x: Any = self.subject.examples(8, stream=100 + self._batches)
        if hasattr(self.model, "predict_given"):
            x = x, torch.arange(8) % self.model.classes
        return x, Noise(self.subject.seed, self._batches)

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        """Full precision, always."""
        return contextlib.nullcontext()

    def minimise(self, name: str, loss: Tensor) -> None:
        """Record the gradients on the named optimiser's parameters."""
        own = {id(p) for group in self.optimizers[name].param_groups for p in group["params"]}
        parameters = {k: p for k, p in self.model.named_parameters() if id(p) in own}
        record_gradients(loss, parameters, self.gradients)

    def run_step(self) -> None:
        """One training step of the task."""
        self.subject.task.training_step(self, *self.next_batch())


def record_gradients(loss: Tensor, parameters: dict[str, Tensor], found: dict[str, float]) -> None:
    """Add to ``found`` the largest absolute gradient of each parameter that ``loss`` reaches."""
    live = {name: parameter for name, parameter in parameters.items() if parameter.requires_grad}
    gradients = torch.autograd.grad(loss, list(live.values()), allow_unused=True, retain_graph=True)
    for name, gradient in zip(live, gradients, strict=True):
        if gradient is not None:
            found[name] = max(found.get(name, 0.0), float(gradient.abs().max()))


def _task_gradients(subject: Subject, model: nn.Module) -> dict[str, float]:
    loop = StubLoop(subject, model)
    for _ in range(4):  # a layer may be reached only for some noise, masks or time steps
        loop.run_step()
    return loop.gradients


def _loss_gradients(subject: Subject, model: Any) -> dict[str, float]:
    x, parameters, found = subject.examples(32), dict(model.named_parameters()), {}
    if subject.family == "latent-variable":
        losses = [-model.elbo(x, subject.normal(32, model.latent_dim)).mean()]
    elif subject.family == "quantised":
        losses = [model.loss(model.loss_terms(x)), -model.prior_log_prob(model.encode(x)).mean()]
    elif subject.family == "adversarial":
        z, alpha = subject.normal(32, model.latent_dim), torch.rand(32)
        losses = [model.critic_loss(x, z, alpha), model.generator_loss(z)]
    elif subject.family == "energy":
        losses = [model.loss(x, subject.examples(32, stream=2))]
    elif subject.family == "diffusion":
        t = torch.randint(1, model.timesteps + 1, (32,), generator=subject.generator())
        losses = [model.loss(subject.normal(*x.shape, stream=2), t, subject.normal(*x.shape))]
    elif subject.family == "score":
        losses = [model.loss(x, _levels(subject, 32), subject.normal(*x.shape, stream=2))]
    elif hasattr(model, "log_prob"):
        losses = [-model.log_prob(x).mean()]
    else:
        raise NotApplicable("a training task is needed to know the loss")
    for loss in losses:
        record_gradients(loss, parameters, found)
    return found
