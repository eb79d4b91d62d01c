"""A new version is tried in steps, measured, judged, promoted or rolled back; a crash loses none of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from scanflow_actors.agents import Journal, Member, Observation, Sensor, Sight, Team, at_most, greater_than
from scanflow_actors.agents.strategy import Call
from scanflow_actors.agents.templates import (
    CanaryPlan,
    Execution,
    Executor,
    FailOver,
    Gate,
    Planner,
    Planning,
    StartCanary,
    TrialPhase,
)
from scanflow_actors.errors import MetricsError
from scanflow_actors.infrastructure import ShowState
from scanflow_actors.primitives import DeployWorkflow, UpdateWorkflowTraffic
from scanflow_actors.workflows import Traffic
from tests.unit.agents.crew import entries_of
from tests.unit.agents.faults import Fuse, Mortality
from tests.unit.agents.place import BROKEN, HEALTH, SLOW_S, Place, online

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.looptime

ERRORS = Gate(name="errors", good=at_most(0.1, of="error_ratio"), count=2, consecutive_error_limit=1)
LATENCY = Gate(
    name="latency", good=at_most(0.25, of="p95_latency_s"), bad=greater_than(1.0, of="p95_latency_s"), count=2
)
PLAN = CanaryPlan(workflow="w", gates=(ERRORS, LATENCY), patience=1)


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    for table in (HEALTH, SLOW_S, BROKEN):
        table.clear()
    yield
    for table in (HEALTH, SLOW_S, BROKEN):
        table.clear()


def team_of(place: Place, planner: type[Planner] = Planner, **parts: Any) -> Team:
    planning = Planning(**{"canary": PLAN, **parts})
    return Team(
        members={
            "planner": Member(agent=planner, args=(planning,)),
            "executor": Member(agent=Executor, args=(Execution(online=("w",), reports_to="planner"),)),
        },
        journal=place.folder / "journal.db",
        clock=place.clock,
    )


async def begin(place: Place, team: Team) -> None:
    await place.start(team)
    await place.must(DeployWorkflow(workflow="w"), DeployWorkflow(workflow="w", definition=online(2)))
    await place.ask(10)
    await try_version(place, 2)
    await team.settled(timeout_s=60)


async def try_version(place: Place, version: int) -> None:
    call = Call(message=StartCanary(workflow="w", version=version), key=f"start-{version}", trace="start")
    await place.system.find("planner").ask(call)


async def shares(place: Place, minutes: int) -> list[float]:
    """The share of version 2 in each minute, under a request a second."""
    seen = []
    for _ in range(minutes):
        await place.ask(30)
        state = await place.ref.ask(ShowState(workflow="w"))
        assert state.traffic is not None
        weights = state.traffic.weights
        seen.append(round(weights.get(2, 0.0) / sum(weights.values()), 3))
        await asyncio.sleep(60)
    return seen


def reasons(place: Place, strategy: str = "step_canary") -> list[str]:
    entries = entries_of(place.folder)
    return [e.reason for e in entries if e.kind == "decision" and e.strategy == strategy]


def phase(place: Place) -> TrialPhase:
    journal = Journal(place.folder / "journal.db")
    mind = journal.mind("planner")
    journal.close()
    assert mind is not None
    found: TrialPhase = mind.belief.phase
    return found


async def test_a_good_version_gets_all_requests_step_by_step(tmp_path: Path) -> None:
    async with Place(tmp_path, (online(1),)) as place:
        await begin(place, team_of(place))
        seen = await shares(place, 10)
        assert sorted(set(seen)) == [0.1, 0.5, 1.0]
        assert seen == sorted(seen)
        assert phase(place) is TrialPhase.PROMOTED
        assert reasons(place, "start_canary") == ["version 2 is tried, first with 10%"]
        assert [reason for reason in reasons(place) if "of 2 measured" not in reason] == [
            "goes on to 50%: errors: 2 of 2 measurements were good; latency: 2 of 2 measurements were good",
            "goes on to 100%: errors: 2 of 2 measurements were good; latency: 2 of 2 measurements were good",
            "promoted: errors: 2 of 2 measurements were good; latency: 2 of 2 measurements were good",
        ]
        assert reasons(place, "note_outcome") == ["ChangeTraffic of w carried out"] * 3
        count = len(reasons(place))
        await shares(place, 5)
        assert len(reasons(place)) == count


async def test_a_version_that_fails_is_rolled_back_by_itself_and_may_be_tried_again(tmp_path: Path) -> None:
    async with Place(tmp_path, (online(1),)) as place:
        await begin(place, team_of(place))
        await shares(place, 4)
        BROKEN.add("v2")
        seen = await shares(place, 4)
        assert seen[-1] == 0.0
        assert phase(place) is TrialPhase.ROLLED_BACK
        assert "rolled back: errors: 1 bad measurements, 0 are forgiven" in reasons(place)
        assert set(await place.ask(20)) == {1}
        BROKEN.clear()
        call = Call(message=StartCanary(workflow="w", version=2), key="again", trace="again")
        await place.system.find("planner").ask(call)
        assert (await shares(place, 10))[-1] == 1.0


async def test_an_inconclusive_version_is_measured_anew_up_to_the_limit_and_then_rolled_back(
    tmp_path: Path,
) -> None:
    SLOW_S["v2"] = 0.4  # neither good nor bad
    async with Place(tmp_path, (online(1),)) as place:
        await begin(place, team_of(place))
        seen = await shares(place, 9)
        assert set(seen) == {0.1, 0.0}
        assert phase(place) is TrialPhase.ROLLED_BACK
        waiting, over = [reason for reason in reasons(place) if "neither good nor bad" in reason]
        assert waiting.startswith("waits: latency: 2 measurements")
        assert waiting.endswith("(for the 1. time; 1 are allowed)")
        assert over.startswith("rolled back: inconclusive 2 times, at last: latency: 2 measurements")


async def test_a_version_that_cannot_be_measured_is_rolled_back(tmp_path: Path) -> None:
    async with Place(tmp_path, (online(1),)) as place:
        await begin(place, team_of(place))
        await asyncio.sleep(8 * 60)  # nobody asks
        assert phase(place) is TrialPhase.ROLLED_BACK
        assert "could not be measured 2 times in a row: it had no requests" in reasons(place)[-2]


def unreachable(_sight: Sight) -> Observation:
    raise MetricsError(source="prometheus", query="up", problem="cannot be reached")


async def test_a_source_of_measurements_that_fails_is_counted_by_the_judge(tmp_path: Path) -> None:
    async with Place(tmp_path, (online(1),)) as place:
        plan = CanaryPlan(workflow="w", gates=(ERRORS,), measure=Sensor(read=unreachable))
        await begin(place, team_of(place, canary=plan))
        await shares(place, 4)
        assert phase(place) is TrialPhase.ROLLED_BACK
        assert reasons(place)[1].startswith("rolled back: errors: could not be measured 2 times in a row: ")
        assert reasons(place)[1].endswith("cannot be reached")


async def test_a_fail_over_ends_the_trial_and_is_not_undone(tmp_path: Path) -> None:
    async with Place(tmp_path, (online(1),)) as place:
        await begin(place, team_of(place, fail_over=FailOver(workflow="w", primary=1, backup=3)))
        await place.must(DeployWorkflow(workflow="w", definition=online(3)))
        await shares(place, 2)
        HEALTH["v1"] = False
        await asyncio.sleep(120)
        assert set(await place.ask(10)) == {3}
        assert phase(place) is TrialPhase.ABANDONED
        assert reasons(place)[-1] == "abandoned: somebody deals the requests out as {3: 1}"


async def test_what_was_asked_for_and_did_not_come_about_is_asked_for_again(tmp_path: Path) -> None:
    async with Place(tmp_path, (online(1),)) as place:
        team = team_of(place)
        await begin(place, team)
        await place.must(UpdateWorkflowTraffic(workflow="w", traffic=Traffic(weights={1: 1})))
        seen = await shares(place, 12)
        assert (seen[0], seen[-1]) == (0.0, 1.0)
        assert "the share is still 0%, not 10%: asks again" in reasons(place)


async def test_what_cannot_be_tried_is_refused_with_its_reason(tmp_path: Path) -> None:
    async with Place(tmp_path, (online(1),)) as place:
        await begin(place, team_of(place))
        for version in (3, 1, 2):
            call = Call(message=StartCanary(workflow="w", version=version), key=f"no-{version}", trace="no")
            await place.system.find("planner").ask(call)
        assert reasons(place, "start_canary")[1:] == ["version 2 is being tried"] * 3
        await shares(place, 10)
        await try_version(place, 3)
        assert reasons(place, "start_canary")[-1] == "version 3 is not deployed"


# ---------------------------------------------------------------------- killed in the middle


class MortalPlanner(Mortality, Planner):
    """A planner that dies when its fuse blows."""

    fuse = Fuse()


async def canary_with(place: Place, planner: type[Planner], minutes: int) -> list[float]:
    async with place:
        await begin(place, team_of(place, planner))
        return await shares(place, minutes)


async def test_killed_at_any_point_a_trial_goes_on_with_what_it_has_measured(tmp_path: Path) -> None:
    def fresh(name: str) -> Place:
        (tmp_path / name).mkdir()
        return Place(tmp_path / name, (online(1),))

    MortalPlanner.fuse = Fuse()
    await canary_with(fresh("whole"), MortalPlanner, 9)
    points = MortalPlanner.fuse.points
    commits = [at for at, point in enumerate(points) if point.endswith(("commit", "conclude"))]
    for at in commits[4::4]:  # some of them, once the first share was given
        place = fresh(str(at))
        MortalPlanner.fuse = Fuse(at)
        before = await canary_with(place, MortalPlanner, 9)
        taken = len(reasons(place))
        team = team_of(place)
        async with place:
            await place.start(team)
            after = await shares(place, 12)
        steps = [share for share in (*before, *after) if share]
        assert steps == sorted(steps), points[at]
        assert after[-1] == 1.0, points[at]
        assert phase(place) is TrialPhase.PROMOTED
        decided = [reason for reason in reasons(place) if reason.startswith(("goes on", "promoted"))]
        assert len(decided) == 3, points[at]  # no step twice, none left out
        measured = [reason for reason in reasons(place) if "1 of 2 measured" in reason]
        assert len(measured) == 3, (points[at], taken)
