"""Fifteen ways to corrupt handwritten digits, each of adjustable severity.

They bear the names of MNIST-C's and do what the names say; the code and the constants are our own.
A severity of 0.6 to 0.7 is about as strong as MNIST-C, 1 is as far as each goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scanflow_actors.demos.mnist import degradations, geometry, overlays
from scanflow_actors.demos.mnist.digits import check_images

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Corruption = Callable[[NDArray[np.float64], float, np.random.Generator], NDArray[np.float64]]

_BY_NAME: dict[str, Corruption] = {
    "shot_noise": degradations.shot_noise,
    "impulse_noise": degradations.impulse_noise,
    "glass_blur": degradations.glass_blur,
    "motion_blur": geometry.motion_blur,
    "shear": geometry.shear,
    "scale": geometry.scale,
    "rotate": geometry.rotate,
    "brightness": degradations.brightness,
    "translate": geometry.translate,
    "stripe": overlays.stripe,
    "fog": degradations.fog,
    "spatter": overlays.spatter,
    "dotted_line": overlays.dotted_line,
    "zigzag": overlays.zigzag,
    "canny_edges": degradations.canny_edges,
}

CORRUPTIONS: tuple[str, ...] = tuple(_BY_NAME)


def corrupt(
    images: NDArray[np.float32], name: str, *, severity: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Corrupt each image by itself, in one way.

    Args:
        images: ``(n, 28, 28) float32 in [0, 1]``; not modified.
        name: One of `CORRUPTIONS`.
        severity: In (0, 1]; the stronger, the further from the original on average.
        rng: Source of all randomness: the same state gives the same result.

    Returns:
        ``(n, 28, 28) float32 in [0, 1]``, a new array.

    Raises:
        ValueError: An unknown name, or a severity outside (0, 1].
        InvalidArrayError: Images of the wrong shape, dtype or range.

    Source:
        N. Mu, J. Gilmer, "MNIST-C: A Robustness Benchmark for Computer Vision", 2019: the choice
        of the fifteen.
    """
    check_corruption(name)
    if not 0 < severity <= 1:
        msg = f"severity must be in (0, 1]; got {severity:g}"
        raise ValueError(msg)
    check_images(images)
    if len(images) == 0:
        return images.copy()
    corrupted = _BY_NAME[name](images.astype(np.float64), severity, rng)
    return np.clip(corrupted, 0, 1).astype(np.float32)


def check_corruption(name: str) -> None:
    """Refuse a name that is not one of `CORRUPTIONS`.

    Args:
        name: What should be one.

    Raises:
        ValueError: It is not; the message lists the fifteen.
    """
    if name not in _BY_NAME:
        msg = f"no corruption is called {name!r}; there are {', '.join(CORRUPTIONS)}"
        raise ValueError(msg)
