"""Messages that are handed on, and routers that deal them, on every runtime."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.actors import (
    Backoff,
    Child,
    ConsistentHash,
    DeadReason,
    LeastLoaded,
    MailboxSpec,
    Restart,
    RestartStrategy,
    RoundRobin,
    Router,
    pool,
)
from scanflow_actors.errors import (
    ActorFailedError,
    ActorNotFoundError,
    ActorStoppedError,
    AskTimeoutError,
    RejectError,
    UnhandledMessageError,
)
from tests.dealers import Clerk, Depart, Deputy, Fall, HandOn, Teller, Who
from tests.troupe import (
    Add,
    Chat,
    Gate,
    Note,
    Notes,
    Open,
    Relay,
    Report,
    Waiting,
    Watcher,
    WatchIt,
    Work,
)

if TYPE_CHECKING:
    from scanflow_actors.actors import ActorRef
    from tests.stage import Stage


async def clerks(stage: Stage, count: int = 3) -> tuple[ActorRef, list[ActorRef]]:
    gate = await stage.spawn(Gate)
    return gate, [await stage.spawn(Clerk, gate) for _ in range(count)]


async def test_whoever_is_handed_a_message_answers_it(stage: Stage) -> None:
    _, (clerk,) = await clerks(stage, 1)
    deputy = await stage.spawn(Deputy)
    for hand_on in (HandOn, Relay):
        assert await deputy.ask(hand_on(clerk, Who())) == clerk.path
        with pytest.raises(ActorFailedError, match="falls"):
            await deputy.ask(hand_on(clerk, Fall()))
        with pytest.raises(UnhandledMessageError):
            await deputy.ask(hand_on(clerk, HandOn(clerk, None)))
        with pytest.raises((ActorNotFoundError, ActorStoppedError)):
            await deputy.ask(hand_on(stage.system.find("nobody"), Who()))
    assert await deputy.ask(Add(0)) == 4  # each that was to be counted is done with


async def test_a_request_that_was_handed_on_is_withdrawn_when_its_asker_gives_up(stage: Stage) -> None:
    gate, (clerk,) = await clerks(stage, 1)
    deputy = await stage.spawn(Deputy)
    working = asyncio.ensure_future(clerk.ask(Work(1)))
    await gate.ask(Waiting(1))
    for hand_on in (HandOn, Relay):
        with pytest.raises(AskTimeoutError):
            await deputy.ask(hand_on(clerk, Work(2)), timeout_s=0.2)
    await gate.ask(Open())
    await working
    assert await clerk.ask(Report()) == [("begin", 1), ("end", 1)]


async def test_what_was_told_and_handed_on_dies_where_it_would_have_died(stage: Stage) -> None:
    teller = await stage.spawn(Teller, "some name")
    deputy = await stage.spawn(Deputy)
    deputy.tell(HandOn(teller, Note("no")))
    assert await stage.dead_letter(teller, DeadReason.UNHANDLED) == [Note("no")]
    deputy.tell(HandOn(teller, Add(1)))
    assert await stage.dead_letter(teller, DeadReason.UNHANDLED, 2) == [Note("no"), Add(1)]


async def test_a_router_deals_to_each_in_turn(stage: Stage) -> None:
    _, members = await clerks(stage)
    router = await stage.spawn(Router, RoundRobin(), members)
    answers = [await router.ask(Who(number)) for number in range(6)]
    assert answers == 2 * [member.path for member in members]


async def test_a_router_deals_to_its_children(stage: Stage) -> None:
    gate = await stage.spawn(Gate)
    router = await stage.spawn(Router, RoundRobin(), pool(Clerk, gate, size=2))
    answers = [await router.ask(Who(number)) for number in range(4)]
    assert answers == 2 * [f"{router.path}/Clerk-0", f"{router.path}/Clerk-1"]


async def test_a_router_deals_to_whoever_has_least_to_do(stage: Stage) -> None:
    gate, members = await clerks(stage, 2)
    router = await stage.spawn(Router, LeastLoaded(), members)
    router.tell(Work(1))
    await gate.ask(Waiting(1))
    assert {await router.ask(Who(number)) for number in range(4)} == {members[1].path}
    await gate.ask(Open())
    await members[0].ask(Report())
    # the answer to what was told may be on its way back: then the second is dealt to once more
    assert members[0].path in {await router.ask(Who(number)) for number in range(20)}


async def test_a_router_that_counts_forgets_who_gave_up(stage: Stage) -> None:
    gate, members = await clerks(stage, 2)
    router = await stage.spawn(Router, LeastLoaded(), members)
    for _ in range(4):
        with pytest.raises(AskTimeoutError):
            await router.ask(Chat(1), timeout_s=0.2)
    answers = Counter([await router.ask(Who(number)) for number in range(8)])
    assert answers == {member.path: 4 for member in members}
    assert await gate.ask(Waiting(0)) == 0


async def test_messages_with_one_key_go_to_one_member(stage: Stage) -> None:
    _, members = await clerks(stage)
    router = await stage.spawn(Router, ConsistentHash("key"), members)
    first = {key: await router.ask(Who(key)) for key in range(12)}
    assert len(set(first.values())) > 1
    assert {key: await router.ask(Who(key)) for key in range(12)} == first
    await stage.system.stop(members[0])
    await left(router, members[0])
    second = {key: await router.ask(Who(key)) for key in range(12)}
    moved = {key for key in first if first[key] != second[key]}
    assert moved == {key for key in first if first[key] == members[0].path}


async def left(router: ActorRef, member: ActorRef) -> None:
    """Wait until a router has heard that a member has ended."""
    async with asyncio.timeout(30):
        while True:
            try:
                answers = [await router.ask(Who(key)) for key in range(12)]
            except (ActorStoppedError, ActorNotFoundError):
                await asyncio.sleep(0.01)
                continue
            assert member.path not in answers
            return


async def test_a_member_that_restarts_keeps_its_place(stage: Stage) -> None:
    gate = await stage.spawn(Gate)
    at_once = RestartStrategy(backoff=Backoff(min_s=0.01))
    members = [await stage.spawn(Clerk, gate, restart=at_once) for _ in range(3)]
    router = await stage.spawn(Router, ConsistentHash("key"), members)
    first = {key: await router.ask(Who(key)) for key in range(6)}
    with pytest.raises(ActorFailedError):
        await router.ask(Fall(3))
    assert {key: await router.ask(Who(key)) for key in range(6)} == first


async def ask_until(router: ActorRef, error: type[Exception]) -> None:
    """Ask until the router has heard of a member's end: what it was dealt before has ended otherwise."""
    while True:
        try:
            await router.ask(Who())
        except error:
            return
        except (ActorStoppedError, ActorNotFoundError):
            await asyncio.sleep(0.01)


