"""The controller's hosts: starts them, keeps a blank one warm, sees them die, fetches their frames."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayActorError

from scanflow_actors.cluster.host import RayHost
from scanflow_actors.cluster.link import LinkReceiver
from scanflow_actors.cluster.placement import Dedicated

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanflow_actors.settings import Settings

HostHandle = Any
"""Ray's handle of a `RayHost`: its methods are made at run time, so it has no static type."""


@dataclass(slots=True, kw_only=True, eq=False)
class Host:
    """One living host process."""

    id: str
    handle: HostHandle
    pid: int = 0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class Hosts:
    """All host processes of one system. On the controller's event loop."""

    def __init__(
        self,
        uid: str,
        settings: Settings,
        on_frame: Callable[[str, bytes], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self.living: dict[str, Host] = {}
        self._uid = uid
        self._settings = settings
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._numbers = itertools.count(1)
        self._standby: list[asyncio.Task[Host]] = []
        self._loop = asyncio.get_running_loop()

    def refill(self) -> None:
        """Start blank hosts until the wanted number stands by."""
        while len(self._standby) < self._settings.ray.standby_hosts:
            self._standby.append(asyncio.create_task(self._start(Dedicated())))

    async def take(self, placement: Dedicated) -> Host:
        """Get a host for a placement: the blank one where it asks for nothing special, else a new one."""
        if placement == Dedicated() and self._standby:
            host = await self._standby.pop(0)
            self.refill()
            if host.id in self.living:
                return host
        return await self._start(placement)

    async def _start(self, placement: Dedicated) -> Host:
        host_id = f"host-{next(self._numbers)}"
        handle = RayHost.options(**placement.ray_options()).remote(self._uid, host_id, self._settings)
        host = Host(id=host_id, handle=handle)
        async with asyncio.timeout(self._settings.ray.start_timeout_s):
            host.pid = await call(handle.hello.remote())
        self.living[host_id] = host
        watch = handle.watch.remote().future()
        watch.add_done_callback(lambda _: self._loop.call_soon_threadsafe(self._died, host))
        host.tasks.append(asyncio.create_task(self._fetch(host)))
        return host

    def _died(self, host: Host) -> None:
        if self.living.pop(host.id, None) is not None:
            for task in host.tasks:
                task.cancel()
            self._on_lost(host.id)

    async def _fetch(self, host: Host) -> None:
        """Bring the host's frames in, for as long as it lives."""
        receiver: LinkReceiver[bytes] = LinkReceiver()
        while host.id in self.living:
            try:
                frames = await call(host.handle.collect.remote(receiver.expected))
            except ActorDiedError:
                return  # `_died` is called by its watch
            except ActorUnavailableError:
                continue  # the call was lost: what was not acknowledged is still there
            for number, frame in frames:
                for due in receiver.take(number, frame):
                    self._on_frame(host.id, due)

    async def end(self, host: Host) -> None:
        """Stop a host's actors, then its process. A host that has died is fine."""
        if self.living.pop(host.id, None) is None:
            return
        with contextlib.suppress(RayActorError, TimeoutError):
            async with asyncio.timeout(self._settings.ray.start_timeout_s):
                await call(host.handle.shutdown.remote())
        for task in host.tasks:
            task.cancel()
        await asyncio.gather(*host.tasks, return_exceptions=True)
        ray.kill(host.handle)

    async def close(self) -> None:
        """End every host, also the blank ones."""
        for standby in self._standby:
            standby.cancel()
        await asyncio.gather(*self._standby, return_exceptions=True)
        self._standby.clear()
        await asyncio.gather(*(self.end(host) for host in tuple(self.living.values())))


async def call(ref: ray.ObjectRef[Any]) -> Any:
    """Await a Ray call from a plain event loop."""
    return await asyncio.wrap_future(ref.future())
