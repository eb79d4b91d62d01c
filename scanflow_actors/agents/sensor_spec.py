"""Sensors as plain JSON or YAML, and back: ``use_of: {workflow: classifier}``."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from scanflow_actors.agents.measuring import MetricNow, MetricSince, metric_now, metric_since
from scanflow_actors.agents.running import RunsOf, ServicesOf, UseOf, runs_of, services_of, use_of
from scanflow_actors.agents.sensor import NewRuns, new_runs
from scanflow_actors.metrics import Prometheus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scanflow_actors.agents.sensor import Sensor

_MAKE: Mapping[str, tuple[type, Callable[..., Sensor]]] = {
    "new_runs": (NewRuns, new_runs),
    "runs_of": (RunsOf, runs_of),
    "services_of": (ServicesOf, services_of),
    "use_of": (UseOf, use_of),
    "metric_now": (MetricNow, metric_now),
    "metric_since": (MetricSince, metric_since),
}
KNOWN = tuple(_MAKE)
_PROMETHEUS = "prometheus"


def options_of(kind: str) -> tuple[str, ...]:
    """The options of a sensor."""
    return tuple("url" if field.name == _PROMETHEUS else field.name for field in fields(_MAKE[kind][0]))


def made(kind: str, options: Mapping[str, Any]) -> Sensor:
    """Make a sensor.

    Raises:
        TypeError: An option is missing.
    """
    given = dict(options)
    if "url" in given:
        given[_PROMETHEUS] = Prometheus(url=given.pop("url"))
    return _MAKE[kind][1](**given)


def written(sensor: Sensor) -> dict[str, Any] | None:
    """Write a sensor as `made` reads it; None when it is none of these."""
    for kind, (reader, _) in _MAKE.items():
        if isinstance(sensor.read, reader):
            values = {
                ("url" if field.name == _PROMETHEUS else field.name): getattr(sensor.read, field.name)
                for field in fields(reader)
                if getattr(sensor.read, field.name) != field.default
            }
            if isinstance(values.get("url"), Prometheus):
                values["url"] = values["url"].url
            return {kind: values}
    return None
