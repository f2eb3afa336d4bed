"""The pinned classifier is the pinned one, knows its digits, and sees what it has to see."""

import json

import pytest
import torch

from zoo.core.data import is_available, load_dataset
from zoo.core.errors import ZooError
from zoo.core.metrics import classifier, reference

needs_mnist = pytest.mark.skipif(not is_available("mnist"), reason="MNIST is not at hand")


def test_shipped_file_is_small_and_pinned():
    assert classifier.WEIGHTS.stat().st_size < 2 * 2**20
    model = classifier.load_classifier()
    assert not model.training
    assert (model.feature_std > 0).all()


def test_a_changed_file_is_refused(tmp_path, monkeypatch):
    damaged = bytearray(classifier.WEIGHTS.read_bytes())
    damaged[-1] ^= 1
    other = tmp_path / "mnist_classifier.safetensors"
    other.write_bytes(damaged)
    monkeypatch.setattr(classifier, "WEIGHTS", other)
    classifier.load_classifier.cache_clear()
    with pytest.raises(ZooError, match="sha256 differs"):
        classifier.load_classifier()


def test_quantize_clamps_and_rounds_to_what_a_file_stores():
    x = torch.tensor([-0.2, 0.0, 0.4 / 255, 0.6 / 255, 1.0, 1.7])
    assert (classifier.quantize(x) * 255).round().tolist() == [0, 0, 0, 1, 255, 255]


def test_features_do_not_depend_on_the_batch():
    images = torch.rand(7, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    whole, _ = classifier.features(images)
    single, _ = classifier.features(images, batch_size=1)
    assert whole.dtype == torch.float64
    assert whole.shape == (7, classifier.FEATURE_DIM)
    torch.testing.assert_close(whole, single, atol=1e-4, rtol=1e-4)


@needs_mnist
def test_accuracy_is_the_recorded_one():
    recorded = json.loads(reference.REFERENCE.read_text())["classifier_test_accuracy"]
    assert recorded >= 0.992
    _, predicted = reference.real_features("cpu")
    found = (predicted == load_dataset("mnist", "test").labels).double().mean().item()
    assert found == pytest.approx(recorded, abs=2e-4)


@needs_mnist
def test_features_are_standardised_on_the_training_images():
    found, _ = classifier.features(reference.training_subset(0)[:2000])
    torch.testing.assert_close(found.mean(0), torch.zeros(64).double(), atol=0.1, rtol=0)
    torch.testing.assert_close(found.std(0), torch.ones(64).double(), atol=0.1, rtol=0)


def test_every_known_fault_is_far_above_the_floor():
    faults = json.loads(reference.REFERENCE.read_text())["faults"]
    floor = reference.real_row()["fd"]
    assert {"no 1s", "no 8s", "shifted by 2 pixels", "noise of sd 0.1"} <= faults.keys()
    assert all(row["fd"] > 5 * floor for row in faults.values())
    assert all(faults[name]["class_kl"] > 0.09 for name in ("no 1s", "no 8s"))


def test_real_row_of_another_classifier_is_refused(monkeypatch):
    monkeypatch.setattr(reference, "SHA256", "0" * 64)
    reference.real_row.cache_clear()
    with pytest.raises(ZooError, match="another classifier"):
        reference.real_row()
