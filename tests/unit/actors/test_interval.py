# ruff: noqa: ARG002 - receivers take a message, also where its type says it all
"""Interval timers of actors, in virtual time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import pytest

from scanflow_actors.actors import Actor, ActorContext, ActorSystem, Backoff, RestartStrategy, receive
from tests.troupe import Crash

pytestmark = pytest.mark.looptime


@dataclass(frozen=True, slots=True)
class Beat:
    pass


class Heart(Actor):
    """Notes when it beats; ends its timer after some beats; each instance makes its own timer."""

    def __init__(
        self, beats: list[float], interval_s: float, most: int = 1000, first_s: float | None = None
    ) -> None:
        self._beats = beats
        self._interval_s = interval_s
        self._most = most
        self._first_s = first_s

    async def on_start(self, ctx: ActorContext) -> None:
        self._timer = ctx.every(self._interval_s, Beat(), first_s=self._first_s)

    @receive
    async def beat(self, message: Beat) -> None:
        self._beats.append(asyncio.get_running_loop().time())
        if len(self._beats) == self._most:
            self._timer.cancel()
        await asyncio.sleep(self._interval_s / 3)

    @receive
    def crash(self, message: Crash) -> None:
        raise ValueError(message.text)


async def test_beats_are_one_interval_apart_and_do_not_drift() -> None:
    beats: list[float] = []
    async with ActorSystem() as system:
        start = asyncio.get_running_loop().time()
        await system.spawn(Heart, beats, 0.1, name="heart")
        await asyncio.sleep(100.05)
        assert len(beats) == 1000
        assert beats[-1] - start == pytest.approx(100)


async def test_the_first_may_come_at_another_time() -> None:
    beats: list[float] = []
    async with ActorSystem() as system:
        start = asyncio.get_running_loop().time()
        await system.spawn(Heart, beats, 10, 2, 3, name="heart")
        await asyncio.sleep(100)
        assert [beat - start for beat in beats] == pytest.approx([3, 13])


async def test_a_restart_ends_the_timer_of_the_old_instance() -> None:
    beats: list[float] = []
    strategy = RestartStrategy(backoff=Backoff(min_s=1, max_s=1, jitter_ratio=0))
    async with ActorSystem() as system:
        heart = await system.spawn(Heart, beats, 10, name="heart", restart=strategy)
        await asyncio.sleep(25)
        heart.tell(Crash())
        await asyncio.sleep(30)
        assert [round(beat - beats[0]) for beat in beats] == [0, 10, 26, 36]


async def test_beats_that_a_busy_loop_has_missed_are_left_out() -> None:
    beats: list[float] = []
    async with ActorSystem() as system:
        await system.spawn(Heart, beats, 10, name="heart")
        asyncio.get_running_loop().call_later(5, lambda: _hold_up(45))
        await asyncio.sleep(75)
        assert [round(beat) - round(beats[0]) for beat in beats] == [0, 10, 20]


def _hold_up(seconds: float) -> None:
    """Let virtual time go by as if something had kept the loop busy."""
    loop: Any = asyncio.get_running_loop()
    loop.setup_looptime(start=loop.time() + seconds)


class Doomed(Actor):
    """Starts once; whenever it starts again it fails."""

    def __init__(self, starts: list[float]) -> None:
        starts.append(time.monotonic())
        if len(starts) > 1:
            raise OSError("no weights")

    @receive
    def crash(self, message: Crash) -> None:
        raise ValueError(message.text)


async def test_an_actor_that_fails_at_each_start_lets_others_have_their_turn() -> None:
    starts: list[float] = []
    strategy = RestartStrategy(max_restarts=10**9, backoff=Backoff(min_s=0, max_s=0))
    async with ActorSystem() as system:
        doomed = await system.spawn(Doomed, starts, name="doomed", restart=strategy)
        doomed.tell(Crash())
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(starts) > 10
        await system.stop(doomed)
        count = len(starts)
        await asyncio.sleep(1)
        assert len(starts) == count
