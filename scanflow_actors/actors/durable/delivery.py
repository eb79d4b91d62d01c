"""Messages that are not lost: at least once on the way, once in the state of the consumer.

::

    producer                                     consumer
    deliver(): number n, in the outbox
    save(): state, outbox and number  ─ 1 write
    Delivery(n) ────────────────────────────▶  n handled already? ─ confirm again
                                               n next in order?   ─ handle
                                               save(): state and n ─ 1 write
    outbox: drop up to n ◀──────────── Confirm(n)

Whatever dies at whichever arrow, what is written on both sides is enough to go on: the producer sends again
what is not confirmed, oldest first, and the consumer knows what it has handled.
"""

from __future__ import annotations

import itertools
import pickle
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.durable.store import drop_confirmed, pickled
from scanflow_actors.actors.durable.writing import under
from scanflow_actors.errors import MailboxFullError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from scanflow_actors.actors.durable.writing import Writing

WINDOW = 64
"""Messages on their way to one consumer. More would only wait in its mailbox, which is bounded."""

_ADD = "insert into actor_outbox values (?, ?, ?, ?)"
_SENT = """
insert into actor_peer values (?, ?, ?, 0) on conflict (actor, peer) do update set sent = excluded.sent
"""
_RECEIVED = """
insert into actor_peer values (?, ?, 0, ?)
on conflict (actor, peer) do update set received = excluded.received
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way; numbered by the producer for each consumer, from 1 without gaps."""

    producer: str
    consumer: str
    seq: int
    message: Any

    @property
    def key(self) -> str:
        """Names it, however often it is sent."""
        return f"{self.producer}>{self.consumer}#{self.seq}"


@dataclass(frozen=True, slots=True)
class Confirm:
    """The consumer has written what it did with the producer's messages up to this number."""

    consumer: str
    seq: int


class Inbox:
    """What an instance has handled, as the consumer of others."""

    def __init__(self, writing: Writing, peers: list[tuple[Any, ...]]) -> None:
        self._writing = writing
        self._received = {peer: received for peer, _, received in peers}

    async def take(self, delivery: Delivery, handle: Callable[[Any], Any]) -> None:
        """Handle a message that is next in its order, write what came of it, and confirm.

        One that was handled before is confirmed again. One that comes too early is left to be sent again.
        """
        writing, producer = self._writing, delivery.producer
        received = self._received.get(producer, 0)
        if delivery.seq > received + 1:
            return
        if delivery.seq == received + 1:
            with under(delivery.key):
                await handle(delivery.message)
            received = self._received[producer] = delivery.seq
            writing.change(_RECEIVED, writing.path, producer, received)
            await writing.save()
        writing.tell(producer, Confirm(writing.path, received))


class Outbox:
    """What an instance has sent and nobody has confirmed, as the producer for others."""

    def __init__(self, writing: Writing, peers: list[tuple[Any, ...]], kept: list[tuple[Any, ...]]) -> None:
        self._writing = writing
        self._sent = {peer: sent for peer, sent, _ in peers}
        self._confirmed = dict(self._sent)
        self._queues: dict[str, deque[Delivery]] = {}
        """What is written and not confirmed, by consumer."""
        self._timer: asyncio.TimerHandle | None = None
        self._heads: dict[str, int] = {}
        """The oldest number that each consumer had not confirmed when the timer last looked."""
        self._delay_s = writing.system.settings.redeliver_s
        for consumer, seq, body in kept:
            queue = self._queues.setdefault(consumer, deque())
            queue.append(Delivery(writing.path, consumer, seq, pickle.loads(body)))
            self._confirmed[consumer] = queue[0].seq - 1

    def begin(self) -> None:
        """Send what an earlier instance has left."""
        self._heads = self._oldest()
        for consumer in self._heads:
            self._send_window(consumer)

    def add(self, consumer: str, message: Any) -> None:
        """Number a message; it leaves once it is written. See `Keeper.deliver`."""
        writing, capacity = self._writing, self._writing.system.settings.outbox_capacity
        seq = self._sent.get(consumer, 0) + 1
        if seq - self._confirmed.get(consumer, 0) > capacity:
            raise MailboxFullError(path=consumer, capacity=capacity)
        body = pickled(message, f"a {type(message).__name__}")
        self._sent[consumer] = seq
        writing.change(_ADD, writing.path, consumer, seq, body)
        writing.change(_SENT, writing.path, consumer, seq)
        writing.then(partial(self._send_new, Delivery(writing.path, consumer, seq, message)))

    def confirm(self, confirm: Confirm) -> None:
        """Let go of what the consumer has handled; what waited for room in the window leaves."""
        queue = self._queues.get(confirm.consumer)
        if not queue or queue[0].seq > confirm.seq:
            return
        before = queue[0].seq + WINDOW
        self._confirmed[confirm.consumer] = confirm.seq
        while queue and queue[0].seq <= confirm.seq:
            queue.popleft()
        writing = self._writing
        writing.ensure(
            writing.system.store.submit(drop_confirmed, writing.path, confirm.consumer, confirm.seq)
        )
        self._delay_s = writing.system.settings.redeliver_s
        for delivery in itertools.islice(queue, WINDOW):
            if delivery.seq >= before:
                self._send(delivery)

    # ------------------------------------------------------------------ inside

    def _send_new(self, delivery: Delivery) -> None:
        """Send a message that is written now, if there is room in the window."""
        queue = self._queues.setdefault(delivery.consumer, deque())
        queue.append(delivery)
        if delivery.seq < queue[0].seq + WINDOW:
            self._send(delivery)

    def _send(self, delivery: Delivery) -> None:
        self._writing.tell(delivery.consumer, delivery)
        self._wait()

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self._writing.context.call_after(self._delay_s, self._send_again)

    def _send_again(self) -> None:
        """Send again where nothing was confirmed since the timer last looked; that doubles the wait."""
        self._timer = None
        before, self._heads = self._heads, self._oldest()
        if not self._heads:
            return
        stuck = [consumer for consumer, seq in self._heads.items() if before.get(consumer) == seq]
        if stuck:
            self._delay_s = min(2 * self._delay_s, self._writing.system.settings.redeliver_max_s)
        for consumer in stuck:
            self._send_window(consumer)
        self._wait()

    def _send_window(self, consumer: str) -> None:
        for delivery in itertools.islice(self._queues[consumer], WINDOW):
            self._send(delivery)

    def _oldest(self) -> dict[str, int]:
        return {consumer: queue[0].seq for consumer, queue in self._queues.items() if queue}
