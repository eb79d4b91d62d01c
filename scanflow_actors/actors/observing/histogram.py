"""How long things took: a few buckets whose number does not grow with what is measured."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

BOUNDS_S = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Upper bounds of the buckets in seconds, each included; what took longer is in one bucket more."""


@dataclass(frozen=True, slots=True)
class Durations:
    """How often something took how long."""

    counts: tuple[int, ...]
    """By bucket: one for each of `BOUNDS_S`, and one for what took longer."""
    total_s: float
    longest_s: float

    @property
    def count(self) -> int:
        """How many were measured."""
        return sum(self.counts)

    @property
    def mean_s(self) -> float:
        """Seconds; 0 when nothing was measured."""
        return self.total_s / self.count if self.count else 0.0


class Histogram:
    """Durations so far."""

    __slots__ = ("_counts", "_longest_s", "_total_s")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self._total_s = 0.0
        self._longest_s = 0.0

    def add(self, duration_s: float) -> None:
        """Measure one; `duration_s` in seconds."""
        self._counts[bisect_left(BOUNDS_S, duration_s)] += 1
        self._total_s += duration_s
        self._longest_s = max(self._longest_s, duration_s)

    def durations(self) -> Durations:
        """What was measured until now."""
        return Durations(tuple(self._counts), self._total_s, self._longest_s)
