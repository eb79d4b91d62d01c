from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from scanflow_actors.demos.mnist.corruptions import CORRUPTIONS
from scanflow_actors.demos.mnist.stream import (
    CLEAN,
    Schedule,
    Window,
    check_window,
    make_window,
)
from scanflow_actors.errors import InvalidArrayError

if TYPE_CHECKING:
    from scanflow_actors.demos.mnist.digits import Digits, DigitSets

SEEDS = (0, 1, 2)
PLAN = Schedule()


def names(window: Window) -> set[str]:
    return set(window.corruptions) - {CLEAN}


def share(window: Window) -> float:
    return sum(name != CLEAN for name in window.corruptions) / len(window.corruptions)


def test_a_window_is_made_of_its_seed_and_index_alone(sets: DigitSets) -> None:
    late = make_window(sets.stream, seed=3, index=7)
    make_window(sets.stream, seed=3, index=2)
    again = make_window(sets.stream, seed=3, index=7)
    assert np.array_equal(late.images, again.images)
    assert late.ids.tolist() == again.ids.tolist()
    assert late.corruptions == again.corruptions
    assert not np.array_equal(late.images, make_window(sets.stream, seed=4, index=7).images)
    assert not np.array_equal(late.images, make_window(sets.stream, seed=3, index=8).images)


def test_a_window_is_a_thousand_different_base_images_with_their_labels(sets: DigitSets) -> None:
    for index in range(PLAN.n_windows):
        window = make_window(sets.stream, seed=0, index=index)
        check_window(window.images)
        assert window.index == index
        assert len(window.images) == len(set(window.ids.tolist())) == 1_000
        labels = dict(zip(sets.stream.ids.tolist(), sets.stream.labels.tolist(), strict=True))
        assert [labels[i] for i in window.ids.tolist()] == window.labels.tolist()
        others = np.concatenate([sets.train.ids, sets.validation.ids, sets.holdout.ids])
        assert not np.isin(window.ids, others).any()


def test_clean_images_are_the_base_images_and_corrupted_ones_are_not(sets: DigitSets) -> None:
    window = make_window(sets.stream, seed=0, index=6)
    place = {i: at for at, i in enumerate(sets.stream.ids.tolist())}
    base = sets.stream.images[[place[i] for i in window.ids.tolist()]]
    is_same = (window.images == base).all(axis=(1, 2))
    assert is_same.tolist() == [name == CLEAN for name in window.corruptions]


def test_making_a_window_leaves_the_digits_alone(sets: DigitSets) -> None:
    before = sets.stream.images.copy()
    make_window(sets.stream, seed=0, index=9)
    assert np.array_equal(sets.stream.images, before)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_stream_is_clean_then_drifts_by_a_growing_share_of_a_growing_set(
    sets: DigitSets, seed: int
) -> None:
    windows = [make_window(sets.stream, seed=seed, index=index) for index in range(PLAN.n_windows)]
    shares = [share(window) for window in windows]
    assert shares[:2] == [0, 0]
    assert shares[2] == pytest.approx(0.3)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(0.8)
    for earlier, later in itertools.pairwise(windows):
        assert names(earlier) <= names(later)
    assert len(names(windows[2])) == 3
    assert names(windows[8]) == set(CORRUPTIONS), "in time for a model that learns from them"


def test_the_seed_decides_which_corruptions_come_first() -> None:
    assert len({PLAN.active(2, seed=seed) for seed in range(5)}) == 5


def test_windows_after_the_last_are_like_the_last() -> None:
    assert PLAN.share(50) == PLAN.last_share
    assert set(PLAN.active(50, seed=0)) == set(CORRUPTIONS)


def test_one_corruption_can_be_chosen(sets: DigitSets) -> None:
    plan = Schedule(corruptions=("scale",))
    for index in (2, 11):
        window = make_window(sets.stream, seed=0, index=index, schedule=plan)
        assert names(window) == {"scale"}
        assert share(window) == pytest.approx(plan.share(index))


def test_no_base_image_is_used_again_before_all_were(sets: DigitSets) -> None:
    plan = Schedule(window_size=250)
    ids = [make_window(sets.stream, seed=0, index=i, schedule=plan).ids for i in range(20)]
    assert len(set(np.concatenate(ids[:10]).tolist())) == 2_500
    assert len(set(np.concatenate(ids[10:]).tolist())) == 2_500
    assert not np.array_equal(ids[0], ids[10])


def test_a_base_image_comes_back_under_fresh_corruptions(sets: DigitSets) -> None:
    first, later = (make_window(sets.stream, seed=0, index=index) for index in (9, 11))
    common = np.intersect1d(first.ids, later.ids)
    assert len(common) > 100
    seen = dict(zip(first.ids.tolist(), first.corruptions, strict=True))
    back = dict(zip(later.ids.tolist(), later.corruptions, strict=True))
    assert np.mean([seen[i] == back[i] for i in common.tolist()]) < 0.2


def test_too_few_digits_for_a_window_are_refused(sets: DigitSets) -> None:
    few: Digits = sets.stream.take(np.arange(999))
    with pytest.raises(InvalidArrayError, match="at least the 1000 of a window; got 999"):
        make_window(few, seed=0, index=0)


def test_there_is_no_window_before_the_first(sets: DigitSets) -> None:
    with pytest.raises(ValueError, match="at least 0; got -1"):
        make_window(sets.stream, seed=0, index=-1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_clean": 12},
        {"n_clean": -1},
        {"window_size": 0},
        {"first_share": -0.1},
        {"last_share": 1.1},
        {"severity": 0.0},
        {"n_rising": 0},
        {"n_first": 0},
        {"corruptions": ()},
    ],
)
def test_a_schedule_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a value is out of its range in Schedule"):
        Schedule(**wrong)


def test_a_schedule_with_an_unknown_corruption_is_refused() -> None:
    with pytest.raises(ValueError, match="no corruption is called 'rain'; there are shot_noise"):
        Schedule(corruptions=("fog", "rain"))


@pytest.mark.parametrize(
    ("window", "problem"),
    [
        (np.zeros((5, 784), np.float32), r"window must be \(n, 28, 28\); got \(5, 784\)"),
        (np.zeros((28, 28), np.float32), r"window must be \(n, 28, 28\); got \(28, 28\)"),
        (np.zeros((5, 28, 28)), "window must be float32; got float64"),
        (np.full((5, 28, 28), 255, np.float32), r"window must be in \[0, 1\]; got \[255, 255\]"),
        (np.full((5, 28, 28), -0.1, np.float32), r"window must be in \[0, 1\]; got \[-0.1, -0.1\]"),
        (np.full((5, 28, 28), np.nan, np.float32), r"window must be in \[0, 1\]; got \[nan, nan\]"),
        (np.zeros((0, 28, 28), np.float32), "window must be at least one image; got none"),
        (None, "window must be a numpy array; got NoneType"),
    ],
)
def test_what_no_model_may_see_is_refused(window: Any, problem: str) -> None:
    with pytest.raises(InvalidArrayError, match=problem):
        check_window(window)
