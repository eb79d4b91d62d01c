"""One process of a Ray system: its local actors, and its links to the other processes."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from scanflow_actors.actors.dead_letters import DeadReason
from scanflow_actors.actors.message import Envelope, Reply, Signal, StopReason, Terminated
from scanflow_actors.actors.system import ActorSystem
from scanflow_actors.cluster.link import LinkSender
from scanflow_actors.cluster.wire import (
    Answer,
    Ended,
    Entry,
    Letter,
    Notice,
    Unreadable,
    Watch,
    unpack,
    unreadable_error,
)
from scanflow_actors.errors import ActorStoppedError, HostLostError, MailboxFullError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scanflow_actors.actors.ref import ActorRef
    from scanflow_actors.settings import Settings


class Carrier(Protocol):
    """Brings the frames of one link to the other host."""

    def carry(self, number: int, entries: list[Entry]) -> None:
        """Send a frame; `Node.acknowledged` is called when the other host has it."""


@dataclass(frozen=True, slots=True)
class Topology:
    """Who lives where, as the controller knows it. A later version replaces an earlier one."""

    version: int
    hosts: Mapping[str, Any]
    """Handle of each living host, by its id."""
    homes: Mapping[str, str | None]
    """Host of each top-level actor, by name; None while its host is being replaced."""
    ended: Mapping[str, StopReason]
    """Why the actors that are gone have ended, by name."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    host: str
    path: str
    reply: Reply


