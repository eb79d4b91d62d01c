"""Numbers that actors keep of their own work, for whoever observes their process."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scanflow_actors.actors.observing.histogram import Durations, Histogram

if TYPE_CHECKING:
    from collections.abc import Iterator

Labels = tuple[tuple[str, str], ...]
_Key = tuple[str, Labels]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SERIES = 1000
"""Combinations of labels that one name may have; what comes beyond is counted without labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """One number, as read."""

    name: str
    labels: Labels
    value: int | Durations
    """A count, or durations."""


@dataclass(slots=True)
class Meters:
    """Counts and durations by name and labels, of one process."""

    _counts: Counter[_Key] = field(default_factory=Counter)
    _durations: dict[_Key, Histogram] = field(default_factory=dict)
    _series: Counter[str] = field(default_factory=Counter)

    def count(self, name: str, **labels: str) -> None:
        """Count one.

        Args:
            name: By Prometheus's rules for a counter, without ``_total``: ``scanflow_conflicts``.
            labels: Of few values each: every combination is kept for ever.

        Raises:
            ValueError: Prometheus allows no such name.
        """
        self._counts[self._key(name, labels, self._counts)] += 1

    def measure(self, name: str, duration_s: float, **labels: str) -> None:
        """Measure a duration.

        Args:
            name: Ends in ``_seconds``.
            duration_s: In seconds.
            labels: As in `count`.
        """
        key = self._key(name, labels, self._durations)
        histogram = self._durations.get(key)
        if histogram is None:
            histogram = self._durations[key] = Histogram()
        histogram.add(duration_s)

    def _key(self, name: str, labels: dict[str, str], known: dict[_Key, int] | dict[_Key, Histogram]) -> _Key:
        key = (name, tuple(sorted(labels.items())))
        if key in known:
            return key
        if not all(_NAME.fullmatch(word) for word in (name, *labels)):
            raise ValueError(f"meters and their labels have names of letters, digits and '_'; got {name!r}")
        if self._series[name] >= SERIES:
            return name, tuple((label, "") for label in sorted(labels))
        self._series[name] += 1
        return key

    def __iter__(self) -> Iterator[Meter]:
        for (name, labels), count in sorted(self._counts.items()):
            yield Meter(name=name, labels=labels, value=count)
        for (name, labels), histogram in sorted(self._durations.items(), key=lambda item: item[0]):
            yield Meter(name=name, labels=labels, value=histogram.durations())
