"""Actors on two nodes of a cluster, which talk over TCP: part of the program `two_nodes`."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from scanflow_actors.cluster import Dedicated, RayActorSystem
from scanflow_actors.settings import RaySettings, Settings
from tests.troupe import Messenger, Notes, Recorder, TellAll

ESTABLISHED = "01"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def connections(ports: range) -> int:
    """TCP connections of this machine to some ports."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[3] == ESTABLISHED and int(row[2].rpartition(":")[2], 16) in ports for row in rows)


async def talk() -> bool:
    """Tell from node a to node b, before and after there is a connection: whether all came in order."""
    first = free_port()
    ports = range(first, first + 20)
    settings = Settings(ray=RaySettings(standby_hosts=0, stream_ports=(ports[0], ports[-1])))
    async with RayActorSystem("far", settings=settings) as system:
        recorder = await system.spawn(Recorder, name="recorder", placement=Dedicated(resources={"b": 1}))
        messenger = await system.spawn(Messenger, name="messenger", placement=Dedicated(resources={"a": 1}))
        await messenger.ask(TellAll(recorder, 500))
        async with asyncio.timeout(60):
            while connections(ports) < 4:  # noqa: ASYNC110 - a, b and the controller, which is on a
                await asyncio.sleep(0.1)
        await messenger.ask(TellAll(recorder, 500))
        notes = await recorder.ask(Notes(at_least=1000))
    return notes == [*range(500), *range(500)]
