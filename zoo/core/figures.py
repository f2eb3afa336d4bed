"""Pictures: grids of samples, pages of text, training curves, 2-D densities.

Matplotlib is used by its object interface (no pyplot state, no display needed) and imported only
when a figure is drawn; a grid of samples needs Pillow alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from zoo.core.errors import ZooError
from zoo.core.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

PADDING = 2  # pixels of the finished grid, between and around the images
FONT_SIZE = 14  # pixels, of texts in a picture
SMALLEST_TILE = 32  # smaller images are enlarged by a whole factor, without interpolation


def sample_grid(x: Tensor, path: Path | str | None = None, columns: int | None = None) -> Image:
    """Arrange images in a grid, row by row.

    Args:
        x: (N, C, H, W) in [0, 1], C = 1 or 3; values outside are clamped.
        path: where to save a PNG, if given.
        columns: images per row; by default the grid is square or one column wider than high.

    Raises:
        ZooError: x is not a batch of images of one or three channels.
    """
    from PIL import Image

    if x.dim() != 4 or x.shape[1] not in (1, 3) or len(x) == 0:
        raise ZooError(
            f"a sample grid needs images (N, 1 or 3, H, W), got {tuple(x.shape)}: "
            "reshape, or use density_2d for points"
        )
    pixels = (x.detach().float().cpu().clamp(0, 1) * 255).round().to(torch.uint8)
    factor = max(1, math.ceil(SMALLEST_TILE / max(x.shape[2:])))
    pixels = pixels.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    n, channels, height, width = pixels.shape
    columns = columns or math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    # Mid grey shows where an image ends, whether its border is black or white
    size = (PADDING + rows * (height + PADDING), PADDING + columns * (width + PADDING))
    canvas = torch.full((channels, *size), 128, dtype=torch.uint8)
    for i, image in enumerate(pixels):
        top = PADDING + (i // columns) * (height + PADDING)
        left = PADDING + (i % columns) * (width + PADDING)
        canvas[:, top : top + height, left : left + width] = image
    array = canvas.permute(1, 2, 0).numpy()
    grid = Image.fromarray(array[:, :, 0] if channels == 1 else array)
    if path is not None:
        with replacing(path) as temporary:
            grid.save(temporary, format="PNG", optimize=True)
    return grid


def text_picture(
    texts: Sequence[str], path: Path | str | None = None, columns: int = 2, width: int = 64
) -> Image:
    """Set texts beside each other as a page of a fixed-width font, for where only pictures go.

    Args:
        texts: the texts, any number; their own line breaks are kept.
        path: where to save a PNG, if given.
        columns: texts per row.
        width: characters per line; longer lines are broken.
    """
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSansMono.ttf"
    font, gap = ImageFont.truetype(str(file), FONT_SIZE), 2 * FONT_SIZE
    pages = [
        "\n".join(
            line[i : i + width]
            for line in text.split("\n")
            for i in range(0, max(1, len(line)), width)
        )
        for text in texts
    ]
    rows = [pages[i : i + columns] for i in range(0, len(pages), columns)]
    measure = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox
    tall = [
        math.ceil(max(measure((0, 0), page, font=font)[3] for page in row)) + gap for row in rows
    ]
    wide = math.ceil(font.getlength("x" * width)) + gap
    canvas = Image.new("L", (columns * wide + gap, sum(tall) + gap), 255)
    pen = ImageDraw.Draw(canvas)
    for number, page in enumerate(pages):
        row, column = divmod(number, columns)
        corner = (gap + column * wide, gap + sum(tall[:row]))
        pen.multiline_text(corner, page, fill=0, font=font)
        if column:
            x = corner[0] - gap // 2
            pen.line((x, corner[1], x, corner[1] + tall[row] - gap), fill=190)
    if path is not None:
        with replacing(path) as temporary:
            canvas.save(temporary, format="PNG", optimize=True)
    return canvas


def training_curves(
    source: Path | str | Mapping[str, Sequence[float]] | Sequence[Mapping[str, float]],
    keys: Sequence[str] | None = None,
    units: Mapping[str, str] | None = None,
    reference: Mapping[str, Mapping[str, float]] | None = None,
) -> Figure:
    """One panel per logged quantity against the training step.

    Args:
        source: path of a metrics.jsonl, its rows, or series of equal length; a series "step" is the
            horizontal axis, without one the position in the series is.
        keys: which quantities, in order; by default all but the step and the seconds.
        units: units by quantity, such as {"loss": "nats"}, printed on the axis.
        reference: horizontal lines of a panel, {"loss": {"independent Bernoulli": 205.9}}.

    Raises:
        ZooError: the file is missing, or nothing was logged under a key.
    """
    from matplotlib.figure import Figure

    series = _series(source)
    keys = list(keys or (k for k in series if k not in ("step", "seconds")))
    for key in keys:
        if key not in series:
            raise ZooError(f"nothing was logged under '{key}': choose from {', '.join(series)}")
    figure = Figure(figsize=(4.2 * len(keys), 3.0), layout="constrained")
    for axes, key in zip(figure.subplots(1, len(keys), squeeze=False)[0], keys, strict=True):
        steps, values = series[key]
        axes.plot(steps, values, color="0.75", linewidth=0.8)
        axes.plot(steps, _smooth(values), color="tab:blue", label="running mean")
        for i, (name, level) in enumerate((reference or {}).get(key, {}).items()):
            axes.axhline(level, linestyle="--", linewidth=1, color=f"C{i + 1}", label=name)
        unit = f" ({units[key]})" if key in (units or {}) else ""
        axes.set(xlabel="training step", ylabel=key + unit)
        axes.set_ylim(*_visible_range(values, (reference or {}).get(key, {}).values()))
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", frameon=False)
    return figure


def density_2d(
    log_prob: Callable[[Tensor], Tensor] | None = None,
    samples: Tensor | None = None,
    truth: Tensor | None = None,
    extent: float = 4.0,
    resolution: int = 200,
) -> Figure:
    """Up to three panels on [-extent, extent]^2: true points, samples, log-density.

    Args:
        log_prob: (B, 2) -> (B,) nats, evaluated without gradients on a resolution^2 grid; the
            colours span the 12 nats below its maximum.
        samples: (N, 2) drawn from the model.
        truth: (N, 2) drawn from the data.
        extent: half width of the square.
        resolution: points of the grid per side.
    """
    from matplotlib.figure import Figure

    panels = {"data": truth, "samples": samples, "log-density": log_prob}
    panels = {title: content for title, content in panels.items() if content is not None}
    figure = Figure(figsize=(3.4 * len(panels) + 0.4, 3.3), layout="constrained")
    columns = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, content) in zip(columns, panels.items(), strict=True):
        axes.set(xlim=(-extent, extent), ylim=(-extent, extent), aspect="equal")
        axes.set(xlabel="$x_1$", ylabel="$x_2$")
        if isinstance(content, Tensor):
            points = content.detach().cpu()[:5000]
            axes.plot(*points.T.numpy(), ".", markersize=1.5, alpha=0.4, color="black")
            framed = (content.abs() <= extent).all(1).float().mean().item()
            axes.set_title(
                f"{title}: {len(points)} points, {framed:.1%} in the frame", fontsize="medium"
            )
        else:
            heat = _log_density_grid(content, extent, resolution)
            top = heat[np.isfinite(heat)].max()
            shown = np.maximum(heat, top - 12)  # minus infinity is dark, not blank
            picture = axes.imshow(shown, origin="lower", extent=(-extent, extent) * 2)
            picture.set_clim(top - 12, top)
            figure.colorbar(picture, ax=axes, label="log-density (nats)", extend="min")
            axes.set_title(title, fontsize="medium")
    return figure


def _log_density_grid(
    log_prob: Callable[[Tensor], Tensor], extent: float, resolution: int
) -> np.ndarray:
    """Log-density at cell centres, row = x_2 from below, (resolution, resolution)."""
    ticks = (torch.arange(resolution) + 0.5) * (2 * extent / resolution) - extent
    x1, x2 = torch.meshgrid(ticks, ticks, indexing="xy")
    with torch.no_grad():
        values = log_prob(torch.stack((x1.flatten(), x2.flatten()), 1))
    return values.detach().cpu().reshape(resolution, resolution).numpy()


def _series(source: object) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Steps and values per key; a row without a key leaves that key's series alone."""
    if isinstance(source, (str, Path)):
        if not Path(source).is_file():
            raise ZooError(f"no training log at {source}: train first, or name its metrics.jsonl")
        lines = Path(source).read_text().splitlines()
        source = [json.loads(line) for line in lines if line.endswith("}")]  # skips a cut last line
    if isinstance(source, Mapping):
        length = len(next(iter(source.values())))
        source = [{key: values[i] for key, values in source.items()} for i in range(length)]
    found: dict[str, tuple[list[float], list[float]]] = {}
    for i, row in enumerate(source):
        for key, value in row.items():
            if isinstance(value, (int, float)):
                steps, values = found.setdefault(key, ([], []))
                steps.append(row.get("step", i))
                values.append(value)
    return {key: (np.array(steps), np.array(values)) for key, (steps, values) in found.items()}


def _smooth(values: np.ndarray) -> np.ndarray:
    """Running mean over a window of a twentieth of the series, narrower at the ends."""
    half = len(values) // 40
    total = np.concatenate(([0.0], np.cumsum(values, dtype=float)))
    start = np.maximum(np.arange(len(values)) - half, 0)
    stop = np.minimum(np.arange(len(values)) + half + 1, len(values))
    return (total[stop] - total[start]) / (stop - start)


def _visible_range(values: np.ndarray, lines: Sequence[float]) -> tuple[float, float]:
    """Limits that keep the course of training visible beside the first, huge losses."""
    finite = values[np.isfinite(values)]
    if len(finite) == 0:  # a training that diverged before its first log
        return 0.0, 1.0
    low = min([finite.min(), *lines])
    high = max([np.quantile(finite, 0.95 if len(finite) >= 40 else 1.0), *lines])
    margin = 0.08 * (high - low) or 1.0
    return low - margin, high + margin
