"""The judge: each verdict of Argo Rollouts' analysis, and the canary that goes by it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from scanflow_actors.agents.judge import (
    Canary,
    JudgedMetric,
    Measurement,
    Phase,
    Ruling,
    judge,
    judge_metric,
)


def metric(**options: Any) -> JudgedMetric:
    defaults = {"name": "accuracy", "count": 3, "success_condition": lambda value: value >= 0.9}
    return JudgedMetric(**{**defaults, **options})


def ruling_of(made: JudgedMetric, *values: float | None) -> tuple[str, str]:
    measurements = [
        Measurement(value=value, error="" if value is not None else "timed out") for value in values
    ]
    ruling = judge_metric(made, measurements)
    return ruling.phase.value, ruling.reason


def test_a_metric_is_running_until_all_is_measured() -> None:
    assert ruling_of(metric(), 0.95) == ("Running", "accuracy: 1 of 3 measured")
    assert ruling_of(metric(), 0.95, 0.91, 0.9) == (
        "Successful",
        "accuracy: 3 of 3 measurements were good",
    )


def test_too_many_bad_measurements_end_it_at_once() -> None:
    assert ruling_of(metric(), 0.8) == ("Failed", "accuracy: 1 bad measurements, 0 are forgiven")
    assert ruling_of(metric(failure_limit=1), 0.8, 0.95, 0.95)[0] == "Successful"
    assert ruling_of(metric(failure_limit=1), 0.8, 0.8)[0] == "Failed"


def test_what_is_neither_good_nor_bad_is_inconclusive() -> None:
    both = metric(failure_condition=lambda value: value < 0.8)
    assert ruling_of(both, 0.85)[0] == "Inconclusive"
    assert ruling_of(both, 0.79)[0] == "Failed"
    lenient = metric(failure_condition=lambda value: value < 0.8, inconclusive_limit=3)
    assert ruling_of(lenient, 0.85, 0.85, 0.85) == ("Inconclusive", "accuracy: no measurement was good")


def test_one_condition_decides_both_ways() -> None:
    only_bad = metric(success_condition=None, failure_condition=lambda value: value < 0.8)
    assert ruling_of(only_bad, 0.8, 0.8, 0.8)[0] == "Successful"
    assert ruling_of(only_bad, 0.79)[0] == "Failed"
    assert ruling_of(metric(success_condition=None), 0, 0, 0)[0] == "Successful"


def test_only_errors_in_a_row_count() -> None:
    made = metric(count=10, consecutive_error_limit=1)
    assert ruling_of(made, None, 0.95, None, 0.95)[0] == "Running"
    assert ruling_of(made, None, None) == (
        "Error",
        "accuracy: could not be measured 2 times in a row: timed out",
    )


def test_a_metric_says_when_it_is_measured_next() -> None:
    made = metric(initial_delay_s=30.0, interval_s=10.0)
    assert [made.next_s(taken) for taken in range(4)] == [30.0, 40.0, 50.0, None]


def test_the_gravest_ruling_counts() -> None:
    phases = [Phase.SUCCESSFUL, Phase.RUNNING, Phase.FAILED, Phase.FAILED]
    rulings = [Ruling(phase=phase, reason=str(number)) for number, phase in enumerate(phases)]
    assert judge(rulings) == Ruling(phase=Phase.FAILED, reason="2; 3")
    assert judge(rulings[:2]).phase is Phase.RUNNING
    assert judge([]).phase is Phase.SUCCESSFUL


@given(st.lists(st.sampled_from([0.95, 0.85, 0.7, None]), max_size=12), st.integers(0, 3), st.integers(0, 3))
def test_a_verdict_once_given_stands(values: list[float | None], bad: int, unclear: int) -> None:
    made = metric(
        count=6,
        failure_condition=lambda value: value < 0.8,
        failure_limit=bad,
        inconclusive_limit=unclear,
        consecutive_error_limit=1,
    )
    rulings = [ruling_of(made, *values[:taken]) for taken in range(len(values) + 1)]
    final = [ruling for ruling in rulings if ruling[0] != "Running"]
    assert len(set(final)) <= 1
    if len(values) >= 6:
        assert final


def test_a_canary_goes_up_step_by_step_and_back_to_nothing() -> None:
    canary, good = Canary(weights=(0.1, 1.0)), Ruling(phase=Phase.SUCCESSFUL, reason="good")
    bad = Ruling(phase=Phase.FAILED, reason="slow")
    assert canary.step(0.0, good) == (0.1, "goes on to 10%: good")
    assert canary.step(0.1, good) == (1.0, "goes on to 100%: good")
    assert canary.step(1.0, good) == (1.0, "promoted: good")
    assert canary.step(0.1, bad) == (0.0, "rolled back: slow")
    assert canary.step(0.1, Ruling(phase=Phase.INCONCLUSIVE, reason="?")) == (0.1, "waits: ?")


@pytest.mark.parametrize("weights", [(), (0.5,), (0.0, 1.0), (0.5, 0.2, 1.0)])
def test_weights_that_do_not_ascend_to_one_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="weights ascend from above 0 to 1"):
        Canary(weights=weights)


@pytest.mark.parametrize("options", [{"count": 0}, {"interval_s": 0.0}, {"failure_limit": -1}])
def test_a_metric_that_cannot_be_measured_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="metric 'accuracy' needs"):
        metric(**options)
