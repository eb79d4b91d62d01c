"""Sequential tests: few false alarms however often one asks, and a short delay."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from scanflow_actors.agents.drift import Cusum, ETest, rank_p_value

WINDOWS = 10_000
TESTS: dict[str, Cusum | ETest] = {
    "cusum": Cusum(mean=0.0, deviation=1.0, limit=6.0),
    "e-test": ETest(alpha=0.001),
}
REFERENCE = sorted(np.random.default_rng(0).normal(size=999).tolist())


def looks(test: Cusum | ETest, values: list[float]) -> list[int]:
    """The looks at which there was an alarm; after each the test starts anew."""
    memory: Any = None
    alarms = []
    for index, value in enumerate(values):
        shown = rank_p_value(value, REFERENCE) if isinstance(test, ETest) else value
        memory, is_alarm = test.step(memory, shown)
        memory = json.loads(json.dumps(memory))  # it is stored as JSON
        if is_alarm:
            alarms.append(index)
            memory = None
    return alarms


@pytest.mark.parametrize("name", TESTS)
def test_in_ten_thousand_clean_windows_there_is_hardly_a_false_alarm(name: str) -> None:
    values = np.random.default_rng(7).normal(size=WINDOWS).tolist()
    assert len(looks(TESTS[name], values)) <= 2 * WINDOWS * 0.001  # 0.001 on average; this is one draw


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize(("shift", "most"), [(1.0, 45), (2.0, 12), (3.0, 7)])
def test_a_shift_is_found_soon(name: str, shift: float, most: int) -> None:
    delays = []
    for seed in range(20):
        drawn = np.random.default_rng(seed)
        clean, drifted = drawn.normal(size=50), drawn.normal(size=300) + shift
        alarms = [index - 50 for index in looks(TESTS[name], [*clean, *drifted]) if index >= 50]
        delays.append(alarms[0] + 1)
    assert float(np.mean(delays)) <= most


def test_a_cusum_finds_a_shift_downwards_too() -> None:
    assert looks(TESTS["cusum"], [0.0] * 10 + [-2.0] * 10) == [13, 17]


@given(st.lists(st.floats(-5, 5), max_size=50))
def test_a_cusum_is_symmetric(values: list[float]) -> None:
    test = TESTS["cusum"]
    assert looks(test, values) == looks(test, [-value for value in values])


@given(st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=60))
def test_the_evidence_of_large_p_values_is_no_alarm(values: list[float]) -> None:
    test, memory = ETest(alpha=0.001), None
    for value in values:
        memory, is_alarm = test.step(memory, max(value, 0.5))
        assert not is_alarm


def test_a_rank_is_the_share_of_the_reference_that_is_as_large() -> None:
    assert rank_p_value(5, [1, 2, 3]) == pytest.approx(1 / 4)
    assert rank_p_value(2, [1, 2, 3]) == pytest.approx(3 / 4)
    assert rank_p_value(0, [1, 2, 3]) == pytest.approx(1)


def test_what_cannot_work_is_refused() -> None:
    with pytest.raises(ValueError, match="deviation > 0"):
        Cusum(mean=0, deviation=0)
    with pytest.raises(ValueError, match="0 < alpha < 1"):
        ETest(alpha=0)
    with pytest.raises(ValueError, match=r"a p-value lies in \(0, 1\]"):
        ETest().step(None, 0.0)
