"""One process of a Ray system: its local actors, and its links to the other processes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.dead_letters import DeadLetter, DeadReason
from scanflow_actors.actors.freeze import PLANS, freeze
from scanflow_actors.actors.message import Envelope, Signal, StopReason, Terminated
from scanflow_actors.actors.places import Joined, Left
from scanflow_actors.actors.system import ActorSystem
from scanflow_actors.cluster.asks import Asks, FutureReply, lost_error
from scanflow_actors.cluster.directory import CONTROLLER, Directory, root_of
from scanflow_actors.cluster.frames import unpack
from scanflow_actors.cluster.links import Carrier, Line, Links
from scanflow_actors.cluster.parcels import Parcels
from scanflow_actors.cluster.parking import Parking
from scanflow_actors.cluster.payloads import Laden
from scanflow_actors.cluster.sharing import Sharing
from scanflow_actors.cluster.watches import Watches
from scanflow_actors.cluster.wire import (
    Abandon,
    Command,
    Dead,
    Ended,
    Entry,
    Failed,
    Gone,
    HostDown,
    HostUp,
    Label,
    Letter,
    News,
    Notice,
    Settled,
    Snapshot,
    Traced,
    Unreadable,
    Unwatch,
    Watch,
    Where,
    addressee,
    ask_of,
    is_letter,
)
from scanflow_actors.errors import ActorStoppedError, MailboxFullError, NotSerialisableError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from scanflow_actors.actors.places import Place
    from scanflow_actors.actors.ref import ActorRef
    from scanflow_actors.cluster.payloads import Frame
    from scanflow_actors.cluster.wire import Peer
    from scanflow_actors.settings import Settings


class Node:
    """Routes between the actors of this process and those of the others. Lives on one event loop."""

    def __init__(
        self, uid: str, host: str, settings: Settings, connect: Callable[[Node, str, Peer | None], Carrier]
    ) -> None:
        self.host = host
        self.system = ActorSystem(host, settings=settings.actors, uid=uid, elsewhere=self)
        self.directory = Directory(self.system.receptionist.places)
        self.sharing = Sharing(self)
        self.links = Links(settings.ray, lambda other, peer: connect(self, other, peer))
        self.asks = Asks(self.send)
        self.watches = Watches()
        self.parking = Parking(settings.ray.parked_messages)
        self._parcels = Parcels(self, capacity=settings.ray.parked_messages)
        self.on_ended: Callable[[str, Ended], None] = lambda _host, _ended: None
        """Set by the controller: a top-level actor elsewhere has ended by itself."""
        self.on_command: Callable[[str, Command], None] = lambda _host, _command: None
        """Set by the hosts: the controller wants something."""
        self.dead_elsewhere: Counter[DeadReason] = Counter()
        """Dead letters that other hosts have reported."""
        self._settings = settings.ray
        self._lines: dict[str, Line] = {}
        """The line to the actor of a path: found once, and forgotten with the next piece of news."""
        self._takes: dict[type, Callable[[str, Any, Any], None]] = {
            str: self._on_told,
            int: self._on_answer,
            tuple: self._on_tuple,
            Traced: self._on_traced,
            Notice: self._on_notice,
            Dead: self._on_dead,
            Abandon: lambda host, label, _: self.asks.abandoned(host, label.ask),
            Watch: lambda _, label, __: self.system.watch(label.watcher, label.target),
            Unwatch: lambda _, label, __: self.system.unwatch(label.watcher, label.target),
            Ended: lambda host, label, _: self.on_ended(host, label),
            Where: lambda host, label, _: self._on_where(host, label),
            Command: lambda host, label, _: self.on_command(host, label),
            **dict.fromkeys((Joined, Left), lambda host, label, _: self.sharing.learn(host, label)),
            **dict.fromkeys(
                (Snapshot, HostUp, HostDown, Settled, Gone), lambda _, label, __: self.learn(label)
            ),
        }
        if host != CONTROLLER:
            self.links.open(CONTROLLER, None)
            self.system.dead_letters.subscribe(self._report_dead)
        else:
            self.system.dead_letters.subscribe(self.system.publish_dead)

    # ------------------------------------------------------------------ Elsewhere

    def tell(self, path: str, message: Any) -> bool:
        """Bring a message that nobody waits for to an actor elsewhere, when the way there is known."""
        line = self._lines.get(path)
        if line is None or len(line.queue) >= line.limit or self.system.taps:
            return False
        line.queue.append((path, message))
        if not line.is_due:
            line.wake()
        return True

    def forward(self, path: str, envelope: Envelope) -> bool:
        """Bring a message to an actor elsewhere; it is parked while its home is not known."""
        for tap in self.system.taps:
            tap.leaves(path, envelope)
        line = self._lines.get(path)
        if line is not None and len(line.queue) < line.limit:
            line.push(self._letter(line.host, path, envelope))
            return True
        if not path.startswith("/"):
            self.sharing.tell_host(path, envelope)
            return True
        name = root_of(path)
        host = self._home(name)
        if host == self.host or (host is None and self._is_unknown(name)):
            return False
        if host is not None:
            self.send_letter(host, path, envelope)
            if host in self.links.lines:
                self._lines[path] = self.links.lines[host]
        else:
            self._park(name, path, envelope)
        return True

    def _park(self, name: str, path: str, envelope: Envelope) -> None:
        if name not in self.parking:
            self._ask_where(name)
        if not self.parking.put(name, path, envelope):
            self._full(path, envelope, self.parking.capacity)

    def share(self, place: Place) -> None:
        """Let the other processes know who is registered, or is not any more."""
        self.sharing.share(place)

    def watch(self, watcher: ActorRef, target: ActorRef) -> bool:
        """Have the end of an actor elsewhere told to `watcher`."""
        name = root_of(target.path)
        host = self._home(name)
        if host == self.host or (host is None and self._is_unknown(name)):
            return False
        self.watches.add(watcher, target)
        if host is not None:
            self.send(host, (Watch(watcher, target), None))
        else:
            self._ask_where(name)
        return True

    def unwatch(self, watcher: ActorRef, target: ActorRef) -> None:
        """Forget a watch."""
        host = self._home(root_of(target.path))
        if self.watches.take(watcher, target) and host is not None:
            self.send(host, (Unwatch(watcher, target), None))

    def notify(self, watcher: ActorRef, signal: Signal) -> None:
        """Bring a signal to an actor elsewhere."""
        host = self._home(root_of(watcher.path))
        if host is not None and host != self.host:
            self.send(host, (Notice(watcher), signal))

    def _home(self, name: str) -> str | None:
        return self.directory.homes.get(name)

    def _is_unknown(self, name: str) -> bool:
        """Whether it is sure that nobody has this name; hosts hear of new ones later than the controller."""
        return self.host == CONTROLLER and name not in self.directory.homes

    def _ask_where(self, name: str) -> None:
        if name not in self.directory.homes:
            self.send(CONTROLLER, (Where(name), None))

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
            self.send(host, (Command(number, kind, argument), None))
        return future

    def send_letter(self, host: str, path: str, envelope: Envelope) -> None:
        """Queue a message for an actor on another host."""
        if self.links.is_full(host) and envelope.admission is None:
            self._full(path, envelope, self._settings.link_queue)
        else:
            self.send(host, self._letter(host, path, envelope))

    def _letter(self, host: str, path: str, envelope: Envelope) -> Entry:
        if self.system.taps and (headers := getattr(envelope, "headers", None)) is not None:
            label, content = self._plain_letter(host, path, envelope)
            return Traced(label, headers), content
        return self._plain_letter(host, path, envelope)

    def _plain_letter(self, host: str, path: str, envelope: Envelope) -> tuple[str | Letter, Any]:
        asker, deadline = envelope.asker, envelope.deadline
        if asker is None:
            return path, envelope.message
        ask = self.asks.begin(host, path, asker)
        remaining_s = None if deadline is None else deadline - self.system.loop.time()
        label: Letter = (path, ask, remaining_s, envelope.chain, envelope.admission is not None)
        return label, envelope.message

    def _full(self, path: str, envelope: Envelope, capacity: int) -> None:
        if envelope.asker is None:
            self.system.dead_letters.add(path, envelope.message, DeadReason.MAILBOX_FULL)
        else:
            envelope.asker.fail(MailboxFullError(path=path, capacity=capacity))

    def _give_up(self, host: str, entry: Entry, *, died: bool = True) -> None:
        label, content = entry
        if isinstance(label, Traced):
            label = label.label
        if isinstance(label, Command):
            self.asks.failed(label.ask, lost_error(host, host, died=died))
        elif isinstance(label, str):
            reason = DeadReason.HOST_LOST if died else DeadReason.STOPPED
            self.system.dead_letters.add(label, content, reason)
        elif is_letter(label):
            path, ask = label[:2]
            self.asks.failed(ask, lost_error(path, host, died=died))

    def _report_dead(self, letter: DeadLetter) -> None:
        if not self.links.is_full(CONTROLLER):
            self.send(CONTROLLER, (Dead(letter.path, letter.reason), letter.message))

    # ------------------------------------------------------------------ inwards

    def receive(self, host: str, frame: Frame) -> None:
        """Take in one frame of another host, in order; one that was declared lost is not heard any more."""
        if self.directory.is_lost(host):
            return
        if self._parcels or isinstance(frame, Laden):
            self._parcels.receive(host, frame)
            return
        takes, cells, plans = self._takes, self.system.cells, PLANS
        for label, content in unpack(frame):
            kind = type(content)
            if kind is Unreadable:
                self._on_unreadable(host, label, content)
            elif type(label) is str and label in cells and not plans.get(kind, True):
                cells[label].tell(content)  # as most
            else:
                takes[type(label)](host, label, content)

    def take(self, host: str, label: Label, content: Any) -> None:
        """Take in one entry of another host, which waited for its buffers or stood behind one that did."""
        if type(content) is Unreadable:
            self._on_unreadable(host, label, content)
        else:
            self._takes[type(label)](host, label, content)

    def _on_told(self, _: str, path: str, message: Any) -> None:
        freeze(message)
        cell = self.system.cells.get(path)
        if cell is not None:
            cell.tell(message)
        else:
            self.system.deliver(path, Envelope(message))

    def _on_tuple(self, host: str, label: Letter | Failed, content: Any) -> None:
        if len(label) == 1:
            self.asks.failed(label[0], content)
            return
        self.system.deliver(label[0], self._asked(host, label, content))

    def _asked(self, host: str, label: Letter, content: Any) -> Envelope:
        _, ask, remaining_s, chain, is_admission = label
        reply = self.asks.accept(host, ask)
        deadline = None if remaining_s is None else self.system.loop.time() + remaining_s
        freeze(content)
        if is_admission:
            return Envelope(content, None, deadline, chain, reply)
        return Envelope(content, reply, deadline, chain)

    def _on_traced(self, host: str, traced: Traced, content: Any) -> None:
        label = traced.label
        if isinstance(label, str):
            freeze(content)
            path, envelope = label, Envelope(content)
        else:
            path, envelope = label[0], self._asked(host, label, content)
        envelope.headers = traced.headers
        self.system.deliver(path, envelope)

    def _on_answer(self, _: str, number: int, value: Any) -> None:
        freeze(value)
        self.asks.answered(number, value)

    def _on_notice(self, host: str, label: Notice, signal: Signal) -> None:
        if isinstance(signal, Terminated):
            name = root_of(signal.ref.path)
            if signal.reason is StopReason.NOT_FOUND and self._home(name) == host and _is_root(signal.ref):
                return  # it ended before the watch came there; the controller is about to say why
            if not self.watches.take(label.watcher, signal.ref):
                return
        self.system.notify(label.watcher, signal)

    def _on_dead(self, _: str, label: Dead, message: Any) -> None:
        self.dead_elsewhere[label.reason] += 1
        self.system.dead_letters.add(label.path, message, label.reason)

    def _on_where(self, host: str, where: Where) -> None:
        if where.name in self.directory.homes:
            self.send(host, (Settled(where.name, self.directory.homes[where.name]), None))
        else:
            self.send(host, (Gone(where.name, StopReason.NOT_FOUND), None))

    def _on_unreadable(self, host: str, label: Label, content: Unreadable) -> None:
        if isinstance(label, Traced):
            label = label.label
        if is_letter(label):
            error = NotSerialisableError(what=f"a message to {label[0]}", problem=content.problem)
            self.send(host, ((label[1],), error))
        elif isinstance(label, (int, tuple)):
            self.asks.failed(ask_of(label), NotSerialisableError(what="a reply", problem=content.problem))
        elif isinstance(label, (str, Dead, Notice)):
            path = addressee(label)
            self.system.dead_letters.add(path, content, DeadReason.NOT_SERIALISABLE)
        else:
            self._takes[type(label)](host, label, None)  # its label says it all

    # ------------------------------------------------------------------ who lives where

    def learn(self, news: News) -> None:
        """Take up what the controller says."""
        before = dict(self.directory.hosts) if isinstance(news, Snapshot) else {}
        self._lines.clear()
        self.directory.apply(news)
        if isinstance(news, Snapshot):
            for host in news.hosts.keys() - before.keys() - {self.host}:
                self.links.open(host, news.hosts[host])
            for name in news.homes:
                self._settled(name)
        elif isinstance(news, HostUp):
            self.links.open(news.host, news.peer)
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
                self.send(host, (Watch(watcher, target), None))

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
