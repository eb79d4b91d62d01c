from __future__ import annotations

import pytest

from scanflow_actors.actors import Backoff, Restart, RestartStrategy, Scope
from scanflow_actors.actors.group import affected
from scanflow_actors.actors.supervision import RestartLog


@pytest.mark.parametrize(
    ("restart", "after_failure", "after_end"),
    [(Restart.PERMANENT, True, True), (Restart.TRANSIENT, True, False), (Restart.TEMPORARY, False, False)],
)
def test_a_restart_type_says_which_ends_are_survived(
    restart: Restart, after_failure: bool, after_end: bool
) -> None:
    log = RestartLog(RestartStrategy(restart=restart))
    assert (log.decide(0, failed=True) is not None) is after_failure
    assert (log.decide(0, failed=False) is not None) is after_end


def test_the_window_slides() -> None:
    log = RestartLog(RestartStrategy(max_restarts=2, within_s=10), draw=lambda: 0.0)
    assert log.count(0) is not None
    assert log.count(5) is not None
    assert log.count(9.9) is None
    assert log.count(10) is not None
    assert log.restarts_in_window == 2


def test_the_backoff_doubles_up_to_its_maximum() -> None:
    backoff = Backoff(min_s=1, max_s=10, jitter_ratio=0.5)
    assert [backoff.delay_s(attempt, 0) for attempt in range(5)] == [1, 2, 4, 8, 10]
    assert backoff.delay_s(10_000, 1) == 15


@pytest.mark.parametrize(
    ("scope", "expected"),
    [(Scope.ONE_FOR_ONE, ("b",)), (Scope.ONE_FOR_ALL, ("a", "b", "c")), (Scope.REST_FOR_ONE, ("b", "c"))],
)
def test_a_scope_says_who_is_affected(scope: Scope, expected: tuple[str, ...]) -> None:
    assert affected(("a", "b", "c"), "b", scope) == expected


def test_what_cannot_work_is_refused() -> None:
    with pytest.raises(ValueError, match="min_s"):
        Backoff(min_s=2, max_s=1)
    with pytest.raises(ValueError, match="max_restarts"):
        RestartStrategy(max_restarts=-1)
