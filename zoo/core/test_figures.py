"""What the pictures show, read back from the pixels and the artists."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.core import figures
from zoo.core.densities import density
from zoo.core.errors import ZooError


def test_grid_places_images_row_by_row_with_padding():
    x = torch.arange(1, 7).view(6, 1, 1, 1).expand(6, 1, 40, 32) / 255
    grid = np.asarray(figures.sample_grid(x, columns=3))
    assert grid.shape == (2 + 2 * 42, 2 + 3 * 34)
    assert grid[2 + 20 :: 42, 2 + 16 :: 34].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert (grid[:2] == 128).all()
    assert (grid[:, -2:] == 128).all()


def test_tiny_images_are_enlarged_without_interpolation(tmp_path):
    x = torch.zeros(1, 3, 8, 8)
    x[0, 0, 2, 5] = 1.0
    figures.sample_grid(x, tmp_path / "new" / "grid.png")
    grid = np.asarray(Image.open(tmp_path / "new" / "grid.png"))[2:-2, 2:-2]
    assert grid.shape == (32, 32, 3)
    expected = np.kron(x[0].permute(1, 2, 0).numpy(), np.ones((4, 4, 1))) * 255
    assert (grid == expected).all()


def test_values_outside_the_range_are_clamped_not_wrapped():
    x = torch.tensor([-0.5, 1.5]).view(2, 1, 1, 1).expand(2, 1, 32, 32)
    grid = np.asarray(figures.sample_grid(x))
    assert (grid[10, 10], grid[10, 44]) == (0, 255)


def test_points_are_refused_as_a_grid():
    with pytest.raises(ZooError, match="density_2d"):
        figures.sample_grid(torch.zeros(5, 2))


def ink(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture) < 100


def test_texts_stand_in_columns_below_each_other(tmp_path):
    path = tmp_path / "texts.png"
    page = ink(figures.text_picture(["two\nlines", "", "three\nlines\nhere", "x"], path, width=10))
    top, bottom = np.array_split(page, 2)
    left, right = page.shape[1] // 2, page.shape[1]
    assert top[:, :left].any()
    assert not top[:, left:right].any()  # an empty text
    assert bottom[:, :left].any()
    assert bottom[:, left:right].any()
    assert (ink(Image.open(path)) == page).all()


def test_long_lines_are_broken_and_nothing_is_cut_off():
    once = ink(figures.text_picture(["abcdefgh"], columns=1, width=20))
    twice = ink(figures.text_picture(["abcdefgh" * 5], columns=1, width=20))
    assert twice.sum() == 5 * once.sum()
    assert twice.shape[1] == once.shape[1]


def test_curves_read_a_log_that_a_crash_cut_short(tmp_path):
    log = tmp_path / "metrics.jsonl"
    rows = [
        {"step": 10 * i, "seconds": 0.1, "loss": 100.0 / i, "kl": float(i)} for i in range(1, 9)
    ]
    log.write_text("\n".join(map(json.dumps, rows)) + '\n{"step": 90, "lo')
    figure = figures.training_curves(log, units={"loss": "nats"}, reference={"loss": {"x": 5.0}})
    loss, kl = figure.axes
    assert loss.get_ylabel() == "loss (nats)"
    assert kl.get_ylabel() == "kl"
    assert loss.get_xlabel() == "training step"
    raw = loss.lines[0]
    assert raw.get_xdata().tolist() == [row["step"] for row in rows]
    assert raw.get_ydata().tolist() == [row["loss"] for row in rows]
    assert loss.get_ylim()[0] < 5.0  # the reference line is in sight


def test_curves_of_plain_series_and_their_errors(tmp_path):
    figure = figures.training_curves({"step": [5, 10], "critic": [2.0, 1.0]})
    assert figure.axes[0].lines[0].get_xdata().tolist() == [5, 10]
    with pytest.raises(ZooError, match="choose from step, critic"):
        figures.training_curves({"step": [5], "critic": [2.0]}, keys=["loss"])
    with pytest.raises(ZooError, match="no training log"):
        figures.training_curves(tmp_path / "none.jsonl")


def test_running_mean_of_a_line_is_the_line():
    line = np.linspace(3.0, 7.0, 201)
    assert figures._smooth(line)[20:-20] == pytest.approx(line[20:-20])
    assert figures._smooth(np.ones(3)) == pytest.approx(np.ones(3))


def test_density_panels_are_the_right_way_up():
    """The heat map of a density in the lower right quadrant is bright there, as its points are."""
    centre = torch.tensor([2.0, -2.0])
    points = centre + 0.1 * torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    figure = figures.density_2d(
        lambda x: -(x - centre).square().sum(1), samples=points, extent=4.0, resolution=40
    )
    samples, heat = figure.axes[:2]
    assert samples.lines[0].get_xdata().mean() == pytest.approx(2.0, abs=0.1)
    assert samples.lines[0].get_ydata().mean() == pytest.approx(-2.0, abs=0.1)
    image = heat.images[0]
    row, column = np.unravel_index(image.get_array().argmax(), (40, 40))
    assert image.origin == "lower"
    assert (row, column) in {(r, c) for r in (9, 10) for c in (29, 30)}  # around (-2, 2)


def test_zero_density_is_dark():
    board = density("checkerboard")
    image = figures.density_2d(board.log_prob).axes[0].images[0]
    assert image.get_array().min() == image.norm.vmin  # minus infinity would be masked, not dark
    assert not np.ma.is_masked(image.get_array())
    assert image.norm.vmax - image.norm.vmin == pytest.approx(12)


def test_matplotlib_is_loaded_only_when_drawing():
    code = "import sys, zoo.core.figures; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