async def test_a_router_without_members_says_so(stage: Stage) -> None:
    _, (member,) = await clerks(stage, 1)
    router = await stage.spawn(Router, RoundRobin(), [member])
    await router.ask(Depart())
    await ask_until(router, RejectError)
    with pytest.raises(RejectError, match="no members"):
        await router.ask(Who())
    router.tell(Who())
    assert await stage.dead_letter(router, DeadReason.UNHANDLED) == [Who()]


async def test_a_message_without_the_key_is_refused_and_the_router_goes_on(stage: Stage) -> None:
    _, members = await clerks(stage)
    router = await stage.spawn(Router, ConsistentHash("key"), members)
    with pytest.raises(RejectError, match="cannot deal Add: AttributeError"):
        await router.ask(Add(1))
    assert await router.ask(Who(1)) in {member.path for member in members}


async def test_a_child_that_fails_for_good_fails_its_router(stage: Stage) -> None:
    gate = await stage.spawn(Gate)
    watcher = await stage.spawn(Watcher)
    child = Child(Clerk, (gate,), restart=Restart.TEMPORARY)
    once = RestartStrategy(restart=Restart.TEMPORARY)
    router = await stage.spawn(Router, RoundRobin(), [child], restart=once)
    await watcher.ask(WatchIt(router))
    with pytest.raises(ActorFailedError):
        await router.ask(Fall())
    assert await watcher.ask(Notes(at_least=1)) == [(router.path, "failed")]


async def test_a_router_follows_who_is_registered(stage: Stage) -> None:
    name = f"tellers of {stage.runtime}"
    router = await stage.spawn(Router, RoundRobin(), name)
    with pytest.raises(RejectError, match="no members"):
        await router.ask(Who())
    teller = await stage.spawn(Teller, name)
    while True:
        try:
            assert await router.ask(Who()) == teller.path
            break
        except RejectError:
            await asyncio.sleep(0.01)  # it has not heard yet


async def test_the_mailbox_of_a_member_refuses_for_itself(stage: Stage) -> None:
    gate = await stage.spawn(Gate)
    member = await stage.spawn(Clerk, gate, mailbox=MailboxSpec(capacity=1))
    router = await stage.spawn(Router, LeastLoaded(), [member])
    router.tell(Work(1))
    await gate.ask(Waiting(1))
    router.tell(Note("waits"))
    router.tell(Note("too much"))
    assert await stage.dead_letter(member, DeadReason.MAILBOX_FULL) == [Note("too much")]
    await gate.ask(Open())
