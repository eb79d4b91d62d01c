"""Virtual time for users' tests."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.actors import ActorSystem
from scanflow_actors.testing import virtual_time
from tests.troupe import Note, Notes, Recorder, Remind, Reminder

if TYPE_CHECKING:
    from pathlib import Path


@virtual_time
async def test_a_year_of_sleep_is_a_moment() -> None:
    assert asyncio.get_running_loop().time() == 0
    await asyncio.sleep(365 * 86_400)
    assert asyncio.get_running_loop().time() == 365 * 86_400


@virtual_time
async def test_timers_of_actors_fire_in_their_order() -> None:
    async with ActorSystem() as system:
        reminder = await system.spawn(Reminder, name="reminder")
        reminder.tell(Remind(7200, "later"))
        reminder.tell(Remind(3600, "soon"))
        await asyncio.sleep(5000)
        assert await reminder.ask(Notes()) == ["soon"]
        await asyncio.sleep(5000)
        assert await reminder.ask(Notes()) == ["soon", "later"]


@virtual_time
async def test_the_clock_waits_for_threads() -> None:
    begun, go = asyncio.Event(), os.pipe()
    loop = asyncio.get_running_loop()

    def work() -> bytes:
        loop.call_soon_threadsafe(begun.set)
        return os.read(go[0], 1)

    async def hurry() -> float:
        await asyncio.sleep(1000)
        return loop.time()

    working, hurrying = asyncio.ensure_future(asyncio.to_thread(work)), asyncio.ensure_future(hurry())
    await begun.wait()
    os.write(go[1], b"x")
    assert await working == b"x"
    assert loop.time() == 0
    assert await hurrying == 1000
    os.close(go[0])
    os.close(go[1])


@pytest.mark.parametrize("number", [1, 2])
@virtual_time
async def test_fixtures_and_parameters_work(tmp_path: Path, number: int) -> None:
    await asyncio.sleep(number)
    assert asyncio.get_running_loop().time() == number
    assert tmp_path.name.startswith("test_fixtures")


def test_a_test_in_which_nothing_will_ever_happen_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanflow_actors.testing.clock.PATIENCE_S", 0.0)

    @virtual_time
    async def stuck() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="nothing will ever wake one"):
        stuck()


def test_the_result_of_the_function_is_returned_and_its_errors_are_raised() -> None:
    @virtual_time
    async def answer(value: int) -> int:
        if value < 0:
            raise ValueError(value)
        return value

    assert answer(3) == 3
    with pytest.raises(ValueError, match="-1"):
        answer(-1)


@virtual_time
async def test_two_runs_see_the_same_instants() -> None:
    async with ActorSystem() as system:
        recorder = await system.spawn(Recorder, name="recorder")
        for number in range(3):
            recorder.tell(Note(number))
            await asyncio.sleep(0.1)
        assert await recorder.ask(Notes()) == [0, 1, 2]
    assert asyncio.get_running_loop().time() == pytest.approx(0.3)
    assert time.monotonic() != asyncio.get_running_loop().time()
