"""How frames get from host to host: as Ray calls, or laid out for the controller to collect."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

from ray.exceptions import ActorDiedError

from scanflow_actors.cluster.directory import CONTROLLER

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from scanflow_actors.cluster.node import Node

_log = logging.getLogger(__name__)

RETRY_S = 0.05
"""Seconds until a frame whose call failed is sent again; Ray itself has tried for longer before."""


def post(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *args: Any) -> None:
    """Call a function on the loop from a thread of Ray, unless the loop has ended."""
    try:
        loop.call_soon_threadsafe(function, *args)
    except RuntimeError:
        if not loop.is_closed():
            raise


class RayCarrier:
    """Frames as Ray calls to the other host's `deliver`."""

    def __init__(self, node: Node, host: str, handle: Any) -> None:
        self._node = node
        self._host = host
        self._handle = handle
        self._loop = asyncio.get_running_loop()
        self._is_open = True

    def close(self) -> None:
        """Send nothing any more."""
        self._is_open = False

    def send(self, number: int, frame: bytes) -> None:
        """Send a frame, again and again until it has arrived or the host has died."""
        if not self._is_open:
            return
        call: Any = self._handle.deliver.remote(self._node.host, number, frame)
        call.future().add_done_callback(
            lambda outcome: post(self._loop, self._answered, number, frame, outcome)
        )

    def _answered(self, number: int, frame: bytes, outcome: Future[int]) -> None:
        error = outcome.exception()
        if error is None:
            self._node.links.acknowledged(self._host, outcome.result())
        elif not isinstance(error, ActorDiedError):  # lost on the way: the receiver drops repetitions
            _log.warning("frame %d to %s is sent again: %s", number, self._host, error)
            self._node.links.retransmits += 1
            self._loop.call_later(RETRY_S, self.send, number, frame)


class Outbox:
    """Frames for the controller, which is no Ray actor and comes to collect them."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._frames: list[tuple[int, bytes]] = []
        self._changed = threading.Condition()
        self._closed = False

    def send(self, number: int, frame: bytes) -> None:
        """Lay a frame out."""
        with self._changed:
            self._frames.append((number, frame))
            self._changed.notify()

    def collect(self, expected: int, timeout_s: float) -> list[tuple[int, bytes]]:
        """Wait for frames from number `expected` on; they stay until a later call acknowledges them."""
        with self._changed:
            self._frames = [frame for frame in self._frames if frame[0] >= expected]
            post(self._loop, self._node.links.acknowledged, CONTROLLER, expected)
            self._changed.wait_for(lambda: self._frames or self._closed, timeout=timeout_s)
            return list(self._frames)

    def close(self) -> None:
        """Let the waiting `collect` return."""
        with self._changed:
            self._closed = True
            self._changed.notify()
