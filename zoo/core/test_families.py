"""Families: names, light import, and what a model is told it lacks."""

import subprocess
import sys

import pytest

from zoo.core.errors import ZooError
from zoo.core.families import FAMILIES, get_family, missing_attributes


def test_names_are_those_of_the_cards() -> None:
    assert sorted(FAMILIES) == [
        "adversarial",
        "autoregressive",
        "baseline",
        "diffusion",
        "energy",
        "flow",
        "latent-variable",
        "multimodal",
        "score",
        "world-model",
    ]


def test_import_leaves_torch_alone() -> None:
    code = "import sys, zoo.core.families; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_unknown_family_gets_the_nearest() -> None:
    with pytest.raises(ZooError, match="did you mean 'diffusion'"):
        get_family("difusion")


def test_missing_attributes_are_named() -> None:
    class Half:
        event_shape = (2,)

        def sample(self, n, generator=None): ...

    assert missing_attributes(Half(), "world-model") == []
    assert missing_attributes(Half(), "baseline") == ["log_prob"]
    assert missing_attributes(Half(), "adversarial") == [
        "critic",
        "critic_loss",
        "generator",
        "generator_loss",
        "latent_dim",
    ]
