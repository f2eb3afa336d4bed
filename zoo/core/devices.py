"""Devices by name, and in words."""

from __future__ import annotations

import torch

from zoo.core.errors import ZooError


def usable_device(name: str) -> torch.device:
    """The device of that name, e.g. "cpu" or "cuda:1".

    Raises:
        ZooError: no such device, or torch cannot use it here.
    """
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = (str(error).splitlines() or ["unknown"])[0][:80]
        raise ZooError(f"device '{name}' cannot be used here ({reason}): use cpu") from None
    return device


def device_name(device: torch.device) -> str:
    """A device in words, e.g. "NVIDIA H100" or "CPU, 2 threads"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{device.type.upper()}, {threads} thread{'s' if threads > 1 else ''}"
