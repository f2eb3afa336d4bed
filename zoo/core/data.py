"""Image data held in memory as uint8, and the fixed protocols that turn grey values into inputs.

- `digits`: real handwritten digits (UCI), shipped with scikit-learn; 1×8×8, 17 grey values,
  1497 for training and 300 for testing.
- `mnist`: LeCun et al. (1998), downloaded through torchvision; 1×28×28, 256 grey values, 60000
  and 10000.
- `binarized-digits`, `binarized-mnist`: the same images. Training draws every pixel anew from a
  Bernoulli with its grey value as probability; the test set is one fixed draw.

The fixed test draw of `binarized-mnist` is a function of the test images and the seed below alone
and its sha256 is pinned, so that a likelihood measured anywhere is measured on the same bits.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from zoo.core.errors import ZooError, nearest

DATASETS = ("digits", "mnist", "binarized-digits", "binarized-mnist")
_LEVELS = {"digits": 17, "mnist": 256}
_MNIST_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
# sha256 of the pixels, whichever archive they came from (torchvision checks the archives' md5)
_MNIST_SHA256 = {
    "train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
}
_TEST_DRAW_SEED = 20150212  # the day MADE was submitted; any fixed number would do
_TEST_DRAW_SHA256 = {
    "binarized-digits": "e29f7061a4fe531c640722317237d30eeee54584af022cba01a4f54b93090c9e",
    "binarized-mnist": "a54ef3a122dde5d610fb26ec377c1e292a117a15e132f2ce196bd0fc8cf1363a",
}


@dataclass(frozen=True)
class ImageData:
    """One split of a data set.

    Attributes:
        name: name of the data set.
        images: uint8, (N, C, H, W), values 0 … levels − 1.
        labels: int64, (N,).
        levels: number of grey values.
    """

    name: str
    images: Tensor
    labels: Tensor
    levels: int

    def __len__(self) -> int:
        return len(self.images)

    @property
    def event_shape(self) -> tuple[int, int, int]:
        """Shape (C, H, W) of one image."""
        return tuple(self.images.shape[1:])

    @functools.cached_property
    def sha256(self) -> str:
        """Digest of the pixels, which a result records beside its value."""
        return hashlib.sha256(self.images.numpy().tobytes()).hexdigest()


def data_folder() -> Path:
    """Where downloads are kept: `$ZOO_DATA`, else `~/.cache/genzoo`."""
    return Path(os.environ.get("ZOO_DATA") or Path.home() / ".cache" / "genzoo")


def base_name(name: str) -> str:
    """The grey-valued data set under a name: "binarized-mnist" → "mnist"."""
    if name not in DATASETS:
        raise ZooError(f"unknown data set '{name}': {nearest(name, DATASETS)}")
    return name.removeprefix("binarized-")


def levels_of(name: str) -> int:
    """Number of grey values of a data set: 256 for MNIST, 17 for the embedded digits."""
    return _LEVELS[base_name(name)]


def is_binarized(name: str) -> bool:
    """Whether models of this data set see {0, 1} instead of grey values."""
    return name.startswith("binarized-")


@functools.lru_cache(maxsize=8)
def load_dataset(name: str, split: str) -> ImageData:
    """Load a split, "train" or "test", as uint8 grey values (binarised names included).

    Raises:
        ZooError: unknown name or split; files missing while offline; files that fail their hash.
    """
    if split not in ("train", "test"):
        raise ZooError(f"unknown split '{split}': use 'train' or 'test'")
    images, labels = {"digits": _digits, "mnist": _mnist}[base_name(name)](split)
    return ImageData(name, images, labels, levels_of(name))


def is_available(name: str) -> bool:
    """Whether the data set (or text, or 2-D density) can be had without a download."""
    from zoo.core.densities import DENSITIES
    from zoo.core.text import TEXTS, is_cached

    if name in TEXTS:
        return is_cached(name)
    if name in DENSITIES or base_name(name) == "digits":
        return True
    raw = data_folder() / "MNIST" / "raw"
    return all((raw / file).exists() for file in _MNIST_FILES)


def _digits(split: str) -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    # The file is ordered by writer: a fixed permutation makes both splits a mix of all writers.
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(bunch.target))
    rows = order[:1497] if split == "train" else order[1497:]
    images = torch.from_numpy(bunch.images[rows].astype(np.uint8))[:, None]
    return images, torch.from_numpy(bunch.target[rows].astype(np.int64))


def _mnist(split: str) -> tuple[Tensor, Tensor]:
    from zoo.core._torchvision import datasets

    folder = data_folder()
    try:
        mnist = datasets.MNIST(str(folder), train=split == "train", download=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise ZooError(
            f"MNIST is not in {folder} and cannot be downloaded ({_first_line(error)}): connect to "
            "the internet, or copy the four idx files to MNIST/raw there, or use dataset=digits"
        ) from error
    images = mnist.data[:, None].contiguous()
    if hashlib.sha256(images.numpy().tobytes()).hexdigest() != _MNIST_SHA256[split]:
        raise ZooError(f"MNIST in {folder} is damaged: delete {folder / 'MNIST'} and try again")
    return images, mnist.targets


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def middle(batch: Tensor, event_shape: tuple[int, ...]) -> Tensor:
    """Cut images from the middle, (B, C, H, W) → (B, *event_shape), for recipes of tiny models."""
    _, height, width = event_shape
    if batch.dim() != 4 or height > batch.shape[2] or width > batch.shape[3]:
        have = "×".join(map(str, batch.shape[2:])) or "points"
        raise ZooError(f"images of {height}×{width} cannot be cut from data of {have}")
    top, left = (batch.shape[2] - height) // 2, (batch.shape[3] - width) // 2
    return batch[:, :, top : top + height, left : left + width]


def scale(batch: Tensor, levels: int) -> Tensor:
    """Grey values k → k/(levels − 1) in [0, 1], float32; same shape."""
    return batch.float() / (levels - 1)


def binarize(batch: Tensor, levels: int, uniform: Tensor) -> Tensor:
    """One Bernoulli draw per pixel with probability k/(levels − 1); {0, 1} float32.

    Args:
        batch: uint8 grey values.
        levels: number of grey values.
        uniform: draws from [0, 1) of the same shape.
    """
    return (uniform < scale(batch, levels)).float()


def dequantize(batch: Tensor, levels: int, uniform: Tensor) -> Tensor:
    """Uniform dequantisation u = (k + U)/levels in [0, 1) (Uria et al. 2013; Theis et al. 2016).

    With it, the mean of log p(u) − D·ln(levels) is a lower bound on the log-likelihood of the
    discrete grey values in nats.
    """
    # In float32, (255 + U)/256 rounds to 1.0 for U next to 1, where the logit is infinite.
    return ((batch.float() + uniform) / levels).clamp_(max=1.0 - 2.0**-24)


@functools.lru_cache(maxsize=4)
def test_images(name: str) -> Tensor:
    """The test inputs, float32 (N, C, H, W).

    Binarised names give the one fixed draw (checked against its pinned sha256), the others grey
    values in [0, 1].
    """
    data = load_dataset(name, "test")
    if not is_binarized(name):
        return scale(data.images, data.levels)
    # Doubles of PCG64 are the same on every platform, unlike torch's draws on another device.
    uniform = np.random.Generator(np.random.PCG64(_TEST_DRAW_SEED)).random(data.images.shape)
    bits = uniform < data.images.numpy().astype(np.float64) / (data.levels - 1)
    digest = hashlib.sha256(np.packbits(bits).tobytes()).hexdigest()
    if digest != _TEST_DRAW_SHA256[name]:
        raise ZooError(f"the test draw of {name} has digest {digest[:12]}…, not the published one")
    return torch.from_numpy(bits.astype(np.float32))


test_images.__test__ = False  # the name is the field's; pytest must not collect it


class Batches:
    """Endless shuffled batches by index, a function of (seed, number of the batch) alone.

    Args:
        data: uint8 images or float points, (N, …), on any device; indexed there.
        batch_size: examples over all processes, at most N; an incomplete last batch is dropped.
        seed: seed of the permutations.
        rank: index of this process.
        world: number of processes; each gets `batch_size / world` consecutive rows of the batch.
    """

    def __init__(
        self, data: Tensor, batch_size: int, seed: int, rank: int = 0, world: int = 1
    ) -> None:
        if batch_size % world:
            raise ZooError(f"batch_size {batch_size} does not divide among {world} processes")
        if batch_size > len(data):
            raise ZooError(
                f"batch_size {batch_size} is more than the {len(data)} training examples"
            )
        self.data, self.size, self.seed = data, batch_size, seed
        self.rank, self.world = rank, world
        self.per_epoch = len(data) // self.size
        self._epoch, self._order = -1, torch.empty(0)

    def __getitem__(self, number: int) -> Tensor:
        """Batch `number` = 0, 1, 2, … of the endless stream, for this process."""
        epoch, position = divmod(number, self.per_epoch)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
            order = torch.randperm(len(self.data), generator=generator)
            self._epoch, self._order = epoch, order.to(self.data.device)
        local = self.size // self.world
        start = position * self.size + self.rank * local
        return self.data[self._order[start : start + local]]

    def __iter__(self) -> Iterator[Tensor]:
        for position in range(self.per_epoch):
            yield self[position]


def training_tensor(name: str, seed: int = 0) -> Tensor:
    """What `Batches` indexes: uint8 images, or a fixed sample of a 2-D density as floats (N, 2)."""
    from zoo.core.densities import DENSITIES, density

    if name in DENSITIES:
        generator = torch.Generator().manual_seed(seed + 1)
        return density(name).sample(100_000, generator)
    if name not in DATASETS:
        raise ZooError(f"unknown data set '{name}': {nearest(name, [*DATASETS, *DENSITIES])}")
    return load_dataset(name, "train").images
