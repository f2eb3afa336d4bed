"""Two processes with half a batch each compute what one process computes with the whole batch."""

import pytest
import torch

from zoo.core.registry import get_entry
from zoo.core.training import train
from zoo.vae import recipe as vae
from zoo.wgan_gp import recipe as wgan_gp

pytest.importorskip("lightning_fabric", reason="several processes need genzoo[scale]")


class PlainSteps:
    """Plain gradient descent in place of Adam.

    Adam divides a gradient by its own size, which blows rounding up where the gradient is almost
    zero and hides a sum taken for a mean.
    """

    def optimizers(self, model):
        names = super().optimizers(model)
        return {
            name: torch.optim.SGD([p for g in old.param_groups for p in g["params"]], lr=1e-3)
            for name, old in names.items()
        }


class VaeTask(PlainSteps, vae.Task):
    """The entry's loss."""


class WganTask(PlainSteps, wgan_gp.Task):
    """The entry's Algorithm 1, the penalty's double backward included."""


@pytest.mark.parametrize(("name", "kind"), [("vae", VaeTask), ("wgan_gp", WganTask)])
def test_two_processes_equal_one(name, kind):
    task = kind(get_entry(name).config("digits", {"steps": "4", "ema_decay": "none"}))
    one = train(task, None, progress=False, device="cpu", log_every=1)
    two = train(task, None, progress=False, device="cpu", devices=2, log_every=1)
    torch.manual_seed(task.config.seed)
    start = task.build().state_dict()
    moved = {
        name: (value - start[name]).abs().max() for name, value in one.model.state_dict().items()
    }
    assert max(moved.values()) > 1e-4
    for name_, value in two.model.state_dict().items():
        error = (value - one.model.state_dict()[name_]).abs().max()
        # Sums over the batch are taken in another order; nothing else may differ.
        assert error <= 1e-4 * moved[name_] + 1e-7, name_
    for mine, theirs in zip(one.rows, two.rows, strict=True):
        for key in mine.keys() - {"seconds"}:
            assert mine[key] == pytest.approx(theirs[key], rel=1e-4, abs=1e-6)
