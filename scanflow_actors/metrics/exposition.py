"""Our own metrics, as Prometheus reads them.

Series are by class of actor, host, and reason: a hundred thousand actors of one class are one series. Within
a host counters never fall; a host's series end with it, and ids of hosts do not come back.
"""

from __future__ import annotations

from itertools import accumulate, groupby
from typing import TYPE_CHECKING

from prometheus_client.core import (
    CounterMetricFamily as Counter,
    GaugeMetricFamily as Gauge,
    HistogramMetricFamily as Histogram,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from scanflow_actors.actors.observing.histogram import BOUNDS_S, Durations

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.metrics_core import Metric

    from scanflow_actors.actors.observing.statistics import SystemStatistics

CONTENT_TYPE = CONTENT_TYPE_LATEST
"""Of the text that `exposition` makes."""


def exposition(statistics: SystemStatistics) -> bytes:
    """Write what a system's statistics say, in Prometheus's text format.

    Args:
        statistics: Of one moment; each scrape is a look of its own.
    """
    return generate_latest(_Reading(statistics))


class _Reading(Collector):
    def __init__(self, statistics: SystemStatistics) -> None:
        self._statistics = statistics

    def collect(self) -> Iterable[Metric]:
        """All metrics, by name."""
        yield from self._of_kinds()
        yield from self._of_hosts()
        yield from self._of_links()
        yield from self._of_meters()
        dead = Counter("scanflow_dead_letters", "Messages that nobody handled.", labels=["reason"])
        for reason, count in self._statistics.dead_letters.items():
            dead.add_metric([reason.value], count)
        yield dead
        silent = Gauge("scanflow_silent_hosts", "Processes that did not answer in time.")
        silent.add_metric([], len(self._statistics.silent))
        yield silent

    def _of_kinds(self) -> Iterator[Metric]:
        of, by = ["host", "actor_class"], ["host", "actor_class", "outcome"]
        actors = Gauge("scanflow_actors", "Living actors.", labels=of)
        depth = Gauge("scanflow_mailbox_depth", "Messages in mailboxes.", labels=of)
        deepest = Gauge("scanflow_mailbox_depth_max", "Messages in the fullest mailbox.", labels=of)
        handled = Counter("scanflow_messages_handled", "Messages that a receiver was called with.", labels=of)
        asked = Counter("scanflow_actor_asks", "Asks of actors, as they ended there.", labels=by)
        again = Counter("scanflow_restarts", "Restarts of actors.", labels=["host", "actor_class", "reason"])
        waited = Histogram("scanflow_queue_wait_seconds", "From arrival to receiver.", labels=of)
        took = Histogram("scanflow_handler_time_seconds", "From call to return of a receiver.", labels=of)
        for host in self._statistics.hosts:
            for kind in host.kinds:
                labels = [host.host, kind.kind]
                actors.add_metric(labels, kind.actors)
                depth.add_metric(labels, kind.mailbox_depth)
                deepest.add_metric(labels, kind.deepest_mailbox)
                handled.add_metric(labels, kind.handled)
                for outcome, count in kind.asks.items():
                    asked.add_metric([*labels, outcome.value], count)
                for reason, count in kind.restarts.items():
                    again.add_metric([*labels, reason.value], count)
                _add(waited, labels, kind.queue_wait)
                _add(took, labels, kind.handler_time)
        return iter((actors, depth, deepest, handled, asked, again, waited, took))

    def _of_hosts(self) -> Iterator[Metric]:
        asks = Counter("scanflow_asks", "Asks, as the askers saw them end.", labels=["host", "outcome"])
        late = Counter("scanflow_late_replies", "Replies that nobody waited for any more.", labels=["host"])
        lag = Gauge("scanflow_loop_turn_seconds", "One turn of the event loop, just now.", labels=["host"])
        lags = Histogram("scanflow_loop_lag_seconds", "How late the event loop was.", labels=["host"])
        for host in self._statistics.hosts:
            for outcome, count in host.asks.items():
                asks.add_metric([host.host, outcome.value], count)
            late.add_metric([host.host], host.late_replies)
            lag.add_metric([host.host], host.loop_lag_s)
            _add(lags, [host.host], host.loop_lag)
        return iter((asks, late, lag, lags))

    def _of_links(self) -> Iterator[Metric]:
        frames = Counter("scanflow_link_frames", "Frames sent to other hosts.", labels=["host"])
        again = Counter("scanflow_link_retransmits", "Frames sent again.", labels=["host"])
        queued = Gauge("scanflow_link_queued", "Entries that wait to leave.", labels=["host"])
        for host in self._statistics.hosts:
            if host.link is not None:
                frames.add_metric([host.host], host.link.frames)
                again.add_metric([host.host], host.link.retransmits)
                queued.add_metric([host.host], host.link.queued)
        return iter((frames, again, queued))

    def _of_meters(self) -> Iterator[Metric]:
        """What actors keep of their own work; all of one name have the same labels, or it is two metrics."""
        found = [(meter, host.host) for host in self._statistics.hosts for meter in host.meters]
        found.sort(key=lambda pair: (pair[0].name, [name for name, _ in pair[0].labels]))
        for (name, *labels), same in groupby(
            found, key=lambda pair: (pair[0].name, *(label for label, _ in pair[0].labels))
        ):
            members = list(same)
            is_count = isinstance(members[0][0].value, int)
            family = Counter if is_count else Histogram
            metric: Counter | Histogram = family(name, f"{name}, kept by actors.", labels=["host", *labels])
            for meter, host in members:
                values = [host, *(value for _, value in meter.labels)]
                if isinstance(metric, Counter) and isinstance(meter.value, int):
                    metric.add_metric(values, meter.value)
                elif isinstance(metric, Histogram) and isinstance(meter.value, Durations):
                    _add(metric, values, meter.value)
            yield metric


def _add(metric: Histogram, labels: list[str], durations: Durations | None) -> None:
    if durations is not None:
        bounds = (*(str(bound) for bound in BOUNDS_S), "+Inf")
        buckets = list(zip(bounds, accumulate(durations.counts), strict=True))
        metric.add_metric(labels, buckets=buckets, sum_value=durations.total_s)
