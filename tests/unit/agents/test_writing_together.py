"""Writes share commits, and an agent goes on meanwhile; nothing is answered before it is written."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from scanflow_actors.actors import ActorSystem
from scanflow_actors.agents import (
    Action,
    Agent,
    Charge,
    Decision,
    Journal,
    Member,
    Observation,
    Sensor,
    Strategy,
    Team,
    at_least,
    perform,
)
from scanflow_actors.agents.records import CALLS_KEPT, Memory
from scanflow_actors.agents.strategy import Call
from scanflow_actors.errors import ActorFailedError, AskTimeoutError, StorageError
from scanflow_actors.primitives import RunWorkflow
from scanflow_actors.storage import GroupWriter, Line
from scanflow_actors.triggers import Misfire, every, on
from tests.unit.agents.crew import Check, World, clock_of_loop, entries_of, start
from tests.unit.agents.test_journal import decision_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scanflow_actors.actors import ActorRef

HOUR_S = 3600.0


class Gate:
    """Holds up every commit of the process while it is closed, and counts them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened = threading.Event()
        self.opened.set()
        self.batches: list[int] = []
        write = GroupWriter._write

        def held(writer: GroupWriter, batch: list[Any]) -> Any:
            self.opened.wait(30)
            self.batches.append(len(batch))
            return write(writer, batch)

        monkeypatch.setattr(GroupWriter, "_write", held)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate(monkeypatch)
    yield made
    made.opened.set()


class Noting(Agent):
    """Adds up what it is called with."""

    belief = 0
    strategies = (
        Strategy(
            name="note",
            when=on(Check),
            then=perform(lambda asked: RunWorkflow(workflow="w", parameters={"items": asked.end})),
            learns=lambda belief, asked: belief + asked.end,
        ),
    )


def call_of(number: int) -> Call:
    return Call(message=Check(first=0, end=number), key=f"k{number}", trace=f"k{number}")


async def noting(system: ActorSystem, folder: Path, world: World) -> ActorRef:
    team = Team(members={"it": Member(agent=Noting)}, journal=folder / "journal.db")
    return (await start(system, team, world))["it"]


async def test_calls_of_one_strategy_share_a_commit_and_none_is_answered_before_it(
    tmp_path: Path, gate: Gate
) -> None:
    world = World()
    async with ActorSystem() as system:
        it = await noting(system, tmp_path, world)
        gate.opened.clear()
        gate.batches.clear()
        asked = [asyncio.create_task(it.ask(call_of(number))) for number in range(1, 21)]
        repeated = asyncio.create_task(it.ask(call_of(20)))
        await asyncio.wait([*asked, repeated], timeout=0.2)
        assert not any(task.done() for task in (*asked, repeated))
        assert world.asked == []
        gate.opened.set()
        answers = await asyncio.gather(*asked)
        assert all(answer.is_new for answer in answers)
        assert not (await repeated).is_new
        assert len(gate.batches) <= 4
    journal = Journal(tmp_path / "journal.db")
    mind = journal.mind("it")
    assert mind is not None
    assert mind.belief == sum(range(1, 21))
    names = [entry.decision for entry in journal.entries() if entry.kind == "decision"]
    assert names == [f"it/note/k{number}" for number in range(1, 21)]
    journal.close()


async def test_a_decision_is_acted_on_though_its_caller_gave_up_before_it_was_written(
    tmp_path: Path, gate: Gate
) -> None:
    world = World()
    async with ActorSystem() as system:
        it = await noting(system, tmp_path, world)
        gate.opened.clear()
        with pytest.raises(AskTimeoutError):
            await it.ask(call_of(7), timeout_s=0.1)
        gate.opened.set()
        assert not (await it.ask(call_of(7))).is_new
        async with asyncio.timeout(10):
            while not world.done:  # noqa: ASYNC110 - what is waited for is another actor's
                await asyncio.sleep(0.01)
    assert world.items == [7]


async def test_a_call_older_than_the_keys_that_are_remembered_is_still_known(tmp_path: Path) -> None:
    async with ActorSystem() as system:
        it = await noting(system, tmp_path, World())
        await asyncio.gather(*(it.ask(call_of(number)) for number in range(CALLS_KEPT + 10)))
        assert not (await it.ask(call_of(0))).is_new


