"""The Ray actor that hosts our actors: a process with an event loop in a thread of its own.

Ray calls its methods on threads of their own, one a group, so that frames, the pulse and the watch never
wait for each other. It never restarts by Ray's doing: supervision is ours. Everything that the controller
wants comes as a frame, in order with what it says about who lives where.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

import cloudpickle
import ray

from scanflow_actors.actors.message import StopReason
from scanflow_actors.cluster.carriers import Answered, Outbox, RayCarrier, post
from scanflow_actors.cluster.connection import NO_FRAME
from scanflow_actors.cluster.directory import CONTROLLER
from scanflow_actors.cluster.inbox import Inbox
from scanflow_actors.cluster.lease import Tenant
from scanflow_actors.cluster.node import Node
from scanflow_actors.cluster.observing import node_statistics
from scanflow_actors.cluster.stream import NOWHERE, Address, StreamClient, StreamServer
from scanflow_actors.cluster.switch import Streams, Switch, node_ip
from scanflow_actors.cluster.wire import Command, Ended, Entry, Peer
from scanflow_actors.errors import ActorError, ActorNotFoundError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from scanflow_actors.actors.recipe import Recipe
    from scanflow_actors.cluster.payloads import Frame
    from scanflow_actors.settings import Settings

_log = logging.getLogger(__name__)

T = TypeVar("T")

FLUSH_S = 1.0
"""Seconds that a host which is being ended gives its last answers to arrive."""


class Commands:
    """Does on a host what the controller wants, and answers when it is done."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._tasks: set[asyncio.Task[None]] = set()
        node.on_command = self._on_command

    def _on_command(self, host: str, command: Command) -> None:
        task = asyncio.create_task(self._do(host, command), name=command.kind)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _do(self, host: str, command: Command) -> None:
        value: Any = None
        error: ActorError | None = None
        try:
            if command.kind == "spawn":
                recipe = await asyncio.to_thread(cloudpickle.loads, command.argument)  # it may import much
                await self._spawn(recipe)
            elif command.kind == "stop":
                name, drain = command.argument
                await self._stop(name, drain=drain)
            elif command.kind == "statistics":
                value = await node_statistics(self._node, each=command.argument)
            else:
                await self._node.system.shutdown()
                await self._node.links.drained(FLUSH_S)
        except ActorError as failed:
            error = failed
        except Exception as failed:  # noqa: BLE001 - a recipe that cannot be unpickled here, or our own fault
            error = ActorError(
                f"{command.kind} failed on {self._node.host}: {type(failed).__name__}: {failed}"
            )
            error.__cause__ = failed
        answer: Entry = (command.ask, value) if error is None else ((command.ask,), error)
        self._node.send(host, answer)

    async def _spawn(self, recipe: Recipe) -> None:
        system = self._node.system
        ref = await system.spawn(
            recipe.actor, *recipe.args, name=recipe.name, mailbox=recipe.mailbox, restart=recipe.restart
        )
        ended = system.ended(ref.path)
        if ended is None:
            self._tell_end(recipe.name, StopReason.NORMAL)
        else:
            ended.add_done_callback(lambda outcome: self._tell_end(recipe.name, outcome.result()))

    def _tell_end(self, name: str, reason: StopReason) -> None:
        self._node.send(CONTROLLER, (Ended(name, reason), None))

    async def _stop(self, name: str, *, drain: bool) -> None:
        system = self._node.system
        try:
            await system.stop(system.find(name), drain=drain)
        except ActorNotFoundError:
            return  # it has ended by itself meanwhile, which is what was wanted


