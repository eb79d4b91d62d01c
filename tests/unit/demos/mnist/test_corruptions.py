from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from scanflow_actors.demos.mnist.corruptions import CORRUPTIONS, corrupt
from scanflow_actors.errors import InvalidArrayError

if TYPE_CHECKING:
    from scanflow_actors.demos.mnist.digits import Digits

Images = NDArray[np.float32]

every = pytest.mark.parametrize("name", CORRUPTIONS)


@pytest.fixture(scope="module")
def images(digits: Digits) -> Images:
    return digits.images[::50].copy()


def apply(images: Images, name: str, severity: float = 0.65, seed: int = 0) -> Images:
    return corrupt(images, name, severity=severity, rng=np.random.default_rng(seed))


def test_there_are_the_fifteen_of_mnist_c() -> None:
    assert len(set(CORRUPTIONS)) == 15


@every
@settings(max_examples=15, deadline=None)
@given(
    images=arrays(
        np.float32, st.tuples(st.integers(0, 3), st.just(28), st.just(28)), elements=st.floats(0, 1, width=32)
    ),
    severity=st.floats(0, 1, exclude_min=True),
    seed=st.integers(0, 2**32),
)
def test_any_images_stay_images(name: str, images: Images, severity: float, seed: int) -> None:
    before = images.copy()
    corrupted = apply(images, name, severity, seed)
    assert corrupted.shape == images.shape
    assert corrupted.dtype == np.float32
    assert np.isfinite(corrupted).all()
    assert ((corrupted >= 0) & (corrupted <= 1)).all()
    assert np.array_equal(images, before)
    assert not np.shares_memory(corrupted, images)


@every
def test_the_seed_decides_the_result(name: str, images: Images) -> None:
    assert np.array_equal(apply(images, name, seed=3), apply(images, name, seed=3))


@every
def test_every_digit_is_changed_by_it(name: str, images: Images) -> None:
    change = np.abs(apply(images, name) - images).mean(axis=(1, 2))
    # A line may by chance run along a stroke that hides it.
    assert np.mean(change > 0.001) > 0.98


@every
def test_the_images_beside_an_image_do_not_matter(name: str, images: Images) -> None:
    first, second, third = images[:1], images[50:51], images[99:]
    beside_second = apply(np.concatenate([first, second]), name)
    beside_third = apply(np.concatenate([first, third]), name)
    assert np.array_equal(beside_second[0], beside_third[0])


@every
def test_a_stronger_severity_changes_more(name: str, images: Images) -> None:
    weak, middle, strong = (
        np.abs(apply(images, name, severity) - images).mean() for severity in (0.15, 0.45, 0.9)
    )
    assert weak < middle < strong


@every
def test_read_only_images_are_accepted(name: str, images: Images) -> None:
    images = images.copy()
    images.flags.writeable = False
    apply(images, name)


def test_a_thousand_images_of_mixed_corruptions_take_well_under_a_second(digits: Digits) -> None:
    start = time.process_time()
    for place, name in enumerate(CORRUPTIONS):
        apply(digits.images[place * 67 : (place + 1) * 67], name)
    assert time.process_time() - start < 1


def test_an_unknown_name_is_answered_with_the_known_ones(images: Images) -> None:
    with pytest.raises(ValueError, match="no corruption is called 'snow'; there are shot_noise, ") as caught:
        apply(images, "snow")
    assert all(name in str(caught.value) for name in CORRUPTIONS)


@pytest.mark.parametrize("severity", [0.0, -0.1, 1.01, float("nan")])
def test_a_severity_out_of_range_is_refused(images: Images, severity: float) -> None:
    with pytest.raises(ValueError, match=r"severity must be in \(0, 1\]"):
        apply(images, "fog", severity)


@every
def test_what_is_no_digit_image_is_refused(name: str, images: Images) -> None:
    doubles: NDArray[Any] = images.astype(np.float64)
    for wrong in (images[:, :27], doubles, images * 255):
        with pytest.raises(InvalidArrayError, match="images must be"):
            apply(wrong, name)
