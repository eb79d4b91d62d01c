"""G1 to G8: what holds for messages, on every runtime."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from scanflow_actors.actors import DeadReason, MailboxSpec, RestartStrategy
from scanflow_actors.errors import (
    ActorFailedError,
    ActorNotFoundError,
    ActorStoppedError,
    AskCycleError,
    AskTimeoutError,
    MailboxFullError,
    NotSerialisableError,
    RejectError,
    UnhandledMessageError,
)
from tests.stage import RUNTIMES
from tests.troupe import (
    Add,
    Chat,
    Counter,
    Crash,
    Dream,
    Gate,
    Leave,
    Look,
    Make,
    Messenger,
    Note,
    Notes,
    Open,
    Painter,
    Pass,
    Recorder,
    Refuse,
    Relay,
    RelayAside,
    Report,
    TellAll,
    Waiting,
    Work,
    Worker,
)

if TYPE_CHECKING:
    from scanflow_actors.actors import ActorRef
    from tests.stage import Stage


async def a_worker(stage: Stage, **options: Any) -> tuple[ActorRef, ActorRef]:
    gate = await stage.spawn(Gate)
    return await stage.spawn(Worker, gate, **options), gate


async def test_g01_exclusive_receivers_never_overlap(stage: Stage) -> None:
    worker, gate = await a_worker(stage)
    async with asyncio.TaskGroup() as group:
        answers = [group.create_task(worker.ask(Work(number))) for number in (1, 2)]
        for _ in answers:
            await gate.ask(Waiting(1))
            assert await gate.ask(Open()) == 1
    assert [answer.result() for answer in answers] == [1, 1]
    story = [("begin", 1), ("end", 1), ("begin", 2), ("end", 2)]
    assert await worker.ask(Report()) == story


async def test_g01_concurrent_receivers_begin_in_order_and_overlap_up_to_their_number(stage: Stage) -> None:
    worker, gate = await a_worker(stage)
    async with asyncio.TaskGroup() as group:
        answers = [group.create_task(worker.ask(Chat(number))) for number in (1, 2, 3)]
        assert await gate.ask(Waiting(2)) == 2
        await gate.ask(Open())
        assert await gate.ask(Waiting(1)) == 1
        await gate.ask(Open())
    assert max(answer.result() for answer in answers) == 2
    story = await worker.ask(Report())
    assert [number for what, number in story if what == "begin"] == [1, 2, 3]


async def test_g01_a_concurrent_receiver_begins_before_the_message_behind_it(stage: Stage) -> None:
    worker, gate = await a_worker(stage)
    worker.tell(Chat(1))
    worker.tell(Note("after"))
    assert await worker.ask(Report()) == [("begin", 1), "after"]
    await gate.ask(Waiting(1))
    await gate.ask(Open())


async def test_g01_concurrent_receivers_are_cancelled_on_stop(stage: Stage) -> None:
    worker, gate = await a_worker(stage)
    answer = asyncio.ensure_future(worker.ask(Chat(1)))
    await gate.ask(Waiting(1))
    await stage.system.stop(worker)
    with pytest.raises(ActorStoppedError):
        await answer


async def test_g02_messages_of_one_sender_arrive_in_order(stage: Stage) -> None:
    recorder = await stage.spawn(Recorder)
    for number in range(500):
        recorder.tell(Note(number))
    assert await recorder.ask(Notes(at_least=500)) == list(range(500))


async def test_g02_messages_of_an_actor_arrive_in_order(stage: Stage) -> None:
    recorder, messenger = await stage.spawn(Recorder), await stage.spawn(Messenger)
    await messenger.ask(TellAll(recorder, 500))
    assert await recorder.ask(Notes(at_least=500)) == list(range(500))


async def test_g03_a_tell_that_nobody_takes_is_one_dead_letter(stage: Stage) -> None:
    nobody = stage.system.find("nobody")
    nobody.tell(Note("lost"))
    assert await stage.dead_letter(nobody, DeadReason.NOT_FOUND) == [Note("lost")]


async def test_g03_a_tell_of_the_wrong_type_is_one_dead_letter(stage: Stage) -> None:
    counter = await stage.spawn(Counter)
    counter.tell(Note("what?"))
    assert await stage.dead_letter(counter, DeadReason.UNHANDLED) == [Note("what?")]


async def test_g04_send_returns_when_the_message_is_admitted(stage: Stage) -> None:
    worker, gate = await a_worker(stage)
    worker.tell(Work(1))
    await gate.ask(Waiting(1))
    await worker.send(Note("queued"))  # although the worker is busy
    await gate.ask(Open())
    assert await worker.ask(Report()) == [("begin", 1), ("end", 1), "queued"]


async def test_g05_ask_returns_the_reply(stage: Stage) -> None:
    counter = await stage.spawn(Counter, 1)
    assert await counter.ask(Add(2)) == 3


async def test_g05_ask_raises_what_the_actor_rejects_and_leaves_it_unharmed(stage: Stage) -> None:
    counter = await stage.spawn(Counter, 1)
    with pytest.raises(RejectError, match="not today"):
        await counter.ask(Refuse("not today"))
    assert await counter.ask(Add(0)) == 1


async def test_g05_ask_fails_at_once_with_the_cause_when_the_receiver_crashes(stage: Stage) -> None:
    counter = await stage.spawn(Counter)
    with pytest.raises(ActorFailedError) as caught:
        await counter.ask(Crash("oh"))
    assert repr(caught.value.__cause__) == "ValueError('oh')"


async def test_g05_ask_fails_when_the_actor_is_not_there(stage: Stage) -> None:
    with pytest.raises(ActorNotFoundError, match="nobody"):
        await stage.system.find("nobody").ask(Add(1))


async def test_g05_ask_fails_when_the_actor_stops_before_it_answers(stage: Stage) -> None:
    counter = await stage.spawn(Counter)
    leaving = asyncio.ensure_future(counter.ask(Leave()))
    adding = asyncio.ensure_future(counter.ask(Add(1)))
    await leaving
    with pytest.raises((ActorStoppedError, ActorNotFoundError)):
        await adding


async def test_g05_ask_fails_when_the_message_has_no_receiver(stage: Stage) -> None:
    counter = await stage.spawn(Counter)
    with pytest.raises(UnhandledMessageError, match="receives Add"):
        await counter.ask(Pass())


async def test_g05_ask_times_out(stage: Stage) -> None:
    worker, _ = await a_worker(stage)
    with pytest.raises(AskTimeoutError, match="may still be processed"):
        await worker.ask(Work(1), timeout_s=0.3)
    assert await worker.ask(Report()) == [("begin", 1)]  # unharmed: its own asks ended with the deadline


@pytest.mark.runtimes(*RUNTIMES[1:])  # nothing is pickled in one process
async def test_g05_ask_fails_when_the_reply_does_not_pickle(stage: Stage) -> None:
    painter = await stage.spawn(Painter)
    with pytest.raises((NotSerialisableError, ActorFailedError), match="could not be serialised"):
        await painter.ask(Make(-1))


@pytest.mark.runtimes(*RUNTIMES[1:])  # nothing is pickled in one process
async def test_g05_ask_fails_when_the_message_does_not_pickle(stage: Stage) -> None:
    painter = await stage.spawn(Painter)
    with pytest.raises(NotSerialisableError, match="could not be serialised"):
        await painter.ask(Look(number for number in range(3)))
    assert await painter.ask(Look(np.zeros(1))) is False


@pytest.mark.runtimes(*RUNTIMES[1:])  # nothing is pickled in one process
async def test_g03_a_tell_that_does_not_pickle_is_one_dead_letter(stage: Stage) -> None:
    painter = await stage.spawn(Painter)
    painter.tell(Look(number for number in range(3)))
    assert len(await stage.dead_letter(painter, DeadReason.NOT_SERIALISABLE)) == 1


async def test_g06_expired_messages_are_not_started(stage: Stage) -> None:
    worker, gate = await a_worker(stage)
    worker.tell(Work(1))
    await gate.ask(Waiting(1))
    with pytest.raises(AskTimeoutError):
        await worker.ask(Work(2), timeout_s=0.2)
    await gate.ask(Open())
    assert await worker.ask(Report()) == [("begin", 1), ("end", 1)]


async def test_g06_a_deadline_travels_to_what_is_asked_meanwhile(stage: Stage) -> None:
    worker, gate = await a_worker(stage)
    messenger = await stage.spawn(Messenger)
    worker.tell(Work(1))
    await gate.ask(Waiting(1))
    with pytest.raises((AskTimeoutError, ActorFailedError)):
        await messenger.ask(Relay(worker, Work(2), timeout_s=1000), timeout_s=0.3)
    assert await messenger.ask(Add(7), timeout_s=30) == 7  # it is free again, long before the 1000 s
    await gate.ask(Open())
    assert await worker.ask(Report()) == [("begin", 1), ("end", 1)]


async def test_g06_a_request_is_withdrawn_when_its_asker_is_cancelled(stage: Stage) -> None:
    worker, gate = await a_worker(stage)
    worker.tell(Work(1))
    await gate.ask(Waiting(1))
    asked = asyncio.ensure_future(worker.ask(Work(2)))
    await worker.send(Note("behind"))
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    await worker.send(Note("last"))
    await gate.ask(Open())
    assert await worker.ask(Report()) == [("begin", 1), ("end", 1), "behind", "last"]


async def test_g06_a_concurrent_receiver_is_cancelled_when_its_asker_gives_up(stage: Stage) -> None:
    worker, _ = await a_worker(stage)
    with pytest.raises(AskTimeoutError):
        await worker.ask(Dream(), timeout_s=0.5)
    while (story := await worker.ask(Report())) == ["dreams"]:
        continue
    assert story == ["dreams", "woken"]


async def test_g07_call_cycles_fail_at_once(stage: Stage) -> None:
    one, two = await stage.spawn(Messenger), await stage.spawn(Messenger)
    with pytest.raises(ActorFailedError) as caught:
        await one.ask(Relay(two, Relay(one, Add(1))))
    cycle: BaseException | None = caught.value
    while cycle is not None and not isinstance(cycle, AskCycleError):
        cycle = cycle.__cause__
    assert isinstance(cycle, AskCycleError)
    assert cycle.chain == (one.path, two.path)
    assert await one.ask(Add(1), timeout_s=60) == 1  # both were restarted


async def test_g07_an_actor_that_asks_itself_fails_at_once(stage: Stage) -> None:
    one = await stage.spawn(Messenger)
    with pytest.raises(ActorFailedError, match="waits for the one that asks"):
        await one.ask(Relay(one, Add(1)))


async def test_g07_a_concurrent_receiver_may_ask_in_a_circle(stage: Stage) -> None:
    one, two = await stage.spawn(Messenger), await stage.spawn(Messenger)
    assert await one.ask(RelayAside(two, Relay(one, Add(4)))) == 4


async def test_g08_arrays_are_read_only_where_they_arrive(stage: Stage) -> None:
    painter = await stage.spawn(Painter)
    assert await painter.ask(Look(np.zeros(3))) is False
    assert await painter.ask(Look(np.zeros(100_000))) is False


async def test_g08_arrays_in_replies_are_read_only(stage: Stage) -> None:
    painter = await stage.spawn(Painter)
    for size in (3, 100_000):
        reply = await painter.ask(Make(size))
        assert reply["zeros"].shape == (size,)
        assert not reply["zeros"].flags.writeable


async def test_g09_a_full_mailbox_rejects(stage: Stage) -> None:
    worker, gate = await a_worker(
        stage, mailbox=MailboxSpec(capacity=1), restart=RestartStrategy(max_restarts=0)
    )
    worker.tell(Work(1))
    await gate.ask(Waiting(1))
    await worker.send(Note("fits"))
    worker.tell(Note("does not fit"))
    assert await stage.dead_letter(worker, DeadReason.MAILBOX_FULL) == [Note("does not fit")]
    with pytest.raises(MailboxFullError, match="holds its 1 messages"):
        await worker.ask(Add(1))
    with pytest.raises(MailboxFullError):
        await worker.send(Note("neither"))
    await gate.ask(Open())
