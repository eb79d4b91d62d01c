"""Sensors that read Prometheus."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from scanflow_actors.agents.sensor import Observation, Sensor, Sight

if TYPE_CHECKING:
    from scanflow_actors.metrics import Prometheus


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """State: what a query says now."""

    value: float
    """The largest over all series."""
    total: float
    """The sum over all series."""
    series: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """State: what a query said since the last readings that were acted on."""

    total: float
    count: int
    mean: float
    largest: float


def metric_now(prometheus: Prometheus, query: str) -> Sensor:
    """Make a sensor of what a query says at the moment; no series is nothing to decide on."""
    return Sensor(read=MetricNow(prometheus=prometheus, query=query), accumulates=False, gives=Reading)


def metric_since(prometheus: Prometheus, query: str, *, step_s: int = 15, first_s: int = 300) -> Sensor:
    """Make a sensor of all values of a query since those that were acted on; each counts once.

    Args:
        prometheus: Where to ask.
        query: In PromQL.
        step_s: Seconds between two values.
        first_s: Seconds that the first look goes back.
    """
    read = MetricSince(prometheus=prometheus, query=query, step_s=step_s, first_s=first_s)
    return Sensor(read=read, gives=Readings)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricNow:
    """Reads `Reading`; made by `metric_now`."""

    prometheus: Prometheus
    query: str

    def __call__(self, sight: Sight) -> Observation:
        """Ask for the value of each series at this moment."""
        values = [sample.value for sample in self.prometheus.instant(self.query, sight.now)]
        if not values:
            return Observation(state=None, is_nothing=True)
        return Observation(state=Reading(value=max(values), total=sum(values), series=len(values)))


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSince:
    """Reads `Readings`; made by `metric_since`."""

    prometheus: Prometheus
    query: str
    step_s: int
    first_s: int

    def __call__(self, sight: Sight) -> Observation:
        """Look at whole steps only, so that no moment is asked for twice under another name."""
        newest = _whole(sight.now, self.step_s)
        if sight.watermark is None:
            start = _whole(sight.now - timedelta(seconds=self.first_s), self.step_s)
        else:
            start = datetime.fromisoformat(sight.watermark) + timedelta(seconds=self.step_s)
        if start > newest:
            return Observation(state=None, watermark=sight.watermark, is_nothing=True)
        samples = self.prometheus.over(self.query, start, newest, step_s=self.step_s)
        if not samples:
            return Observation(state=None, watermark=sight.watermark, is_nothing=True)
        values = [sample.value for sample in samples]
        state = Readings(
            total=sum(values), count=len(values), mean=sum(values) / len(values), largest=max(values)
        )
        return Observation(state=state, watermark=samples[-1].at.isoformat())


def _whole(moment: datetime, step_s: int) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() // step_s * step_s, moment.tzinfo)