class HostProcess:
    """One process that runs actors. Created by the controller only, so that it owns every host."""

    def __init__(self, uid: str, host: str, settings: Settings, streams: Streams | None) -> None:
        self._settings = settings
        self._streams = streams
        self._place = ray.get_runtime_context().get_node_id()
        self._address = NOWHERE
        self._carriers: dict[str, RayCarrier] = {}
        self._ending = threading.Event()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="actors", daemon=True).start()
        self._run(self._open(uid, host))
        gc.freeze()  # what Ray has imported stays: a message is a fifth cheaper when nobody looks through it
        lease_s = settings.ray.lease_s
        self._tenant = None if lease_s is None else Tenant(lease_s, self._cut_off, lambda: os._exit(1))

    async def _open(self, uid: str, host: str) -> None:
        window = self._settings.ray.link_window
        self._inbox = Inbox(asyncio.get_running_loop(), self._receive, window=window)
        self._node = Node(uid, host, self._settings, self._connect)
        self._commands = Commands(self._node)
        if self._streams is not None:
            secret, acknowledged = self._streams.secret, self._node.links.acknowledged
            self._server = StreamServer(host, secret, self._inbox, acknowledged)
            self._address = await self._streams.listen(self._server, node=self._place, ip=node_ip())

    def _receive(self, sender: str, frame: Frame) -> None:
        self._node.receive(sender, frame)

    def _connect(self, node: Node, other: str, peer: Peer | None) -> Switch:
        slow: RayCarrier | Outbox
        if peer is None:
            slow = self._outbox = Outbox(node)
        else:
            slow = RayCarrier(node, self._inbox, other, peer.handle)
            living = {host: carrier for host, carrier in self._carriers.items() if carrier.is_open}
            self._carriers = {**living, other: slow}
        return Switch(node.links, self._inbox, other, slow, self._client(node.host, other, peer))

    def _client(self, own: str, other: str, peer: Peer | None) -> StreamClient | None:
        streams = self._streams
        if streams is None:
            return None
        way = streams.way(streams.controller if peer is None else peer.address, node=self._place)
        return None if way is None else StreamClient(way, streams.secret, host=other, own=own)

    def _cut_off(self) -> None:
        _log.error("no word from the controller for long: the actors of this host stop")
        asyncio.run_coroutine_threadsafe(self._leave(), self._loop)

    async def _leave(self) -> None:
        await self._node.system.shutdown()
        os._exit(1)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    @ray.method(concurrency_group="frames")
    def deliver(self, sender: str, number: int, frame: Frame, acknowledged: int) -> Answered:
        """Take a frame of another host in.

        While the loop is behind by more than a window, this waits: the senders wait with it.

        Args:
            sender: The other host.
            number: Of the frame; `NO_FRAME` when this is only an acknowledgement.
            frame: The packed entries.
            acknowledged: The number that the other host expects next.

        Returns:
            The number that is expected next from it, and frames for it that were ready to go.
        """
        carrier = self._carriers.get(sender)  # the controller has none: it comes to collect its frames
        if carrier is None:
            post(self._loop, self._node.links.acknowledged, sender, acknowledged)
        else:
            carrier.begin(acknowledged, len(frame))
        again = number < self._inbox.expected(sender)
        if number != NO_FRAME:
            self._inbox.take(sender, number, frame)
            self._inbox.wait_for_room()
        rides = [] if carrier is None else carrier.end(again=again)
        return self._inbox.tell(sender), rides

    @ray.method(concurrency_group="collect")
    def collect(self, expected: int) -> Answered:
        """Give the controller its frames, none when none came for a while, and what is expected from it."""
        frames = self._outbox.collect(expected, self._settings.ray.poll_timeout_s)
        return self._inbox.tell(CONTROLLER), frames

    @ray.method(concurrency_group="pulse")
    def hello(self) -> tuple[int, str, Address]:
        """Say that the process is up: its process id, the node that it runs on, and where it listens."""
        return os.getpid(), self._place, self._address

    @ray.method(concurrency_group="pulse")
    def beat(self) -> bool:
        """Say whether the event loop turns; a receiver that computes without awaiting holds it up."""
        turned = threading.Event()
        self._loop.call_soon_threadsafe(turned.set)
        return turned.wait(self._settings.ray.heartbeat_s)

    @ray.method(concurrency_group="pulse")
    def renew(self) -> None:
        """Renew the lease: the controller is there."""
        if self._tenant is not None:
            self._tenant.renew()

    @ray.method(concurrency_group="watch")
    def watch(self) -> None:
        """Pend for ever: the call fails some milliseconds after the process has died."""
        self._ending.wait()


_OPTIONS: dict[str, Any] = {
    "max_restarts": 0,  # a death is then seen within 20 ms instead of a second
    "allow_out_of_order_execution": True,  # order is the link's; in-order lanes lose calls behind a lost one
    "concurrency_groups": {"frames": 1, "collect": 1, "pulse": 1, "watch": 1},
}
RayHost: Any = ray.remote(**_OPTIONS)(HostProcess)
"""`HostProcess` as a Ray actor class; its methods are made at run time, so it has no static type."""
