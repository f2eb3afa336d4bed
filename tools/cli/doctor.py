"""`zoo doctor`: what works on this machine and what to do about the rest."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click

# what a package is needed for, and the extra that installs it
PACKAGES = {
    "torch": ("everything", ""),
    "torchvision": ("downloading MNIST", ""),
    "safetensors": ("weights", ""),
    "papermill": ("zoo notebook, zoo check", "[workflow]"),
    "ruff": ("zoo check", "[workflow]"),
    "pytest": ("zoo check", "[workflow]"),
    "lightning-fabric": ("zoo train --devices", "[scale]"),
    "tensorboard": ("TensorBoard logs", "[logging]"),
}
NEEDED_FREE = 2 * 2**30


@click.command()
def doctor() -> None:
    """Say what works on this machine and how to mend the rest.

    Fails only when something is missing that every command needs.
    """
    broken = False
    for good, required, text, advice in _findings():
        mark = "✔" if good else "✖" if required else "–"
        click.echo(f"{mark} {text}" + ("" if good else f": {advice}"))
        broken |= required and not good
    if broken:
        sys.exit(1)


def _findings() -> Iterator[tuple[bool, bool, str, str]]:
    """(works, required, what, advice) for each thing looked at."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield sys.version_info >= (3, 11), True, f"Python {version}", "3.11 or newer is needed"
    for name, (purpose, extra) in PACKAGES.items():
        try:
            text, good = f"{name} {importlib.metadata.version(name)}", True
        except importlib.metadata.PackageNotFoundError:
            text, good = f"{name} is not installed ({purpose})", False
        yield good, not extra, text, f"pip install 'genzoo{extra}'"
    yield from _torch()
    place = Path.home()
    free = shutil.disk_usage(place).free
    text = f"{free / 2**30:.1f} GiB free on the disk of {place}"
    yield free > NEEDED_FREE, False, text, "training and MNIST need about 2 GiB"
    in_git = _git("rev-parse", "--is-inside-work-tree") == "true"
    yield in_git, False, "git repository", "zoo check --changed needs one: run it inside your clone"


def _torch() -> Iterator[tuple[bool, bool, str, str]]:
    try:
        import torch
    except ImportError as error:
        yield False, True, "torch cannot be imported", str(error).splitlines()[0]
        return
    from zoo.core.data import data_folder, is_available

    text = f"CPU: {os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads"
    yield True, True, text, ""
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        yield True, False, f"CUDA: {', '.join(names)}", ""
    else:
        advice = "full recipes take tens of minutes on a CPU; the digits recipes need no GPU"
        yield False, False, "no CUDA device", advice
    try:
        import zoo.core._torchvision  # noqa: F401
    except (ImportError, RuntimeError) as error:
        advice = f"{str(error).splitlines()[0]}; install matching versions of torch and torchvision"
        yield False, True, "torchvision cannot be imported", advice
        return
    text = f"MNIST in {data_folder()}"
    advice = "downloaded at first use, or set ZOO_DATA to a folder that has MNIST/raw"
    yield is_available("mnist"), False, text, advice


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
