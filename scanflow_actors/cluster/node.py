"""One process of a Ray system: its local actors, and its links to the other processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.dead_letters import DeadLetter, DeadReason
from scanflow_actors.actors.freeze import freeze
from scanflow_actors.actors.message import Envelope, Reply, Signal, StopReason, Terminated
from scanflow_actors.actors.system import ActorSystem
from scanflow_actors.cluster.asks import Asks, FutureReply, lost_error
from scanflow_actors.cluster.directory import CONTROLLER, Directory, root_of
from scanflow_actors.cluster.links import Carrier, Links
from scanflow_actors.cluster.parking import Parking
from scanflow_actors.cluster.watches import Watches
from scanflow_actors.cluster.wire import (
    Abandon,
    Answer,
    Command,
    Dead,
    Ended,
    Entry,
    Gone,
    HostDown,
    HostUp,
    Letter,
    News,
    Notice,
    Settled,
    Snapshot,
    Unreadable,
    Unwatch,
    Watch,
    Where,
    unpack,
    unreadable_error,
)
from scanflow_actors.errors import ActorStoppedError, MailboxFullError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from scanflow_actors.actors.ref import ActorRef
    from scanflow_actors.settings import Settings


class Node:
    """Routes between the actors of this process and those of the others. Lives on one event loop."""

    def __init__(
        self, uid: str, host: str, settings: Settings, connect: Callable[[Node, str, Any], Carrier]
    ) -> None:
        self.host = host
        self.system = ActorSystem(host, settings=settings.actors, uid=uid, router=self)
        self.directory = Directory()
        self.links = Links(settings.ray, lambda other, handle: connect(self, other, handle))
        self.asks = Asks(self.send)
        self.watches = Watches()
        self.parking = Parking(settings.ray.parked_messages)
        self.on_ended: Callable[[str, Ended], None] = lambda _host, _ended: None
        """Set by the controller: a top-level actor elsewhere has ended by itself."""
        self.on_command: Callable[[str, Command], None] = lambda _host, _command: None
        """Set by the hosts: the controller wants something."""
        self._settings = settings.ray
        self._takes: dict[type, Callable[[str, Any], None]] = {
            Letter: self._on_letter,
            Answer: self._on_answer,
            Abandon: lambda host, entry: self.asks.abandoned(host, entry.ask),
            Watch: lambda _, entry: self.system.watch(entry.watcher, entry.target),
            Unwatch: lambda _, entry: self.system.unwatch(entry.watcher, entry.target),
            Notice: self._on_notice,
            Ended: lambda host, entry: self.on_ended(host, entry),  # noqa: PLW0108 - set later
            Dead: lambda _, entry: self.system.dead_letters.add(entry.path, entry.message, entry.reason),
            Where: self._on_where,
            Command: lambda host, entry: self.on_command(host, entry),  # noqa: PLW0108 - set later
            Unreadable: self._on_unreadable,
            **dict.fromkeys((Snapshot, HostUp, HostDown, Settled, Gone), lambda _, entry: self.learn(entry)),
        }
        if host != CONTROLLER:
            self.links.open(CONTROLLER, None)
            self.system.dead_letters.subscribe(self._report_dead)

    # ------------------------------------------------------------------ Router

    def forward(self, path: str, envelope: Envelope) -> bool:
        """Bring a message to an actor elsewhere; it is parked while its home is not known."""
        name = root_of(path)
        host = self._home(name)
        if host == self.host or (host is None and self._is_unknown(name)):
            return False
        if host is not None:
            self._send_letter(host, path, envelope)
        else:
            self._park(name, path, envelope)
        return True

    def _park(self, name: str, path: str, envelope: Envelope) -> None:
        if name not in self.parking:
            self._ask_where(name)
        if not self.parking.put(name, path, envelope):
            self._full(path, envelope, self.parking.capacity)

    def watch(self, watcher: ActorRef, target: ActorRef) -> bool:
        """Have the end of an actor elsewhere told to `watcher`."""
        name = root_of(target.path)
        host = self._home(name)
        if host == self.host or (host is None and self._is_unknown(name)):
            return False
        self.watches.add(watcher, target)
        if host is not None:
            self.send(host, Watch(watcher, target))
        else:
            self._ask_where(name)
        return True

    def unwatch(self, watcher: ActorRef, target: ActorRef) -> None:
        """Forget a watch."""
        host = self._home(root_of(target.path))
        if self.watches.take(watcher, target) and host is not None:
            self.send(host, Unwatch(watcher, target))

    def notify(self, watcher: ActorRef, signal: Signal) -> None:
        """Bring a signal to an actor elsewhere."""
        host = self._home(root_of(watcher.path))
        if host is not None and host != self.host:
            self.send(host, Notice(watcher, signal))

    def _home(self, name: str) -> str | None:
        return self.directory.homes.get(name)

    def _is_unknown(self, name: str) -> bool:
        """Whether it is sure that nobody has this name; hosts hear of new ones later than the controller."""
        return self.host == CONTROLLER and name not in self.directory.homes

    def _ask_where(self, name: str) -> None:
        if name not in self.directory.homes:
            self.send(CONTROLLER, Where(name))

    # ------------------------------------------------------------------ outwards

    def send(self, host: str, entry: Entry) -> None:
        """Queue an entry for another host."""
        if self.directory.is_lost(host):
            self._give_up(host, entry)
        else:
            self.links.push(host, entry)

    def command(self, host: str, kind: str, argument: Any) -> asyncio.Future[Any]:
        """Have another host do something; the future fails with `HostLostError` when it dies."""
        future: asyncio.Future[Any] = self.system.loop.create_future()
        number = self.asks.begin(host, f"the actors of {host}", FutureReply(future))
        if self.directory.is_lost(host):
            self.asks.host_lost(host, died=True)
        else:
            self.send(host, Command(number, kind, argument))
        return future

    def _send_letter(self, host: str, path: str, envelope: Envelope) -> None:
        if self.links.is_full(host) and envelope.admission is None:
            self._full(path, envelope, self._settings.link_queue)
            return
        asker = envelope.asker
        ask = remaining_s = None
        if asker is not None:
            ask = self.asks.begin(host, path, asker)
        if envelope.deadline is not None:
            remaining_s = envelope.deadline - self.system.loop.time()
        is_admission = envelope.admission is not None
        self.send(host, Letter(path, envelope.message, ask, remaining_s, envelope.chain, is_admission))

    def _full(self, path: str, envelope: Envelope, capacity: int) -> None:
        if envelope.asker is None:
            self.system.dead_letters.add(path, envelope.message, DeadReason.MAILBOX_FULL)
        else:
            envelope.asker.fail(MailboxFullError(path=path, capacity=capacity))

    def _give_up(self, host: str, entry: Entry, *, died: bool = True) -> None:
        if isinstance(entry, (Letter, Command)) and entry.ask is not None:
            path = entry.path if isinstance(entry, Letter) else host
            self.asks.answered(Answer(entry.ask, None, lost_error(path, host, died=died)))
        elif isinstance(entry, Letter):
            reason = DeadReason.HOST_LOST if died else DeadReason.STOPPED
            self.system.dead_letters.add(entry.path, entry.message, reason)

    def _report_dead(self, letter: DeadLetter) -> None:
        if not self.links.is_full(CONTROLLER):
            self.send(CONTROLLER, Dead(letter.path, letter.message, letter.reason))

    # ------------------------------------------------------------------ inwards

    def receive(self, host: str, frame: bytes) -> None:
        """Take in one frame of another host, in order; one that was declared lost is not heard any more."""
        if not self.directory.is_lost(host):
            for entry in unpack(frame):
                self._takes[type(entry)](host, entry)

    def _on_letter(self, host: str, letter: Letter) -> None:
        reply: Reply | None = None if letter.ask is None else self.asks.accept(host, letter.ask)
        deadline = None
        if letter.remaining_s is not None:
            deadline = self.system.loop.time() + letter.remaining_s
        freeze(letter.message)
        if letter.admission:
            envelope = Envelope(letter.message, None, deadline, letter.chain, reply)
        else:
            envelope = Envelope(letter.message, reply, deadline, letter.chain)
        self.system.deliver(letter.path, envelope)

    def _on_answer(self, _: str, answer: Answer) -> None:
        freeze(answer.value)
        self.asks.answered(answer)

    def _on_notice(self, host: str, notice: Notice) -> None:
        signal = notice.signal
        if isinstance(signal, Terminated):
            name = root_of(signal.ref.path)
            if signal.reason is StopReason.NOT_FOUND and self._home(name) == host and _is_root(signal.ref):
                return  # it ended before the watch came there; the controller is about to say why
            if not self.watches.take(notice.watcher, signal.ref):
                return
        self.system.notify(notice.watcher, signal)

    def _on_where(self, host: str, where: Where) -> None:
        if where.name in self.directory.homes:
            self.send(host, Settled(where.name, self.directory.homes[where.name]))
        else:
            self.send(host, Gone(where.name, StopReason.NOT_FOUND))

    def _on_unreadable(self, host: str, entry: Unreadable) -> None:
        error = unreadable_error(entry)
        if entry.entry is Answer and entry.ask is not None:
            self.asks.answered(Answer(entry.ask, None, error))
        elif entry.ask is not None:
            self.send(host, Answer(entry.ask, None, error))
        else:
            self.system.dead_letters.add(entry.path, entry, DeadReason.NOT_SERIALISABLE)

    # ------------------------------------------------------------------ who lives where

    def learn(self, news: News) -> None:
        """Take up what the controller says."""
        before = dict(self.directory.hosts) if isinstance(news, Snapshot) else {}
        self.directory.apply(news)
        if isinstance(news, Snapshot):
            for host in news.hosts.keys() - before.keys() - {self.host}:
                self.links.open(host, news.hosts[host])
            for name in news.homes:
                self._settled(name)
        elif isinstance(news, HostUp):
            self.links.open(news.host, news.handle)
        elif isinstance(news, HostDown):
            self._host_lost(news)
        elif isinstance(news, Settled):
            self._settled(news.name)
        else:
            self._gone(news.name, news.reason)

    def _host_lost(self, news: HostDown) -> None:
        for entry in self.links.drop(news.host):
            self._give_up(news.host, entry, died=news.died)
        self.asks.host_lost(news.host, died=news.died)

    def _settled(self, name: str) -> None:
        host = self.directory.homes[name]
        if host is None:
            return
        for path, envelope in self.parking.take(name):
            self.system.deliver(path, envelope)
        if host != self.host:
            for watcher, target in self.watches.on(name):
                self.send(host, Watch(watcher, target))

    def _gone(self, name: str, reason: StopReason) -> None:
        for path, envelope in self.parking.take(name):
            if reason is StopReason.NOT_FOUND:
                self.system.undeliverable(path, envelope)
            elif envelope.asker is None:
                self.system.dead_letters.add(path, envelope.message, DeadReason.STOPPED)
            else:
                envelope.asker.fail(ActorStoppedError(path=path))
        for watcher, target in self.watches.on(name):
            self.watches.take(watcher, target)
            self.system.notify(watcher, Terminated(target, reason))


def _is_root(ref: ActorRef) -> bool:
    return ref.path.count("/") == 1
