from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from scanflow_actors.demos.mnist.digits import Digits, DigitSets, load_digits, split_digits
from scanflow_actors.errors import InvalidArrayError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def parts(sets: DigitSets) -> tuple[Digits, ...]:
    return sets.train, sets.validation, sets.holdout, sets.stream


def make(n: int = 4, **changed: NDArray[Any]) -> Digits:
    arrays: dict[str, Any] = {
        "images": np.zeros((n, 28, 28), dtype=np.float32),
        "labels": np.zeros(n, dtype=np.int64),
        "ids": np.arange(n, dtype=np.int64),
    }
    return Digits(**(arrays | changed))


def test_the_small_source_is_five_hundred_of_each_class_in_zero_to_one(digits: Digits) -> None:
    assert digits.images.shape == (5_000, 28, 28)
    assert digits.images.dtype == np.float32
    assert (digits.images.min(), digits.images.max()) == (0, 1)
    assert np.bincount(digits.labels).tolist() == [500] * 10
    assert digits.ids.tolist() == list(range(5_000))


def test_an_unknown_source_is_refused() -> None:
    with pytest.raises(ValueError, match='must be "small" or "full"; got \'medium\''):
        load_digits("medium")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"images": np.zeros((4, 784), dtype=np.float32)}, r"images must be \(n, 28, 28\)"),
        ({"images": np.zeros((4, 28, 28))}, "images must be float32; got float64"),
        ({"images": np.full((4, 28, 28), 255, np.float32)}, r"\[0, 1\]; got \[255, 255\]"),
        ({"images": np.full((4, 28, 28), np.nan, np.float32)}, r"\[0, 1\]; got \[nan, nan\]"),
        ({"images": [[0.0]]}, "images must be a numpy array; got list"),
        ({"labels": np.zeros(3, dtype=np.int64)}, r"labels must be \(4,\); got \(3,\)"),
        ({"labels": np.zeros(4, dtype=np.int32)}, "labels must be int64; got int32"),
        ({"labels": np.full(4, 10)}, "labels must be in 0..9; got 10..10"),
        ({"ids": np.zeros(4)}, "ids must be int64; got float64"),
        ({"ids": [0, 1, 2, 3]}, "ids must be a numpy array; got list"),
    ],
)
def test_what_is_wrong_with_an_array_is_named(changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidArrayError, match=problem):
        make(**changed)


def test_take_keeps_images_labels_and_ids_together(digits: Digits) -> None:
    some = digits.take(np.array([4_999, 7, 7]))
    assert some.ids.tolist() == [4_999, 7, 7]
    assert some.labels.tolist() == [9, 0, 0]
    assert np.array_equal(some.images[1], digits.images[7])
    assert len(digits.take(digits.labels == 3)) == 500


def test_a_split_is_disjoint_and_complete(digits: Digits, sets: DigitSets) -> None:
    ids = np.concatenate([part.ids for part in parts(sets)])
    assert sorted(ids.tolist()) == digits.ids.tolist()


def test_a_split_of_five_thousand_has_each_class_in_the_same_share(sets: DigitSets) -> None:
    assert [len(part) for part in parts(sets)] == [1_500, 500, 500, 2_500]
    for part in parts(sets):
        assert np.bincount(part.labels).tolist() == [len(part) // 10] * 10


def test_a_split_of_sixty_thousand_is_capped_and_leaves_the_rest_to_the_stream() -> None:
    n = 60_000
    labels = np.random.default_rng(0).integers(0, 10, n)
    many = make(n, images=np.broadcast_to(np.float32(0), (n, 28, 28)), labels=labels)
    sizes = [len(part) for part in parts(split_digits(many, seed=0))]
    assert np.allclose(sizes, [6_000, 2_000, 2_000, 50_000], atol=10)


def test_the_seed_decides_the_split(digits: Digits, sets: DigitSets) -> None:
    assert np.array_equal(split_digits(digits, seed=0).train.ids, sets.train.ids)
    assert not np.array_equal(split_digits(digits, seed=1).train.ids, sets.train.ids)


def test_a_base_image_that_occurs_twice_cannot_be_split(digits: Digits) -> None:
    twice = digits.take(np.array([0, 1, 1]))
    with pytest.raises(InvalidArrayError, match="ids must be unique"):
        split_digits(twice, seed=0)
