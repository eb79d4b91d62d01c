"""The shipped strategies do their job: in virtual time, on the in-process backends, from agent to agent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from scanflow_actors.agents import Agent, Charge, Member, Team, greater_than, strategy
from scanflow_actors.agents.control import ShowStatus
from scanflow_actors.agents.strategy import Call
from scanflow_actors.agents.templates import (
    ChangeReplicas,
    ChangeTraffic,
    Checker,
    Checking,
    Execution,
    Executor,
    FailOver,
    KeepApart,
    MoreMemory,
    PlanEnded,
    Planner,
    Planning,
    ReportPredictions,
    Retry,
    Scale,
    Tracker,
    Tracking,
)
from scanflow_actors.infrastructure import ShowState, WorkflowState
from scanflow_actors.primitives import (
    DeployWorkflow,
    RunWorkflow,
    UpdateWorkflowTraffic,
)
from scanflow_actors.triggers import on
from scanflow_actors.workflows import BatchWorkflow, Executor as Step, Traffic
from tests.unit.agents.crew import entries_of
from tests.unit.agents.faults import KilledError
from tests.unit.agents.place import HEALTH, NOTE, NOTED, Place, batch, note, online

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.looptime

MINUTE_S = 60.0


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    HEALTH.clear()
    NOTED.clear()
    FAILURES.clear()
    yield
    HEALTH.clear()


def team_of(place: Place, **members: Member) -> Team:
    return Team(members=members, journal=place.folder / "journal.db", clock=place.clock)


def planner(**config: Any) -> Member:
    return Member(agent=Planner, args=(Planning(**config),))


async def state_of(place: Place, workflow: str = "w") -> WorkflowState:
    return await place.ref.ask(ShowState(workflow=workflow))


async def replicas_of(place: Place) -> int:
    (service,) = (await state_of(place)).services[1].values()
    return service.wanted


def acted(place: Place, strategy: str) -> list[str]:
    """Reasons of the decisions of a strategy that were acted on, and that were carried out."""
    done = {entry.decision for entry in entries_of(place.folder) if entry.kind == "outcome" and entry.holds}
    return [
        entry.reason
        for entry in entries_of(place.folder)
        if entry.kind == "decision" and entry.strategy == strategy and entry.decision in done
    ]


# ---------------------------------------------------------------------- reported predictions


def detect(newdata: Any) -> int:
    return len(newdata)


DETECT = BatchWorkflow(
    name="detect",
    executors=(Step(name="detect", run=detect, takes={"newdata": "newdata"}),),
    result="detect",
)


async def test_predictions_that_programs_report_add_up_until_they_are_worth_a_check_and_count_once(
    tmp_path: Path,
) -> None:
    async with Place(tmp_path, (DETECT,)) as place:
        team = team_of(
            place,
            tracker=Member(agent=Tracker, args=(Tracking(kind=None, takes_reports=True),)),
            checker=Member(agent=Checker, args=(Checking(detector="detect"),)),
        )
        await place.start(team)
        tracker = place.system.find("tracker")
        for run, count in {"a": 600, "b": 300, "c": 200, "d": 99, "e": 1000}.items():
            report = ReportPredictions(predictions=count, runs=(run,))
            for _ in range(2):  # the second time it is known
                await tracker.ask(Call(message=report, key=f"report-{run}", trace=run))
            await asyncio.sleep(2000)
        counts = [e for e in entries_of(tmp_path) if e.strategy == "count_reported_predictions"]
        assert [e.reason for e in counts if e.kind == "decision"] == [
            "total 900 < 1000",
            "total 1199 >= 1000",
        ]
        await asyncio.sleep(3600)
        asked = [e for e in entries_of(tmp_path) if (e.strategy, e.kind) == ("check_predictions", "decision")]
        assert [e.body["state"]["runs"] for e in asked] == [["a", "b", "c", "d"], ["e"]]
        status = await tracker.ask(ShowStatus())
        assert [report.runs for _, report in status.belief.reports] == [("e",)]  # the rest was used


# ---------------------------------------------------------------------- scaling by QoS


async def test_queries_per_second_per_replica_stay_below_the_bound_and_few_replicas_do_for_few(
    tmp_path: Path,
) -> None:
    async with Place(tmp_path, (online(1),)) as place:
        scale = Scale(workflow="w", per_replica_s=2.0, most=3, down_after_s=180)
        await place.start(team_of(place, planner=planner(scale=scale)))
        await place.must(DeployWorkflow(workflow="w"))
        await asyncio.sleep(MINUTE_S + 5)
        await place.ask(4 * 60)  # 4 a second: 2 replicas would have 2 each, which is not below 2
        await asyncio.sleep(MINUTE_S)
        assert await replicas_of(place) == 3
        (reason,) = acted(place, "scale_up")
        assert reason == "wanted 3 > replicas 1"
        await place.ask(2 * 60)  # 2 a second: 2 replicas would do
        await asyncio.sleep(MINUTE_S)
        assert await replicas_of(place) == 3  # for less than three minutes so far
        await asyncio.sleep(4 * MINUTE_S)
        assert await replicas_of(place) == 1
        assert len(acted(place, "scale_down")) == 1


async def test_a_version_that_answers_badly_is_tracked_checked_and_given_a_replica(tmp_path: Path) -> None:
    async with Place(tmp_path, (online(1, latency_s=0.4),)) as place:
        team = team_of(
            place,
            tracker=Member(agent=Tracker, args=(Tracking(kind=None, services=("w",)),)),
            checker=Member(agent=Checker, args=(Checking(violated=greater_than(0.25, of="p95_latency_s")),)),
            planner=planner(scale=Scale(workflow="w")),
        )
        await place.start(team)
        await place.must(DeployWorkflow(workflow="w"))
        await asyncio.sleep(MINUTE_S + 5)
        await place.ask(20)
        await asyncio.sleep(MINUTE_S)
        assert await replicas_of(place) == 2
        kinds = ("watch_w", "check_metrics", "relieve")
        chain = [e for e in entries_of(tmp_path) if e.kind == "decision" and e.strategy in kinds]
        assert [entry.strategy for entry in chain] == [*kinds]
        assert len({entry.trace for entry in chain}) == 1
        assert chain[1].reason == "p95_latency_s 0.5 > 0.25"
        await place.ask(3)
        await asyncio.sleep(MINUTE_S)
        assert await replicas_of(place) == 3  # and scaling down, which needs fewer, does not undo it
        await asyncio.sleep(5 * MINUTE_S)
        assert await replicas_of(place) == 3


# ---------------------------------------------------------------------- fail-over


async def test_requests_go_to_the_backup_when_no_replica_is_ready_and_back_once_the_primary_is_well(
    tmp_path: Path,
) -> None:
    async with Place(tmp_path, (online(1, replicas=2),)) as place:
        fail_over = FailOver(workflow="w", primary=1, backup=2, recovered_s=60)
        await place.start(team_of(place, planner=planner(fail_over=fail_over)))
        await place.must(DeployWorkflow(workflow="w"), DeployWorkflow(workflow="w", definition=online(2)))
        await asyncio.sleep(30)
        assert await place.ask(3) == [1, 1, 1]
        HEALTH["v1"] = False
        await asyncio.sleep(15)
        assert await place.ask(3) == [2, 2, 2]
        HEALTH["v1"] = True
        await asyncio.sleep(40)
        HEALTH["v1"] = False  # not well for long enough
        await asyncio.sleep(20)
        HEALTH["v1"] = True
        await asyncio.sleep(50)
        assert await place.ask(1) == [2]
        await asyncio.sleep(40)
        assert await place.ask(3) == [1, 1, 1]
        await asyncio.sleep(10 * MINUTE_S)
        assert (len(acted(place, "fail_over")), len(acted(place, "fail_back"))) == (1, 1)


async def test_a_version_that_was_promoted_keeps_its_requests(tmp_path: Path) -> None:
    async with Place(tmp_path, (online(1),)) as place:
        fail_over = FailOver(workflow="w", primary=1, backup=2, recovered_s=20)
        await place.start(team_of(place, planner=planner(fail_over=fail_over)))
        for version in (1, 2, 3):
            await place.must(DeployWorkflow(workflow="w", definition=online(version)))
        await place.must(UpdateWorkflowTraffic(workflow="w", traffic=Traffic(weights={3: 1})))
        await asyncio.sleep(600)
        assert await place.ask(3) == [3, 3, 3]


async def test_without_a_backup_that_answers_the_requests_stay_where_they_are(tmp_path: Path) -> None:
    async with Place(tmp_path, (online(1),)) as place:
        fail_over = FailOver(workflow="w", primary=1, backup=2)
        await place.start(team_of(place, planner=planner(fail_over=fail_over)))
        await place.must(DeployWorkflow(workflow="w"), DeployWorkflow(workflow="w", definition=online(2)))
        await asyncio.sleep(30)
        HEALTH.update(v1=False, v2=False)
        await asyncio.sleep(60)
        assert (await state_of(place)).traffic == Traffic(weights={1: 1})
        HEALTH["v2"] = True
        await asyncio.sleep(15)
        assert (await state_of(place)).traffic == Traffic(weights={2: 1})


# ---------------------------------------------------------------------- keep apart


async def test_a_batch_workflow_stays_off_the_nodes_of_an_online_one_once_that_is_deployed(
    tmp_path: Path,
) -> None:
    async with Place(tmp_path, (online(1), NOTE)) as place:
        apart = KeepApart(batch="note", online="w")
        await place.start(team_of(place, planner=planner(keep_apart=apart)))
        await asyncio.sleep(2 * MINUTE_S)
        before = (await state_of(place, "note")).batch
        assert before is not None
        assert before.executor("step").affinity.apart_from == ()
        await place.must(DeployWorkflow(workflow="w"))
        await asyncio.sleep(5)  # the fact that it has changed is enough
        after = (await state_of(place, "note")).batch
        assert after is not None
        assert after.executor("step").affinity.apart_from == ("w",)
        await asyncio.sleep(5 * MINUTE_S)
        assert len(acted(place, "keep_apart")) == 1


# ---------------------------------------------------------------------- failed runs

FAILURES: list[Exception] = []
"""What the next calls of `faulty` raise."""


def faulty(what: Any) -> Any:
    if FAILURES:
        raise FAILURES.pop()
    return note(what)


async def test_a_failed_run_is_tried_again_with_its_parameters_after_growing_waits(tmp_path: Path) -> None:
    async with Place(tmp_path, (batch("b", faulty),)) as place:
        retry = Retry(workflow="b", limit=3, delay_s=60, factor=3)
        await place.start(team_of(place, planner=planner(retry=retry)))
        FAILURES.extend([ValueError("a bug")] * 3)
        assert not (await place.perform(RunWorkflow(workflow="b", parameters={"what": 7}))).is_success
        await asyncio.sleep(50)
        assert len(FAILURES) == 2
        await asyncio.sleep(45)
        assert len(FAILURES) == 1  # after 60 s
        await asyncio.sleep(120)
        assert len(FAILURES) == 1
        await asyncio.sleep(65)
        assert (FAILURES, NOTED) == ([], [])  # after 180 s more
        await asyncio.sleep(600)
        assert NOTED == [7]
        await asyncio.sleep(2 * 3600)
        assert NOTED == [7]
        assert len(acted(place, "retry_run")) == 1


async def test_a_wait_may_be_longer_than_an_hour_and_what_was_due_long_ago_is_let_be(tmp_path: Path) -> None:
    place = Place(tmp_path, (batch("b", faulty),))
    retry = Retry(workflow="b", delay_s=2 * 3600.0, max_delay_s=2 * 3600.0)
    async with place:
        await place.start(team_of(place, planner=planner(retry=retry)))
        FAILURES.append(ValueError("a bug"))
        await place.perform(RunWorkflow(workflow="b", parameters={"what": 7}))
        await asyncio.sleep(2 * 3600 + 60)
        assert NOTED == [7]
        FAILURES.append(ValueError("a bug"))
        await place.perform(RunWorkflow(workflow="b", parameters={"what": 8}))
    await asyncio.sleep(24 * 3600)
    async with place:
        await place.start(team_of(place, planner=planner(retry=retry)))
        await asyncio.sleep(3600)
        assert NOTED == [7]


async def test_what_keeps_failing_is_given_up_and_a_success_starts_the_count_anew(tmp_path: Path) -> None:
    async with Place(tmp_path, (batch("b", faulty),)) as place:
        retry = Retry(workflow="b", limit=2, delay_s=30, factor=1)
        await place.start(team_of(place, planner=planner(retry=retry)))
        FAILURES.extend([ValueError("a bug")] * 9)
        await place.perform(RunWorkflow(workflow="b", parameters={"what": 1}))
        await asyncio.sleep(3600)
        assert len(FAILURES) == 9 - 3  # once, and twice again
        FAILURES.clear()
        await place.must(RunWorkflow(workflow="b", parameters={"what": 2}))
        FAILURES.append(ValueError("once more"))
        await place.perform(RunWorkflow(workflow="b", parameters={"what": 3}))
        await asyncio.sleep(120)
        assert NOTED == [2, 3]


async def test_an_executor_out_of_memory_gets_more_up_to_a_bound_and_its_run_is_tried_again(
    tmp_path: Path,
) -> None:
    async with Place(tmp_path, (batch("b", faulty, memory_bytes=100),)) as place:
        team = team_of(
            place,
            planner=planner(
                retry=Retry(workflow="b", limit=9, delay_s=60, factor=1),
                more_memory=MoreMemory(workflow="b", most_bytes=300),
            ),
        )
        await place.start(team)

        async def memory() -> int | None:
            state = await state_of(place, "b")
            assert state.batch is not None
            return state.batch.executor("step").memory_bytes

        FAILURES.extend([MemoryError()] * 9)
        await place.perform(RunWorkflow(workflow="b", parameters={"what": 1}))
        await asyncio.sleep(5)
        assert await memory() == 200
        await asyncio.sleep(95)
        assert await memory() == 300
        await asyncio.sleep(3000)
        assert await memory() == 300
        assert len(FAILURES) == 9 - 3  # with 100, 200 and 300 bytes; then it is hopeless
        reasons = [e.reason for e in entries_of(tmp_path) if e.strategy == "retry_run"]
        assert "not is_hopeless" in reasons[-1] or "is_hopeless True != False" in reasons[-1]


# ---------------------------------------------------------------------- the executor


class Listener(Agent):
    """Keeps what it hears."""

    def __init__(self, charge: Charge, heard: list[PlanEnded]) -> None:
        super().__init__(charge)
        self.heard = heard

    @strategy(when=on(PlanEnded))
    def hear(self, ended: PlanEnded) -> None:
        self.heard.append(ended)


class Forgetful(Executor):
    """Dies before it has written down what became of a plan."""

    is_mortal = True

    async def write(self, method: str, *args: Any) -> Any:
        if method == "conclude" and type(self).is_mortal:
            raise KilledError(method)
        return await super().write(method, *args)


async def test_an_outcome_is_reported_once_though_the_executor_dies_before_it_is_written_down(
    tmp_path: Path,
) -> None:
    heard: list[PlanEnded] = []
    place = Place(tmp_path, (online(1),))
    config = Execution(online=("w",), reports_to="asker")
    team = team_of(
        place,
        executor=Member(agent=Forgetful, args=(config,)),
        asker=Member(agent=Listener, args=(heard,)),
    )
    async with place:
        await place.start(team)
        await place.must(DeployWorkflow(workflow="w"))
        plan = Call(message=ChangeReplicas(workflow="w", replicas=4), key="plan", trace="plan")
        await place.system.find("executor").ask(plan)
        await asyncio.sleep(60)
        assert not await team.settled(timeout_s=1)
    Forgetful.is_mortal = False
    async with place:
        await place.start(team)
        assert await team.settled(timeout_s=60)
        assert await replicas_of(place) == 4
    assert [(each.plan, each.is_success) for each in heard] == [("ChangeReplicas", True)]


async def test_plans_become_primitives_and_their_outcome_is_reported(tmp_path: Path) -> None:
    heard: list[PlanEnded] = []

    async with Place(tmp_path, (online(1), online(1, name="other"))) as place:
        execution = Execution(online=("w",), reports_to="asker")
        team = team_of(
            place,
            executor=Member(agent=Executor, args=(execution,)),
            asker=Member(agent=Listener, args=(heard,)),
        )
        await place.start(team)
        await place.must(DeployWorkflow(workflow="w"), DeployWorkflow(workflow="w", definition=online(2)))
        executor = place.system.find("executor")
        plans = [
            ChangeTraffic(workflow="w", weights={1: 1, 2: 1}),
            ChangeReplicas(workflow="w", replicas=4),
            ChangeTraffic(workflow="w", weights={9: 1}),
            ChangeReplicas(workflow="w", replicas=2, generations={"workflow/w": 1}),
            ChangeReplicas(workflow="other", replicas=4),
        ]
        for at, plan in enumerate(plans):
            await executor.ask(Call(message=plan, key=f"plan-{at}", trace="plan"))
            assert await team.settled(timeout_s=60)
        assert [(each.plan, each.is_success) for each in heard] == [
            ("ChangeTraffic", True),
            ("ChangeReplicas", True),
            ("ChangeTraffic", False),
            ("ChangeReplicas", False),
        ]
        assert "version 9 of 'w' is not deployed" in heard[2].reason
        assert "stale" in heard[3].reason
        assert sorted(await place.ask(4)) == [1, 1, 2, 2]
        assert await replicas_of(place) == 4
