"""Corruptions that put something over the digit: bars, drops, lines.

Each takes ``(n, 28, 28) float64 in [0, 1]``, a severity in (0, 1] and a generator, and returns an
array of the same shape that the caller clips to [0, 1].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from scanflow_actors.demos.mnist.digits import SIDE

Images = NDArray[np.float64]

# What each reaches at severity 1.
MAX_STRIPE_PX = 9
MAX_SPATTER_RATIO = 0.3
MAX_LINE_PX = 3.0

STRIPE_CENTRES_PX = (6, 21)
_SPATTER_INK = 0.8
_DROP_SIGMA_PX = 1.6
_DASH_PERIOD_PX = 6.0
_ZIGZAG_PERIOD_PX = 9.0
_CENTRE = (SIDE - 1) / 2


def stripe_columns(severity: float) -> NDArray[np.bool_]:
    """Say which columns `stripe` inverts, ``(28,) bool``: two bars, wider with severity."""
    width = max(1, round(MAX_STRIPE_PX * severity))
    columns = np.zeros(SIDE, dtype=bool)
    for centre in STRIPE_CENTRES_PX:
        columns[centre - width // 2 : centre - width // 2 + width] = True
    return columns


def stripe(images: Images, severity: float, rng: np.random.Generator) -> Images:
    """Invert two upright bars: white paper, black ink, in the columns of `stripe_columns`."""
    del rng  # nothing random in it; all corruptions take the same arguments
    return np.where(stripe_columns(severity), 1 - images, images)


def spatter(images: Images, severity: float, rng: np.random.Generator) -> Images:
    """Splash drops of grey ink over ``MAX_SPATTER_RATIO * severity`` of each image."""
    noise = rng.normal(size=images.shape)
    surface = ndimage.gaussian_filter(noise, (0, _DROP_SIGMA_PX, _DROP_SIGMA_PX), mode="wrap")
    level = np.quantile(surface, 1 - MAX_SPATTER_RATIO * severity, axis=(1, 2), keepdims=True)
    return np.where(surface > level, np.maximum(images, _SPATTER_INK), images)


def dotted_line(images: Images, severity: float, rng: np.random.Generator) -> Images:
    """Draw one straight dashed line across, up to ``MAX_LINE_PX`` wide, near the centre."""
    along, across = _line_axes(len(images), rng, max_offset_px=6)
    phase = rng.uniform(0, _DASH_PERIOD_PX, (len(images), 1, 1))
    is_dash = (along + phase) % _DASH_PERIOD_PX < _DASH_PERIOD_PX * 2 / 3
    return np.maximum(images, is_dash * _pen(across, severity))


def zigzag(images: Images, severity: float, rng: np.random.Generator) -> Images:
    """Draw one zigzag line across, wider and taller with severity, near the centre."""
    along, across = _line_axes(len(images), rng, max_offset_px=4)
    phase = rng.uniform(0, 1, (len(images), 1, 1))
    turn = (along / _ZIGZAG_PERIOD_PX + phase) % 1
    wave = (4 * np.abs(turn - 0.5) - 1) * (2 + 5 * severity)
    # A slanted stroke is thinner across than it is measured along its normal; the pen evens it out.
    return np.maximum(images, _pen((across - wave) * 0.6, severity))


def _line_axes(n: int, rng: np.random.Generator, *, max_offset_px: float) -> tuple[Images, Images]:
    """Choose a line for each image, and give each pixel's place along it and distance across."""
    angle = rng.uniform(0, np.pi, (n, 1, 1))
    offset = rng.uniform(-max_offset_px, max_offset_px, (n, 1, 1))
    row, column = np.indices((SIDE, SIDE)) - _CENTRE
    along = column * np.cos(angle) + row * np.sin(angle)
    across = row * np.cos(angle) - column * np.sin(angle) - offset
    return along, across


def _pen(distance: Images, severity: float) -> Images:
    """Ink in [0, 1] at a distance from the middle of the stroke, soft over one pixel."""
    half_width = MAX_LINE_PX * severity / 2
    return np.clip(half_width + 0.5 - np.abs(distance), 0, 1)
