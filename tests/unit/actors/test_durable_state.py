"""The store of durable actors, on SQLite and on PostgreSQL, with the actors of one process."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
from typing import Any

import pytest

from scanflow_actors.actors import ActorSystem, Backoff, Restart, RestartStrategy
from scanflow_actors.actors.durable.store import Fence, take_over, write
from scanflow_actors.errors import (
    ActorFailedError,
    ActorNotFoundError,
    ActorStoppedError,
    StorageError,
    SupersededError,
)
from scanflow_actors.settings import ActorSettings
from scanflow_actors.storage import Database
from tests.keepers import Account, Deposit, Deposits, Forget, Restored
from tests.postgres import end_connections
from tests.troupe import Add, Counter

FAST = RestartStrategy(backoff=Backoff(min_s=0.01))
ONCE = RestartStrategy(restart=Restart.TEMPORARY)

pytestmark = pytest.mark.looptime


def a_system(address: str) -> ActorSystem:
    return ActorSystem(settings=ActorSettings(store=address))


@pytest.fixture
async def database(database_address: str) -> Any:
    async with a_system(database_address) as system:
        await system.store.open()
    with contextlib.closing(Database(database_address)) as opened:
        yield opened


def states(database: Database) -> Any:
    return {
        actor: (incarnation, pickle.loads(body))
        for actor, incarnation, body in database.rows("select actor, incarnation, body from actor_state")
    }


async def test_a_new_system_goes_on(database_address: str) -> None:
    for balance in (5, 10, 15):
        async with a_system(database_address) as system:
            account = await system.spawn(Account, name="account")
            assert await account.ask(Deposit(5)) == balance


async def test_a_failed_receiver_has_changed_nothing(database_address: str, database: Database) -> None:
    async with a_system(database_address) as system:
        account = await system.spawn(Account, name="account", restart=FAST)
        await account.ask(Deposit(5))
        with pytest.raises(ActorFailedError):
            await account.ask(Forget())
        assert states(database) == {"/account": (1, 5)}
        assert await account.ask(Deposit(1)) == 6
        assert states(database) == {"/account": (2, 6)}


async def test_an_instance_that_was_superseded_writes_nothing_and_stops_for_good(
    database_address: str, database: Database
) -> None:
    async with a_system(database_address) as old, a_system(database_address) as new:
        stale = await old.spawn(Account, name="account", restart=RestartStrategy(restart=Restart.PERMANENT))
        await stale.ask(Deposit(5))
        fresh = await new.spawn(Account, name="account")
        with pytest.raises(ActorFailedError, match="this one stops") as failed:
            await stale.ask(Deposit(100))
        assert isinstance(failed.value.__cause__, SupersededError)
        with pytest.raises((ActorNotFoundError, ActorStoppedError)):
            await stale.ask(Deposit(100))
        assert await fresh.ask(Deposit(1)) == 6
        assert states(database) == {"/account": (2, 6)}


def test_a_write_is_refused_when_one_before_it_is_missing(database: Database) -> None:
    kept = take_over(database, "/a")
    write(database, Fence("/a", kept.incarnation, 0), b"first", ())
    with pytest.raises(StorageError, match="would leave a gap"):
        write(database, Fence("/a", kept.incarnation, 2), b"third", ())
    take_over(database, "/a")
    with pytest.raises(SupersededError):
        write(database, Fence("/a", kept.incarnation, 1), b"second", ())
    assert take_over(database, "/a").body == b"first"


async def test_all_that_a_write_carries_is_written_or_nothing(database: Database) -> None:
    kept = take_over(database, "/a")
    fence = Fence("/a", kept.incarnation, kept.version)
    changes = [("insert into missing values (?)", (1,))]
    with pytest.raises(StorageError), database.transaction():
        write(database, fence, b"state", changes)
    assert take_over(database, "/a").body is None


async def test_a_store_that_fails_fails_the_receiver_and_its_asker_hears_why(
    database_address: str, database: Database
) -> None:
    async with a_system(database_address) as system:
        account = await system.spawn(Account, name="account", restart=ONCE)
        database.change("drop table actor_state")
        with pytest.raises(
            ActorFailedError, match=r"StorageError: cannot write the store of actors .*actor_state"
        ):
            await account.ask(Deposit(5))
        with pytest.raises((ActorNotFoundError, ActorStoppedError)):
            await account.ask(Deposit(5))


async def test_an_actor_does_not_notice_that_the_server_has_ended_its_connection(postgres: str) -> None:
    async with a_system(postgres) as system:
        account = await system.spawn(Account, name="account", restart=FAST)
        await account.ask(Deposit(5))
        end_connections(postgres)
        assert await account.ask(Deposit(7)) == 12
        assert await account.ask(Deposit(1)) == 13


async def test_an_actor_that_cannot_write_fails_and_goes_on_when_it_can(
    database_address: str, database: Database
) -> None:
    async with a_system(database_address) as system:
        account = await system.spawn(Account, name="account", restart=FAST)
        await account.ask(Deposit(5))
        database.change("alter table actor_state rename to hidden")
        with pytest.raises(ActorFailedError, match="StorageError"):
            await account.ask(Deposit(7))
        database.change("alter table hidden rename to actor_state")
        assert await account.ask(Deposit(1)) == 6


async def test_the_loop_turns_while_the_store_is_waited_for(
    database_address: str, database: Database
) -> None:
    async with a_system(database_address) as system:
        account = await system.spawn(Account, name="account")
        counter = await system.spawn(Counter, name="counter")
        with database.transaction():
            deposit = asyncio.ensure_future(account.ask(Deposit(5)))
            for total in range(1, 100):
                assert await counter.ask(Add(1)) == total
                await asyncio.sleep(0)
            assert not deposit.done()
        assert await deposit == 5


async def test_what_overlaps_shares_commits_and_is_written_in_order(
    database_address: str, database: Database
) -> None:
    async with a_system(database_address) as system:
        account = await system.spawn(Account, name="account")
        balances = await asyncio.gather(*(account.ask(Deposits(1)) for _ in range(50)))
        assert sorted(balances) == list(range(1, 51))
        assert states(database) == {"/account": (1, 50)}


async def test_a_receiver_that_is_cancelled_while_it_writes_has_written(
    database_address: str, database: Database
) -> None:
    async with a_system(database_address) as system:
        account = await system.spawn(Account, name="account")
        with database.transaction():
            deposit = asyncio.ensure_future(account.ask(Deposits(5)))
            for _ in range(10):  # until its write waits for the other transaction
                await asyncio.sleep(0)
            deposit.cancel()
        assert await account.ask(Deposit(1)) == 6
        assert states(database) == {"/account": (1, 6)}


async def test_a_child_keeps_its_state_under_its_own_path(database_address: str, database: Database) -> None:
    async with a_system(database_address) as system:
        for _ in range(2):
            parent = await system.spawn(Parental, name="parent")
            await system.find("parent/child").ask(Deposit(3))
            await system.stop(parent)
    assert {path: state for path, (_, state) in states(database).items()} == {"/parent/child": 6}


class Parental(Counter):
    async def on_start(self, ctx: Any) -> None:
        await ctx.spawn(Account, name="child")


async def test_without_a_store_a_durable_actor_does_not_start() -> None:
    async with ActorSystem() as system:
        with pytest.raises(ActorFailedError, match=r"needs a store: ActorSettings\(store=…\)"):
            await system.spawn(Account, name="account")


async def test_a_system_without_durable_actors_does_not_open_its_store(database_address: str) -> None:
    async with a_system(database_address) as system:
        await system.spawn(Counter, name="counter")
    with contextlib.closing(Database(database_address)) as database, pytest.raises(StorageError):
        database.rows("select * from actor_state")


async def test_the_state_is_there_before_on_start(database_address: str) -> None:
    for _ in range(2):
        async with a_system(database_address) as system:
            account = await system.spawn(Account, name="account")
            at_start, incarnation = await account.ask(Restored())
            assert at_start == 5 * (incarnation - 1)
            await account.ask(Deposit(5))
