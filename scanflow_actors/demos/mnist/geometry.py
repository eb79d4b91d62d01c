"""Corruptions that move the ink: shear, scale, rotate, translate, motion blur.

Each takes ``(n, 28, 28) float64 in [0, 1]``, a severity in (0, 1] and a generator, and returns an
array of the same shape that the caller clips to [0, 1].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanflow_actors.demos.mnist.digits import SIDE

Images = NDArray[np.float64]

# What each reaches at severity 1.
MAX_SHEAR = 0.9
MAX_SHRINK = 0.6
MAX_ROTATION_DEG = 60.0
MAX_SHIFT_PX = 6
MAX_MOTION_PX = 12.0

_MOTION_STEPS = 9
_CENTRE = (SIDE - 1) / 2


def shear(images: Images, severity: float, rng: np.random.Generator) -> Images:
    """Slant to the left or right: rows slide by up to `MAX_SHEAR` pixels a row, the centre stays.

    The ink of each row remains, as far as it does not leave the image.
    """
    slant = MAX_SHEAR * severity * _signs(len(images), rng)
    back = np.tile(np.eye(2), (len(images), 1, 1))
    back[:, 1, 0] = -slant
    return _warp(images, back)


def scale(images: Images, severity: float, rng: np.random.Generator) -> Images:
    """Shrink about the centre to ``1 - MAX_SHRINK * severity`` of the size, the same for all."""
    del rng  # nothing random in it; all corruptions take the same arguments
    factor = 1 - MAX_SHRINK * severity
    return _warp(images, np.tile(np.eye(2) / factor, (len(images), 1, 1)))


def rotate(images: Images, severity: float, rng: np.random.Generator) -> Images:
    """Turn about the centre by ``MAX_ROTATION_DEG * severity`` degrees, to either side."""
    angle = np.deg2rad(MAX_ROTATION_DEG * severity) * _signs(len(images), rng)
    cos, sin = np.cos(angle), np.sin(angle)
    back = np.stack([np.stack([cos, sin], axis=1), np.stack([-sin, cos], axis=1)], axis=1)
    return _warp(images, back)


def translate(images: Images, severity: float, rng: np.random.Generator) -> Images:
    """Move up or down, and left or right, by ``round(MAX_SHIFT_PX * severity)`` pixels, at least 1.

    What leaves the image is lost; what comes in is empty.
    """
    distance = max(1, round(MAX_SHIFT_PX * severity))
    down = distance * _signs(len(images), rng).astype(np.int64)
    right = distance * _signs(len(images), rng).astype(np.int64)
    padded = np.pad(images, ((0, 0), (distance, distance), (distance, distance)))
    rows = np.arange(SIDE)[None, :] + distance - down[:, None]
    columns = np.arange(SIDE)[None, :] + distance - right[:, None]
    which = np.arange(len(images))[:, None, None]
    moved: Images = padded[which, rows[:, :, None], columns[:, None, :]]
    return moved


def motion_blur(images: Images, severity: float, rng: np.random.Generator) -> Images:
    """Smear along a random direction over ``MAX_MOTION_PX * severity`` pixels."""
    direction = rng.uniform(0, np.pi, len(images))
    step = np.stack([np.sin(direction), np.cos(direction)], axis=1)
    length = MAX_MOTION_PX * severity
    back = np.tile(np.eye(2), (len(images), 1, 1))
    smeared = np.zeros_like(images)
    for along in np.linspace(-length / 2, length / 2, _MOTION_STEPS):
        smeared += _warp(images, back, shift=along * step)
    return smeared / _MOTION_STEPS


def _signs(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    signs: NDArray[np.float64] = rng.choice([-1.0, 1.0], n)
    return signs


def _warp(images: Images, back: NDArray[np.float64], *, shift: Images | None = None) -> Images:
    """Read each output pixel from where it came from, bilinearly; outside is empty.

    Args:
        images: ``(n, 28, 28) float64``.
        back: ``(n, 2, 2) float64``, from output to input (row, column) about the centre.
        shift: ``(n, 2) float64`` pixels to add to the input position; none by default.
    """
    grid = np.indices((SIDE, SIDE)).reshape(2, -1) - _CENTRE
    source = back @ grid + _CENTRE + (0 if shift is None else shift[:, :, None])
    floor = np.floor(source)
    (row_part, column_part), (row, column) = (
        np.moveaxis(source - floor, 1, 0),
        np.moveaxis(np.clip(floor, -2, SIDE).astype(np.int64) + 2, 1, 0),
    )
    # Two empty pixels all round take in every position that lies outside.
    width = SIDE + 4
    flat = np.pad(images, ((0, 0), (2, 2), (2, 2))).reshape(len(images), -1)
    corner = row * width + column

    def pixel(offset: int) -> Images:
        there: Images = np.take_along_axis(flat, corner + offset, axis=1)
        return there

    upper = pixel(0) * (1 - column_part) + pixel(1) * column_part
    lower = pixel(width) * (1 - column_part) + pixel(width + 1) * column_part
    between: Images = (upper * (1 - row_part) + lower * row_part).reshape(images.shape)
    return between
