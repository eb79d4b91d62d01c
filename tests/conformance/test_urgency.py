"""G2: messages of a higher priority go first. G6: exclusive receivers that may be cancelled."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.actors import DeadReason, MailboxSpec, Overflow
from scanflow_actors.errors import AskTimeoutError
from tests.dealers import Brood, Idle, Ponder, Thinker, Urgent
from tests.troupe import Gate, Messenger, Note, Open, Relay, Report, Waiting, Work

if TYPE_CHECKING:
    from scanflow_actors.actors import ActorRef
    from tests.stage import Stage


async def a_busy_thinker(
    stage: Stage, mailbox: MailboxSpec | None = None
) -> tuple[ActorRef, ActorRef, asyncio.Future[int]]:
    gate = await stage.spawn(Gate)
    thinker = await stage.spawn(Thinker, gate, mailbox=mailbox)
    working = asyncio.ensure_future(thinker.ask(Work(1)))
    await gate.ask(Waiting(1))
    return thinker, gate, working


async def story_of(thinker: ActorRef) -> list[object]:
    return (await thinker.ask(Report()))[2:]  # behind the work that it was held up by


async def test_g02_a_higher_priority_goes_first_and_equals_stay_in_order(stage: Stage) -> None:
    thinker, gate, working = await a_busy_thinker(stage)
    for number in range(3):
        thinker.tell(Idle(f"idle {number}"))
        thinker.tell(Note(f"note {number}"))
        await thinker.send(Urgent(f"urgent {number}"))
    await gate.ask(Open())
    await working
    notes = [*(f"urgent {number}" for number in range(3)), *(f"note {number}" for number in range(3))]
    await thinker.ask(Idle("last"))
    assert await story_of(thinker) == [*notes, "idle 0", "idle 1", "idle 2", "last"]


async def test_g02_a_request_with_a_priority_is_withdrawn_as_any_other(stage: Stage) -> None:
    thinker, gate, working = await a_busy_thinker(stage)
    thinker.tell(Urgent("first"))
    with pytest.raises(AskTimeoutError):
        await thinker.ask(Work(2), timeout_s=0.2)
    await gate.ask(Open())
    await working
    assert await story_of(thinker) == ["first"]


async def test_g09_the_oldest_of_the_lowest_priority_gives_its_place(stage: Stage) -> None:
    mailbox = MailboxSpec(capacity=3, overflow=Overflow.DROP_OLDEST)
    thinker, gate, working = await a_busy_thinker(stage, mailbox)
    for message in (Urgent("urgent"), Idle("idle 0"), Idle("idle 1"), Note("note"), Note("another")):
        thinker.tell(message)
    dropped = await stage.dead_letter(thinker, DeadReason.MAILBOX_FULL, 2)
    assert dropped == [Idle("idle 0"), Idle("idle 1")]
    await gate.ask(Open())
    await working
    assert await story_of(thinker) == ["urgent", "note", "another"]


@pytest.mark.parametrize("is_busy", [False, True], ids=["idle", "busy"])
async def test_g06_a_cancellable_receiver_ends_when_its_asker_gives_up(stage: Stage, is_busy: bool) -> None:
    gate = await stage.spawn(Gate)
    thinker = await stage.spawn(Thinker, gate)
    if is_busy:
        thinker.tell(Note("before"))
    with pytest.raises(AskTimeoutError):
        await thinker.ask(Brood(), timeout_s=0.5)
    story = await thinker.ask(Report())  # it goes on
    assert story[-2:] == ["broods", "gives up"]
    pondering = asyncio.ensure_future(thinker.ask(Ponder(2)))
    await gate.ask(Waiting(1))
    pondering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pondering
    assert (await thinker.ask(Report()))[-2:] == [("begin", 2), ("cancelled", 2)]


async def test_g06_a_cancellable_receiver_that_was_told_or_answers_in_time_is_not_cancelled(
    stage: Stage,
) -> None:
    gate = await stage.spawn(Gate)
    thinker = await stage.spawn(Thinker, gate)
    messenger = await stage.spawn(Messenger)
    thinker.tell(Ponder(1))
    await gate.ask(Waiting(1))
    await gate.ask(Open())
    pondering = asyncio.ensure_future(messenger.ask(Relay(thinker, Ponder(2))))
    await gate.ask(Waiting(1))
    await gate.ask(Open())
    assert await pondering == 1
    ends = [entry for entry in await thinker.ask(Report()) if entry[0] != "begin"]
    assert ends == [("end", 1), ("end", 2)]


async def test_g06_an_exclusive_receiver_that_did_not_opt_in_goes_on(stage: Stage) -> None:
    gate = await stage.spawn(Gate)
    thinker = await stage.spawn(Thinker, gate)
    asked = asyncio.ensure_future(thinker.ask(Work(1)))
    await gate.ask(Waiting(1))
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await gate.ask(Open())
    assert await thinker.ask(Report()) == [("begin", 1), ("end", 1)]
