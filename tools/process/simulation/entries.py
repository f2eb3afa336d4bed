"""Entries of a rehearsal: complete and tiny, with the faults of their teams planted in them."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path

from tools.process.simulation.faults import SPARE, Fault
from tools.process.simulation.toy import (
    MISTAKES,
    class_name,
    fill_in,
    model_text,
    plant_list,
    replace,
)
from tools.scaffold import create_entry

CLAIM, DATASET = "digits-nll", "binarized-digits"


def write_entry(
    root: Path, name: str, title: str, arxiv: str, team: Sequence[str], steps: int
) -> Path:
    """A complete entry without faults; `steps` of training make it differ from its like."""
    folder = create_entry(root, name, title, arxiv, "autoregressive")
    fill_in(folder, arxiv)
    developers = ", ".join(f'"{handle}"' for handle in team)
    replace(folder / "README.md", {'"@octocat"': developers, '"<= 25"': '"<= 27"'})
    replace(folder / "recipe.py", {"steps=1000": f"steps={steps}"})
    plant(folder, ())
    return folder


def plant(folder: Path, faults: Sequence[Fault]) -> None:
    """Put faults into an entry, and the evidence that its team had for it."""
    for fault in faults:
        replace(_file(folder, fault), {fault.right: fault.wrong})
    _renew(folder)


def repair(folder: Path, faults: Sequence[Fault]) -> None:
    """Take faults out again."""
    for fault in faults:
        replace(_file(folder, fault), {fault.wrong: fault.right})
    _renew(folder)


def place_of(folder: Path, fault: Fault) -> str:
    """Where a fault is, as a review names it."""
    path = _file(folder, fault)
    name = f"zoo/{folder.name}/{path.name}"
    if fault.cell:
        return f"{name}#{fault.cell}"
    lines = path.read_text(encoding="utf-8").splitlines()
    at = [number for number, line in enumerate(lines, 1) if fault.wrong and fault.wrong in line]
    return f"{name}:{at[0] if at else len(lines)}"


def _file(folder: Path, fault: Fault) -> Path:
    return folder / fault.file.format(name=folder.name)


def _renew(folder: Path) -> None:
    """The list of planted mistakes and the evidence, for the files as they are now."""
    from zoo.core.evidence import Result, code_digest, save_results
    from zoo.core.files import sha256_of

    plant_list(folder, (*MISTAKES, *SPARE))
    weights, measured, picture = _trained()
    (folder / "weights").mkdir(exist_ok=True)
    path = folder / "weights" / "digits.safetensors"
    path.write_bytes(weights)
    (folder / "samples.png").write_bytes(picture)
    digests = {"code": code_digest(folder), "weights": sha256_of(path)}
    save_results(folder, {CLAIM: Result(**measured, **digests)})


@functools.cache
def _trained() -> tuple[bytes, dict, bytes]:
    """Weights, the fields of a result that was measured on them, and a picture of samples.

    The best model without weights between pixels has a closed form: every pixel's log-odds.
    """
    import io

    import torch
    from PIL import Image
    from safetensors.torch import save

    from zoo.core.data import load_dataset
    from zoo.core.metrics import METRICS, measure
    from zoo.core.metrics.baselines import fit_bernoulli

    words: dict = {}
    exec(compile(model_text("toy", "1502.03509"), "model.py", "exec"), words)
    model = words[class_name("toy")]((1, 8, 8))
    data = load_dataset(DATASET, "train")
    grey = data.images.flatten(1).double() / (data.levels - 1)
    with torch.no_grad():
        model.bias.copy_(fit_bernoulli(grey)[0].float())
    found = measure(model, "nll-nats", DATASET, progress=False)
    about = {"zoo": json.dumps({"config": {}, "training": {}})}
    pixels = model.sample(1, torch.Generator().manual_seed(0))[0, 0] * 255
    picture = io.BytesIO()
    Image.fromarray(pixels.byte().numpy()).save(picture, "png")
    result = {
        "claim": CLAIM,
        "value": found.value,
        "sd": found.sd,
        "n": found.n,
        "seeds": list(found.seeds),
        "status": "reproduced" if found.value <= 27 else "not-reproduced",
        "protocol": METRICS["nll-nats"].protocol,
        "recipe": "digits",
        "data": load_dataset(DATASET, "test").sha256,
        "torch": torch.__version__,
        "device": "CPU",
        "seconds": 0.0,
    }
    return save(model.state_dict(), about), result, picture.getvalue()
