"""Training curves: blocks of equal length, means in them, and only with their own weights."""

import json

import pytest

from zoo.core.curves import condense, load_curve, save_curve
from zoo.core.errors import ZooError

LOGGED = [{"loss": float(n), "step": 10 * n, "seconds": n / 4} for n in range(1, 8)]


def test_rows_are_means_of_blocks_that_end_with_the_run():
    columns, rows = condense(LOGGED, most=3)
    assert columns == ["step", "loss", "seconds"]
    # Seven rows in blocks of three, counted from the end: {1}, {2, 3, 4}, {5, 6, 7}.
    assert rows == [[10, 1.0, 0.25], [40, 3.0, 1.0], [70, 6.0, 1.75]]
    assert condense(LOGGED)[1] == [[row["step"], row["loss"], row["seconds"]] for row in LOGGED]


def test_a_scalar_that_was_not_logged_is_null():
    columns, rows = condense([{"step": 1, "loss": 2.0}, {"step": 2, "slope": 4.0}])
    assert columns == ["step", "loss", "slope"]
    assert rows == [[1, 2.0, None], [2, None, 4.0]]
    assert condense([]) == (["step"], [])


def test_a_curve_belongs_to_its_weights(tmp_path):
    weights = tmp_path / "weights" / "digits.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"first")
    path = save_curve(tmp_path, "digits", LOGGED, weights)
    curve = load_curve(tmp_path, "digits")
    assert (curve.recipe, curve.columns, len(curve.rows)) == (
        "digits",
        ["step", "loss", "seconds"],
        7,
    )
    assert load_curve(tmp_path, "mnist") is None
    weights.write_bytes(b"second")
    assert load_curve(tmp_path, "digits") is None
    path.write_text(json.dumps({"schema": 1, "columns": ["step"], "rows": [[1, 2]]}))
    with pytest.raises(ZooError, match=r"digits\.json is not as the tools wrote it"):
        load_curve(tmp_path, "digits")