class Node:
    """Routes between the actors of this process and those of the others. Lives on one event loop."""

    def __init__(
        self, uid: str, host: str, settings: Settings, connect: Callable[[Node, str, Any], Carrier]
    ) -> None:
        self.host = host
        self.system = ActorSystem(host, settings=settings.actors, uid=uid, router=self)
        self._settings = settings.ray
        self._connect = connect
        self._loop = asyncio.get_running_loop()
        self._topology = Topology(-1, {}, {}, {})
        self._links: dict[str, LinkSender[Entry]] = {}
        self._carriers: dict[str, Carrier] = {}
        self._flushing: set[str] = set()
        self._waiting: dict[int, _Waiting] = {}
        self._numbers = itertools.count()
        self._parked: dict[str, deque[tuple[str, Envelope]]] = defaultdict(deque)
        self._watched: dict[ActorRef, set[ActorRef]] = defaultdict(set)
        self.on_ended: Callable[[str, Ended], None] = lambda _host, _ended: None
        """Set by the controller, the one node that such entries are sent to."""

    # ------------------------------------------------------------------ Router

    def forward(self, path: str, envelope: Envelope) -> bool:
        """Bring a message to an actor elsewhere; it is parked while that one's host is replaced."""
        name = _root(path)
        if name not in self._topology.homes:
            return False
        host = self._topology.homes[name]
        if host == self.host:
            return False
        if host is None:
            self._park(name, path, envelope)
        else:
            self._send_letter(host, path, envelope)
        return True

    def watch(self, watcher: ActorRef, target: ActorRef) -> bool:
        """Have the end of an actor elsewhere told to `watcher`."""
        name = _root(target.path)
        if self._topology.homes.get(name, self.host) == self.host:
            return False
        self._watched[target].add(watcher)
        host = self._topology.homes[name]
        if host is not None:
            self.send(host, Watch(watcher, target))
        return True

    def notify(self, watcher: ActorRef, signal: Signal) -> bool:
        """Bring a signal to an actor elsewhere."""
        host = self._topology.homes.get(_root(watcher.path))
        if host is None or host == self.host:
            return False
        self.send(host, Notice(watcher, signal))
        return True

    def unwatch(self, watcher: ActorRef, target: ActorRef) -> None:
        """Forget a watch."""
        self._watched[target].discard(watcher)

    # ------------------------------------------------------------------ outwards

    def send(self, host: str, entry: Entry) -> None:
        """Queue an entry for another host; all that is queued in one turn of the loop leaves together."""
        if host not in self._topology.hosts:
            self._give_up(host, entry)
            return
        if host not in self._links:
            self._links[host] = LinkSender(
                window=self._settings.link_window, frame_entries=self._settings.frame_entries
            )
            self._carriers[host] = self._connect(self, host, self._topology.hosts[host])
        self._links[host].push(entry)
        self._flush_soon(host)

    def acknowledged(self, host: str, expected: int) -> None:
        """Hear how far the other host has received, and send on."""
        if host in self._links:
            self._links[host].acknowledge(expected)
            self._flush_soon(host)

    def _flush_soon(self, host: str) -> None:
        if host not in self._flushing:
            self._flushing.add(host)
            self._loop.call_soon(self._flush, host)

    def _flush(self, host: str) -> None:
        self._flushing.discard(host)
        link = self._links.get(host)
        while link is not None and (frame := link.next_frame()) is not None:
            self._carriers[host].carry(*frame)

    def _send_letter(self, host: str, path: str, envelope: Envelope) -> None:
        ask = remaining_s = None
        if envelope.reply is not None:
            ask = next(self._numbers)
            self._waiting[ask] = _Waiting(host, path, envelope.reply)
        if envelope.deadline is not None:
            remaining_s = envelope.deadline - self._loop.time()
            self._loop.call_at(envelope.deadline, self._forget, ask)
        self.send(host, Letter(path, envelope.message, ask, remaining_s))

    def _forget(self, ask: int | None) -> None:
        if ask is not None:
            self._waiting.pop(ask, None)

    def _park(self, name: str, path: str, envelope: Envelope) -> None:
        parked = self._parked[name]
        if len(parked) < self._settings.parked_messages:
            parked.append((path, envelope))
        elif envelope.reply is None:
            self.system.dead_letters.add(path, envelope.message, DeadReason.MAILBOX_FULL)
        else:
            envelope.reply.fail(MailboxFullError(path=path, capacity=self._settings.parked_messages))

    # ------------------------------------------------------------------ inwards

    def receive(self, host: str, frame: bytes) -> None:
        """Take in one frame of another host, in order."""
        for entry in unpack(frame):
            if isinstance(entry, Letter):
                self._on_letter(host, entry)
            elif isinstance(entry, Answer):
                self._on_answer(entry)
            elif isinstance(entry, Watch):
                self.system.watch(entry.watcher, entry.target)
            elif isinstance(entry, Notice):
                self._on_notice(entry)
            elif isinstance(entry, Ended):
                self.on_ended(host, entry)
            else:
                self._on_unreadable(host, entry)

    def _on_letter(self, host: str, letter: Letter) -> None:
        reply = deadline = None
        if letter.ask is not None:
            reply = _RemoteReply(self, host, letter.ask)
        if letter.remaining_s is not None:
            deadline = self._loop.time() + letter.remaining_s
        self.system.deliver(letter.path, Envelope(letter.message, reply, deadline))

    def _on_answer(self, answer: Answer) -> None:
        waiting = self._waiting.pop(answer.ask, None)
        if waiting is None:
            return
        if answer.error is not None:
            waiting.reply.fail(answer.error)
        else:
            waiting.reply.resolve(answer.value)

    def _on_notice(self, notice: Notice) -> None:
        signal = notice.signal
        if isinstance(signal, Terminated):
            watchers = self._watched.get(signal.ref, set())
            if notice.watcher not in watchers:
                return
            watchers.discard(notice.watcher)
        self.system.notify(notice.watcher, signal)

    def _on_unreadable(self, host: str, entry: Unreadable) -> None:
        error = unreadable_error(entry)
        if entry.entry is Answer and entry.ask is not None:
            self._on_answer(Answer(entry.ask, None, error))
        elif entry.ask is not None:
            self.send(host, Answer(entry.ask, None, error))
        else:
            self.system.dead_letters.add(entry.path, entry, DeadReason.NOT_SERIALISABLE)

    # ------------------------------------------------------------------ who lives where

    def learn(self, topology: Topology) -> None:
        """Take up what the controller says; what it said before is forgotten."""
        before = self._topology
        if topology.version <= before.version:
            return
        self._topology = topology
        for host in before.hosts.keys() - topology.hosts.keys():
            self._host_lost(host)
        for name, home in topology.homes.items():
            if home is not None and before.homes.get(name) != home:
                self._moved_in(name, home)
        for name in before.homes.keys() - topology.homes.keys():
            self._gone(name, topology.ended.get(name, StopReason.NORMAL))

    def _host_lost(self, host: str) -> None:
        for number, waiting in list(self._waiting.items()):
            if waiting.host == host:
                del self._waiting[number]
                waiting.reply.fail(HostLostError(path=waiting.path, host=host))
        link = self._links.pop(host, None)
        self._carriers.pop(host, None)
        for entry in link.abandon() if link else ():
            self._give_up(host, entry)

    def _give_up(self, host: str, entry: Entry) -> None:
        if not isinstance(entry, Letter):
            return
        waiting = None if entry.ask is None else self._waiting.pop(entry.ask, None)
        if waiting is not None:
            waiting.reply.fail(HostLostError(path=entry.path, host=host))
        elif entry.ask is None:
            self.system.dead_letters.add(entry.path, entry.message, DeadReason.HOST_LOST)

    def _moved_in(self, name: str, host: str) -> None:
        for path, envelope in self._parked.pop(name, ()):
            self.system.deliver(path, envelope)
        for target, watchers in self._watched.items():
            if _root(target.path) == name:
                for watcher in watchers:
                    self.send(host, Watch(watcher, target))

    def _gone(self, name: str, reason: StopReason) -> None:
        for path, envelope in self._parked.pop(name, ()):
            if envelope.reply is None:
                self.system.dead_letters.add(path, envelope.message, DeadReason.STOPPED)
            else:
                envelope.reply.fail(ActorStoppedError(path=path))
        for target in [target for target in self._watched if _root(target.path) == name]:
            for watcher in self._watched.pop(target):
                self.system.notify(watcher, Terminated(target, reason))


class _RemoteReply(Reply):
    """The answer to a letter goes back to the host that sent it."""

    __slots__ = ("_ask", "_host", "_node")

    def __init__(self, node: Node, host: str, ask: int) -> None:
        super().__init__()
        self._node = node
        self._host = host
        self._ask = ask

    def resolve(self, value: Any) -> None:
        self._node.send(self._host, Answer(self._ask, value, None))

    def fail(self, error: BaseException) -> None:
        self._node.send(self._host, Answer(self._ask, None, error))


def _root(path: str) -> str:
    return path.split("/", 2)[1]
