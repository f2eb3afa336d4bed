"""A model's function as an ONNX file, by what its family's protocol offers.

Any entry of a family is exported by the same few lines: a decoder's mean, a generator, a flow's
inverse, the logits of an autoregressive model, the noise that a diffusion model predicts; the class
is one more input where a model is told one. What is exported is run beside PyTorch on random inputs
before it is shown to anyone.

The exporter is torch's first one, which follows a run of the model. The newer one (`dynamo=True`)
made files that are up to a quarter larger and differ from one run to the next.
"""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from zoo.core.errors import ZooError

OPSET = 17  # the browser's runtime knows up to 21
TOLERANCE = 1e-4  # relative, and absolute for numbers below 1
TRIALS = 5

Function = Callable[..., Tensor]


@dataclass(frozen=True)
class Call:
    """What is exported of a family's models.

    Attributes:
        function: of the model and its inputs.
        inputs: names of the inputs, as the ONNX file has them.
        draw: random inputs of a batch of one, from a model and a generator.
    """

    function: Function
    inputs: tuple[str, ...]
    draw: Callable[[nn.Module, torch.Generator], tuple[Tensor, ...]]


def _latent(model: nn.Module, generator: torch.Generator) -> tuple[Tensor, ...]:
    return (torch.randn(1, model.latent_dim, generator=generator),)


def noise_of(model: nn.Module, x: Tensor) -> Tensor:
    """What a flow makes of data x (B, *event_shape): its z, without the log-determinant.

    In continuous time that determinant costs as many derivatives as there are dimensions, at every
    step of the solver, and nothing here needs it.
    """
    if hasattr(model, "transport"):
        return model.transport(model.scale(x), 1.0, 0.0)
    return model.forward(x)[0]


def _flow_noise(model: nn.Module, generator: torch.Generator) -> tuple[Tensor, ...]:
    z = noise_of(model, torch.full((1, *model.event_shape), 0.5))
    return (torch.randn(z.shape, generator=generator),)


def _bits(model: nn.Module, generator: torch.Generator) -> tuple[Tensor, ...]:
    return (torch.randint(2, (1, *model.event_shape), generator=generator).float(),)


def _noisy(model: nn.Module, generator: torch.Generator) -> tuple[Tensor, ...]:
    t = torch.randint(1, model.timesteps + 1, (1,), generator=generator)
    return torch.randn(1, *model.event_shape, generator=generator), t


def _labelled(model: nn.Module, generator: torch.Generator) -> tuple[Tensor, ...]:
    return *_latent(model, generator), torch.randint(model.classes, (1,), generator=generator)


def _labelled_noisy(model: nn.Module, generator: torch.Generator) -> tuple[Tensor, ...]:
    labels = torch.tensor([*range(model.classes), model.null])
    place = torch.randint(len(labels), (1,), generator=generator)
    return *_noisy(model, generator), labels[place]


CALLS: dict[str, Call] = {
    "latent-variable": Call(lambda model, z: model.decode(z).mean, ("z",), _latent),
    "adversarial": Call(lambda model, z: model.generator(z), ("z",), _latent),
    "flow": Call(lambda model, z: model.inverse(z), ("z",), _flow_noise),
    "autoregressive": Call(lambda model, x: model.logits(x), ("x",), _bits),
    "diffusion": Call(lambda model, x_t, t: model.predict(x_t, t), ("x_t", "t"), _noisy),
}

# Of models that are told a class: by family and the method that takes it.
TOLD: dict[tuple[str, str], Call] = {
    ("adversarial", "generator"): Call(
        lambda model, z, label: model.generator(z, label), ("z", "label"), _labelled
    ),
    ("diffusion", "guided"): Call(
        lambda model, x_t, t, label: model.predict_given(x_t, t, label),
        ("x_t", "t", "label"),
        _labelled_noisy,
    ),
}


