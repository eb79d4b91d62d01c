from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from scanflow_actors.demos.mnist.corruptions import CORRUPTIONS, corrupt
from scanflow_actors.demos.mnist.detector import ALPHA, Detector, DriftReport
from scanflow_actors.errors import InvalidArrayError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scanflow_actors.demos.mnist.digits import DigitSets


@pytest.fixture(scope="module")
def detector(sets: DigitSets) -> Detector:
    return Detector.fit(sets.train.images, sets.validation.images, seed=0)


def drifted(sets: DigitSets, name: str, n: int = 500) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    return corrupt(sets.stream.images[-n:], name, severity=0.65, rng=rng)


def test_about_one_in_twenty_clean_images_is_an_outlier(detector: Detector, sets: DigitSets) -> None:
    on_reference = detector.detect(sets.validation.images)
    assert on_reference.n_outliers == 25
    assert on_reference.scores.mean() == pytest.approx(0, abs=1e-5)
    assert on_reference.scores.std() == pytest.approx(1, abs=1e-5)
    assert 0.02 < detector.detect(sets.stream.images).is_outlier.mean() < 0.08


def test_clean_windows_have_not_drifted(detector: Detector, sets: DigitSets) -> None:
    for window in np.split(sets.stream.images, 5):
        report = detector.detect(window)
        assert not report.is_drifted
        assert report.p_value >= ALPHA


# Shear, shrinking and a thin line leave many digits such as somebody might have written them.
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_corruption_is_seen(name: str, detector: Detector, sets: DigitSets) -> None:
    floor = 0.5 if name in {"shear", "scale", "dotted_line"} else 0.9
    report = detector.detect(drifted(sets, name))
    assert report.is_outlier.mean() > floor
    assert report.is_drifted
    assert 0 <= report.p_value < 1e-50


def test_a_fifth_of_drifted_images_in_a_window_is_enough(detector: Detector, sets: DigitSets) -> None:
    window = np.concatenate([sets.stream.images[:800], drifted(sets, "fog", 200)])
    assert detector.detect(window).is_drifted


def test_a_score_does_not_depend_on_the_images_beside_it(detector: Detector, sets: DigitSets) -> None:
    clean, foggy = sets.stream.images[:50], drifted(sets, "fog", 50)
    beside_fog = detector.score(np.concatenate([clean, foggy]))[:50]
    assert beside_fog == pytest.approx(detector.score(clean), abs=1e-4)


def test_the_report_is_consistent(detector: Detector, sets: DigitSets) -> None:
    report = detector.detect(drifted(sets, "scale"))
    assert report.scores.dtype == np.float64
    assert report.scores.shape == report.is_outlier.shape == (500,)
    assert np.array_equal(report.is_outlier, report.scores > detector.threshold)
    assert report.n_outliers == report.is_outlier.sum()


def test_the_p_value_allows_for_the_size_of_the_reference_set(detector: Detector, sets: DigitSets) -> None:
    window = sets.stream.images[:1_000]
    p_values = []
    for n_reference in (500, 500_000):
        n_above = n_reference // 20
        changed = dataclasses.replace(detector, n_reference=n_reference, n_above=n_above)
        p_values.append(changed.detect(window).p_value)
    n_outliers = detector.detect(window).n_outliers
    exact = stats.binom.sf(n_outliers - 1, 1_000, 0.05)
    assert p_values[1] == pytest.approx(exact, rel=0.02)
    assert abs(p_values[0] - 0.5) < abs(exact - 0.5), "less sure with a small reference set"


def test_false_alarms_are_no_more_frequent_than_alpha_for_any_scores() -> None:
    rng = np.random.default_rng(0)
    # Reference and window of the same distribution, 20,000 times, by what the p-value rests on.
    rates = 1 - np.sort(rng.random((20_000, 500)), axis=1)[:, 475 - 1]
    counts = rng.binomial(1_000, rates)
    tail = stats.betabinom.pmf(np.arange(1_001), 1_000, 26, 475)[::-1].cumsum()[::-1]
    assert np.mean(tail[counts] < 0.01) == pytest.approx(0.01, abs=0.003)


def test_picks_are_distinct_outliers_within_the_budget(detector: Detector, sets: DigitSets) -> None:
    window = np.concatenate([sets.stream.images[:500], drifted(sets, "shear")])
    report = detector.detect(window)
    picks = detector.pick_critical(window, report, 100, seed=0)
    assert picks.dtype == np.int64
    assert len(set(picks.tolist())) == len(picks) == 100
    assert report.is_outlier[picks].all()
    assert picks[0] == np.argmax(report.scores)


