# ruff: noqa: ARG002 - hooks take a context, also where they do without
"""The kernel in virtual time: what takes how long, to the second."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.actors import Actor, ActorSystem, Backoff, MailboxSpec, RestartStrategy, receive
from scanflow_actors.actors.deadlines import TICKS_PER_S
from scanflow_actors.actors.eager import start_eagerly
from scanflow_actors.errors import ActorFailedError, ActorStoppedError, AskTimeoutError
from tests.troupe import (
    Add,
    Counter,
    Crash,
    Dream,
    Gate,
    Note,
    Notes,
    Recorder,
    Remind,
    Reminder,
    Waiting,
    Work,
    Worker,
)

if TYPE_CHECKING:
    from scanflow_actors.actors import ActorContext

pytestmark = pytest.mark.looptime


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_a_backoff_doubles_and_the_mailbox_waits_for_it() -> None:
    strategy = RestartStrategy(max_restarts=3, backoff=Backoff(min_s=10, max_s=1000, jitter_ratio=0))
    async with ActorSystem() as system:
        counter = await system.spawn(Counter, 1, name="counter", restart=strategy)
        for expected in (10, 20, 40):
            before = now()
            counter.tell(Crash())
            assert await counter.ask(Add(0), timeout_s=100) == 1
            assert now() - before == pytest.approx(expected)


async def test_restarts_that_are_long_ago_do_not_count() -> None:
    strategy = RestartStrategy(max_restarts=1, within_s=60, backoff=Backoff(jitter_ratio=0))
    async with ActorSystem() as system:
        counter = await system.spawn(Counter, 1, name="counter", restart=strategy)
        for _ in range(5):
            counter.tell(Crash())
            assert await counter.ask(Add(0)) == 1
            await asyncio.sleep(61)


@pytest.mark.parametrize("timeout_s", [0.001, 0.5, 7, 3600])
async def test_an_ask_ends_within_a_tick_of_its_deadline(timeout_s: float) -> None:
    async with ActorSystem() as system:
        gate = await system.spawn(Gate, name="gate")
        worker = await system.spawn(Worker, gate, name="worker")
        before = now()
        with pytest.raises(AskTimeoutError):
            await worker.ask(Dream(), timeout_s=timeout_s)
        assert timeout_s <= now() - before <= timeout_s + 2 / TICKS_PER_S


async def test_a_reminder_comes_when_it_is_due() -> None:
    async with ActorSystem() as system:
        reminder = await system.spawn(Reminder, name="reminder")
        reminder.tell(Remind(3600, "tea"))
        assert await reminder.ask(Notes(at_least=1), timeout_s=4000) == ["tea"]
        assert now() == pytest.approx(3600, abs=0.1)


class Slow(Actor):
    async def on_start(self, ctx: ActorContext) -> None:
        await asyncio.sleep(1000)


async def test_a_stop_during_the_start_cancels_it() -> None:
    async with ActorSystem() as system:
        starting = asyncio.ensure_future(system.spawn(Slow, name="slow"))
        await asyncio.sleep(1)
        await system.stop(system.find("slow"))
        assert now() == pytest.approx(6)
        with pytest.raises(ActorStoppedError):
            await starting
        assert system.names() == ()


async def test_a_stop_during_the_backoff_ends_at_once() -> None:
    strategy = RestartStrategy(backoff=Backoff(min_s=100, max_s=100))
    async with ActorSystem() as system:
        counter = await system.spawn(Counter, name="counter", restart=strategy)
        with pytest.raises(ActorFailedError):
            await counter.ask(Crash())
        waiting = asyncio.ensure_future(counter.ask(Add(1)))
        await asyncio.sleep(1)
        await system.stop(counter)
        assert now() == pytest.approx(1)
        with pytest.raises(ActorStoppedError):
            await waiting


class StubbornEnd(Actor):
    async def on_stop(self, ctx: ActorContext) -> None:
        await asyncio.sleep(1000)


async def test_a_clean_up_that_takes_too_long_is_cut_off() -> None:
    async with ActorSystem() as system:
        ref = await system.spawn(StubbornEnd, name="stubborn")
        await system.stop(ref)
        assert now() == pytest.approx(5)


class BrokenEnd(Actor):
    async def on_stop(self, ctx: ActorContext) -> None:
        raise OSError("disk full")


async def test_a_clean_up_that_fails_is_logged_and_ends_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with ActorSystem() as system:
        ref = await system.spawn(BrokenEnd, name="broken")
        await system.stop(ref)
    assert "on_stop failed" in caplog.text
    assert "disk full" in caplog.text


class Background(Recorder):
    async def on_start(self, ctx: ActorContext) -> None:
        ctx.run(self.tick(ctx), name="tick")

    async def tick(self, ctx: ActorContext) -> None:
        await asyncio.sleep(10)
        ctx.self_ref.tell(Note("ticked"))
        raise ValueError("tick is broken")


async def test_a_task_of_an_actor_that_fails_fails_the_actor() -> None:
    strategy = RestartStrategy(max_restarts=1, backoff=Backoff(min_s=1, jitter_ratio=0))
    async with ActorSystem() as system:
        ref = await system.spawn(Background, name="background", restart=strategy)
        assert await ref.ask(Notes(at_least=1)) == ["ticked"]
        await asyncio.sleep(5)
        assert await ref.ask(Notes()) == []
        await asyncio.sleep(10)
        assert system.names() == ()


async def test_a_task_of_an_actor_ends_with_it() -> None:
    before = asyncio.all_tasks()
    async with ActorSystem() as system:
        await system.spawn(Background, name="background")
    assert asyncio.all_tasks() == before


async def test_many_messages_do_not_starve_the_other_actors() -> None:
    async with ActorSystem() as system:
        busy = await system.spawn(Recorder, name="busy", mailbox=MailboxSpec(capacity=100_000))
        other = await system.spawn(Counter, name="other")
        for number in range(10_000):
            busy.tell(Note(number))
        assert await other.ask(Add(1)) == 1
        notes = await busy.ask(Notes(at_least=10_000))
        assert len(notes) == 10_000


class Cancelling(Actor):
    @receive
    async def add(self, message: Add) -> int:
        task = asyncio.ensure_future(asyncio.sleep(100))
        asyncio.get_running_loop().call_soon(task.cancel)
        await task
        return message.amount


async def test_a_receiver_whose_own_task_was_cancelled_has_failed() -> None:
    async with ActorSystem() as system:
        ref = await system.spawn(Cancelling, name="cancelling")
        with pytest.raises(ActorFailedError, match="CancelledError"):
            await ref.ask(Add(1))


class Timing(Actor):
    @receive(concurrent=2)
    async def add(self, message: Add) -> int:
        async with asyncio.timeout(5):  # from the first step on: it must belong to the right task
            await asyncio.sleep(message.amount)
        return message.amount


async def test_a_timeout_in_a_concurrent_receiver_is_its_own() -> None:
    async with ActorSystem() as system:
        ref = await system.spawn(Timing, name="timing")
        slow, quick = await asyncio.gather(ref.ask(Add(100)), ref.ask(Add(1)), return_exceptions=True)
        assert quick == 1
        assert isinstance(slow, ActorFailedError)
        assert now() == pytest.approx(5)


async def test_an_eager_task_takes_its_first_step_at_once_and_can_be_cancelled_then() -> None:
    steps = []

    async def work(*, wait: bool) -> str:
        steps.append(asyncio.current_task())
        try:
            if wait:
                await asyncio.sleep(10)
        except asyncio.CancelledError:
            steps.append(None)
            raise
        return "done"

    loop = asyncio.get_running_loop()
    me = asyncio.current_task()
    waiting = start_eagerly(work(wait=True), loop=loop, name="waiting")
    done = start_eagerly(work(wait=False), loop=loop, name="done")
    assert steps == [waiting, done]
    assert asyncio.current_task() is me
    waiting.cancel()
    assert await done == "done"
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert steps == [waiting, done, None]


async def test_an_asker_that_is_cancelled_frees_the_worker() -> None:
    async with ActorSystem() as system:
        gate = await system.spawn(Gate, name="gate")
        worker = await system.spawn(Worker, gate, name="worker")
        first = asyncio.ensure_future(worker.ask(Work(1)))
        await gate.ask(Waiting(1))
        queued = [asyncio.ensure_future(worker.ask(Work(number))) for number in range(5)]
        await asyncio.sleep(0)
        for ask in (first, *queued):
            ask.cancel()
        await asyncio.gather(first, *queued, return_exceptions=True)
        assert await gate.ask(Waiting(1)) == 1  # an exclusive receiver is not cut off: only the queued are
