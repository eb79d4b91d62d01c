"""Corruptions that change how the ink looks: noise, blur, light, fog, edges.

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
MIN_PHOTONS = 1.0
MAX_IMPULSE_RATIO = 0.45
MAX_GLASS_PX = 2.6
MAX_BRIGHTNESS = 0.9
MAX_FOG = 2.5

_PHOTONS = 60.0
_EDGE_LOW, _EDGE_HIGH = 0.1, 0.25
_WITHIN_IMAGE = np.stack([np.zeros((3, 3)), np.ones((3, 3)), np.zeros((3, 3))])


def shot_noise(images: Images, severity: float, rng: np.random.Generator) -> Images:
    """Count photons: white is 60 of them at severity 0 and `MIN_PHOTONS` at 1.

    The count is a Poisson variable, so the noise grows with the light and black stays black.
    """
    photons = _PHOTONS * (MIN_PHOTONS / _PHOTONS) ** severity
    noisy: Images = rng.poisson(images * photons) / photons
    return noisy


def impulse_noise(images: Images, severity: float, rng: np.random.Generator) -> Images:
    """Set ``MAX_IMPULSE_RATIO * severity`` of the pixels, half to black and half to white."""
    ratio = MAX_IMPULSE_RATIO * severity
    chance = rng.random(images.shape)
    return np.where(chance < ratio / 2, 0.0, np.where(chance < ratio, 1.0, images))


def glass_blur(images: Images, severity: float, rng: np.random.Generator) -> Images:
    """See through frosted glass: each pixel shows one up to ``MAX_GLASS_PX * severity`` away."""
    soft = _soften(images, 0.4 + 0.4 * severity)
    reach = MAX_GLASS_PX * severity
    jitter = np.rint(rng.uniform(-reach, reach, (2, *images.shape))).astype(np.int64)
    position = np.clip(np.indices((SIDE, SIDE))[:, None] + jitter, 0, SIDE - 1)
    which = np.arange(len(images))[:, None, None]
    return _soften(soft[which, position[0], position[1]], 0.5 * severity)


def brightness(images: Images, severity: float, rng: np.random.Generator) -> Images:
    """Add ``MAX_BRIGHTNESS * severity`` of light everywhere, paper and ink alike."""
    del rng  # nothing random in it; all corruptions take the same arguments
    return images + MAX_BRIGHTNESS * severity


def fog(images: Images, severity: float, rng: np.random.Generator) -> Images:
    """Lay a cloud over the digit that is uneven at all scales, and dim what is behind it."""
    density = MAX_FOG * severity
    return (images + density * _clouds(len(images), rng)) / (1 + density)


def canny_edges(images: Images, severity: float, rng: np.random.Generator) -> Images:
    """Keep the boundaries of the ink only, as lines of 1 on 0, one or two pixels thin.

    Severity widens the smoothing before, so the lines move outward from the stroke.

    Source:
        J. Canny, "A Computational Approach to Edge Detection", 1986: smoothed gradient, thinning
        across the edge, two thresholds joined by connection.
    """
    del rng  # nothing random in it; all corruptions take the same arguments
    soft = _soften(images, 0.3 + 1.4 * severity)
    down, right = _slope(soft, along=1, across=2), _slope(soft, along=2, across=1)
    strength = np.hypot(down, right)
    strength /= np.maximum(strength.max(axis=(1, 2), keepdims=True), 1e-9)
    ridge = _thin(strength, np.arctan2(down, right))
    weak, strong = ridge >= _EDGE_LOW, ridge >= _EDGE_HIGH
    islands, n_islands = ndimage.label(weak, structure=_WITHIN_IMAGE)
    kept = np.zeros(n_islands + 1, dtype=bool)
    kept[islands[strong]] = True
    lines: Images = (weak & kept[islands]).astype(np.float64)
    return lines


def _soften(images: Images, sigma_px: float) -> Images:
    soft: Images = ndimage.gaussian_filter(images, (0, sigma_px, sigma_px), mode="constant")
    return soft


def _slope(images: Images, *, along: int, across: int) -> Images:
    """Apply Sobel's filter within each image; scipy's own would also mix an image with the next."""
    change = ndimage.correlate1d(images, [-1, 0, 1], axis=along)
    slope: Images = ndimage.correlate1d(change, [1, 2, 1], axis=across)
    return slope


def _clouds(n: int, rng: np.random.Generator) -> Images:
    """Make ``(n, 28, 28)`` noise in [0, 1] whose amplitude falls with frequency, like clouds."""
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None, :])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.normal(size=(n, SIDE, SIDE))) / frequency**1.7
    cloud = np.fft.irfft2(spectrum, s=(SIDE, SIDE))
    low, high = cloud.min(axis=(1, 2), keepdims=True), cloud.max(axis=(1, 2), keepdims=True)
    scaled: Images = (cloud - low) / (high - low)
    return scaled


def _thin(strength: Images, direction: Images) -> Images:
    """Keep only pixels that are no weaker than their two neighbours along the gradient."""
    octant = np.rint(direction / (np.pi / 4)).astype(np.int64) % 4
    padded = np.pad(strength, ((0, 0), (1, 1), (1, 1)))
    thinned = np.zeros_like(strength)
    for which, (row, column) in enumerate([(0, 1), (1, 1), (1, 0), (1, -1)]):
        ahead = padded[:, 1 + row : 1 + row + SIDE, 1 + column : 1 + column + SIDE]
        behind = padded[:, 1 - row : 1 - row + SIDE, 1 - column : 1 - column + SIDE]
        # Equal on one side only: of two equal neighbours one remains.
        ridge = (octant == which) & (strength > ahead) & (strength >= behind)
        thinned[ridge] = strength[ridge]
    return thinned
