"""Weights and training states: exact, byte-stable, atomic, and clear about what does not fit."""

import errno
import os
from dataclasses import dataclass

import pytest
import torch
from safetensors import SafetensorError
from torch import nn

from zoo.core import checkpoints
from zoo.core.checkpoints import load_state, load_weights, read_about, save_state, save_weights
from zoo.core.errors import ZooError
from zoo.core.files import replacing, sha256_of


@dataclass
class Config:
    width: int = 3


def model(width: int = 3) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width))


def test_weights_come_back_bit_by_bit_and_files_are_byte_stable(tmp_path):
    path = tmp_path / "a.safetensors"
    digest = save_weights(path, model(), Config(), training={"steps": 5, "seconds": 1})
    other = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    load_weights(path, other)
    for mine, theirs in zip(
        model().state_dict().values(), other.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, theirs)
        assert mine.dtype == theirs.dtype
    again = save_weights(
        tmp_path / "b.safetensors", model(), Config(), training={"seconds": 1, "steps": 5}
    )
    assert again == digest
    assert read_about(path) == {"config": {"width": 3}, "training": {"steps": 5, "seconds": 1}}


def test_half_precision_halves_the_file_and_rounds(tmp_path):
    big = nn.Linear(100, 100)
    save_weights(tmp_path / "full.safetensors", big, Config())
    save_weights(tmp_path / "half.safetensors", big, Config(), half=True)
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("full", "half")]
    assert sizes[1] < 0.52 * sizes[0]
    other = load_weights(tmp_path / "half.safetensors", nn.Linear(100, 100))
    assert other.weight.dtype == torch.float32
    assert torch.equal(other.weight, big.weight.half().float())


def test_what_does_not_fit_is_named(tmp_path):
    path = tmp_path / "a.safetensors"
    save_weights(path, model(), Config())
    with pytest.raises(ZooError, match=r"'0\.weight' has shape \(3, 2\), the model needs \(4, 2\)"):
        load_weights(path, model(4))
    with pytest.raises(ZooError, match=r"lacks the tensor '2\.weight'"):
        load_weights(path, nn.Sequential(*model(), nn.Linear(3, 1)))
    with pytest.raises(ZooError, match="that the model lacks"):
        load_weights(path, model()[:1])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip of pickles", b"\xff" * 100])
def test_foreign_and_truncated_files_are_refused(tmp_path, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(ZooError, match="not a readable safetensors file"):
        load_weights(path, model())
    save_weights(path, model(), Config())
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ZooError, match="not a readable safetensors file"):
        load_weights(path, model())


def test_optimiser_state_comes_back_exactly(tmp_path):
    net = model()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.0, 0.9))
    net(torch.randn(4, 2)).sum().backward()
    optimizer.step()
    save_state(tmp_path / "s.safetensors", {"optimizer": optimizer.state_dict(), "step": 1})
    state = load_state(tmp_path / "s.safetensors")
    assert state["step"] == 1
    fresh = torch.optim.Adam(net.parameters(), lr=1.0)
    fresh.load_state_dict(state["optimizer"])
    before, after = optimizer.state_dict(), fresh.state_dict()
    assert list(after["param_groups"][0]["betas"]) == [0.0, 0.9]
    for key, values in before["state"].items():
        for name, value in values.items():
            assert torch.equal(after["state"][key][name], value)


def test_weights_are_no_training_state(tmp_path):
    save_weights(tmp_path / "a.safetensors", model(), Config())
    with pytest.raises(ZooError, match="cannot be resumed from"):
        load_state(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    "failure",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("I/O error: No space left on device (os error 28)"),
    ],
)
def test_full_disk_keeps_the_old_file_and_leaves_nothing_behind(tmp_path, monkeypatch, failure):
    path = tmp_path / "a.safetensors"
    digest = save_weights(path, model(), Config())

    def full(*arguments, **options):
        raise failure

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(ZooError, match="disk is full"):
        save_weights(path, model(5), Config())
    assert sha256_of(path) == digest
    assert os.listdir(tmp_path) == ["a.safetensors"]


def test_interruption_while_writing_keeps_the_old_file(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("old")

    def interrupted():
        with replacing(path) as temporary:
            temporary.write_text("half of the ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["note.txt"]
