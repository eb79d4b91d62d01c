"""Parcels that have arrived before their buffers: each holds up its own mailbox, and no other."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.dead_letters import DeadReason
from scanflow_actors.cluster.carriers import post
from scanflow_actors.cluster.frames import unpack
from scanflow_actors.cluster.payloads import PAYLOADS, Parcel
from scanflow_actors.cluster.wire import Abandon, Traced, addressee, ask_of, bare, is_letter
from scanflow_actors.errors import MailboxFullError, PayloadLostError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from scanflow_actors.cluster.node import Node
    from scanflow_actors.cluster.payloads import Frame, Ref
    from scanflow_actors.cluster.wire import Label

    Key = tuple[str, Any]


class Lost:
    """Stands for a content whose buffers are gone with the process that held them."""

    __slots__ = ("problem",)

    def __init__(self, problem: str) -> None:
        self.problem = problem


class _Waiting:
    """An entry that has arrived: a parcel, or what came behind one for the same mailbox."""

    __slots__ = ("content", "label", "missing", "since")

    def __init__(self, label: Label, content: Any, since: float) -> None:
        self.label = label
        self.content = content
        self.since = since
        self.missing = 0
        """Buffers that are yet to come."""

    def due(self, now: float) -> Label:
        """Its label as of now: what it waited here is not added to the time that its asker has."""
        label = bare(self.label)
        if not is_letter(label):
            return self.label
        path, ask, remaining_s, chain, is_admission = label
        if remaining_s is not None:
            remaining_s -= now - self.since
        letter = path, ask, remaining_s, chain, is_admission
        return replace(self.label, label=letter) if isinstance(self.label, Traced) else letter


class Parcels:
    """Keeps entries in order by sending host and mailbox until their buffers are here."""

    def __init__(self, node: Node, *, capacity: int) -> None:
        """Wait for buffers.

        Args:
            node: Takes the entries that are complete.
            capacity: Entries that wait for one mailbox; more are turned away, as by a full mailbox.
        """
        self._node = node
        self._capacity = capacity
        self._queues: dict[Key, deque[_Waiting]] = {}

    def __bool__(self) -> bool:
        return bool(self._queues)

    def receive(self, host: str, frame: Frame) -> None:
        """Take in a frame with parcels, or one that comes while parcels wait."""
        futures: dict[Ref, Future[Any]] = {}  # the same array for many actors is fetched once
        for label, content in unpack(frame):
            if isinstance(label, Abandon):
                self._withdraw(host, label.ask)
            key = _key(host, label)
            queue = self._queues.get(key)
            if queue is None and type(content) is not Parcel:
                self._take(host, label, content)
            elif queue is not None and len(queue) >= self._capacity:
                self._turn_away(host, label, content)
            else:
                waiting = _Waiting(label, content, self._node.system.loop.time())
                self._queues.setdefault(key, deque()).append(waiting)
                if type(content) is Parcel:
                    self._fetch(key, waiting, content, futures)

    def _fetch(self, key: Key, waiting: _Waiting, parcel: Parcel, futures: dict[Ref, Future[Any]]) -> None:
        loop = self._node.system.loop
        buffers: list[Any] = [None] * len(parcel.refs)
        waiting.missing = len(buffers)

        def arrived(place: int, outcome: Future[Any]) -> None:
            error = outcome.exception()
            if error is None:
                buffers[place] = outcome.result()
                PAYLOADS.note(parcel.refs[place], buffers[place])
            elif waiting.content is parcel:
                waiting.content = Lost(f"{type(error).__name__}: {error}")
            waiting.missing -= 1
            if not waiting.missing:
                if waiting.content is parcel:
                    waiting.content = parcel.open(buffers)
                self._hand_on(key)

        for place, ref in enumerate(parcel.refs):
            future = futures.get(ref) or futures.setdefault(ref, ref.future())
            future.add_done_callback(
                lambda outcome, place=place: post(loop, arrived, place, outcome)  # type: ignore[misc]
            )

    def _hand_on(self, key: Key) -> None:
        """Hand on what is complete, up to the first that is not."""
        queue = self._queues[key]
        while queue and not queue[0].missing:
            ready = queue.popleft()
            if not queue:
                del self._queues[key]
            if ready.content is not _WITHDRAWN:
                self._take(key[0], ready.due(self._node.system.loop.time()), ready.content)

    def _withdraw(self, host: str, ask: int) -> None:
        """Drop a request that nobody waits for any more, before it is handled."""
        for (sender, _), queue in self._queues.items():
            for waiting in queue:
                label = bare(waiting.label)
                if sender == host and is_letter(label) and label[1] == ask:
                    waiting.content = _WITHDRAWN

    def _take(self, host: str, label: Label, content: Any) -> None:
        node = self._node
        if type(content) is not Lost:
            node.take(host, label, content)
            return
        label = bare(label)
        if is_letter(label):
            node.send(host, ((label[1],), PayloadLostError(path=label[0], host=host)))
        elif isinstance(label, (int, tuple)):
            number = ask_of(label)
            node.asks.failed(number, PayloadLostError(path=node.asks.path_of(number), host=host))
        else:
            node.system.dead_letters.add(addressee(label), content, DeadReason.HOST_LOST)

    def _turn_away(self, host: str, label: Label, content: Any) -> None:
        node, label = self._node, bare(label)
        if is_letter(label):
            error = MailboxFullError(path=label[0], capacity=self._capacity)
            node.send(host, ((label[1],), error))
        else:
            node.system.dead_letters.add(addressee(label), content, DeadReason.MAILBOX_FULL)


_WITHDRAWN = object()


def _key(host: str, label: Label) -> Key:
    """What must stay in order: messages to one actor; an answer goes by itself."""
    label = bare(label)
    return host, label[0] if isinstance(label, tuple) else label
