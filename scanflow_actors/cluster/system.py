"""A tree of actors across processes on Ray: the same face as `ActorSystem`.

The process that makes it is the controller: it owns every host, knows who lives where, and starts the actors
of a dead process again in another. Hosts belong to it: they vanish when it dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import cloudpickle
import ray
from ray.exceptions import RayActorError, RayTaskError

from scanflow_actors.actors.message import StopReason
from scanflow_actors.actors.supervision import RestartLog
from scanflow_actors.cluster.host import CONTROLLER, RayCarrier
from scanflow_actors.cluster.hosts import Host, Hosts, call
from scanflow_actors.cluster.node import Node, Topology
from scanflow_actors.cluster.placement import Dedicated, Local, Placement, Pooled
from scanflow_actors.errors import (
    ActorError,
    ActorNotFoundError,
    HostLostError,
    NameTakenError,
    ScanflowError,
)
from scanflow_actors.settings import Settings

if TYPE_CHECKING:
    from types import TracebackType

    from scanflow_actors.actors.actor import Actor
    from scanflow_actors.actors.dead_letters import DeadLetters
    from scanflow_actors.actors.mailbox import MailboxSpec
    from scanflow_actors.actors.recipe import Recipe
    from scanflow_actors.actors.ref import ActorRef
    from scanflow_actors.actors.supervision import RestartStrategy
    from scanflow_actors.cluster.wire import Ended

_RAY_ENVIRONMENT = {
    "RAY_worker_niceness": "0",  # Ray's default of 15 starves actors beside anything else that computes
    "RAY_raylet_start_wait_time_s": "120",  # a loaded machine needs more than Ray's default
    "RAY_enable_metrics_collection": "0",  # Ray's own metrics cost two processes
    "RAY_AUTH_MODE": "disabled",  # nothing of a cluster that we start listens beyond loopback
}


@dataclass(slots=True, kw_only=True)
class _Resident:
    """A top-level actor: how to make it, where it lives, and how often it came back."""

    recipe: Recipe
    placement: Placement
    host: str | None
    restarts: RestartLog


class RayActorSystem:
    """Actors in processes of a Ray cluster.

    ::

        async with RayActorSystem("demo") as system:
            counter = await system.spawn(Counter, 0, name="counter", placement=Dedicated(num_cpus=1))
            total = await counter.ask(Add(2))

    Without a running Ray it starts a local one, and ends it.
    """

    def __init__(self, name: str = "scanflow", *, settings: Settings | None = None) -> None:
        self.name = name
        self.settings = settings or Settings()
        self._residents: dict[str, _Resident] = {}
        self._pools: dict[str, asyncio.Task[Host]] = {}
        self._reasons: dict[str, StopReason] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._version = 0
        self._owns_ray = False
        self._closing = False

    async def __aenter__(self) -> Self:
        if not ray.is_initialized():
            await asyncio.to_thread(self._start_ray)
            self._owns_ray = True
        self.uid = f"{self.name}-{os.urandom(6).hex()}"
        self._node = Node(self.uid, CONTROLLER, self.settings, RayCarrier)
        self._node.on_ended = self._on_ended
        self._hosts = Hosts(self.uid, self.settings, self._node.receive, self._on_host_lost)
        self._hosts.refill()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.shield(self.shutdown())

    def _start_ray(self) -> None:
        for key, value in _RAY_ENVIRONMENT.items():
            os.environ.setdefault(key, value)
        ray.init(
            num_cpus=self.settings.ray.num_cpus,
            object_store_memory=self.settings.ray.object_store_bytes,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _node_ip_address="127.0.0.1",
        )

    # ------------------------------------------------------------------ as ActorSystem

    @property
    def dead_letters(self) -> DeadLetters:
        """Messages of the controller's process that nobody handled; each host has its own."""
        return self._node.system.dead_letters

    async def spawn(
        self,
        actor: type[Actor],
        *args: Any,
        name: str,
        mailbox: MailboxSpec | None = None,
        restart: RestartStrategy | None = None,
        placement: Placement | None = None,
    ) -> ActorRef:
        """Start a top-level actor and wait for its `on_start`.

        Args:
            actor: Class to make the instance of; must be importable, or picklable by cloudpickle.
            args: Arguments of its constructor; they must pickle.
            name: Unique among living top-level actors.
            mailbox: Capacity and overflow; None takes the system's default.
            restart: Which failures it survives, the death of its process included.
            placement: Where it lives; None gives it a process of its own.

        Raises:
            NameTakenError: A living actor has this name.
            ActorFailedError: Its first start failed; the cause is chained.
            HostLostError: Its process died while it started.
        """
        recipe = self._node.system.recipe(actor, args, name, mailbox, restart)
        if name in self._residents:
            raise NameTakenError(path=f"/{name}")
        self._residents[name] = resident = _Resident(
            recipe=recipe,
            placement=placement or Dedicated(),
            host=None,
            restarts=RestartLog(recipe.restart),
        )
        try:
            await self._settle(resident)
        except ScanflowError:
            del self._residents[name]
            await self._broadcast()
            raise
        return self.find(name)

    def find(self, name: str) -> ActorRef:
        """Address the top-level actor called `name`; whether it lives is seen by the first message."""
        return self._node.system.find(name)

    async def stop(self, ref: ActorRef) -> None:
        """Stop a top-level actor and wait until it has ended.

        Raises:
            ActorNotFoundError: No living top-level actor has this path.
        """
        name = ref.path[1:]
        resident = self._residents.get(name)
        if resident is None:
            raise ActorNotFoundError(path=ref.path, known=self.names())
        await self._stop(resident)
        await self._depart(name, StopReason.NORMAL)

    def names(self) -> tuple[str, ...]:
        """Paths of the living top-level actors."""
        return tuple(sorted(f"/{name}" for name in self._residents))

    def process_of(self, ref: ActorRef) -> int:
        """The id of the process that hosts a top-level actor.

        Raises:
            ActorNotFoundError: It has no living host at present.
        """
        resident = self._residents.get(ref.path[1:])
        host = self._hosts.living.get(resident.host or "") if resident else None
        if host is None:
            raise ActorNotFoundError(path=ref.path, known=self.names())
        return host.pid

    async def shutdown(self) -> None:
        """Stop all actors, the youngest first, then their processes, then a Ray that we started."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for resident in reversed(tuple(self._residents.values())):
            await self._stop(resident)
        self._residents.clear()
        await self._hosts.close()
        await self._node.system.shutdown()
        if self._owns_ray:
            await asyncio.to_thread(ray.shutdown)

    # ------------------------------------------------------------------ settling actors

    async def _settle(self, resident: _Resident) -> None:
        """Give an actor a host, start it there, and tell everybody."""
        recipe = resident.recipe
        if isinstance(resident.placement, Local):
            resident.host = CONTROLLER
            await self._broadcast()
            await self._spawn_here(recipe)
            return
        host = await self._host_for(resident.placement)
        resident.host = None
        topology = self._topology()
        try:
            await call(host.handle.spawn.remote(cloudpickle.dumps(recipe), topology))
        except RayActorError as error:
            raise HostLostError(path=f"/{recipe.name}", host=host.id) from error
        except RayTaskError as error:
            if isinstance(error.cause, ScanflowError):
                raise error.cause from None
            raise ActorError(f"/{recipe.name} could not start: {error.cause}") from error
        if host.id not in self._hosts.living:
            raise HostLostError(path=f"/{recipe.name}", host=host.id)
        resident.host = host.id
        await self._broadcast()

    async def _spawn_here(self, recipe: Recipe) -> None:
        ref = await self._node.system.spawn(
            recipe.actor, *recipe.args, name=recipe.name, mailbox=recipe.mailbox, restart=recipe.restart
        )
        ended = self._node.system.ended(ref.path)
        if ended is not None:
            ended.add_done_callback(lambda outcome: self._departs(recipe.name, CONTROLLER, outcome.result()))

    async def _host_for(self, placement: Dedicated | Pooled) -> Host:
        if isinstance(placement, Dedicated):
            return await self._hosts.take(placement)
        started = self._pools.get(placement.pool)
        if started is None or (started.done() and started.result().id not in self._hosts.living):
            started = self._pools[placement.pool] = asyncio.create_task(self._hosts.take(Dedicated()))
        return await asyncio.shield(started)

    async def _stop(self, resident: _Resident) -> None:
        name = resident.recipe.name
        host = self._hosts.living.get(resident.host or "")
        resident.restarts = RestartLog(resident.recipe.restart)
        if resident.host == CONTROLLER:
            with contextlib.suppress(ActorNotFoundError):
                await self._node.system.stop(self.find(name))
        elif host is not None and isinstance(resident.placement, Dedicated):
            await self._hosts.end(host)
        elif host is not None:
            with contextlib.suppress(RayActorError, RayTaskError):  # it has ended by itself meanwhile
                await call(host.handle.stop.remote(name))

    # ------------------------------------------------------------------ ends

    def _on_ended(self, host: str, ended: Ended) -> None:
        self._departs(ended.name, host, ended.reason)

    def _departs(self, name: str, host: str, reason: StopReason) -> None:
        resident = self._residents.get(name)
        if resident is not None and resident.host == host and not self._closing:
            self._later(self._depart(name, reason))

    async def _depart(self, name: str, reason: StopReason) -> None:
        resident = self._residents.pop(name, None)
        self._reasons[name] = reason
        await self._broadcast()
        host = self._hosts.living.get(resident.host or "") if resident else None
        if resident and host and isinstance(resident.placement, Dedicated):
            await self._hosts.end(host)

    def _on_host_lost(self, host: str) -> None:
        lost = [resident for resident in self._residents.values() if resident.host == host]
        for resident in lost:
            resident.host = None
            if not self._closing:
                self._later(self._revive(resident))
        if not self._closing:
            self._later(self._broadcast())

    async def _revive(self, resident: _Resident) -> None:
        """Start the actor of a dead process again, as often as its restart strategy allows."""
        name = resident.recipe.name
        loop = asyncio.get_running_loop()
        while self._residents.get(name) is resident:
            delay_s = resident.restarts.decide(loop.time(), failed=True)
            if delay_s is None:
                await self._depart(name, StopReason.HOST_LOST)
                return
            await asyncio.sleep(delay_s)
            with contextlib.suppress(ActorError):  # counted: the next round decides again
                await self._settle(resident)
                return

    # ------------------------------------------------------------------ who lives where

    def _topology(self) -> Topology:
        self._version += 1
        hosts = {host.id: host.handle for host in self._hosts.living.values()}
        return Topology(
            version=self._version,
            hosts={CONTROLLER: None, **hosts},
            homes={name: resident.host for name, resident in self._residents.items()},
            ended=dict(self._reasons),
        )

    async def _broadcast(self) -> None:
        topology = self._topology()
        self._node.learn(topology)
        hosts = tuple(self._hosts.living.values())
        calls = (call(host.handle.learn.remote(topology)) for host in hosts)
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, RayActorError):
                raise outcome

    def _later(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
