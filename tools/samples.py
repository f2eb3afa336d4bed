"""Samples for the eye: a grid of images, points of a 2-D density, or text to read."""

from __future__ import annotations

import inspect
from pathlib import Path

import torch

from zoo.core.densities import DENSITIES, density
from zoo.core.errors import ZooError
from zoo.core.figures import density_2d, sample_grid, text_picture
from zoo.core.files import replacing
from zoo.core.registry import Entry
from zoo.core.text import TEXTS, decode, encode

COUNT, TEXT_COUNT = 64, 4  # how many are drawn where nothing else is asked for
CHARACTERS = 600  # of each text


def draw(
    entry: Entry, count: int, recipe: str | None = None, seed: int = 0, device: str = "cpu"
) -> torch.Tensor:
    """Samples (count, *event_shape) on the CPU from shipped weights; the first ones, unpicked.

    Models that are told a class are asked for their classes in turn.
    """
    model = entry.load(recipe, device)
    generator = torch.Generator(device).manual_seed(seed)
    told = {}
    if _is_told(model):
        told["labels"] = torch.arange(count, device=device) % model.classes
    with torch.no_grad():
        return model.sample(count, generator=generator, **told).cpu()


def _is_told(model: torch.nn.Module) -> bool:
    """Whether samples may be asked for by their class."""
    named = "labels" in inspect.signature(model.sample).parameters
    return named and getattr(model, "classes", 0) > 0


def is_text(entry: Entry, recipe: str | None = None) -> bool:
    """Whether the recipe's samples are text."""
    return entry.config(recipe or entry.default_recipe).dataset in TEXTS


def draw_texts(
    entry: Entry,
    count: int = TEXT_COUNT,
    recipe: str | None = None,
    seed: int = 0,
    device: str = "cpu",
    prompt: str = "",
) -> list[str]:
    """Texts of 600 characters after the prompt, from shipped weights; the first ones, unpicked.

    Raises:
        ZooError: weights are missing, or the prompt has a character that the text has not.
    """
    name = entry.config(recipe or entry.default_recipe).dataset
    begin = encode(prompt, name)
    model = entry.load(recipe, device)
    generator = torch.Generator(device).manual_seed(seed)
    texts, _ = model.generate(begin.expand(count, -1), CHARACTERS, generator=generator)
    return [decode(tokens, name) for tokens in texts.cpu()]


def write_samples(
    entry: Entry,
    path: Path,
    count: int | None = None,
    recipe: str | None = None,
    seed: int = 0,
    device: str = "cpu",
    prompt: str = "",
) -> int:
    """Draw samples and write them as a PNG, or text as a .txt; return their number.

    Raises:
        ZooError: the path is no PNG, weights are missing, or a prompt for what is no text.
    """
    text = is_text(entry, recipe)
    if path.suffix.lower() not in ((".png", ".txt") if text else (".png",)):
        known = ".png or .txt" if text else ".png"
        raise ZooError(f"'{path}' is no PNG file: choose a name that ends in {known}")
    if text:
        texts = draw_texts(entry, count or TEXT_COUNT, recipe, seed, device, prompt)
        if path.suffix.lower() == ".png":
            text_picture(texts, path)
        else:
            with replacing(path) as temporary:
                temporary.write_text(as_page(texts), encoding="utf-8")
        return len(texts)
    if prompt:
        raise ZooError(f"{entry.name} does not continue text: leave --prompt out")
    _write_picture(entry, path, count or COUNT, recipe, seed, device)
    return count or COUNT


def as_page(texts: list[str]) -> str:
    """Texts below each other, each under its number."""
    return "".join(f"── {number} ──\n{text}\n\n" for number, text in enumerate(texts, 1))


def _write_picture(
    entry: Entry, path: Path, count: int, recipe: str | None, seed: int, device: str
) -> None:
    x = draw(entry, count, recipe, seed, device)
    dataset = entry.config(recipe or entry.default_recipe).dataset
    with replacing(path) as temporary:
        if dataset in DENSITIES:
            target = density(dataset)
            truth = target.sample(count, torch.Generator().manual_seed(seed))
            density_2d(samples=x, truth=truth, extent=target.extent).savefig(temporary, dpi=120)
        else:
            sample_grid(x, temporary)
