"""Restart intensity against its definition: restarts within any window never exceed the limit."""

from __future__ import annotations

from hypothesis import given, strategies as st

from scanflow_actors.actors import Backoff, RestartStrategy, Scope
from scanflow_actors.actors.group import affected
from scanflow_actors.actors.supervision import RestartLog

GAPS = st.lists(st.floats(0, 50), max_size=50)


@given(gaps=GAPS, max_restarts=st.integers(0, 5), within_s=st.floats(1, 100))
def test_no_window_holds_more_restarts_than_allowed(
    gaps: list[float], max_restarts: int, within_s: float
) -> None:
    log = RestartLog(RestartStrategy(max_restarts=max_restarts, within_s=within_s))
    now = 0.0
    restarts: list[float] = []
    for gap in gaps:
        now += gap
        recent = [time for time in restarts if time > now - within_s]
        delay_s = log.count(now)
        assert (delay_s is None) == (len(recent) >= max_restarts)
        if delay_s is not None:
            restarts.append(now)


@given(
    min_s=st.floats(0, 10),
    more_s=st.floats(0, 100),
    jitter=st.floats(0, 2),
    attempt=st.integers(0, 10_000),
    draw=st.floats(0, 1),
)
def test_a_backoff_stays_within_its_bounds(
    min_s: float, more_s: float, jitter: float, attempt: int, draw: float
) -> None:
    backoff = Backoff(min_s=min_s, max_s=min_s + more_s, jitter_ratio=jitter)
    delay_s = backoff.delay_s(attempt, draw)
    assert min_s <= delay_s <= (min_s + more_s) * (1 + jitter) * (1 + 1e-9)
    assert backoff.delay_s(attempt + 1, draw) >= delay_s


@given(
    children=st.lists(st.integers(), min_size=1, max_size=10, unique=True),
    scope=st.sampled_from(Scope),
    data=st.data(),
)
def test_who_is_affected_includes_who_failed_and_keeps_the_order(
    children: list[int], scope: Scope, data: st.DataObject
) -> None:
    failed = data.draw(st.sampled_from(children))
    chosen = affected(children, failed, scope)
    assert failed in chosen
    assert list(chosen) == [child for child in children if child in chosen]