def call_of(model: nn.Module, family: str) -> Call:
    """What is exported of a model.

    Raises:
        ZooError: it is told a class in a way that no player knows.
    """
    if not getattr(model, "classes", 0):
        return CALLS[family]
    for (of, method), call in TOLD.items():
        if of == family and hasattr(model, method):
            return call
    raise ZooError("it is told a class, and this page has nothing to say it with")


class _Called(nn.Module):
    """A model as the one function that is exported."""

    def __init__(self, model: nn.Module, function: Function) -> None:
        super().__init__()
        self.model, self.function = model, function

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(self.model, *inputs)


def export(model: nn.Module, family: str) -> bytes:
    """The ONNX file of a model's function, for a batch of one; equal weights give equal bytes.

    Weights are stored in half precision where that loses nothing, as in shipped files.

    Raises:
        ZooError: the model cannot be exported, or the file computes something else.
    """
    call = call_of(model, family)
    called = _Called(model, call.function).eval()
    generator = torch.Generator().manual_seed(0)
    buffer = io.BytesIO()
    with _plain_tracing():
        example = call.draw(model, generator)
        try:
            torch.onnx.export(
                called,
                example,
                buffer,
                dynamo=False,
                opset_version=OPSET,
                input_names=list(call.inputs),
                output_names=["out"],
            )
        except Exception as error:  # whatever the exporter finds it cannot follow
            kind = type(error).__name__
            raise ZooError(f"the exporter does not know all that it computes ({kind})") from error
    content = halved(buffer.getvalue())
    _check(content, called, call, generator)
    return content


@contextlib.contextmanager
def _plain_tracing() -> Iterator[None]:
    """No gradients, no warnings of the exporter's, no checks of values, which cannot be followed.

    Distributions check values by default, with a branch on data.
    """
    checked = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Distribution.set_default_validate_args(checked)


def halved(content: bytes) -> bytes:
    """The same ONNX file with every weight as float16 that is exactly a float16; others stay.

    A cast behind each turns it back when the file is loaded, so outputs do not change by a bit.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    proto = onnx.load_from_string(content)
    casts = []
    for place, tensor in enumerate(proto.graph.initializer):
        if tensor.data_type != TensorProto.FLOAT:
            continue
        full = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            half = full.astype(np.float16)
        if full.size < 64 or not np.array_equal(half.astype(np.float32), full):
            continue
        name, stored = tensor.name, f"{tensor.name}.half"
        proto.graph.initializer[place].CopyFrom(numpy_helper.from_array(half, stored))
        casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    return proto.SerializeToString(deterministic=True)


def session(content: bytes) -> Callable[..., np.ndarray]:
    """An ONNX file as a function of arrays by input name, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    running = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda **inputs: running.run(None, inputs)[0]


def _check(content: bytes, called: nn.Module, call: Call, generator: torch.Generator) -> None:
    """Refuse a file whose outputs are not the model's on fresh random inputs."""
    try:
        run = session(content)
    except Exception as error:  # the runtime refuses the file
        kind = type(error).__name__
        raise ZooError(f"the browser's runtime does not know all operations ({kind})") from error
    for _ in range(TRIALS):
        inputs = call.draw(called.model, generator)
        with torch.no_grad():
            wanted = called(*inputs).numpy()
        got = run(**{n: x.numpy() for n, x in zip(call.inputs, inputs, strict=True)})
        if got.shape != wanted.shape or not agree(got, wanted):
            raise ZooError(f"what is exported differs from PyTorch by more than {TOLERANCE:g}")


def agree(got: np.ndarray, wanted: np.ndarray) -> bool:
    """Whether two outputs agree to `TOLERANCE`, relative, and absolute for numbers below 1."""
    return bool(np.all(np.abs(got - wanted) <= TOLERANCE * np.maximum(1, np.abs(wanted))))


def is_picture(shape: tuple[int, ...]) -> bool:
    """Whether examples of this shape are pictures: (C, H, W), grey or in colour."""
    return len(shape) == 3 and shape[0] in (1, 3) and math.prod(shape) <= 3 * 64 * 64
