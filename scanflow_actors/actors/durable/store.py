"""Where durable actors keep what outlives their process: a SQLite file or a PostgreSQL database.

Every row belongs to one actor, by its path. Each instance of an actor takes the rows over by a number of its
own, and writes on the condition that nobody has taken them over since.
"""

from __future__ import annotations

import asyncio
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from scanflow_actors.errors import NotSerialisableError, StorageError, SupersededError
from scanflow_actors.storage import Database, GroupWriter, borrow, give_back, is_server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

Change = tuple[str, tuple[Any, ...]]
"""A statement and its values."""

_SCHEMA = """
create table if not exists actor_state (
    actor text primary key,
    incarnation integer not null,
    version integer not null,
    body blob
);
create table if not exists actor_reminder (
    actor text not null,
    name text not null,
    due_at real not null,
    every_s real,
    late_s real,
    body blob not null,
    primary key (actor, name)
);
create table if not exists actor_outbox (
    producer text not null,
    consumer text not null,
    seq integer not null,
    body blob not null,
    primary key (producer, consumer, seq)
);
create table if not exists actor_peer (
    actor text not null,
    peer text not null,
    sent integer not null,
    received integer not null,
    primary key (actor, peer)
);
"""

_TAKE_OVER = """
insert into actor_state (actor, incarnation, version) values (?, 1, 0)
on conflict (actor) do update set incarnation = actor_state.incarnation + 1
returning incarnation, version, body
"""
_WRITE = """
update actor_state set version = version + 1, body = ? where actor = ? and incarnation = ? and version = ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What an instance finds when it takes over."""

    incarnation: int
    version: int
    body: bytes | None
    """The state; None when none was ever saved."""
    reminders: list[tuple[Any, ...]]
    """Name, due_at, every_s, late_s, message."""
    outbox: list[tuple[Any, ...]]
    """Consumer, number, message; in order."""
    peers: list[tuple[Any, ...]]
    """Path, last number sent there, last number handled from there."""


@dataclass(frozen=True, slots=True)
class Fence:
    """The condition of a write: whose rows, and after which write of which incarnation."""

    actor: str
    incarnation: int
    version: int


def take_over(database: Database, actor: str) -> Kept:
    """Read all that an actor has kept; whoever had it before can write it no more."""
    ((incarnation, version, body),) = database.rows(_TAKE_OVER, actor)
    reminders = "select name, due_at, every_s, late_s, body from actor_reminder where actor = ?"
    outbox = "select consumer, seq, body from actor_outbox where producer = ? order by seq"
    peers = "select peer, sent, received from actor_peer where actor = ?"
    return Kept(
        incarnation=incarnation,
        version=version,
        body=body,
        reminders=database.rows(reminders, actor),
        outbox=database.rows(outbox, actor),
        peers=database.rows(peers, actor),
    )


def write(database: Database, fence: Fence, body: bytes, changes: Sequence[Change]) -> None:
    """Write a state and what goes with it, when this incarnation still is the newest.

    Raises:
        SupersededError: A newer incarnation has taken over.
        StorageError: An earlier write of this incarnation has failed, or this one does.
    """
    if not database.change(_WRITE, body, fence.actor, fence.incarnation, fence.version):
        newest = database.rows("select incarnation from actor_state where actor = ?", fence.actor)
        if newest == [(fence.incarnation,)]:
            raise StorageError(f"{fence.actor}: an earlier write has failed, so this one would leave a gap")
        raise SupersededError(path=fence.actor, incarnation=fence.incarnation)
    for statement, values in changes:
        database.change(statement, *values)


def drop_confirmed(database: Database, producer: str, consumer: str, seq: int) -> None:
    """Forget messages that the consumer has confirmed."""
    statement = "delete from actor_outbox where producer = ? and consumer = ? and seq <= ?"
    database.change(statement, producer, consumer, seq)


class StateStore:
    """The store of one actor system in this process; one thread writes for all of its actors."""

    def __init__(self, address: str | None) -> None:
        self.address = address
        self._key = "" if address is None else f"state {_resolved(address)}"
        self._writer: GroupWriter | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Open the database at the first use.

        Raises:
            StorageError: There is none, or it cannot be opened.
        """
        address = self.address
        if address is None:
            raise StorageError("a durable actor needs a store: ActorSettings(store=…)")
        async with self._opening:
            if self._writer is None:
                self._writer = await asyncio.to_thread(
                    borrow, self._key, lambda: Database(address, _SCHEMA, name="the store of actors")
                )

    def submit(self, function: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """Have a function run with the database, in a transaction, after those submitted before.

        Raises:
            StorageError: The store is closed.
        """
        writer = self._writer
        if writer is None:
            raise StorageError("the store of actors is closed")
        return asyncio.get_running_loop().run_in_executor(writer, function, writer.database, *args)

    async def close(self) -> None:
        """Write what is waiting, and close the database."""
        if self._writer is not None:
            self._writer = None
            await asyncio.to_thread(give_back, self._key)


def _resolved(address: str) -> str:
    return address if is_server(address) else str(Path(address).resolve())


def pickled(value: Any, what: str) -> bytes:
    """Pickle what is to be kept.

    Raises:
        NotSerialisableError: It does not pickle.
    """
    try:
        return pickle.dumps(value, protocol=5)
    except Exception as error:
        raise NotSerialisableError(what=what, problem=f"{type(error).__name__}: {error}") from error
