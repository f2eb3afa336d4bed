"""Sample pictures: a grid of images, or points of a 2-D density beside its samples."""

from __future__ import annotations

from pathlib import Path

import torch

from zoo.core.densities import DENSITIES, density
from zoo.core.errors import ZooError
from zoo.core.figures import density_2d, sample_grid
from zoo.core.files import replacing
from zoo.core.registry import Entry


def draw(
    entry: Entry, count: int, recipe: str | None = None, seed: int = 0, device: str = "cpu"
) -> torch.Tensor:
    """Samples (count, *event_shape) on the CPU from shipped weights; the first ones, unpicked."""
    model = entry.load(recipe, device)
    generator = torch.Generator(device).manual_seed(seed)
    with torch.no_grad():
        return model.sample(count, generator=generator).cpu()


def write_samples(
    entry: Entry,
    path: Path,
    count: int = 64,
    recipe: str | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> None:
    """Draw samples and write them as a PNG.

    Raises:
        ZooError: the path is no PNG, or weights are missing.
    """
    if path.suffix.lower() != ".png":
        raise ZooError(f"'{path}' is no PNG file: choose a name that ends in .png")
    x = draw(entry, count, recipe, seed, device)
    dataset = entry.config(recipe or entry.default_recipe).dataset
    with replacing(path) as temporary:
        if dataset in DENSITIES:
            target = density(dataset)
            truth = target.sample(count, torch.Generator().manual_seed(seed))
            density_2d(samples=x, truth=truth, extent=target.extent).savefig(temporary, dpi=120)
        else:
            sample_grid(x, temporary)
