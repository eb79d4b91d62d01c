from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from scanflow_actors.demos.mnist import overlays

if TYPE_CHECKING:
    from scanflow_actors.demos.mnist.digits import Digits

Images = NDArray[np.float64]
Overlay = Callable[[Images, float, np.random.Generator], Images]

SEVERITY = 0.6


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def paper(n: int = 40) -> Images:
    return np.zeros((n, 28, 28))


def test_stripe_inverts_two_bars_and_nothing_else(digits: Digits) -> None:
    images = digits.images[::500].astype(np.float64)
    columns = overlays.stripe_columns(SEVERITY)
    striped = overlays.stripe(images, SEVERITY, rng())
    assert np.array_equal(striped[:, :, columns], 1 - images[:, :, columns])
    assert np.array_equal(striped[:, :, ~columns], images[:, :, ~columns])


@pytest.mark.parametrize("severity", [0.01, 0.3, 0.65, 1.0])
def test_the_two_bars_are_apart_and_of_the_stated_width(severity: float) -> None:
    columns = overlays.stripe_columns(severity).astype(int)
    assert np.count_nonzero(np.diff(columns, prepend=0) == 1) == 2
    assert columns.sum() == 2 * max(1, round(overlays.MAX_STRIPE_PX * severity))


def test_spatter_covers_the_stated_share_in_drops_and_never_darkens(digits: Digits) -> None:
    share = overlays.MAX_SPATTER_RATIO * SEVERITY
    drops = overlays.spatter(paper(), SEVERITY, rng()) > 0
    assert drops.mean(axis=(1, 2)) == pytest.approx(share, abs=2 / 784)
    beside = drops[:, :, 1:] & drops[:, :, :-1]
    assert beside.mean() > 0.7 * share, "drops, not single pixels"
    images = digits.images[::500].astype(np.float64)
    spattered = overlays.spatter(images, SEVERITY, rng())
    assert (spattered >= images).all()
    assert np.mean(spattered == images) > 1 - share - 0.01


def test_dotted_line_is_straight_and_broken() -> None:
    is_broken = []
    for image in overlays.dotted_line(paper(), SEVERITY, rng()):
        narrow, wide = spread_px(image)
        assert narrow < 1.0
        assert wide > 4
        is_broken.append(number_of_islands(image) >= 2)
    assert np.mean(is_broken) > 0.9


def test_zigzag_is_one_line_that_swings() -> None:
    for image in overlays.zigzag(paper(), SEVERITY, rng()):
        narrow, wide = spread_px(image)
        assert 1.5 < narrow < wide
    whole = [number_of_islands(image) == 1 for image in overlays.zigzag(paper(), SEVERITY, rng())]
    # At the border a turn may lie outside the image and part the line.
    assert np.mean(whole) > 0.5


@pytest.mark.parametrize("draw", [overlays.dotted_line, overlays.zigzag])
def test_lines_are_drawn_over_the_digit_and_wider_with_severity(draw: Overlay, digits: Digits) -> None:
    images = digits.images[::500].astype(np.float64)
    assert (draw(images, SEVERITY, rng()) >= images).all()
    assert draw(paper(), 0.9, rng()).sum() > 1.5 * draw(paper(), 0.4, rng()).sum()


def spread_px(image: Images) -> tuple[float, float]:
    """Standard deviations of the ink across and along its principal axis."""
    places = np.argwhere(image > 0.5)
    across, along = np.linalg.eigvalsh(np.cov(places.T))
    return float(np.sqrt(across)), float(np.sqrt(along))


def number_of_islands(image: Images) -> int:
    return int(ndimage.label(image > 0.3, structure=np.ones((3, 3)))[1])
