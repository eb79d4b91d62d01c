"""Timers that outlive restarts and systems, in virtual time. Each fires at least once, and counts once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from scanflow_actors.actors import ActorSystem, Backoff, MailboxSpec, RestartStrategy
from scanflow_actors.actors.durable.reminders import Reminder
from scanflow_actors.errors import ActorFailedError
from scanflow_actors.settings import ActorSettings
from tests.keepers import Beats, Cancel, Diary, FailNext, Remind, Timers
from tests.troupe import Pass

if TYPE_CHECKING:
    from pathlib import Path

    from scanflow_actors.actors import ActorRef

FAST = RestartStrategy(max_restarts=10, backoff=Backoff(min_s=0.01))

pytestmark = pytest.mark.looptime


def a_system(address: str | Path) -> ActorSystem:
    loop = asyncio.get_running_loop()
    return ActorSystem(settings=ActorSettings(store=str(address), now_s=loop.time))


async def times(diary: ActorRef) -> list[int]:
    """When the timers came, in whole seconds since the test began."""
    return [round(at) for _, at in await diary.ask(Beats())]


async def test_a_timer_comes_once_at_its_time(database_address: str) -> None:
    async with a_system(database_address) as system:
        diary = await system.spawn(Diary, name="diary")
        await diary.ask(Remind("egg", 180))
        await asyncio.sleep(179)
        assert await times(diary) == []
        await asyncio.sleep(1000)
        assert await times(diary) == [180]
        assert await diary.ask(Timers()) == []


async def test_a_periodic_timer_keeps_to_its_grid(tmp_path: Path) -> None:
    async with a_system(tmp_path / "state.db") as system:
        diary = await system.spawn(Diary, name="diary")
        await diary.ask(Remind("tick", 5, every_s=10))
        await asyncio.sleep(36)
        assert await times(diary) == [5, 15, 25, 35]
        assert await diary.ask(Timers()) == ["tick"]


async def test_a_timer_outlives_its_system_and_comes_late_but_once(database_address: str) -> None:
    async with a_system(database_address) as system:
        diary = await system.spawn(Diary, name="diary")
        await diary.ask(Remind("tick", 10, every_s=10))
        await diary.ask(Remind("egg", 12))
    await asyncio.sleep(57)
    async with a_system(database_address) as system:
        diary = await system.spawn(Diary, name="diary")
        await asyncio.sleep(6)
        beats = [(name, round(at)) for name, at in await diary.ask(Beats())]
        assert sorted(beats) == [("egg", 57), ("tick", 57), ("tick", 60)]


async def test_a_timer_that_is_too_late_is_skipped(database_address: str) -> None:
    async with a_system(database_address) as system:
        diary = await system.spawn(Diary, name="diary")
        await diary.ask(Remind("tick", 10, every_s=10, late_s=2))
        await diary.ask(Remind("egg", 12, late_s=2))
        await diary.ask(Remind("tea", 56, late_s=2))
    await asyncio.sleep(57)
    async with a_system(database_address) as system:
        diary = await system.spawn(Diary, name="diary")
        await asyncio.sleep(6)
        beats = [(name, round(at)) for name, at in await diary.ask(Beats())]
        assert beats == [("tea", 57), ("tick", 60)]
        assert await diary.ask(Timers()) == ["tick"]


async def test_a_timer_that_was_cancelled_never_comes(database_address: str) -> None:
    async with a_system(database_address) as system:
        diary = await system.spawn(Diary, name="diary")
        await diary.ask(Remind("egg", 10))
        await diary.ask(Remind("tick", 10, every_s=10))
        await diary.ask(Cancel("egg"))
        await diary.ask(Cancel("unknown"))
    async with a_system(database_address) as system:
        diary = await system.spawn(Diary, name="diary")
        await diary.ask(Cancel("tick"))
        await asyncio.sleep(100)
        assert await times(diary) == []


async def test_a_timer_that_is_cancelled_while_it_waits_in_the_mailbox_does_not_come(tmp_path: Path) -> None:
    async with a_system(tmp_path / "state.db") as system:
        diary = await system.spawn(Diary, name="diary")
        await diary.ask(Remind("egg", 10))
        holding = asyncio.ensure_future(diary.ask(Pass(), timeout_s=100))
        await asyncio.sleep(5)
        cancelling = asyncio.ensure_future(diary.ask(Cancel("egg"), timeout_s=100))
        await asyncio.sleep(10)  # now it is due, and behind the cancellation
        await asyncio.gather(holding, cancelling)
        await asyncio.sleep(10)
        assert await times(diary) == []


async def test_a_timer_is_replaced_by_one_with_its_name(tmp_path: Path) -> None:
    async with a_system(tmp_path / "state.db") as system:
        diary = await system.spawn(Diary, name="diary")
        await diary.ask(Remind("egg", 10))
        await diary.ask(Remind("egg", 20))
        await asyncio.sleep(100)
        assert await times(diary) == [20]


async def test_a_timer_whose_receiver_failed_comes_again(database_address: str, tmp_path: Path) -> None:
    async with a_system(database_address) as system:
        diary = await system.spawn(Diary, name="diary", restart=FAST)
        await diary.ask(FailNext(str(tmp_path / "fails"), 2))
        await diary.ask(Remind("egg", 10))
        await asyncio.sleep(20)
        assert await times(diary) == [10]  # the failed notes left no trace
        assert (tmp_path / "fails").read_text() == "0"
        assert await diary.ask(Timers()) == []


async def test_a_timer_outlives_a_restart(tmp_path: Path) -> None:
    async with a_system(tmp_path / "state.db") as system:
        diary = await system.spawn(Diary, name="diary", restart=FAST)
        await diary.ask(Remind("egg", 10))
        with pytest.raises(ActorFailedError):
            await diary.ask(Remind("wrong", -1))
        await asyncio.sleep(20)
        assert await times(diary) == [10]


async def test_a_timer_knocks_again_when_the_mailbox_is_full(tmp_path: Path) -> None:
    async with a_system(tmp_path / "state.db") as system:
        diary = await system.spawn(Diary, name="diary", mailbox=MailboxSpec(capacity=1))
        await diary.ask(Remind("egg", 10))
        holding = asyncio.ensure_future(diary.ask(Pass(), timeout_s=200))
        await asyncio.sleep(1)
        behind = asyncio.ensure_future(diary.ask(Pass(), timeout_s=200))  # fills the mailbox
        await asyncio.gather(holding, behind)
        await asyncio.sleep(2)
        assert await times(diary) == [120]
        assert not system.dead_letters.recent


async def test_a_timer_has_a_key_that_is_the_same_when_it_comes_again(tmp_path: Path) -> None:
    keys: list[str | None] = []

    class Spy(Diary):
        def seen(self, key: str | None) -> None:
            keys.append(key)

    async with a_system(tmp_path / "state.db") as system:
        diary = await system.spawn(Spy, name="diary", restart=FAST)
        await diary.ask(FailNext(str(tmp_path / "fails"), 1))
        await diary.ask(Remind("egg", 10))
        await asyncio.sleep(20)
    assert keys[0] is not None
    assert keys == [keys[0], keys[0]]


SECONDS = st.integers(min_value=0, max_value=10_000).map(float)


@given(due_at=SECONDS, now_s=SECONDS, every_s=st.integers(min_value=1, max_value=100).map(float))
def test_the_next_time_is_the_first_of_the_grid_that_is_yet_to_come(
    due_at: float, now_s: float, every_s: float
) -> None:
    following = Reminder(message=None, due_at=due_at, every_s=every_s, late_s=None).next(now_s)
    assert following is not None
    assert following.due_at > max(now_s, due_at)
    assert following.due_at - every_s <= max(now_s, due_at)
    assert (following.due_at - due_at) % every_s == 0
