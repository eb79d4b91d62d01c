"""A Prometheus of our own for tests: a real server on loopback that scrapes a small exporter every second.

Its binary is Debian's, fetched by ``make services`` (``scripts/fetch_prometheus.sh``); the tests use no
network. Without it they are skipped, and fail where ``CI=true``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.metrics import Prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator

FETCHED = Path(__file__).parents[1] / ".cache" / "prometheus" / "usr" / "bin" / "prometheus"
START_S = 60
"""Seconds to wait for the server; it takes one on a machine with nothing else to do."""

CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: exporter
    static_configs: [{{targets: ["127.0.0.1:{exporter}"]}}]
"""

# At each scrape: ten requests more, one of them an error; nine below 0.1 s, one below 0.5 s.
METRICS = """
# TYPE requests_total counter
requests_total{{outcome="done"}} {done}
requests_total{{outcome="error"}} {error}
# TYPE latency_seconds histogram
latency_seconds_bucket{{le="0.1"}} {done}
latency_seconds_bucket{{le="0.5"}} {all}
latency_seconds_bucket{{le="+Inf"}} {all}
latency_seconds_sum {done}
latency_seconds_count {all}
# TYPE queue_length gauge
queue_length{{queue="a"}} 3
queue_length{{queue="b"}} 4
"""


class Exporter(BaseHTTPRequestHandler):
    """Counts on at each scrape."""

    scrapes = 0

    def do_GET(self) -> None:
        type(self).scrapes += 1
        count = type(self).scrapes
        body = METRICS.format(done=9 * count, error=count, all=10 * count).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
        """Say nothing."""


def binary() -> str:
    """Where the server's program is; skips the test, or fails it in CI, when it is nowhere."""
    found = str(FETCHED) if FETCHED.exists() else shutil.which("prometheus")
    if found is not None:
        return found
    reason = "there is no Prometheus; fetch it with `make services`"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextlib.contextmanager
def serve_exporter() -> Iterator[int]:
    """Run the exporter in a thread; gives its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def serve_prometheus(program: str, folder: Path) -> Iterator[Prometheus]:
    """Run exporter and server; gives the server once it answers."""
    with serve_exporter() as exporter, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        config = folder / "prometheus.yml"
        config.write_text(CONFIG.format(exporter=exporter))
        options = {
            "config.file": config,
            "storage.tsdb.path": folder / "data",
            "web.listen-address": f"127.0.0.1:{port}",
            "log.level": "warn",
        }
        log = folder / "log"
        with log.open("wb") as output:
            command = [program, *(f"--{name}={value}" for name, value in options.items())]
            server = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)  # noqa: S603 - ours
            try:
                _await_ready(f"http://127.0.0.1:{port}/-/ready", server, log)
                yield Prometheus(url=f"http://127.0.0.1:{port}")
            finally:
                server.terminate()
                server.wait(START_S)


def _await_ready(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline_s = time.monotonic() + START_S
    while not _answers(url):
        assert server.poll() is None, f"Prometheus ended: {log.read_text()}"
        assert time.monotonic() < deadline_s, f"Prometheus is not ready: {log.read_text()}"
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=START_S) as answer:  # noqa: S310 - ours
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False


@pytest.fixture(scope="session")
def prometheus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with serve_prometheus(binary(), tmp_path_factory.mktemp("prometheus")) as prometheus:
        yield prometheus
