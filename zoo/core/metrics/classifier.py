"""The one MNIST classifier behind every sample-quality metric: small, trained here, pinned.

Canonical FID uses Inception features, which say little about digits. This project measures with
the penultimate layer of a small convolutional network instead, trained once on the 60,000 MNIST
training images and shipped beside this file. Its features are standardised by their own mean and
standard deviation over the training images (kept in the same file), so that no feature weighs more
than another because of its scale. The network is never used in training a generative model.

Retrain (one thread; the same torch build on the same processor gives the same bytes; a new file
means a new sha256 below, a new version of the protocols, and every claim measured again):

    OMP_NUM_THREADS=1 python -m zoo.core.metrics.classifier
"""

import argparse
import hashlib
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load, save_file
from torch import Tensor, nn
from tqdm import tqdm

from zoo.core.data import load_dataset
from zoo.core.errors import ZooError
from zoo.core.files import replacing, sha256_of

WEIGHTS = Path(__file__).with_name("mnist_classifier.safetensors")
SHA256 = "cab6a843c31746c9f0d1eeb26c2590d9313d4f87151b51be93289db42b803324"
FEATURE_DIM = 64
EPOCHS, BATCH_SIZE, LEARNING_RATE = 12, 128, 2e-3


class MNISTClassifier(nn.Module):
    """Three convolutions and a 64-dimensional feature layer; 99.57 % of the test images right."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 24, 5, padding=2), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(24, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(48, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.Flatten(),
            nn.Dropout(0.3), nn.Linear(64 * 7 * 7, FEATURE_DIM),
        )  # fmt: skip
        self.head = nn.Sequential(nn.ReLU(), nn.Dropout(0.3), nn.Linear(FEATURE_DIM, 10))
        self.register_buffer("feature_mean", torch.zeros(FEATURE_DIM))
        self.register_buffer("feature_std", torch.ones(FEATURE_DIM))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, 1, 28, 28) in [0, 1] -> standardised features (B, 64), logits (B, 10)."""
        h = self.trunk(x)
        return (h - self.feature_mean) / self.feature_std, self.head(h)


@lru_cache(maxsize=2)
def load_classifier(device: str = "cpu") -> MNISTClassifier:
    """The pinned classifier in eval mode; ZooError when the shipped file is not the pinned one."""
    data = WEIGHTS.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise ZooError(
            f"{WEIGHTS.name} is not the pinned classifier (sha256 differs): restore it from git"
        )
    model = MNISTClassifier()
    model.load_state_dict(load(data))
    return model.eval().requires_grad_(False).to(device)


@torch.no_grad()
def features(images: Tensor, device: str = "cpu", batch_size: int = 500) -> tuple[Tensor, Tensor]:
    """Images (N, 1, 28, 28) in [0, 1] -> float64 features (N, 64) and labels (N,), both on the CPU.

    The images are first rounded to 256 levels and clamped, as the real ones are.
    """
    classifier = load_classifier(str(device))
    parts = [classifier(quantize(x.to(device))) for x in images.split(batch_size)]
    found = torch.cat([f for f, _ in parts]).cpu().double()
    return found, torch.cat([logits.argmax(1) for _, logits in parts]).cpu()


def quantize(images: Tensor, levels: int = 256) -> Tensor:
    """Clamp to [0, 1] and round to multiples of 1/(levels - 1): what writing an image file does."""
    return (images.clamp(0, 1) * (levels - 1)).round() / (levels - 1)


def train_classifier(seed: int = 0) -> MNISTClassifier:
    """Train on the 60,000 training images, then set the feature statistics; eval mode."""
    torch.manual_seed(seed)
    data = load_dataset("mnist", "train")
    images, labels = data.images.float() / 255, data.labels
    model = MNISTClassifier()
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=1e-2)
    steps = EPOCHS * (len(images) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, steps)
    for _ in tqdm(range(EPOCHS), desc="epochs"):
        order = torch.randperm(len(images)).split(BATCH_SIZE)[: len(images) // BATCH_SIZE]
        for index in order:
            loss = F.cross_entropy(model(images[index])[1], labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval().requires_grad_(False)
    h = torch.cat([model.trunk(x) for x in images.split(500)])
    model.feature_mean, model.feature_std = h.mean(0), h.std(0)
    return model


def accuracy(model: MNISTClassifier, split: str = "test") -> float:
    """Share of MNIST images of a split whose digit the classifier names."""
    data = load_dataset("mnist", split)
    batches = zip(data.images.split(500), data.labels.split(500), strict=True)
    right = sum((model(x.float() / 255)[1].argmax(1) == y).sum().item() for x, y in batches)
    return right / len(data.labels)


def main() -> None:
    """Retrain, write the weights, and print the sha256 to pin."""
    parser = argparse.ArgumentParser(description="Retrain the pinned MNIST classifier.")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    out = parser.parse_args().out
    model = train_classifier()
    with replacing(out) as temporary:
        save_file(model.state_dict(), temporary)
    print(f"test accuracy {accuracy(model):.4f}  {out}")
    print(f'SHA256 = "{sha256_of(out)}"')


if __name__ == "__main__":
    main()
