from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from scanflow_actors.demos.mnist import geometry

Images = NDArray[np.float64]

SEVERITY = 0.6
CENTRE = 13.5


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def bars(n: int = 40) -> Images:
    """Upright bars about the centre, softened so that sampling between pixels loses nothing."""
    row, column = np.indices((28, 28)) - CENTRE
    bar = np.clip(7 - np.abs(row), 0, 1) * np.clip(2.5 - np.abs(column), 0, 1)
    return np.tile(bar, (n, 1, 1))


def moments(image: Images) -> tuple[float, float, float, Images]:
    """Mass, centroid (row, column), covariance."""
    row, column = np.indices((28, 28))
    mass = image.sum()
    r, c = (row * image).sum() / mass, (column * image).sum() / mass
    away = np.stack([row - r, column - c]).reshape(2, -1)
    return mass, r, c, (away * image.ravel()) @ away.T / mass


def axis_deg(image: Images) -> float:
    """Angle of the principal axis against the upright, in (-90, 90]."""
    covariance = moments(image)[3]
    return float(np.rad2deg(np.arctan2(2 * covariance[0, 1], covariance[0, 0] - covariance[1, 1]) / 2))


def test_rotate_turns_the_principal_axis_about_the_centre() -> None:
    turned = geometry.rotate(bars(), SEVERITY, rng())
    angles = [axis_deg(image) for image in turned]
    expected = geometry.MAX_ROTATION_DEG * SEVERITY
    assert np.abs(angles) == pytest.approx(expected, abs=1)
    assert min(angles) < 0 < max(angles)
    for image in turned:
        mass, row, column, _ = moments(image)
        assert mass == pytest.approx(bars(1).sum(), rel=0.02)
        assert (row, column) == pytest.approx((CENTRE, CENTRE), abs=0.1)


def test_shear_slides_rows_in_proportion_and_keeps_their_ink() -> None:
    slanted = geometry.shear(bars(), SEVERITY, rng())
    assert slanted.sum(axis=2) == pytest.approx(bars().sum(axis=2), abs=1e-9)
    columns = np.arange(28)
    for image in slanted:
        centres = (image * columns).sum(axis=1)[8:20] / image.sum(axis=1)[8:20]
        slopes = np.diff(centres)
        assert np.abs(slopes) == pytest.approx(geometry.MAX_SHEAR * SEVERITY, abs=1e-6)
        assert np.ptp(slopes) < 1e-6


def test_scale_shrinks_both_ways_about_the_centre() -> None:
    factor = 1 - geometry.MAX_SHRINK * SEVERITY
    before = moments(bars(1)[0])
    mass, row, column, covariance = moments(geometry.scale(bars(1), SEVERITY, rng())[0])
    assert mass == pytest.approx(before[0] * factor**2, rel=0.1)
    assert (row, column) == pytest.approx((CENTRE, CENTRE), abs=1e-6)
    assert covariance[0, 0] == pytest.approx(before[3][0, 0] * factor**2, rel=0.1)
    assert covariance[1, 1] == pytest.approx(before[3][1, 1] * factor**2, rel=0.25)


def test_translate_moves_the_centroid_and_keeps_the_shape() -> None:
    distance = round(geometry.MAX_SHIFT_PX * SEVERITY)
    shifts = set()
    for image in geometry.translate(bars(), SEVERITY, rng()):
        _, row, column, covariance = moments(image)
        shifts.add((round(row - CENTRE), round(column - CENTRE)))
        assert covariance == pytest.approx(moments(bars(1)[0])[3])
    assert shifts == {(r * distance, c * distance) for r in (-1, 1) for c in (-1, 1)}


def test_translate_loses_what_leaves_the_image() -> None:
    full = np.ones((4, 28, 28))
    distance = geometry.MAX_SHIFT_PX
    assert geometry.translate(full, 1, rng()).sum(axis=(1, 2)) == pytest.approx((28 - distance) ** 2)


def test_motion_blur_spreads_ink_along_one_direction_only() -> None:
    point = np.zeros((30, 28, 28))
    point[:, 13:15, 13:15] = 1
    length = geometry.MAX_MOTION_PX * SEVERITY
    for image in geometry.motion_blur(point, SEVERITY, rng()):
        mass, row, column, covariance = moments(image)
        narrow, wide = np.linalg.eigvalsh(covariance)
        assert mass == pytest.approx(4)
        assert (row, column) == pytest.approx((CENTRE, CENTRE), abs=1e-6)
        assert narrow < 0.6
        # A line of that length has a variance of a twelfth of its square.
        assert wide == pytest.approx(length**2 / 12, rel=0.35)
