"""A reader with a watermark sees every run once, also those that become visible late."""

from __future__ import annotations

from hypothesis import given, strategies as st

from scanflow_actors.artifacts import RunRecord, Watermark
from scanflow_actors.artifacts.run import SLACK_MS


def run_of(number: int, ended_ms: int) -> RunRecord:
    return RunRecord(
        id=f"run-{number}", kind="p", key=str(number), ended_ms=ended_ms, metrics={}, params={}, artifacts={}
    )


def look(runs: list[RunRecord], mark: Watermark) -> tuple[list[str], Watermark]:
    """What `KnowledgeBase.runs_since` does with what it finds in the store."""
    found = [run for run in runs if run.ended_ms >= mark.since_ms]
    fresh = tuple(run for run in found if run.id not in mark.seen)
    return [run.id for run in fresh], mark.covering(fresh)


ENDS_AND_DELAYS = st.lists(
    st.tuples(st.integers(0, 10 * SLACK_MS), st.integers(0, SLACK_MS)), min_size=1, max_size=40
)


@given(ENDS_AND_DELAYS, st.lists(st.integers(0, 12 * SLACK_MS), max_size=30))
def test_every_run_is_seen_once_however_late_within_the_slack(
    runs: list[tuple[int, int]], looks: list[int]
) -> None:
    """A run that ends at e becomes visible at e + delay; a reader looks at arbitrary moments."""
    mark, seen = Watermark(), []
    for moment in [*sorted(looks), 20 * SLACK_MS]:
        visible = [run_of(number, end) for number, (end, delay) in enumerate(runs) if end + delay <= moment]
        fresh, mark = look(visible, mark)
        seen.extend(fresh)
    assert sorted(seen) == sorted(f"run-{number}" for number in range(len(runs)))


@given(st.lists(st.integers(0, 100 * SLACK_MS), max_size=100))
def test_a_watermark_remembers_only_what_ended_within_the_slack(ends: list[int]) -> None:
    mark = Watermark()
    for number, end in enumerate(sorted(ends)):
        mark = mark.covering((run_of(number, end),))
    newest = max(ends, default=0)
    assert all(end >= newest - SLACK_MS for end in mark.seen.values())
    assert mark.since_ms == max(0, newest - SLACK_MS)
