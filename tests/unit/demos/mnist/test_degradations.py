from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from scanflow_actors.demos.mnist import degradations

if TYPE_CHECKING:
    from scanflow_actors.demos.mnist.digits import Digits

Images = NDArray[np.float64]

SEVERITY = 0.6


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def grey(level: float, n: int = 30) -> Images:
    return np.full((n, 28, 28), level)


def square() -> Images:
    image = np.zeros((1, 28, 28))
    image[:, 8:20, 8:20] = 1
    return image


def test_shot_noise_is_poisson_so_its_variance_grows_with_the_light() -> None:
    photons = 60 * (degradations.MIN_PHOTONS / 60) ** SEVERITY
    for level in (0.2, 0.5, 0.8):
        noisy = degradations.shot_noise(grey(level), SEVERITY, rng())
        assert noisy.mean() == pytest.approx(level, rel=0.02)
        assert noisy.var() == pytest.approx(level / photons, rel=0.05)
    assert not degradations.shot_noise(grey(0), SEVERITY, rng()).any()


def test_impulse_noise_sets_the_stated_share_half_black_half_white() -> None:
    noisy = degradations.impulse_noise(grey(0.5), SEVERITY, rng())
    half = degradations.MAX_IMPULSE_RATIO * SEVERITY / 2
    assert np.mean(noisy == 0) == pytest.approx(half, rel=0.05)
    assert np.mean(noisy == 1) == pytest.approx(half, rel=0.05)
    assert np.mean(noisy == 0.5) == pytest.approx(1 - 2 * half, rel=0.05)


def test_glass_blur_moves_ink_no_farther_than_its_reach() -> None:
    blurred = degradations.glass_blur(np.repeat(square(), 30, axis=0), SEVERITY, rng())
    # Two soft blurs reach a few pixels more, with next to no ink.
    reach = round(degradations.MAX_GLASS_PX * SEVERITY) + 4
    assert blurred[:, : 8 - reach].max(initial=0) < 1e-3
    assert blurred[:, 20 + reach :].max(initial=0) < 1e-3
    assert blurred[:, 13:15, 13:15] == pytest.approx(1, abs=0.02)
    assert blurred.sum() == pytest.approx(30 * square().sum(), rel=0.03)
    edges = blurred[:, 8:20, 8]
    assert edges.std() > 0.1


def test_brightness_lifts_paper_and_ink_by_the_same() -> None:
    image = square() / 10
    lifted = degradations.brightness(image, SEVERITY, rng())
    assert lifted - image == pytest.approx(degradations.MAX_BRIGHTNESS * SEVERITY)


def test_fog_is_uneven_but_smooth_and_dims_the_ink() -> None:
    cloud = degradations.fog(grey(0), SEVERITY, rng())
    density = degradations.MAX_FOG * SEVERITY
    assert cloud.max(axis=(1, 2)) == pytest.approx(density / (1 + density))
    assert cloud.min(axis=(1, 2)) == pytest.approx(0)
    step = np.abs(np.diff(cloud, axis=2)).mean()
    assert step < cloud.std() / 2
    contrast = degradations.fog(np.repeat(square(), 30, axis=0), SEVERITY, rng()) - cloud
    assert contrast.max() == pytest.approx(1 / (1 + density))


def test_canny_edges_are_binary_and_mark_the_boundary_of_the_ink() -> None:
    for severity in (0.2, 0.65, 1.0):
        edges = degradations.canny_edges(square(), severity, rng())[0]
        assert set(np.unique(edges)) == {0, 1}
        rows, columns = np.nonzero(edges)
        away = np.maximum(np.abs(rows - 13.5), np.abs(columns - 13.5))
        assert (np.abs(away - 6) <= 1.5).all(), "every line runs beside the square's border"
        for cut in (edges[13], edges[:, 13]):
            assert cut[:13].any()
            assert cut[15:].any()


def test_canny_edges_of_digits_are_thin_lines_without_ink_inside(digits: Digits) -> None:
    images = digits.images[::50].astype(np.float64)
    edges = degradations.canny_edges(images, 0.65, rng())
    assert (edges.sum(axis=(1, 2)) > 10).all()
    blocks = edges[:, :-2, :-2] * edges[:, 1:-1, 1:-1] * edges[:, 2:, 2:] * edges[:, 1:-1, :-2]
    assert blocks.mean() < 0.01


def test_canny_edges_of_nothing_are_nothing() -> None:
    assert not degradations.canny_edges(grey(0), 0.65, rng()).any()


def test_canny_edges_of_one_image_do_not_join_those_of_the_next(digits: Digits) -> None:
    images = digits.images[::500].astype(np.float64)
    together = degradations.canny_edges(images, 0.65, rng())
    apart = [degradations.canny_edges(image[None], 0.65, rng())[0] for image in images]
    assert np.array_equal(together, np.stack(apart))
