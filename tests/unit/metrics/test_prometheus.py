"""Prometheus over HTTP: values, refusals, and sensors that count each value once."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from scanflow_actors.agents import Sight
from scanflow_actors.agents.measuring import Reading, Readings, metric_now, metric_since
from scanflow_actors.errors import MetricsError
from scanflow_actors.metrics import Prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


class Answers(BaseHTTPRequestHandler):
    """Answers as Prometheus' HTTP API does: `up` has one series, whose value is the minute of the hour."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        status, data = self.answer(url.path, query)
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        if query["query"] == "bad(":
            return 400, {"status": "error", "errorType": "bad_data", "error": "parse error"}
        metric = {"__name__": "up", "instance": "a"}
        if path.endswith("/query"):
            at = float(query.get("time", 0))
            results: dict[str, Any] = {
                "up": [{"metric": metric, "value": [at, str(at // 60 % 60)]}],
                "two": [{"metric": metric, "value": [at, value]} for value in ("1", "4", "NaN")],
                "scalar(1)": [at, "1"],
            }
            return 200, {"status": "success", "data": {"result": results.get(query["query"], [])}}
        start, end, step = (int(float(query[name])) for name in ("start", "end", "step"))
        values = [[at, str(at // 60 % 60)] for at in range(start, end + 1, step)]
        return 200, {"status": "success", "data": {"result": [{"metric": metric, "values": values}]}}

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def prometheus() -> Iterator[Prometheus]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Prometheus(url=f"http://127.0.0.1:{server.server_port}/")
    server.shutdown()
    thread.join()
    server.server_close()


def sight(minutes: float, watermark: Any = None) -> Sight:
    now = MIDNIGHT + timedelta(minutes=minutes)
    return Sight(now=now, watermark=watermark, message=None, knowledge=None)


def test_a_query_is_answered_with_samples(prometheus: Prometheus) -> None:
    (sample,) = prometheus.instant("up", MIDNIGHT + timedelta(minutes=7))
    assert (sample.value, sample.at) == (7.0, MIDNIGHT + timedelta(minutes=7))
    assert sample.labels == {"__name__": "up", "instance": "a"}
    assert [sample.value for sample in prometheus.instant("two")] == [1.0, 4.0]
    assert [sample.value for sample in prometheus.instant("scalar(1)")] == [1.0]
    assert prometheus.instant("nothing") == ()


def test_values_over_some_time_come_the_earliest_first(prometheus: Prometheus) -> None:
    samples = prometheus.over("up", MIDNIGHT, MIDNIGHT + timedelta(minutes=2), step_s=60)
    assert [sample.value for sample in samples] == [0.0, 1.0, 2.0]


def test_a_query_that_is_refused_and_a_server_that_is_not_there_are_named(prometheus: Prometheus) -> None:
    with pytest.raises(MetricsError, match="parse error") as caught:
        prometheus.instant("bad(")
    assert caught.value.query == "bad("
    with pytest.raises(MetricsError, match="cannot be reached"):
        Prometheus(url="http://127.0.0.1:1", timeout_s=1).instant("up")


def test_a_sensor_sees_the_largest_and_the_sum_of_all_series(prometheus: Prometheus) -> None:
    seen = metric_now(prometheus, "two").read(sight(1))
    assert seen.state == Reading(value=4.0, total=5.0, series=2)
    assert metric_now(prometheus, "nothing").read(sight(1)).is_nothing


def test_a_sensor_counts_each_value_once(prometheus: Prometheus) -> None:
    sensor = metric_since(prometheus, "up", step_s=60, first_s=120)
    first = sensor.read(sight(10.5))
    assert first.state == Readings(total=8 + 9 + 10, count=3, mean=9.0, largest=10.0)
    again = sensor.read(sight(10.9, first.watermark))
    assert again.is_nothing
    assert again.watermark == first.watermark
    second = sensor.read(sight(12.1, first.watermark))
    assert second.state == Readings(total=11 + 12, count=2, mean=11.5, largest=12.0)