async def test_after_a_write_that_failed_nothing_that_builds_on_it_is_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    line, other = Line(journal.executor), Line(journal.executor)
    bad = Memory(watermark=(n for n in range(3)))
    writes = [
        line.write(journal.commit, decision_of("a/s/1"), Memory(watermark=1)),
        line.write(journal.commit, decision_of("a/t/2"), bad),
        line.write(journal.commit, decision_of("a/s/3"), Memory(watermark=3)),
        other.write(journal.commit, decision_of("b/s/1"), Memory(watermark=1)),
    ]
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(result) for result in results] == [bool, TypeError, TypeError, bool]
    with pytest.raises(TypeError):
        await line.write(journal.commit, decision_of("a/s/4"), Memory(watermark=4))
    assert journal.memory("a", "s").watermark == 1
    assert [entry.decision for entry in journal.entries()] == ["a/s/1", "b/s/1"]
    journal.close()


async def test_a_decision_that_another_instance_has_made_ends_the_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    journal.commit(decision_of("a/s/1"), Memory(watermark=1))
    line = Line(journal.executor)
    assert await line.write(journal.commit, decision_of("a/s/1"), Memory(watermark=9)) is False
    with pytest.raises(StorageError, match="another instance"):
        await line.write(journal.commit, decision_of("a/s/2"), Memory(watermark=10))
    assert journal.memory("a", "s").watermark == 1
    journal.close()


async def test_what_waits_to_be_written_is_written_when_its_journal_is_closed(
    tmp_path: Path, gate: Gate
) -> None:
    first, second = Journal(tmp_path / "j.db"), Journal(tmp_path / "j.db")
    line = Line(first.executor)
    assert second.executor is first.executor
    gate.opened.clear()
    written = line.write(first.commit, decision_of(), None)
    first.close()
    gate.opened.set()
    assert await asyncio.wait_for(written, 10)
    second.close()


class Unwritable(Agent):
    """Learns something that cannot be written."""

    strategies = (
        Strategy(
            name="note", when=on(Check), then=Action(), learns=lambda _belief, _asked: (n for n in range(3))
        ),
    )


async def test_what_cannot_be_written_is_not_answered(tmp_path: Path) -> None:
    team = Team(members={"it": Member(agent=Unwritable)}, journal=tmp_path / "journal.db")
    async with ActorSystem() as system:
        it = (await start(system, team, World()))["it"]
        with pytest.raises(ActorFailedError, match="pickle"):
            await it.ask(call_of(1))
    assert list(entries_of(tmp_path)) == []


class Many(Agent):
    """A hundred strategies that are due at the same instants."""

    strategies = tuple(
        Strategy(
            name=f"s{number}",
            when=every(hours=1),
            sense=Sensor(read=lambda _sight: Observation(state={"total": 1}), is_quick=True),
            given=at_least(2),
            then=Action(),
        )
        for number in range(100)
    )


@pytest.mark.looptime
async def test_strategies_that_are_due_together_are_written_together(tmp_path: Path, gate: Gate) -> None:
    team = Team(members={"it": Member(agent=Many)}, journal=tmp_path / "journal.db", clock=clock_of_loop())
    async with ActorSystem() as system:
        await start(system, team, World())
        gate.batches.clear()
        await asyncio.sleep(3 * HOUR_S + 60)
    decided = [entry.strategy for entry in entries_of(tmp_path)]
    assert len(decided) == 300
    assert set(decided) == {f"s{number}" for number in range(100)}
    assert len(gate.batches) <= 3 * 4


class Dying(Agent):
    """Dies with its first decision on the disk and two instants still to be dealt with."""

    def __init__(self, charge: Charge, dead: list[bool]) -> None:
        super().__init__(charge)
        self.dead = dead
        self.is_dead = False
        then = perform(lambda _seen: RunWorkflow(workflow="w"))
        self.strategies = (Strategy(name="tick", when=every(hours=1), then=then, misfire=Misfire.EACH),)

    async def write(self, method: str, *args: Any) -> Any:
        decision = args[0]
        if isinstance(decision, Decision) and decision.id.endswith("02:00:00+00:00") and not self.dead:
            self.dead.append(True)
            self.is_dead = True
        if self.is_dead:
            raise RuntimeError("killed")
        return await super().write(method, *args)


@pytest.mark.looptime
async def test_instants_that_were_missed_are_each_fired_though_the_agent_dies_between_them(
    tmp_path: Path,
) -> None:
    world, clock = World(), clock_of_loop()
    team = Team(members={"it": Member(agent=Dying, args=([],))}, journal=tmp_path / "journal.db", clock=clock)
    async with ActorSystem() as system:
        await start(system, team, world)
    await asyncio.sleep(3.5 * HOUR_S)
    async with ActorSystem() as system:
        await start(system, team, world)
        await asyncio.sleep(60)
    assert len(world.done) == 3
