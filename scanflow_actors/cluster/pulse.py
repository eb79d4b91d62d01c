"""Whether a host is alive: Ray sees a process that dies, but not one that is stopped or hangs."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ray

from scanflow_actors.cluster.stream import NOWHERE, Address

if TYPE_CHECKING:
    from scanflow_actors.settings import RaySettings

_log = logging.getLogger(__name__)

PATIENCE = 4
"""Heartbeats in a row that find the event loop held up before it is told: an import may take one."""

HostHandle = Any
"""Ray's handle of a `RayHost`: its methods are made at run time, so it has no static type."""


@dataclass(slots=True, kw_only=True, eq=False)
class Host:
    """One living host process."""

    id: str
    handle: HostHandle
    pid: int = 0
    node: str = ""
    """Ray's id of the machine that it runs on."""
    address: Address = NOWHERE
    renewed: float = field(default_factory=time.monotonic)
    """Instant on `time.monotonic` at which its lease was renewed last."""
    is_silent: bool = False
    """Whether it gave no sign of life when it was given up."""
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class Pulse:
    """Feels the pulse of one host. A silent one is reported after two heartbeats, and killed later."""

    def __init__(self, host: Host, settings: RaySettings) -> None:
        self._host = host
        self._settings = settings
        self._blocked = 0

    async def watch(self) -> None:
        """Feel it until the host is gone; cancelled then."""
        while True:
            await asyncio.sleep(self._settings.heartbeat_s)
            beat: asyncio.Task[bool] = asyncio.create_task(call(self._host.handle.beat.remote()))
            beat.add_done_callback(_retrieve)
            try:
                done, _ = await asyncio.wait((beat,), timeout=self._settings.heartbeat_s)
                if not done:
                    done = await self._silent(beat)
            finally:
                beat.cancel()
            if not done:
                return  # it is killed: its watch tells the others
            if beat.exception() is None:  # else the call was lost, or its watch is about to say that it died
                self._turns(turns=beat.result())

    async def _silent(self, beat: asyncio.Task[bool]) -> set[asyncio.Task[bool]]:
        settings, host = self._settings, self._host
        _log.info("%s (pid %d) gives no sign of life", host.id, host.pid)
        done, _ = await asyncio.wait((beat,), timeout=settings.hung_kill_s)
        if done:
            _log.info("%s (pid %d) is back", host.id, host.pid)
        else:
            _log.error(
                "%s (pid %d) has been silent for %s s; it is killed", host.id, host.pid, settings.hung_kill_s
            )
            host.is_silent = True
            kill(host)
        return done

    def _turns(self, *, turns: bool) -> None:
        self._blocked = 0 if turns else self._blocked + 1
        if self._blocked == PATIENCE:
            _log.warning("%s: a receiver holds up the event loop; run long work in a thread", self._host.id)


def _retrieve(beat: asyncio.Task[bool]) -> None:
    """Keep asyncio from complaining about a beat that failed when nobody felt for it any more."""
    if not beat.cancelled():
        beat.exception()


def kill(host: Host) -> None:
    """Kill a host's process, also one that is stopped and does not hear Ray."""
    if host.node == ray.get_runtime_context().get_node_id():
        try:
            os.kill(host.pid, signal.SIGKILL)
        except ProcessLookupError:
            _log.debug("%s was dead already", host.id)
    ray.kill(host.handle)


async def call(ref: ray.ObjectRef[Any]) -> Any:
    """Await a Ray call from a plain event loop."""
    return await asyncio.wrap_future(ref.future())
