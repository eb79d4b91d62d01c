"""The requests that one host waits for, and those that others wait for here."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.message import Reply
from scanflow_actors.cluster.wire import Abandon
from scanflow_actors.errors import ActorError, ActorStoppedError, HostLostError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from scanflow_actors.cluster.wire import Entry

    Send = Callable[[str, Entry], None]


class _Waiting:
    """A request that is under way to another host: the holder of its reply."""

    __slots__ = ("asks", "host", "number", "path", "reply")

    def __init__(self, asks: Asks, number: int, host: str, path: str, reply: Reply) -> None:
        self.asks = asks
        self.number = number
        self.host = host
        self.path = path
        self.reply = reply

    def abandoned(self, reply: Reply) -> None:
        """Tell the other host that nobody waits any more."""
        del reply
        self.asks.give_up(self.number)


class Asks:
    """Asks by number. An entry leaves its table with the answer, with its asker, or with the host."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._numbers = itertools.count()
        self._out: dict[int, _Waiting] = {}
        self._in: dict[tuple[str, int], RemoteReply] = {}
        self.late = 0
        """Replies that nobody waited for any more."""

    def begin(self, host: str, path: str, reply: Reply) -> int:
        """Wait for a word from another host.

        Returns:
            The number under which it must come.
        """
        number = next(self._numbers)
        self._out[number] = reply.holder = _Waiting(self, number, host, path, reply)
        return number

    def give_up(self, number: int) -> None:
        """Forget a request, and tell the other host."""
        waiting = self._out.pop(number, None)
        if waiting is not None:
            self._send(waiting.host, (Abandon(number), None))

    def path_of(self, number: int) -> str:
        """Whom a request was for; empty when nobody waits for it any more."""
        waiting = self._out.get(number)
        return "" if waiting is None else waiting.path

    def answered(self, number: int, value: Any) -> None:
        """Hand on an answer; a late one is dropped and counted."""
        waiting = self._out.pop(number, None)
        if waiting is None:
            self.late += 1
        else:
            waiting.reply.holder = None
            waiting.reply.resolve(value)

    def failed(self, number: int, error: BaseException) -> None:
        """Hand on an error; a late one is dropped."""
        waiting = self._out.pop(number, None)
        if waiting is not None:
            waiting.reply.holder = None
            waiting.reply.fail(error)

    def accept(self, host: str, number: int) -> RemoteReply:
        """Take on a request of another host: its answer goes back there."""
        reply = RemoteReply(self, host, number)
        self._in[host, number] = reply
        return reply

    def finish(self, reply: RemoteReply, answer: Entry) -> None:
        """Send an answer, once."""
        if self._in.pop((reply.host, reply.number), None) is not None:
            self._send(reply.host, answer)
        elif isinstance(answer[0], int):
            self.late += 1

    def abandoned(self, host: str, number: int) -> None:
        """Hear that the other host does not wait any more."""
        reply = self._in.pop((host, number), None)
        if reply is not None:
            reply.abandon()

    def host_lost(self, host: str, *, died: bool) -> None:
        """End everything that waits for a host, or for which it waits."""
        for number in [number for number, waiting in self._out.items() if waiting.host == host]:
            waiting = self._out[number]
            self.failed(number, lost_error(waiting.path, host, died=died))
        for key in [key for key in self._in if key[0] == host]:
            self._in.pop(key).abandon()

    def __len__(self) -> int:
        return len(self._out) + len(self._in)


def lost_error(path: str, host: str, *, died: bool) -> ActorError:
    """Word what an asker is told whose actor was on a host that is gone."""
    return HostLostError(path=path, host=host) if died else ActorStoppedError(path=path)


class RemoteReply(Reply):
    """The answer to a letter goes back to the host that sent it."""

    __slots__ = ("_asks", "host", "number")

    def __init__(self, asks: Asks, host: str, number: int) -> None:
        self.holder = None
        self._asks = asks
        self.host = host
        self.number = number

    def resolve(self, value: Any) -> None:
        """Answer with a value."""
        self._asks.finish(self, (self.number, value))

    def fail(self, error: BaseException) -> None:
        """Answer with an error."""
        self._asks.finish(self, ((self.number,), error))


class FutureReply(Reply):
    """The answer to a command of the controller."""

    __slots__ = ("_future",)

    def __init__(self, future: asyncio.Future[Any]) -> None:
        super().__init__()
        self._future = future

    def resolve(self, value: Any) -> None:
        """Answer with a value."""
        if not self._future.done():
            self._future.set_result(value)

    def fail(self, error: BaseException) -> None:
        """Answer with an error."""
        if not self._future.done():
            self._future.set_exception(error)
