"""The Ray actor that hosts our actors: a process with an event loop in a thread of its own.

Ray calls its methods on threads of their own, one a group, so that frames, control and the watch never
wait for each other. It never restarts by Ray's doing: supervision is ours.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

import cloudpickle
import ray
from ray.exceptions import ActorDiedError

from scanflow_actors.cluster.link import LinkReceiver
from scanflow_actors.cluster.node import Node, Topology
from scanflow_actors.cluster.wire import Ended, Entry, pack

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from concurrent.futures import Future

    from scanflow_actors.actors.message import StopReason
    from scanflow_actors.actors.recipe import Recipe
    from scanflow_actors.settings import Settings

CONTROLLER = "controller"
"""Id of the host that is the process which started the system."""

T = TypeVar("T")


class RayCarrier:
    """Frames as Ray calls to the other host's `deliver`."""

    def __init__(self, node: Node, host: str, handle: Any) -> None:
        self._node = node
        self._host = host
        self._handle = handle
        self._loop = asyncio.get_running_loop()

    def carry(self, number: int, entries: list[Entry]) -> None:
        """Send a frame, again and again until it has arrived or the host has died."""
        self._carry(number, pack(entries))

    def _carry(self, number: int, frame: bytes) -> None:
        call: Any = self._handle.deliver.remote(self._node.host, number, frame)

        def answered(outcome: Future[int]) -> None:
            error = outcome.exception()
            if error is None:
                self._loop.call_soon_threadsafe(self._node.acknowledged, self._host, outcome.result())
            elif not isinstance(error, ActorDiedError):  # lost on the way: the receiver drops repetitions
                self._loop.call_soon_threadsafe(self._carry, number, frame)

        call.future().add_done_callback(answered)


class Outbox:
    """Frames for the controller, which is no Ray actor and comes to collect them."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._frames: list[tuple[int, bytes]] = []
        self._changed = threading.Condition()
        self._closed = False

    def carry(self, number: int, entries: list[Entry]) -> None:
        """Lay a frame out."""
        with self._changed:
            self._frames.append((number, pack(entries)))
            self._changed.notify()

    def collect(self, expected: int, timeout_s: float) -> list[tuple[int, bytes]]:
        """Wait for frames from number `expected` on; they stay until a later call acknowledges them."""
        with self._changed:
            self._frames = [frame for frame in self._frames if frame[0] >= expected]
            self._loop.call_soon_threadsafe(self._node.acknowledged, CONTROLLER, expected)
            self._changed.wait_for(lambda: self._frames or self._closed, timeout=timeout_s)
            return list(self._frames)

    def close(self) -> None:
        """Let the waiting `collect` return."""
        with self._changed:
            self._closed = True
            self._changed.notify()


class HostProcess:
    """One process that runs actors. Created by the controller only, so that it owns every host."""

    def __init__(self, uid: str, host: str, settings: Settings) -> None:
        self._settings = settings
        self._receivers: dict[str, LinkReceiver[bytes]] = {}
        self._ending = threading.Event()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="actors", daemon=True).start()
        self._node, self._outbox = self._run(self._open(uid, host))

    async def _open(self, uid: str, host: str) -> tuple[Node, Outbox]:
        def connect(node: Node, other: str, handle: Any) -> RayCarrier | Outbox:
            return self._outbox if other == CONTROLLER else RayCarrier(node, other, handle)

        node = Node(uid, host, self._settings, connect)
        return node, Outbox(node)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    @ray.method(concurrency_group="frames")
    def deliver(self, sender: str, number: int, frame: bytes) -> int:
        """Take a frame of another host in, and say which number is expected next."""
        receiver = self._receivers.setdefault(sender, LinkReceiver())
        for due in receiver.take(number, frame):
            self._loop.call_soon_threadsafe(self._node.receive, sender, due)
        return receiver.expected

    @ray.method(concurrency_group="collect")
    def collect(self, expected: int) -> list[tuple[int, bytes]]:
        """Give the controller its frames; empty when none came for a while."""
        return self._outbox.collect(expected, self._settings.ray.poll_timeout_s)

    @ray.method(concurrency_group="control")
    def hello(self) -> int:
        """Say that the process is up: its process id."""
        return os.getpid()

    @ray.method(concurrency_group="control")
    def learn(self, topology: Topology) -> None:
        """Take up who lives where."""
        self._run(self._learn(topology))

    async def _learn(self, topology: Topology) -> None:
        self._node.learn(topology)

    @ray.method(concurrency_group="control")
    def spawn(self, recipe: bytes, topology: Topology) -> None:
        """Start a top-level actor here and wait for its `on_start`."""
        self._run(self._spawn(cloudpickle.loads(recipe), topology))

    async def _spawn(self, recipe: Recipe, topology: Topology) -> None:
        self._node.learn(topology)
        system = self._node.system
        ref = await system.spawn(
            recipe.actor, *recipe.args, name=recipe.name, mailbox=recipe.mailbox, restart=recipe.restart
        )
        ended = system.ended(ref.path)
        if ended is not None:
            ended.add_done_callback(lambda outcome: self._tell_end(recipe.name, outcome.result()))

    def _tell_end(self, name: str, reason: StopReason) -> None:
        self._node.send(CONTROLLER, Ended(name, reason))

    @ray.method(concurrency_group="control")
    def stop(self, name: str) -> None:
        """Stop a top-level actor and wait until it has ended."""
        self._run(self._stop(name))

    async def _stop(self, name: str) -> None:
        await self._node.system.stop(self._node.system.find(name))

    @ray.method(concurrency_group="control")
    def shutdown(self) -> None:
        """Stop all actors, the youngest first; nothing is collected any more."""
        self._run(self._node.system.shutdown())
        self._outbox.close()
        self._ending.set()

    @ray.method(concurrency_group="watch")
    def watch(self) -> None:
        """Pend until `shutdown`: the call fails some milliseconds after the process has died."""
        self._ending.wait()


_OPTIONS: dict[str, Any] = {
    "max_restarts": 0,  # a death is then seen within 20 ms instead of a second
    "allow_out_of_order_execution": True,  # order is the link's; in-order lanes lose calls behind a lost one
    "concurrency_groups": {"frames": 1, "collect": 1, "control": 1, "watch": 1},
}
RayHost: Any = ray.remote(**_OPTIONS)(HostProcess)
"""`HostProcess` as a Ray actor class; its methods are made at run time, so it has no static type."""
