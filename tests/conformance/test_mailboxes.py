"""G9 and G10: bounded mailboxes, and the lane of the system beside them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.actors import DeadReason, MailboxSpec, Overflow
from scanflow_actors.errors import ActorStoppedError, AskTimeoutError, MailboxFullError
from tests.troupe import Add, Chat, Gate, Note, Open, Report, Waiting, Work, Worker

if TYPE_CHECKING:
    from scanflow_actors.actors import ActorRef
    from tests.stage import Stage


async def a_busy_worker(
    stage: Stage, overflow: Overflow, capacity: int = 1
) -> tuple[ActorRef, ActorRef, asyncio.Future[int]]:
    gate = await stage.spawn(Gate)
    worker = await stage.spawn(Worker, gate, mailbox=MailboxSpec(capacity=capacity, overflow=overflow))
    working = asyncio.ensure_future(worker.ask(Work(1)))
    await gate.ask(Waiting(1))
    return worker, gate, working


async def test_g09_block_makes_senders_wait_for_room(stage: Stage) -> None:
    worker, gate, _ = await a_busy_worker(stage, Overflow.BLOCK)
    await worker.send(Note("first"))
    second = asyncio.ensure_future(worker.send(Note("second")))
    third = asyncio.ensure_future(worker.ask(Add(3)))
    with pytest.raises(AskTimeoutError):
        await worker.send(Note("too late"), timeout_s=0.2)
    assert not second.done()
    await gate.ask(Open())
    await second
    assert await third == 3
    assert await worker.ask(Report()) == [("begin", 1), ("end", 1), "first", "second"]


async def test_g09_block_makes_a_tell_a_dead_letter(stage: Stage) -> None:
    worker, gate, _ = await a_busy_worker(stage, Overflow.BLOCK)
    await worker.send(Note("first"))
    worker.tell(Note("second"))
    assert await stage.dead_letter(worker, DeadReason.MAILBOX_FULL) == [Note("second")]
    await gate.ask(Open())


@pytest.mark.runtimes("local", "serialised", "pooled")  # elsewhere the stop may come after the opening
async def test_g09_those_who_wait_for_room_hear_of_the_end(stage: Stage) -> None:
    worker, gate, _ = await a_busy_worker(stage, Overflow.BLOCK)
    await worker.send(Note("first"))
    waiting = asyncio.ensure_future(worker.send(Note("second")))
    with pytest.raises(AskTimeoutError):  # by now the second is waiting
        await worker.send(Note("third"), timeout_s=0.2)
    stopping = asyncio.ensure_future(stage.system.stop(worker))
    await asyncio.sleep(0)
    await gate.ask(Open())
    await stopping
    with pytest.raises(ActorStoppedError):
        await waiting


async def test_g09_drop_oldest_gives_the_place_of_the_oldest(stage: Stage) -> None:
    worker, gate, working = await a_busy_worker(stage, Overflow.DROP_OLDEST, capacity=2)
    for number in range(4):
        worker.tell(Note(number))
    assert await stage.dead_letter(worker, DeadReason.MAILBOX_FULL, 2) == [Note(0), Note(1)]
    await gate.ask(Open())
    await working
    assert await worker.ask(Report()) == [("begin", 1), ("end", 1), 2, 3]


async def test_g09_drop_new_keeps_what_is_there(stage: Stage) -> None:
    worker, gate, _ = await a_busy_worker(stage, Overflow.DROP_NEW)
    for number in range(3):
        worker.tell(Note(number))
    assert await stage.dead_letter(worker, DeadReason.MAILBOX_FULL, 2) == [Note(1), Note(2)]
    await gate.ask(Open())


async def test_g09_concurrent_calls_count_against_the_capacity(stage: Stage) -> None:
    gate = await stage.spawn(Gate)
    worker = await stage.spawn(Worker, gate, mailbox=MailboxSpec(capacity=2))
    worker.tell(Chat(1))
    worker.tell(Chat(2))
    await gate.ask(Waiting(2))
    with pytest.raises(MailboxFullError):
        await worker.send(Note("no room"))
    await gate.ask(Open())


@pytest.mark.runtimes("local", "serialised", "pooled")  # elsewhere the stop may come after the opening
async def test_g10_a_stop_goes_ahead_of_a_full_mailbox(stage: Stage) -> None:
    worker, gate, _ = await a_busy_worker(stage, Overflow.REJECT, capacity=1)
    await worker.send(Note("queued"))
    with pytest.raises(MailboxFullError):
        await worker.send(Note("full"))
    stopping = asyncio.ensure_future(stage.system.stop(worker))
    await asyncio.sleep(0)
    await gate.ask(Open())
    await stopping
    assert await stage.dead_letter(worker, DeadReason.STOPPED) == [Note("queued")]
