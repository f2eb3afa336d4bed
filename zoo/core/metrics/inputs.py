"""The one set of test inputs on which every density of a data set is evaluated."""

import numpy as np
import torch
from torch import Tensor

from zoo.core.data import dequantize, is_binarized, load_dataset, test_images
from zoo.core.densities import DENSITIES, density

DENSITY_POINTS = 10_000
_DENSITY_SEED = 20_000_003  # far from the seeds of training samples
_DEQUANTIZATION_SEED = 0


def test_inputs(dataset: str) -> Tensor:
    """What a density is evaluated on: (N, *event_shape) float32, the same on every machine.

    Binarised data sets: the fixed draw; grey ones: one seeded uniform dequantisation of the test
    images, in [0, 1); 2-D densities: 10,000 seeded points.
    """
    if dataset in DENSITIES:
        generator = torch.Generator().manual_seed(_DENSITY_SEED)
        return density(dataset).sample(DENSITY_POINTS, generator)
    if is_binarized(dataset):
        return test_images(dataset)
    data = load_dataset(dataset, "test")
    noise = np.random.Generator(np.random.PCG64(_DEQUANTIZATION_SEED)).random(data.images.shape)
    return dequantize(data.images, data.levels, torch.from_numpy(noise).float())


test_inputs.__test__ = False  # pytest must not collect it
