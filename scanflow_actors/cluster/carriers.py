"""How frames get from host to host: as Ray calls, or laid out for the controller to collect."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

from ray.exceptions import ActorDiedError

from scanflow_actors.cluster.connection import NO_FRAME
from scanflow_actors.cluster.directory import CONTROLLER

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from scanflow_actors.cluster.inbox import Inbox
    from scanflow_actors.cluster.node import Node
    from scanflow_actors.cluster.payloads import Frame

_log = logging.getLogger(__name__)

RETRY_S = 0.05
"""Seconds until a frame whose call failed is sent again; Ray itself has tried for longer before."""

ACKNOWLEDGE_S = 0.05
"""Seconds that the acknowledgement of a frame which rode home waits for a frame to ride on."""

TURNS = 4
"""Of the event loop, that a call waits for frames to take home: an actor that answers at once needs three."""

BATCH_BYTES = 1_000
"""Of a frame that brings more than a few messages."""

TURNS_AFTER = 3
"""Of the event loop, that such a call waits for one more frame of answers: an actor gives way between batches
of 64 messages, and what it answers after that is one or two turns behind."""

PATIENCE_S = 0.1
"""Seconds that it waits at most: a loop that is held up for so long has nothing ready."""

Answered = tuple[int, "list[tuple[int, Frame]]"]
"""What `deliver` returns: the number that is expected next, and frames for the caller."""


def post(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *args: Any) -> None:
    """Call a function on the loop from a thread of Ray, unless the loop has ended."""
    try:
        loop.call_soon_threadsafe(function, *args)
    except RuntimeError:
        if not loop.is_closed():
            raise


class RayCarrier:
    """Frames as Ray calls to the other host's `deliver`, or in the answer to one of its calls."""

    def __init__(self, node: Node, inbox: Inbox, host: str, handle: Any) -> None:
        self._node = node
        self._inbox = inbox
        self._host = host
        self._handle = handle
        self._loop = asyncio.get_running_loop()
        self.is_open = True
        self._calls = 0
        self._turns = 0
        self._is_batch = False
        self._rides: dict[int, Frame] = {}
        self._fresh: list[int] = []
        self._heard = 0
        self._is_waited_for = False
        self._changed = threading.Condition()

    @property
    def is_busy(self) -> bool:
        """Whether a call is under way: one more costs as much as some hundred messages."""
        return self._calls > 0

    def close(self) -> None:
        """Send nothing any more."""
        self.is_open = False

    def send(self, number: int, frame: Frame) -> None:
        """Send a frame, again and again until it has arrived or the host has died."""
        if not self.is_open:
            return
        with self._changed:
            if self._is_waited_for and number != NO_FRAME:
                self._rides[number] = frame
                self._fresh.append(number)
                if self._is_batch:
                    self._turns = TURNS_AFTER
                else:
                    self._done_waiting()
                return
        self._calls += 1
        expected = self._inbox.tell(self._host)
        call: Any = self._handle.deliver.remote(self._node.host, number, frame, expected)
        call.future().add_done_callback(
            lambda outcome: post(self._loop, self._answered, number, frame, outcome)
        )

    def begin(self, acknowledged: int, size: int) -> None:
        """Let frames ride home on a call of the other host that has come in. On a thread of Ray.

        Args:
            acknowledged: The number that the other host expects next.
            size: Bytes of the frame that it brings.
        """
        with self._changed:
            self._is_waited_for = True
            self._is_batch = size > BATCH_BYTES
            if acknowledged > self._heard:
                self._heard = acknowledged
                self._rides = {number: ride for number, ride in self._rides.items() if number >= acknowledged}
                post(self._loop, self._node.links.acknowledged, self._host, acknowledged)

    def end(self, *, again: bool) -> list[tuple[int, Frame]]:
        """Take along what is ready within some turns of the loop. On a thread of Ray.

        Args:
            again: Whether an answer may have been lost: then what rode on that one is given again.
        """
        self._turns = TURNS
        post(self._loop, self._settle)
        with self._changed:
            self._changed.wait_for(lambda: not self._is_waited_for, timeout=PATIENCE_S)
            self._is_waited_for = False
            fresh, self._fresh = self._fresh, []
            return [(number, ride) for number, ride in self._rides.items() if again or number in fresh]

    def _settle(self) -> None:
        self._turns -= 1
        if self._turns >= 0 and self._is_waited_for:
            self._loop.call_soon(self._settle)
            return
        with self._changed:
            self._done_waiting()

    def _done_waiting(self) -> None:
        self._is_waited_for = False
        self._changed.notify()

    def _answered(self, number: int, frame: Frame, outcome: Future[Answered]) -> None:
        self._calls -= 1
        error = outcome.exception()
        if error is None:
            expected, rides = outcome.result()
            self._node.links.acknowledged(self._host, expected)
            for ride in rides:
                self._inbox.take_here(self._host, *ride)
            if rides:
                self._loop.call_later(ACKNOWLEDGE_S, self._acknowledge)
        elif not isinstance(error, ActorDiedError):  # lost on the way: the receiver drops repetitions
            _log.warning("frame %d to %s is sent again: %s", number, self._host, error)
            self._node.links.retransmits += 1
            self._loop.call_later(RETRY_S, self.send, number, frame)

    def _acknowledge(self) -> None:
        if self._inbox.owed(self._host):
            self.send(NO_FRAME, b"")


class Outbox:
    """Frames for the controller, which is no Ray actor and comes to collect them."""

    is_busy = False

    def __init__(self, node: Node) -> None:
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._frames: list[tuple[int, Frame]] = []
        self._changed = threading.Condition()
        self._closed = False

    def send(self, number: int, frame: Frame) -> None:
        """Lay a frame out."""
        with self._changed:
            self._frames.append((number, frame))
            self._changed.notify()

    def collect(self, expected: int, timeout_s: float) -> list[tuple[int, Frame]]:
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
