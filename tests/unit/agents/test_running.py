"""Sensors of what runs see it as it is, each event once, and their generation makes the stale rule real."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scanflow_actors.agents import (
    Action,
    Agent,
    Charge,
    Member,
    Observation,
    Sensor,
    Sight,
    Strategy,
    Team,
    at_least,
    perform,
)
from scanflow_actors.agents.running import Runs, Services, runs_of, services_of, use_of
from scanflow_actors.errors import RejectError
from scanflow_actors.infrastructure import ServiceUnavailable
from scanflow_actors.primitives import (
    DeployWorkflow,
    DuplicateWorkflowInstance,
    RunWorkflow,
    UpdateWorkflowReplica,
    UpdateWorkflowTraffic,
)
from scanflow_actors.triggers import any_of, every, on
from scanflow_actors.workflows import Traffic
from tests.unit.agents.crew import NEW_YEAR, entries_of, until
from tests.unit.agents.faults import Fuse, Mortality
from tests.unit.agents.place import FAIL, HEALTH, NOTE, NOTED, Place, online

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.looptime

HOUR_S = 3600.0


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    HEALTH.clear()
    NOTED.clear()
    yield
    HEALTH.clear()
    NOTED.clear()


async def look(place: Place, sensor: Sensor, watermark: Any = None) -> Observation:
    sight = Sight(now=place.clock.now(), watermark=watermark, message=None, knowledge=None, ask=place.ref.ask)
    seen: Observation = await sensor.read(sight)
    return seen


# ---------------------------------------------------------------------- what they see


async def test_versions_replicas_traffic_and_interruptions_of_services_are_seen(tmp_path: Path) -> None:
    async with Place(tmp_path, (online(1, replicas=3),)) as place:
        await place.start()
        assert (await look(place, services_of("w"))).is_nothing
        await place.must(
            DeployWorkflow(workflow="w"),
            DeployWorkflow(workflow="w", definition=online(2)),
            UpdateWorkflowTraffic(workflow="w", traffic=Traffic(weights={1: 3, 2: 1})),
        )
        seen = await look(place, services_of("w"))
        well = Services(
            generations={"workflow/w": 3},
            version=1,
            versions=(1, 2),
            share=0.75,
            ready=3,
            missing=0,
            interruptions=0,
        )
        assert seen.state == well
        await asyncio.sleep(15)
        HEALTH["v1"] = False
        await asyncio.sleep(20)
        ill = await look(place, services_of("w"), seen.watermark)
        assert ill.state == replace(well, ready=0, missing=3, interruptions=1)
        again = await look(place, services_of("w"), ill.watermark)
        assert again.state.interruptions == 0
        assert (await look(place, services_of("w", 2))).state.share == 0.25
        assert (await look(place, services_of("w", 3))).is_nothing


async def test_runs_that_failed_or_ended_since_the_watermark_are_seen_also_after_a_restart(
    tmp_path: Path,
) -> None:
    async with Place(tmp_path, (FAIL, NOTE)) as place:
        await place.start()
        await place.perform(RunWorkflow(workflow="fail", parameters={"what": "a"}))
        first = await look(place, runs_of("fail"))
        assert first.state == Runs(
            generations={"workflow/fail": 0, "workflow/fail/executor/step": 0},
            running=0,
            executors=0,
            succeeded=0,
            failed=1,
            executor_failures=1,
        )
        await place.perform(RunWorkflow(workflow="fail", parameters={"what": "b"}))
    async with Place(tmp_path, (FAIL, NOTE)) as place:
        await place.start()
        assert (await look(place, runs_of("fail"), first.watermark)).state.failed == 1
        await place.must(RunWorkflow(workflow="note", parameters={"what": 1}))
        assert (await look(place, runs_of("note"))).state.succeeded == 1
        with pytest.raises(RejectError, match="no workflow is called 'nothing'; known: fail, note"):
            await look(place, runs_of("nothing"))


async def test_requests_are_counted_once_with_their_latencies_and_failures(tmp_path: Path) -> None:
    async with Place(tmp_path, (online(1, latency_s=0.2, replicas=2),)) as place:
        await place.start()
        await place.must(DeployWorkflow(workflow="w"))
        await place.ask(5)
        start = await look(place, use_of("w"))
        assert start.is_nothing
        begin_s = place.clock.timestamp_s()
        await place.ask(10)
        await place.ask(2, given="fail")
        await asyncio.sleep(place.clock.timestamp_s() + 60 - begin_s - 2.4)
        seen = await look(place, use_of("w"), start.watermark)
        use = seen.state
        assert (use.requests, use.failures, use.replicas) == (12, 2, 2)
        assert use.error_ratio == pytest.approx(2 / 12)
        assert use.mean_latency_s == pytest.approx(0.2, abs=0.01)
        assert use.p95_latency_s == 0.25
        seconds = seen.watermark[1] - start.watermark[1]
        assert use.requests_per_s_per_replica == pytest.approx(12 / seconds / 2)


# ---------------------------------------------------------------------- what is decided from it


class Scaling(Agent):
    """Adds a replica whenever it looks, from a state that somebody may change under its hands."""

    def __init__(self, charge: Charge, meanwhile: Callable[[Sight], Any]) -> None:
        super().__init__(charge)
        inner = services_of("w")

        async def read(sight: Sight) -> Observation:
            seen: Observation = await inner.read(sight)
            await meanwhile(sight)
            return seen

        self.strategies = (
            Strategy(
                name="scale",
                when=every(hours=1),
                sense=replace(inner, read=read),
                then=perform(lambda seen: UpdateWorkflowReplica(workflow="w", replicas=seen.ready + 1)),
            ),
        )


async def test_what_is_decided_from_a_state_that_is_gone_is_refused_and_decided_anew(tmp_path: Path) -> None:
    async with Place(tmp_path, (online(1),)) as place:
        is_first = iter([True, False, False])

        async def meanwhile(_sight: Sight) -> None:
            if next(is_first):
                await place.must(DuplicateWorkflowInstance(workflow="w", version=1, copies=5))

        members = {"it": Member(agent=Scaling, args=(meanwhile,))}
        team = Team(members=members, journal=tmp_path / "journal.db", clock=place.clock)
        await place.start(team)
        await place.must(DeployWorkflow(workflow="w"))
        await asyncio.sleep(HOUR_S + 60)
        assert (await look(place, services_of("w"))).state.ready == 6
        refused, done = [entry for entry in entries_of(tmp_path) if entry.kind == "outcome"]
        assert "stale: it/scale decided from generation 1 of workflow/w" in refused.reason
        assert done.holds


async def test_a_fact_wakes_a_strategy_at_once(tmp_path: Path) -> None:
    strategy = Strategy(
        name="react",
        when=any_of(every(hours=1), on(ServiceUnavailable)),
        sense=services_of("w"),
        given=at_least(1, of="interruptions"),
        then=perform(lambda seen: RunWorkflow(workflow="note", parameters={"what": seen.version})),
    )

    class Reacting(Agent):
        strategies = (strategy,)

    async with Place(tmp_path, (online(1), NOTE)) as place:
        team = Team(
            members={"it": Member(agent=Reacting)}, journal=tmp_path / "journal.db", clock=place.clock
        )
        await place.start(team)
        await place.must(DeployWorkflow(workflow="w"))
        await asyncio.sleep(60)
        HEALTH["v1"] = False
        await asyncio.sleep(15)
        assert NOTED == [1]
        await asyncio.sleep(2 * HOUR_S)
        assert NOTED == [1]


# ---------------------------------------------------------------------- each event once, whatever dies


class Noting(Agent):
    """Has a workflow note what it has counted."""

    def __init__(self, charge: Charge, sensor: Sensor, of: str) -> None:
        super().__init__(charge)
        self.strategies = (
            Strategy(
                name="note",
                when=every(minutes=2),
                sense=sensor,
                given=at_least(1, of=of),
                then=perform(
                    lambda seen: RunWorkflow(workflow="note", parameters={"what": getattr(seen, of)})
                ),
            ),
        )


class MortalNoting(Mortality, Noting):
    def __init__(self, charge: Charge, sensor: Sensor, of: str, fuse: Fuse) -> None:
        super().__init__(charge, sensor, of)
        self.fuse = fuse
        (strategy,) = self.strategies
        inner = strategy.sense.read

        async def read(sight: Sight) -> Observation:
            fuse.pass_point("before sensing")
            seen: Observation = await inner(sight)
            fuse.pass_point("after sensing")
            return seen

        words = fuse.around("wording the effects", strategy.then.effects)
        self.strategies = (
            replace(strategy, sense=replace(strategy.sense, read=read), then=Action(code=(words,))),
        )


async def fail_three_runs(place: Place) -> None:
    for what in "abc":
        await place.perform(RunWorkflow(workflow="fail", parameters={"what": what}))


async def ask_three_times(place: Place) -> None:
    await place.ask(3)


async def be_ill_three_times(_place: Place) -> None:
    for _ in range(3):
        for is_well in (False, True):
            HEALTH["v1"] = is_well
            await asyncio.sleep(15)


CASES: list[tuple[Sensor, str, Callable[[Place], Any]]] = [
    (runs_of("fail"), "failed", fail_three_runs),
    (use_of("w"), "requests", ask_three_times),
    (services_of("w"), "interruptions", be_ill_three_times),
]


async def live(place: Place, case: int, fuse: Fuse | None) -> None:
    """Deploy once, look, let things happen, look again; or die before."""
    sensor, of, happen = CASES[case]
    member = (
        Member(agent=Noting, args=(sensor, of))
        if fuse is None
        else Member(agent=MortalNoting, args=(sensor, of, fuse))
    )
    team = Team(members={"it": member}, journal=place.folder / "journal.db", clock=place.clock)
    async with place:
        await place.start(team)
        if fuse is None:
            await asyncio.sleep(250)
            return
        await place.must(DeployWorkflow(workflow="w"))
        await asyncio.sleep(130)
        await happen(place)
        over = NEW_YEAR + timedelta(seconds=245)
        await until(lambda: fuse.is_blown or place.clock.now() > over, within_s=300, step_s=30)


@pytest.mark.parametrize("case", range(len(CASES)), ids=["runs", "requests", "services"])
async def test_killed_at_any_point_each_event_is_acted_on_once(tmp_path: Path, case: int) -> None:
    def fresh(name: str) -> Place:
        NOTED.clear()
        HEALTH.clear()
        (tmp_path / name).mkdir()
        return Place(tmp_path / name, (online(1), FAIL, NOTE))

    fuse = Fuse()
    await live(fresh("whole"), case, fuse)
    assert NOTED == [3]
    second_look = len(fuse.points) - 1 - fuse.points[::-1].index("before sensing")
    assert {"after wording the effects", "after commit", "before conclude"} <= set(fuse.points[second_look:])
    for at in range(second_look, len(fuse.points)):
        place = fresh(str(at))
        await live(place, case, Fuse(at))
        await live(place, case, None)
        assert NOTED == [3], f"killed {fuse.points[at]}"
