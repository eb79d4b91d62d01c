"""When a strategy that keeps failing is left alone, and for how long: pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanflow_actors.agents.records import Memory
    from scanflow_actors.settings import AgentSettings


def is_quarantined(memory: Memory, now: datetime) -> bool:
    """Whether the strategy is to be left alone."""
    return memory.quarantined_until is not None and now < datetime.fromisoformat(memory.quarantined_until)


def after_failure(memory: Memory, now: datetime, settings: AgentSettings) -> Memory:
    """What is remembered of a failure; too many in a row, or one after a quarantine, lead to the next."""
    failures = memory.failures + 1
    if failures < settings.failures_allowed and memory.quarantined_until is None:
        return replace(memory, failures=failures)
    doublings = min(memory.quarantines, 32)
    lasts_s = min(settings.max_quarantine_s, settings.quarantine_s * 2**doublings)
    until = now + timedelta(seconds=lasts_s)
    return replace(
        memory,
        failures=failures,
        quarantines=memory.quarantines + 1,
        quarantined_until=until.isoformat(timespec="seconds"),
    )


def after_success(memory: Memory) -> Memory:
    """What is remembered once it has worked."""
    return replace(memory, failures=0, quarantines=0, quarantined_until=None)


def has_failed(memory: Memory) -> bool:
    """Whether there is something for `after_success` to forget."""
    return memory.failures > 0 or memory.quarantines > 0 or memory.quarantined_until is not None
