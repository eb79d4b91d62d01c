"""What durable actors keep: over restarts, process deaths and systems, on every runtime."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from scanflow_actors.actors import Backoff, RestartStrategy
from scanflow_actors.cluster import Pooled, RayActorSystem
from scanflow_actors.errors import ActorFailedError, HostLostError
from scanflow_actors.settings import ActorSettings, RaySettings, Settings
from scanflow_actors.storage import Database
from tests.keepers import (
    Account,
    Beats,
    Deposit,
    Deposits,
    Diary,
    Draft,
    Forget,
    Hide,
    Order,
    Ordered,
    Remind,
    Restored,
    Save,
    Timers,
)
from tests.saboteur import CONSUMER_STEPS, PRODUCER_STEPS, DoomedDepot, DoomedShop

if TYPE_CHECKING:
    from pathlib import Path

    from scanflow_actors.actors import ActorRef, Request
    from tests.stage import Stage

R = TypeVar("R")
FAST = RestartStrategy(backoff=Backoff(min_s=0.01))
TOUGH = RestartStrategy(max_restarts=100, backoff=Backoff(min_s=0.01, max_s=0.02))


def written(stage: Stage, ref: ActorRef) -> Any:
    """The state that is in the store at this moment."""
    settings = stage.system.settings
    address = (settings if isinstance(settings, ActorSettings) else settings.actors).store
    assert address is not None
    with contextlib.closing(Database(address)) as database:
        rows = database.rows("select body from actor_state where actor = ?", ref.path)
    return pickle.loads(rows[0][0]) if rows and rows[0][0] is not None else None


async def test_g12_a_restart_goes_on_from_what_was_written(stage: Stage) -> None:
    account = await stage.spawn(Account, restart=FAST)
    assert await account.ask(Restored()) == (0, 1)
    await account.ask(Deposit(5))
    with pytest.raises(ActorFailedError, match="before it was written"):
        await account.ask(Forget())
    assert await account.ask(Deposit(1)) == 6
    assert await account.ask(Restored()) == (5, 2)


async def test_what_was_answered_is_written(stage: Stage) -> None:
    account = await stage.spawn(Account)
    for balance in (1, 2, 3):
        assert await account.ask(Deposit(1)) == balance
        assert written(stage, account) == balance


async def test_what_overlapping_receivers_answered_is_written(stage: Stage) -> None:
    account = await stage.spawn(Account)

    async def deposit() -> bool:
        balance = await account.ask(Deposits(1))
        return bool(written(stage, account) >= balance)

    assert all(await asyncio.gather(*(deposit() for _ in range(10))))
    assert written(stage, account) == 10


async def test_a_new_actor_with_the_name_goes_on(stage: Stage) -> None:
    account = await stage.spawn(Account, name=f"savings-{stage.runtime}")
    await account.ask(Deposit(5))
    await stage.system.stop(account)
    again = await stage.spawn(Account, name=f"savings-{stage.runtime}")
    assert await again.ask(Restored()) == (5, 2)


async def test_an_actor_that_saves_when_asked_goes_back_to_what_it_saved(stage: Stage) -> None:
    draft = await stage.spawn(Draft, restart=FAST)
    await draft.ask(Deposit(5))
    assert written(stage, draft) == 0  # as it started
    await draft.ask(Save())
    await draft.ask(Deposit(7))
    with pytest.raises(ActorFailedError):
        await draft.ask(Forget())
    assert await draft.ask(Deposit(1)) == 6


async def test_a_state_that_does_not_pickle_fails_the_receiver(stage: Stage) -> None:
    account = await stage.spawn(Account, restart=FAST)
    await account.ask(Deposit(5))
    with pytest.raises(ActorFailedError, match=r"NotSerialisableError: the state of /.*; define its class"):
        await account.ask(Hide())
    assert await account.ask(Deposit(1)) == 6


@pytest.mark.runtimes("dedicated")
async def test_g13_a_killed_process_loses_nothing_that_was_answered(stage: Stage) -> None:
    assert isinstance(stage.system, RayActorSystem)
    account = await stage.spawn(Account, restart=FAST)
    await account.ask(Deposit(5))
    before = await account.ask(Save())
    lost = asyncio.ensure_future(account.ask(Restored()))
    await lost
    os.kill(stage.system.process_of(account), signal.SIGKILL)
    while await answer(account, Save()) in {before, None}:
        continue
    assert await account.ask(Deposit(1)) == 6
    assert await account.ask(Restored()) == (5, 2)


async def test_a_new_system_on_ray_goes_on(ray_session: None, tmp_path: Path) -> None:  # noqa: ARG001 - must run
    settings = Settings(
        actors=ActorSettings(store=str(tmp_path / "state.db")), ray=RaySettings(standby_hosts=0)
    )
    for balance in (5, 10):
        async with RayActorSystem("again", settings=settings) as system:
            account = await system.spawn(Account, name="account", placement=Pooled())
            assert await account.ask(Deposit(5)) == balance


@pytest.mark.runtimes("dedicated")
async def test_a_timer_outlives_a_killed_process(stage: Stage) -> None:
    assert isinstance(stage.system, RayActorSystem)
    diary = await stage.spawn(Diary, restart=FAST)
    await diary.ask(Remind("egg", 0.5))
    os.kill(stage.system.process_of(diary), signal.SIGKILL)
    while not (beats := await answer(diary, Beats())):  # noqa: ASYNC110 - it is in another process
        await asyncio.sleep(0.05)
    assert [name for name, _ in beats] == ["egg"]
    assert await diary.ask(Timers()) == []


async def answer(ref: ActorRef, message: Request[R]) -> R | None:
    """What an actor answers; None when its process dies meanwhile."""
    try:
        return await ref.ask(message)
    except HostLostError:
        return None


@pytest.mark.runtimes("dedicated")
async def test_what_was_acknowledged_survives_sigkill_of_either_side_at_every_step(
    stage: Stage, tmp_path: Path
) -> None:
    folders = {side: tmp_path / side for side in ("shop", "depot")}
    for folder in folders.values():
        folder.mkdir()
    depot = await stage.spawn(DoomedDepot, str(folders["depot"]), restart=TOUGH)
    shop = await stage.spawn(DoomedShop, depot.path[1:], str(folders["shop"]), restart=TOUGH)
    steps = [("shop", step) for step in PRODUCER_STEPS] + [("depot", step) for step in CONSUMER_STEPS]
    for number, (side, step) in enumerate(steps):
        order = folders[side] / step
        order.touch()
        while await answer(shop, Order(number)) is None:
            continue
        while order.exists() or number not in (await answer(depot, Ordered()) or ()):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)
    numbers = list(range(len(steps)))
    assert await answer(shop, Ordered()) == await answer(depot, Ordered()) == numbers
