"""A cluster on paper: nodes of one system in one process, over carriers that lose, repeat and reorder."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, Self

from scanflow_actors.actors.message import StopReason
from scanflow_actors.actors.ref import attach
from scanflow_actors.cluster.directory import CONTROLLER, host_id
from scanflow_actors.cluster.frames import pack
from scanflow_actors.cluster.link import LinkReceiver
from scanflow_actors.cluster.node import Node
from scanflow_actors.cluster.wire import Entry, Gone, HostDown, HostUp, News, Settled
from scanflow_actors.settings import Settings

if TYPE_CHECKING:
    from scanflow_actors.actors import Actor, ActorRef
    from scanflow_actors.cluster.payloads import Frame


class PaperCarrier:
    """Sends each frame until it has arrived: some tries are lost, some are repeated, all take their time."""

    def __init__(self, cluster: PaperCluster, node: Node, host: str) -> None:
        self._cluster = cluster
        self._node = node
        self._host = host
        self._is_open = True

    is_busy = False

    def carry(self, number: int, entries: list[Entry]) -> int:
        frame = pack(entries, self._cluster.store)
        self._try(number, frame)
        return len(frame)

    def acknowledged(self, expected: int) -> None:
        assert expected >= 0

    async def close(self) -> None:
        self._is_open = False

    def _try(self, number: int, frame: Frame) -> None:
        if not self._is_open or self._host in self._cluster.dead:
            return
        cluster, loop = self._cluster, asyncio.get_running_loop()
        arrived = answered = False
        for _ in range(2 if cluster.happens() else 1):
            if not cluster.happens():
                loop.call_later(
                    cluster.delay_s(), self._arrive, number, frame, answered := not cluster.happens()
                )
                arrived = True
        if not (arrived and answered):
            loop.call_later(1.0, self._try, number, frame)

    def _arrive(self, number: int, frame: Frame, answered: bool) -> None:
        if self._host in self._cluster.dead or self._node.host in self._cluster.dead:
            return
        expected = self._cluster.take(self._host, self._node.host, number, frame)
        if answered:
            loop = asyncio.get_running_loop()
            loop.call_later(self._cluster.delay_s(), self._acknowledge, expected)

    def _acknowledge(self, expected: int) -> None:
        if self._is_open:
            self._node.links.acknowledged(self._host, expected)


class PaperCluster:
    """A controller and some hosts. `faults` is the share of tries that are lost, and of those repeated."""

    def __init__(
        self, hosts: int = 2, *, faults: float = 0.0, seed: int = 0, settings: Settings | None = None
    ) -> None:
        self.dead: set[str] = set()
        self.store: Any = None
        """Takes large buffers, as `Payloads` does; None leaves them in their frames."""
        self._faults = faults
        self._chance = random.Random(seed)  # noqa: S311 - the adversary of a test
        self._receivers: dict[tuple[str, str], LinkReceiver[Frame]] = {}
        self._settings = settings or Settings()
        self._count = 0
        self._wanted = hosts
        self.nodes: dict[str, Node] = {}

    async def __aenter__(self) -> Self:
        self.nodes[CONTROLLER] = self._node(CONTROLLER)
        for _ in range(self._wanted):
            self.add_host()
        await asyncio.sleep(60)  # all have heard of each other
        return self

    async def __aexit__(self, *_: object) -> None:
        for node in self.nodes.values():
            await node.system.shutdown()

    def _node(self, host: str) -> Node:
        def connect(node: Node, other: str, handle: Any) -> PaperCarrier:
            del handle
            return PaperCarrier(self, node, other)

        return Node(f"paper-{id(self)}", host, self._settings, connect)

    def add_host(self) -> str:
        self._count += 1
        host = host_id(self._count)
        self.nodes[host] = self._node(host)
        self.tell(HostUp(host, None), but=host)
        self.controller.send(host, (self.controller.directory.snapshot(), None))
        return host

    @property
    def controller(self) -> Node:
        return self.nodes[CONTROLLER]

    def happens(self) -> bool:
        return self._chance.random() < self._faults

    def delay_s(self) -> float:
        return 0.001 + 0.01 * self._chance.random()

    def take(self, host: str, sender: str, number: int, frame: Frame) -> int:
        receiver = self._receivers.setdefault((host, sender), LinkReceiver())
        for due in receiver.take(number, frame):
            attach(self.nodes[host].system)  # refs in the frame belong to this node: all share one process
            self.nodes[host].receive(sender, due)
        return receiver.expected

    def tell(self, news: News, but: str = "") -> None:
        self.controller.learn(news)
        for host in list(self.controller.directory.hosts):
            if host not in {CONTROLLER, but}:
                self.controller.send(host, (news, None))

    async def spawn(self, host: str, actor: type[Actor], *args: Any, name: str) -> ActorRef:
        self.tell(Settled(name, None))
        ref = await self.nodes[host].system.spawn(actor, *args, name=name)
        self.tell(Settled(name, host))
        return ref

    async def stop(self, name: str) -> None:
        host = self.controller.directory.homes[name]
        system = self.nodes[host or ""].system
        await system.stop(system.find(name))
        self.tell(Gone(name, StopReason.NORMAL))

    def kill(self, host: str) -> None:
        self.dead.add(host)
        homes = self.controller.directory.homes
        for name in [name for name, home in homes.items() if home == host]:
            self.tell(Settled(name, None))
        self.tell(HostDown(host, died=True))
