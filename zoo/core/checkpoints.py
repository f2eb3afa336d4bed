"""Weights and training state in safetensors files: no pickle, written atomically, byte-stable.

A weights file holds the model's `state_dict` and, in its header, the configuration it was trained
with. A training checkpoint also holds the state of the optimisers, of the moving average and the
step; together with the step-wise noise of `zoo.core.noise` that is all a run needs to continue.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from zoo.core.errors import ZooError
from zoo.core.files import replacing, sha256_of


def save_weights(
    path: Path | str,
    model: nn.Module,
    config: Any,
    half: bool = False,
    training: dict[str, Any] | None = None,
) -> str:
    """Write a model's weights and how they came about; return the file's sha256.

    Args:
        path: file to write, ending in .safetensors.
        model: its `state_dict` is stored.
        config: the recipe's dataclass, kept in the header as JSON.
        half: store floating-point tensors as float16, which halves the file.
        training: what is worth keeping of the run, e.g. {"steps": …, "seconds": …, "device": …}.
    """
    tensors = {}
    for name, value in model.state_dict().items():
        value = value.detach().cpu().contiguous().clone()
        tensors[name] = value.half() if half and value.is_floating_point() else value
    about = {"config": dataclasses.asdict(config), "training": training or {}}
    # One key only: safetensors writes several in no fixed order, and the file must be byte-stable.
    header = {"zoo": json.dumps(about, sort_keys=True)}
    with replacing(path) as temporary:
        _write(tensors, temporary, header)
    return sha256_of(path)


def read_about(path: Path | str) -> dict[str, Any]:
    """What `save_weights` stored beside the tensors: {"config": …, "training": …}.

    Raises:
        ZooError: not a safetensors file.
    """
    return json.loads(_read_header(path).get("zoo", "{}"))


def _read_header(path: Path | str) -> dict[str, str]:
    try:
        with safe_open(str(path), framework="pt") as file:
            return file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ZooError(f"{path} is not a readable safetensors file ({error})") from None


def read_tensors(path: Path | str) -> dict[str, Tensor]:
    """All tensors of a safetensors file, on the CPU.

    Raises:
        ZooError: not a safetensors file, or a truncated one.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ZooError(f"{path} is not a readable safetensors file ({error})") from None


def load_weights(path: Path | str, model: nn.Module) -> nn.Module:
    """Fill a model with stored weights, converted to the model's own precision.

    Args:
        path: a file written by `save_weights`.
        model: same names and shapes as the stored tensors.

    Raises:
        ZooError: unreadable file, or names or shapes that do not fit the model.
    """
    stored, wanted = read_tensors(path), model.state_dict()
    for name, value in wanted.items():
        if name not in stored:
            raise ZooError(f"{path} lacks the tensor '{name}': weights of another model or version")
        if stored[name].shape != value.shape:
            raise ZooError(
                f"{path}: '{name}' has shape {tuple(stored[name].shape)}, the model needs "
                f"{tuple(value.shape)}: weights of another recipe"
            )
    if extra := sorted(stored.keys() - wanted.keys()):
        raise ZooError(f"{path} has a tensor '{extra[0]}' that the model lacks: another model")
    model.load_state_dict({name: stored[name].to(value.dtype) for name, value in wanted.items()})
    return model


def save_state(path: Path | str, state: dict[str, Any]) -> None:
    """Write a nested dict or list of tensors and JSON values, for `load_state` to read back."""
    tensors: dict[str, Tensor] = {}
    structure = _take_tensors(state, "", tensors)
    with replacing(path) as temporary:
        _write(tensors, temporary, {"structure": json.dumps(structure)})


def load_state(path: Path | str) -> dict[str, Any]:
    """Read what `save_state` wrote.

    Raises:
        ZooError: not such a file.
    """
    header = _read_header(path)
    if "structure" not in header:
        raise ZooError(f"{path} holds weights, not a training state: it cannot be resumed from")
    return _put_tensors(json.loads(header["structure"]), read_tensors(path))


def _write(tensors: dict[str, Tensor], path: Path, header: dict[str, str]) -> None:
    try:
        save_file(tensors, str(path), metadata=header)
    except SafetensorError as error:  # how safetensors reports a failing disk
        raise OSError(getattr(error, "errno", None) or _errno_in(str(error)), str(error)) from error


def _errno_in(text: str) -> int:
    number = text.rpartition("os error ")[2].rstrip(")}\"' ")
    return int(number) if number.isdigit() else 5  # 5: input/output error


def _take_tensors(value: Any, place: str, tensors: dict[str, Tensor]) -> Any:
    """Replace tensors by references {"__tensor__": place}; integer keys keep their type."""
    if isinstance(value, Tensor):
        tensors[place] = value.detach().cpu().contiguous().clone()
        return {"__tensor__": place}
    if isinstance(value, dict):
        items = [[key, _take_tensors(v, f"{place}/{key}", tensors)] for key, v in value.items()]
        return {"__items__": items}
    if isinstance(value, (list, tuple)):
        return [_take_tensors(v, f"{place}/{i}", tensors) for i, v in enumerate(value)]
    return value


def _put_tensors(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, dict):
        if "__tensor__" in value:
            return tensors[value["__tensor__"]]
        return {key: _put_tensors(v, tensors) for key, v in value["__items__"]}
    if isinstance(value, list):
        return [_put_tensors(v, tensors) for v in value]
    return value


def to_device(value: Any, device: torch.device) -> Any:
    """Move every tensor of a nested structure to a device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: to_device(v, device) for key, v in value.items()}
    if isinstance(value, list):
        return [to_device(v, device) for v in value]
    return value
