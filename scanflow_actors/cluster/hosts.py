"""The controller's hosts: starts them, keeps blank ones warm, sees them die, fetches their frames."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from typing import TYPE_CHECKING, Any, Protocol

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayActorError, RayError

from scanflow_actors.cluster.carriers import RETRY_S, post
from scanflow_actors.cluster.directory import host_id
from scanflow_actors.cluster.host import RayHost
from scanflow_actors.cluster.lease import Renewals, may_live_s
from scanflow_actors.cluster.placement import Dedicated
from scanflow_actors.cluster.pulse import Host, HostHandle, Pulse, call
from scanflow_actors.errors import HostStartError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from scanflow_actors.cluster.inbox import Inbox
    from scanflow_actors.cluster.stream import Address
    from scanflow_actors.cluster.switch import Streams
    from scanflow_actors.settings import Settings

_log = logging.getLogger(__name__)


class HostListener(Protocol):
    """Who is told of the lives of hosts."""

    def on_host_up(self, host: Host) -> None:
        """A new host is there."""

    def on_host_down(self, host: Host, *, died: bool) -> None:
        """A host has died, or was ended after its actors had stopped."""


class Hosts:
    """All host processes of one system. On the controller's event loop."""

    def __init__(
        self,
        uid: str,
        settings: Settings,
        listener: HostListener,
        *,
        inbox: Inbox,
        acknowledged: Callable[[str, int], None],
    ) -> None:
        self._inbox = inbox
        self._on_acknowledged = acknowledged
        self.streams: Streams | None = None
        """What new hosts are told of the system's sockets; None does without."""
        self.living: dict[str, Host] = {}
        self._uid = uid
        self._settings = settings
        self._listener = listener
        self._numbers = itertools.count(1)
        self._standby: list[asyncio.Task[Host]] = []
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._here = ray.get_runtime_context().get_node_id()
        self._renewals: Renewals | None = None
        if settings.ray.lease_s is not None:
            self._renewals = Renewals(settings.ray.lease_s, self.living)
            self._renewals.start()

    def refill(self) -> None:
        """Start blank hosts until the wanted number stands by."""
        while len(self._standby) < self._settings.ray.standby_hosts and not self._closing:
            standby = asyncio.create_task(self._start(Dedicated(), "a standby"), name="standby")
            standby.add_done_callback(_retrieve)
            self._standby.append(standby)

    async def take(self, placement: Dedicated, path: str) -> Host:
        """Get a host for a placement: a blank one where it asks for nothing special, else a new one.

        Raises:
            HostStartError: No process came up in time.
        """
        while placement == Dedicated() and self._standby:
            standby = self._standby.pop(0)
            self.refill()
            await asyncio.wait((standby,))
            if not standby.cancelled() and standby.exception() is None and standby.result().id in self.living:
                return standby.result()
        return await self._start(placement, path)

    async def _start(self, placement: Dedicated, path: str) -> Host:
        name = host_id(next(self._numbers))
        handle = RayHost.options(**placement.ray_options()).remote(
            self._uid, name, self._settings, self.streams
        )
        host = Host(id=name, handle=handle)
        try:
            async with asyncio.timeout(self._settings.ray.start_timeout_s):
                host.pid, host.node, host.address = await _hello(handle)
        except (TimeoutError, RayError) as error:
            _kill(handle)
            there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
            asked = f"it asks for {placement.ray_options()}, the cluster has {there}"
            raise HostStartError(path=path, problem=f"{type(error).__name__}; {asked}") from error
        except asyncio.CancelledError:
            _kill(handle)
            raise
        self._welcome(host)
        return host

    def _welcome(self, host: Host) -> None:
        self.living[host.id] = host
        self._watch(host)
        host.tasks.append(asyncio.create_task(self._fetch(host), name=f"fetch {host.id}"))
        pulse = Pulse(host, self._settings.ray)
        host.tasks.append(asyncio.create_task(pulse.watch(), name=f"pulse {host.id}"))
        self._listener.on_host_up(host)

    def _watch(self, host: Host) -> None:
        watch = host.handle.watch.remote().future()
        watch.add_done_callback(lambda outcome: post(self._loop, self._watched, host, outcome))

    def _watched(self, host: Host, outcome: Future[None]) -> None:
        if isinstance(outcome.exception(), ActorDiedError):
            self._died(host)
        elif host.id in self.living:  # the call was lost, the host is not
            self._loop.call_later(RETRY_S, self._watch, host)

    def _died(self, host: Host, *, died: bool = True) -> None:
        if self.living.pop(host.id, None) is not None:
            for task in host.tasks:
                task.cancel()
            self._listener.on_host_down(host, died=died)

    async def _fetch(self, host: Host) -> None:
        """Bring the host's frames in, for as long as it lives."""
        while host.id in self.living:
            try:
                acknowledged, frames = await call(host.handle.collect.remote(self._inbox.tell(host.id)))
            except ActorDiedError:
                return  # `_died` is called by its watch
            except RayActorError:  # the call was lost: what was not acknowledged is still there
                await asyncio.sleep(RETRY_S)
                continue
            self._on_acknowledged(host.id, acknowledged)
            for number, frame in frames:
                self._inbox.take(host.id, number, frame)

    async def until_surely_dead(self, host: Host) -> None:
        """Wait as long as a lost host may still run actors, cut off from us."""
        lease_s = self._settings.ray.lease_s
        if lease_s is not None and host.node != self._here:
            now = time.monotonic()
            left_s = await asyncio.to_thread(
                may_live_s, host, now, lease_s=lease_s, here=self._here, living_nodes=_living_nodes
            )
            if left_s:
                _log.warning("%s may live on for %.0f s; its actors wait for that", host.id, left_s)
                await asyncio.sleep(left_s)

    async def end(self, host: Host) -> None:
        """End a host's process, whose actors have stopped before. One that has died is fine."""
        self._died(host, died=False)
        await asyncio.gather(*host.tasks, return_exceptions=True)
        _kill(host.handle)

    async def close(self) -> None:
        """End every host, also the blank ones."""
        self._closing = True
        if self._renewals is not None:
            self._renewals.close()
        for standby in self._standby:
            standby.cancel()
        await asyncio.gather(*self._standby, return_exceptions=True)
        self._standby.clear()
        await asyncio.gather(*(self.end(host) for host in tuple(self.living.values())))


async def _hello(handle: HostHandle) -> tuple[int, str, Address]:
    """Wait until a host is up: its process id, node and address. A call that is lost is made again."""
    while True:
        try:
            answer: tuple[int, str, Address] = await call(handle.hello.remote())
        except ActorUnavailableError:
            await asyncio.sleep(RETRY_S)
        else:
            return answer


def _living_nodes() -> set[str]:
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return {node["NodeID"] for node in nodes if node["Alive"]}


def _kill(handle: HostHandle) -> None:
    ray.kill(handle)


def _retrieve(standby: asyncio.Task[Host]) -> None:
    if not standby.cancelled() and standby.exception() is not None:
        _log.warning("no host stands by: %s", standby.exception())
