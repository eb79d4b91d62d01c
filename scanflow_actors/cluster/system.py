"""A tree of actors across processes on Ray: the same face as `ActorSystem`.

The process that makes it is the controller: it owns every host, knows who lives where, and starts the actors
of a dead process again in another. Hosts belong to it: they vanish when it dies.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING, Any, Self

import ray

from scanflow_actors.actors.observing.tree import Tree, tree_of
from scanflow_actors.cluster.controller import Controller
from scanflow_actors.cluster.observing import system_statistics
from scanflow_actors.cluster.payloads import PAYLOADS
from scanflow_actors.cluster.placement import Dedicated, Placement
from scanflow_actors.errors import ActorNotFoundError
from scanflow_actors.settings import Settings

if TYPE_CHECKING:
    from types import TracebackType

    from scanflow_actors.actors.actor import Actor
    from scanflow_actors.actors.dead_letters import DeadLetters
    from scanflow_actors.actors.events import EventStream
    from scanflow_actors.actors.mailbox import MailboxSpec
    from scanflow_actors.actors.observing.statistics import SystemStatistics
    from scanflow_actors.actors.receptionist import Receptionist
    from scanflow_actors.actors.ref import ActorRef
    from scanflow_actors.actors.supervision import RestartStrategy

RAY_ENVIRONMENT = {
    "RAY_worker_niceness": "0",  # Ray's default of 15 starves actors beside anything else that computes
    "RAY_raylet_start_wait_time_s": "120",  # a loaded machine needs more than Ray's default
    "RAY_enable_metrics_collection": "0",  # Ray's own metrics cost two processes
    "RAY_AUTH_MODE": "disabled",  # nothing of a cluster that we start listens beyond loopback
}


def start_ray(settings: Settings) -> None:
    """Connect to the Ray that ``RAY_ADDRESS`` names; without one, start a local Ray for this process only."""
    if os.environ.get("RAY_ADDRESS"):
        ray.init(log_to_driver=False, logging_level=logging.ERROR)
        return
    for key, value in RAY_ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    ray.init(
        address="local",  # not one that somebody else happens to run on this machine
        num_cpus=settings.ray.num_cpus,
        object_store_memory=settings.ray.object_store_bytes,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _node_ip_address="127.0.0.1",
    )


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
        self._owns_ray = False
        self._is_open = False

    async def __aenter__(self) -> Self:
        if not ray.is_initialized():
            await asyncio.to_thread(start_ray, self.settings)
            self._owns_ray = True
        PAYLOADS.forget()
        self.uid = f"{self.name}-{os.urandom(6).hex()}"
        self._controller = Controller(self.uid, self.settings)
        await self._controller.open()
        self._is_open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.shield(self.shutdown())

    @property
    def dead_letters(self) -> DeadLetters:
        """Messages that nobody handled, those of all hosts; theirs come a moment later."""
        return self._controller.node.system.dead_letters

    @property
    def receptionist(self) -> Receptionist:
        """Where actors are found, by name or by the type of the messages that they receive."""
        return self._controller.node.system.receptionist

    @property
    def events(self) -> EventStream:
        """What happens to the actors of all hosts."""
        return self._controller.node.system.events

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
            HostStartError: No process could be started for it.
            SystemClosedError: The system is shutting down.
        """
        recipe = self._controller.node.system.recipe(actor, args, name, mailbox, restart)
        await self._controller.spawn(recipe, placement or Dedicated())
        return self.find(name)

    def find(self, name: str) -> ActorRef:
        """Address the top-level actor called `name`; whether it lives is seen by the first message."""
        return self._controller.node.system.find(name)

    async def stop(self, ref: ActorRef, *, drain: bool = False) -> None:
        """Stop a top-level actor and wait until it has ended.

        Args:
            ref: Its address.
            drain: Let it handle first what is in its mailbox; new messages are turned away.

        Raises:
            ActorNotFoundError: No living top-level actor has this path.
        """
        await self._controller.stop(ref.path[1:], drain=drain)

    def names(self) -> tuple[str, ...]:
        """Paths of the living top-level actors."""
        return self._controller.names()

    async def statistics(self, *, each: bool = False) -> SystemStatistics:
        """How the system is, at this moment, in all its processes.

        Args:
            each: Whether to list every actor beside the sums by class.

        Returns:
            What the hosts say within two seconds; those that do not are named as silent.
        """
        return await system_statistics(self._controller, self.name, each=each)

    async def tree(self) -> Tree:
        """The living actors of all processes, each with its host; ``str`` of it is for people."""
        return tree_of(await self.statistics(each=True))

    def process_of(self, ref: ActorRef) -> int:
        """The id of the process that hosts a top-level actor.

        Raises:
            ActorNotFoundError: It has no living host at present.
        """
        resident = self._controller.residents.get(ref.path[1:])
        host = self._controller.hosts.living.get(resident.host or "") if resident else None
        if host is None:
            raise ActorNotFoundError(path=ref.path, known=self.names())
        return host.pid

    async def shutdown(self) -> None:
        """Stop all actors, the youngest first, then their processes, then a Ray that we started."""
        if not self._is_open:
            return
        self._is_open = False
        await self._controller.close()
        if self._owns_ray:
            await asyncio.to_thread(ray.shutdown)