def test_the_seed_decides_the_picks(detector: Detector, sets: DigitSets) -> None:
    window = drifted(sets, "fog")
    report = detector.detect(window)
    one, again, other = (detector.pick_critical(window, report, 50, seed) for seed in (1, 1, 2))
    assert one.tolist() == again.tolist() != other.tolist()


def test_all_outliers_are_picked_when_the_budget_allows(detector: Detector, sets: DigitSets) -> None:
    window = drifted(sets, "scale")
    report = detector.detect(window)
    picks = detector.pick_critical(window, report, 1_000, seed=0)
    assert picks.tolist() == np.flatnonzero(report.is_outlier).tolist()


def test_nothing_is_picked_from_a_clean_window_or_without_a_budget(
    detector: Detector, sets: DigitSets
) -> None:
    clean, foggy = sets.holdout.images, drifted(sets, "fog")
    assert len(detector.pick_critical(clean, detector.detect(clean), 100, seed=0)) == 0
    assert len(detector.pick_critical(foggy, detector.detect(foggy), 0, seed=0)) == 0


def test_no_kind_of_drift_is_left_out_of_the_picks(detector: Detector, sets: DigitSets) -> None:
    kinds = ("fog", "stripe", "rotate", "zigzag", "canny_edges", "brightness")
    window = np.concatenate([drifted(sets, name, 80) for name in kinds])
    picks = detector.pick_critical(window, detector.detect(window), 60, seed=0)
    counts = np.bincount(picks // 80, minlength=len(kinds))
    assert counts.min() >= 2
    assert counts.max() <= 30


def test_twins_can_be_picked_too(detector: Detector, sets: DigitSets) -> None:
    window = np.repeat(drifted(sets, "fog", 2), 30, axis=0)
    picks = detector.pick_critical(window, detector.detect(window), 20, seed=0)
    assert len(set(picks.tolist())) == 20


def test_a_report_of_another_window_is_refused(detector: Detector, sets: DigitSets) -> None:
    report = detector.detect(drifted(sets, "fog", 20))
    with pytest.raises(InvalidArrayError, match="images must be the 20 of the report; got 10"):
        detector.pick_critical(drifted(sets, "fog", 10), report, 5, seed=0)


def test_an_empty_window_has_not_drifted(detector: Detector) -> None:
    report = detector.detect(np.empty((0, 28, 28), dtype=np.float32))
    assert (report.n_outliers, report.p_value, report.is_drifted) == (0, 1.0, False)


def test_an_all_black_image_has_a_finite_score(detector: Detector) -> None:
    scores = detector.score(np.zeros((3, 28, 28), dtype=np.float32))
    assert np.isfinite(scores).all()
    assert (scores > detector.threshold).all()


def test_a_stored_detector_scores_as_before(detector: Detector, sets: DigitSets) -> None:
    window = drifted(sets, "zigzag")
    restored = Detector.from_bytes(detector.to_bytes())
    before, after = detector.detect(window), restored.detect(window)
    assert np.array_equal(before.scores, after.scores)
    assert facts(before) == facts(after)


def test_the_fit_is_deterministic_for_its_seed(sets: DigitSets) -> None:
    def fit(seed: int) -> Detector:
        return Detector.fit(sets.train.images[::10], sets.validation.images[::5], seed=seed, epochs=1)

    window = sets.stream.images[:20]
    assert np.array_equal(fit(1).score(window), fit(1).score(window))
    assert not np.array_equal(fit(1).score(window), fit(2).score(window))


def test_a_fit_that_cannot_work_is_refused(sets: DigitSets) -> None:
    train, reference = sets.train.images, sets.validation.images
    with pytest.raises(InvalidArrayError, match="train_images must be at least 50; got 49"):
        Detector.fit(train[:49], reference, seed=0)
    with pytest.raises(InvalidArrayError, match=r"reference_images must be in \[0, 1\]"):
        Detector.fit(train, reference * 255, seed=0)
    with pytest.raises(ValueError, match="quantile and alpha"):
        Detector.fit(train, reference, seed=0, quantile=1.0)
    with pytest.raises(ValueError, match="epochs must be at least 1"):
        Detector.fit(train, reference, seed=0, epochs=0)


def test_pixels_of_another_range_are_refused_and_not_scored(detector: Detector, sets: DigitSets) -> None:
    with pytest.raises(InvalidArrayError, match=r"images must be in \[0, 1\]; got \[0, 255\]"):
        detector.score(sets.holdout.images * 255)


def test_bytes_that_hold_no_detector_are_refused() -> None:
    with pytest.raises(InvalidArrayError, match="detector must be what to_bytes made"):
        Detector.from_bytes(b"nothing")


def facts(report: DriftReport) -> tuple[int, float, bool]:
    return report.n_outliers, report.p_value, report.is_drifted
