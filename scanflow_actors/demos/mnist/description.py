"""What makes an image strange to an autoencoder, in seven numbers.

The error of rebuilding alone misses what makes an image simpler: a shrunken or blurred digit is
rebuilt *better* than a clean one. So an image is described by seven logarithms (how badly it is
rebuilt, also for the ink it has; how much ink; how rough it and its rebuilt version are; how jagged;
how far out its code lies), and what counts is its Mahalanobis distance to the training images in
these seven: two-sided, and sensitive to combinations that clean digits never show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scanflow_actors.demos.mnist.autoencoder import encode

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scanflow_actors.demos.mnist.autoencoder import Autoencoder

# Keeps the logarithms of an all-black image finite.
_TINY = 1e-4


def describe(network: Autoencoder, images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Compute the seven logarithms of each image.

    Args:
        network: A trained autoencoder.
        images: ``(n, 28, 28) float32 in [0, 1]``, n > 0.

    Returns:
        ``(n, 7) float64``.
    """
    codes, rebuilt = encode(network, images)
    pixels = images.astype(np.float64)
    error = ((pixels - rebuilt) ** 2).mean(axis=(1, 2))
    statistics = np.stack(
        [
            error,
            error / np.maximum((pixels**2).mean(axis=(1, 2)), _TINY),
            pixels.mean(axis=(1, 2)),
            _roughness(pixels, order=1),
            _roughness(rebuilt, order=1),
            _roughness(pixels, order=2),
            (codes**2).mean(axis=1),
        ],
        axis=1,
    )
    return np.log(statistics + _TINY)


def log_distance(
    described: NDArray[np.float64], centre: NDArray[np.float64], precision: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compute the logarithm of each image's Mahalanobis distance.

    Args:
        described: ``(n, 7) float64``, from `describe`.
        centre: ``(7,) float64``, the mean of the training images.
        precision: ``(7, 7) float64``, the inverse of their covariance.

    Returns:
        ``(n,) float64``.

    Source:
        P. C. Mahalanobis, "On the Generalised Distance in Statistics", 1936.
    """
    away = described - centre
    squared = np.einsum("ij,jk,ik->i", away, precision, away)
    distance: NDArray[np.float64] = np.log(np.maximum(squared, _TINY)) / 2
    return distance


def _roughness(images: NDArray[np.float64], *, order: int) -> NDArray[np.float64]:
    down = np.abs(np.diff(images, n=order, axis=1)).mean(axis=(1, 2))
    right = np.abs(np.diff(images, n=order, axis=2)).mean(axis=(1, 2))
    rough: NDArray[np.float64] = down + right
    return rough
