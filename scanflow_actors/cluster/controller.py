"""Decides who lives where: settles actors on hosts, and again on others when their host dies."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cloudpickle
import ray

from scanflow_actors.actors.actor import routes_of
from scanflow_actors.actors.events import HostLost
from scanflow_actors.actors.message import StopReason
from scanflow_actors.actors.observing.counts import RestartReason
from scanflow_actors.actors.supervision import RestartLog
from scanflow_actors.cluster.carriers import RayCarrier
from scanflow_actors.cluster.directory import CONTROLLER
from scanflow_actors.cluster.hosts import Hosts
from scanflow_actors.cluster.inbox import Inbox
from scanflow_actors.cluster.node import Node
from scanflow_actors.cluster.observing import shut_down
from scanflow_actors.cluster.placement import Dedicated, Local, Placement, Pooled
from scanflow_actors.cluster.stream import NOWHERE, Address, StreamClient, StreamServer
from scanflow_actors.cluster.switch import Streams, Switch, node_ip
from scanflow_actors.cluster.wire import Ended, Gone, HostDown, HostUp, News, Peer, Settled
from scanflow_actors.errors import (
    ActorError,
    ActorNotFoundError,
    HostLostError,
    HostStartError,
    NameTakenError,
    SystemClosedError,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from scanflow_actors.actors.recipe import Recipe
    from scanflow_actors.cluster.pulse import Host
    from scanflow_actors.settings import Settings

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True, eq=False)
class Resident:
    """A top-level actor: how to make it, where it lives, and how often it came back."""

    recipe: Recipe
    placement: Placement
    restarts: RestartLog
    host: str | None = None
    moves: int = 0
    """How often it was started again since its process had died."""
    leaving: bool = False
    """Whether it is being stopped: then nothing revives it."""

    @property
    def name(self) -> str:
        """Its name among the top-level actors."""
        return self.recipe.name


class Controller:
    """The residents of one system and their hosts. Runs in the process that started the system."""

    def __init__(self, uid: str, settings: Settings) -> None:
        self.residents: dict[str, Resident] = {}
        self._streams: Streams | None = None
        self.node = Node(uid, CONTROLLER, settings, self._connect)
        self.node.on_ended = self._on_ended
        loop, window = self.node.system.loop, settings.ray.link_window
        self._inbox = Inbox(loop, self.node.receive, window=window)
        self.hosts = Hosts(uid, settings, self, inbox=self._inbox, acknowledged=self.node.links.acknowledged)
        self._server: StreamServer | None = None
        self._settings = settings
        self._pools: dict[str, asyncio.Task[Host]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    def _connect(self, node: Node, host: str, peer: Peer | None) -> Switch:
        handle, address = (None, NOWHERE) if peer is None else (peer.handle, peer.address)
        slow = RayCarrier(node, self._inbox, host, handle)
        return Switch(node.links, self._inbox, host, slow, self._client(host, address))

    def _client(self, host: str, address: Address) -> StreamClient | None:
        streams = self._streams
        way = None if streams is None else streams.way(address, node=streams.node)
        if streams is None or way is None:
            return None
        return StreamClient(way, streams.secret, host=host, own=CONTROLLER)

    async def open(self) -> None:
        """Listen for the hosts, and start those that stand by."""
        if self._settings.ray.streams:
            await self._listen()
        self.hosts.refill()

    async def _listen(self) -> None:
        streams = Streams(
            secret=os.urandom(32),
            folder=tempfile.mkdtemp(prefix="scanflow-"),  # only this user may enter it
            node=ray.get_runtime_context().get_node_id(),
            ports=self._settings.ray.stream_ports,
        )
        links = self.node.links
        self._server = StreamServer(CONTROLLER, streams.secret, self._inbox, links.acknowledged)
        address = await streams.listen(self._server, node=streams.node, ip=node_ip())
        self._streams = self.hosts.streams = replace(streams, controller=address)

    # ------------------------------------------------------------------ spawn and stop

    async def spawn(self, recipe: Recipe, placement: Placement) -> None:
        """Settle a new actor; its name is free again when that fails."""
        if self._closing:
            raise SystemClosedError(system=self.node.system.name)
        if recipe.name in self.residents:
            raise NameTakenError(path=f"/{recipe.name}")
        routes_of(recipe.actor)  # a class that cannot work is found here and not in another process
        resident = Resident(recipe=recipe, placement=placement, restarts=RestartLog(recipe.restart))
        self.residents[recipe.name] = resident
        try:
            await self._settle(resident)
        except BaseException:
            if self.residents.get(recipe.name) is resident:
                self._forget(resident, StopReason.FAILED)
            raise

    async def _settle(self, resident: Resident) -> None:
        """Give an actor a host, start it there, and tell everybody."""
        self._tell(Settled(resident.name, None))
        if isinstance(resident.placement, Local):
            await self._settle_here(resident)
            return
        host = await self._host_for(resident.placement, f"/{resident.name}")
        try:
            async with asyncio.timeout(self._settings.ray.start_timeout_s):
                await self.node.command(host.id, "spawn", cloudpickle.dumps(resident.recipe))
        except HostLostError as error:
            raise HostLostError(path=f"/{resident.name}", host=host.id) from error
        except BaseException as error:
            if isinstance(resident.placement, Dedicated):
                self._later(self.hosts.end(host))
            if isinstance(error, TimeoutError):
                problem = "its on_start did not return in time"
                raise HostStartError(path=f"/{resident.name}", problem=problem) from error
            raise
        if host.id not in self.hosts.living:
            raise HostLostError(path=f"/{resident.name}", host=host.id)
        resident.host = host.id
        self._tell(Settled(resident.name, host.id))

    async def _settle_here(self, resident: Resident) -> None:
        recipe, system = resident.recipe, self.node.system
        ref = await system.spawn(
            recipe.actor, *recipe.args, name=recipe.name, mailbox=recipe.mailbox, restart=recipe.restart
        )
        resident.host = CONTROLLER
        self._tell(Settled(recipe.name, CONTROLLER))
        ended = system.ended(ref.path)
        if ended is not None:
            ended.add_done_callback(
                lambda outcome: self._on_ended(CONTROLLER, Ended(recipe.name, outcome.result()))
            )

    async def _host_for(self, placement: Dedicated | Pooled, path: str) -> Host:
        if isinstance(placement, Dedicated):
            return await self.hosts.take(placement, path)
        pool = self._pools.get(placement.pool)
        if pool is None or (pool.done() and not self._is_living(pool)):
            pool = asyncio.create_task(self.hosts.take(Dedicated(), f"pool {placement.pool}"))
            self._pools[placement.pool] = pool
        return await asyncio.shield(pool)

    def _is_living(self, pool: asyncio.Task[Host]) -> bool:
        return not pool.cancelled() and pool.exception() is None and pool.result().id in self.hosts.living

    async def stop(self, name: str, *, drain: bool) -> None:
        """Stop an actor and wait until it has ended; its own process ends with it."""
        resident = self.residents.get(name)
        if resident is None:
            raise ActorNotFoundError(path=f"/{name}", known=self.names())
        resident.leaving = True
        await self._stop(resident, drain=drain)
        self._forget(resident, StopReason.NORMAL)

    async def _stop(self, resident: Resident, *, drain: bool) -> None:
        host = self.hosts.living.get(resident.host or "")
        system = self.node.system
        if resident.host == CONTROLLER:
            if system.ended(f"/{resident.name}") is not None:
                await system.stop(system.find(resident.name), drain=drain)
        elif host is not None:
            dedicated = isinstance(resident.placement, Dedicated)
            try:
                async with asyncio.timeout(self._limit_s(drain=drain)):
                    await self.node.command(host.id, "stop", (resident.name, drain))
                    if dedicated:
                        await self.node.command(host.id, "shutdown", None)
            except HostLostError:
                _log.info("/%s: its host died while it was stopped", resident.name)
            except TimeoutError:
                _log.warning("/%s did not stop in time; its process is killed", resident.name)
            if dedicated:
                await self.hosts.end(host)

    def _limit_s(self, *, drain: bool) -> float:
        actors = self._settings.actors
        return 4 * actors.stop_grace_s + actors.cancel_grace_s + (actors.drain_s if drain else 0.0)

    def names(self) -> tuple[str, ...]:
        """Paths of the living top-level actors."""
        return tuple(sorted(f"/{name}" for name in self.residents))

    async def close(self) -> None:
        """Start nothing any more, stop all actors, the youngest first, then end all hosts."""
        self._closing = True
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for resident in reversed(tuple(self.residents.values())):
            resident.leaving = True
            await self._stop(resident, drain=False)
        self.residents.clear()
        for pool in self._pools.values():
            pool.cancel()
        await asyncio.gather(*self._pools.values(), return_exceptions=True)
        if self._settings.actors.taps:
            await shut_down(self)  # the spans of a process that is merely killed would be lost
        await self.hosts.close()
        await self.node.system.shutdown()
        await self.node.links.close()
        if self._server is not None and self._streams is not None:
            await self._server.close()
            shutil.rmtree(self._streams.folder, ignore_errors=True)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ------------------------------------------------------------------ ends

    def _on_ended(self, host: str, ended: Ended) -> None:
        resident = self.residents.get(ended.name)
        if resident is None or resident.host not in {host, None} or resident.leaving or self._closing:
            return
        home = self.hosts.living.get(host)
        self._forget(resident, ended.reason)
        if home is not None and isinstance(resident.placement, Dedicated):
            self._later(self.hosts.end(home))

    def _forget(self, resident: Resident, reason: StopReason) -> None:
        if self.residents.get(resident.name) is resident:
            del self.residents[resident.name]
            self._tell(Gone(resident.name, reason))

    async def _revive(self, resident: Resident, lost: Host) -> None:
        """Start the actor of a dead process again, as often as its restart strategy allows."""
        await self.hosts.until_surely_dead(lost)
        loop = self.node.system.loop
        while not resident.leaving:
            delay_s = resident.restarts.decide(loop.time(), failed=True)
            if delay_s is None:
                _log.warning("/%s lost its process too often; it stays down", resident.name)
                self._forget(resident, StopReason.HOST_LOST)
                return
            await asyncio.sleep(delay_s)
            try:
                await self._settle(resident)
            except ActorError as error:  # counted: the next round decides again
                _log.warning("/%s could not be started again: %s", resident.name, error)
            else:
                resident.moves += 1
                totals = self.node.system.totals_of(resident.recipe.actor)
                totals.events[RestartReason.HOST_LOST] += 1
                return

    # ------------------------------------------------------------------ HostListener

    def on_host_up(self, host: Host) -> None:
        """Introduce a new host to the others, and the others to it."""
        self._tell(HostUp(host.id, Peer(host.handle, host.address)))
        self.node.send(host.id, (self.node.directory.snapshot(), None))

    def on_host_down(self, host: Host, *, died: bool) -> None:
        """Give everything up that waits for a dead host, and start its actors again elsewhere."""
        lost = [resident for resident in self.residents.values() if resident.host == host.id]
        for resident in lost:
            resident.host = None
            self._tell(Settled(resident.name, None))
        self._tell(HostDown(host.id, died))
        if died:
            self.node.system.events.emit(HostLost, host.id)
        self._inbox.forget(host.id)
        for resident in lost:
            if not resident.leaving and not self._closing:
                self._later(self._revive(resident, host))

    # ------------------------------------------------------------------ helpers

    def _tell(self, news: News) -> None:
        self.node.learn(news)
        for host in self.hosts.living:
            if not isinstance(news, HostUp) or news.host != host:
                self.node.send(host, (news, None))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
