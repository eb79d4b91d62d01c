"""Counts of requests: what two readings differ by is what has happened between them."""

from __future__ import annotations

from functools import reduce

from hypothesis import given, strategies as st

from scanflow_actors.infrastructure.usage import BOUNDS_S, Usage

LATENCIES = st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=30)


def counted(requests: list[tuple[float, bool]], start: Usage | None = None) -> Usage:
    return reduce(
        lambda usage, one: usage.with_request(one[0], is_failure=one[1]), requests, start or Usage()
    )


@given(LATENCIES, LATENCIES)
def test_what_is_added_is_what_two_readings_differ_by(
    first: list[tuple[float, bool]], more: list[tuple[float, bool]]
) -> None:
    before = counted(first)
    fresh = counted(more, before).since(before)
    assert (fresh.requests, fresh.failures) == (len(more), sum(is_failure for _, is_failure in more))
    assert fresh.buckets == counted(more).buckets == before.plus(counted(more)).since(before).buckets


@given(LATENCIES.filter(bool), st.floats(0.01, 1.0))
def test_the_quantile_is_a_bound_that_so_many_kept(requests: list[tuple[float, bool]], share: float) -> None:
    bound_s = counted(requests).quantile_s(share)
    kept = sum(latency_s <= bound_s for latency_s, _ in requests)
    assert kept >= share * len(requests) or bound_s == BOUNDS_S[-1]


def test_a_front_that_started_anew_counts_from_nothing() -> None:
    before, after = counted([(0.1, False)] * 5), counted([(0.1, True)] * 2)
    assert after.since(before) == after
    assert Usage().quantile_s(0.5) == 0
