"""Our sensors read a real Prometheus: instant values, rates and quantiles of histograms."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scanflow_actors.agents import Observation, Sensor, Sight
from scanflow_actors.agents.measuring import Reading, metric_now, metric_since
from scanflow_actors.errors import MetricsError
from tests.prometheus_server import prometheus_server

if TYPE_CHECKING:
    from scanflow_actors.metrics import Prometheus

__all__ = ["prometheus_server"]

WITHIN_S = 60
"""Seconds for some scrapes; they are a second apart."""


def look(sensor: Sensor, now: datetime | None = None, watermark: Any = None) -> Observation:
    sight = Sight(now=now or datetime.now(UTC), watermark=watermark, message=None, knowledge=None)
    seen: Observation = sensor.read(sight)
    return seen


def look_until_seen(sensor: Sensor) -> Any:
    """Look again until there is something: a rate needs two scrapes."""
    deadline_s = time.monotonic() + WITHIN_S
    while (seen := look(sensor)).is_nothing:
        assert time.monotonic() < deadline_s, "nothing was scraped"
        time.sleep(0.2)
    return seen.state


def test_an_instant_query_gives_the_largest_and_the_sum_of_all_series(prometheus_server: Prometheus) -> None:
    state = look_until_seen(metric_now(prometheus_server, "queue_length"))
    assert state == Reading(value=4.0, total=7.0, series=2)
    assert look_until_seen(metric_now(prometheus_server, 'up{job="exporter"}')).value == 1.0
    assert look(metric_now(prometheus_server, "no_such_metric")).is_nothing


def test_rates_and_their_ratios_are_read(prometheus_server: Prometheus) -> None:
    of_errors = 'sum(rate(requests_total{outcome="error"}[30s]))'
    ratio = f"{of_errors} / sum(rate(requests_total[30s]))"
    assert look_until_seen(metric_now(prometheus_server, ratio)).value == pytest.approx(0.1)
    assert look_until_seen(metric_now(prometheus_server, of_errors)).value > 0


def test_quantiles_of_a_histogram_are_read(prometheus_server: Prometheus) -> None:
    query = "histogram_quantile({}, sum by (le) (rate(latency_seconds_bucket[30s])))"
    assert look_until_seen(metric_now(prometheus_server, query.format(0.95))).value == pytest.approx(0.3)
    assert look_until_seen(metric_now(prometheus_server, query.format(0.45))).value == pytest.approx(0.05)


def test_values_since_the_last_look_count_once(prometheus_server: Prometheus) -> None:
    sensor = metric_since(prometheus_server, "sum(queue_length)", step_s=1, first_s=5)
    state = look_until_seen(sensor)
    assert (state.mean, state.largest, state.total) == (7.0, 7.0, 7.0 * state.count)
    now = datetime.now(UTC)
    first = look(sensor, now)
    assert look(sensor, now, first.watermark).is_nothing
    later = look(sensor, now + timedelta(seconds=3), first.watermark).state
    assert later.count == 3  # of the moments after the first look, each once


def test_a_query_that_is_refused_is_named(prometheus_server: Prometheus) -> None:
    with pytest.raises(MetricsError, match="parse error") as caught:
        look(metric_now(prometheus_server, "rate(requests_total)["))
    assert caught.value.query == "rate(requests_total)["
