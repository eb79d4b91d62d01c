"""Each primitive is carried out once, in the order of its target, and everybody hears of it."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from scanflow_actors.artifacts import KnowledgeBase, KnowledgeSettings
from scanflow_actors.infrastructure import InProcessBackend, WorkflowEnded, WorkflowStarted
from scanflow_actors.primitives import RunWorkflow, UpgradeWorkflow
from scanflow_actors.workflows import BatchWorkflow, Executor
from tests import steps
from tests.knowledge import MLFLOW_WARNINGS
from tests.site import Site, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from scanflow_actors.infrastructure import Order

pytestmark = MLFLOW_WARNINGS


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with opened(tmp_path, InProcessBackend(), Site) as made:
        yield made


def saying(site: Site, name: str = "w") -> BatchWorkflow:
    """Says the text that it is given."""
    run = Executor(name="say", run=steps.say, takes={"text": "text"}, options={"port": site.probe.port})
    return BatchWorkflow(name=name, executors=(run,), result="say")


def holding(site: Site, gate: str, name: str = "w") -> BatchWorkflow:
    """Says the text that it is given, and waits at a gate."""
    options = {"port": site.probe.port, "gate": gate}
    run = Executor(name="hold", run=steps.hold, takes={"text": "text"}, options=options)
    return BatchWorkflow(name=name, executors=(run,), result="hold")


def run_of(name: str, text: str) -> RunWorkflow:
    return RunWorkflow(workflow=name, parameters={"text": text})


async def test_the_same_key_twice_is_carried_out_once_with_the_same_outcome(site: Site) -> None:
    await site.start(saying(site))
    first = await site.perform(run_of("w", "a"), "key")
    second = await site.perform(run_of("w", "a"), "key")
    assert first == second
    assert first.result == "a"
    await site.perform(run_of("w", "b"))
    await site.probe.hears("b")
    assert site.probe.heard == ["a", "b"]


async def test_a_key_that_is_being_carried_out_is_joined(site: Site) -> None:
    gate = site.gate()
    await site.start(holding(site, gate.path))
    first = site.later(run_of("w", "a"), "key")
    await site.probe.hears("a")
    second = site.later(run_of("w", "a"), "key")
    gate.open()
    assert (await first) == (await second)
    assert site.probe.heard == ["a"]


async def test_a_key_is_answered_from_the_ledger_after_a_restart(site: Site) -> None:
    await site.start(saying(site))
    first = await site.perform(run_of("w", "a"), "key")
    await site.restart(saying(site))
    assert await site.perform(run_of("w", "a"), "key") == first
    assert site.probe.heard == ["a"]


async def test_a_known_key_is_answered_while_its_target_is_busy(site: Site) -> None:
    gate = site.gate()
    await site.start(saying(site))
    await site.perform(run_of("w", "a"), "key")
    await site.restart(holding(site, gate.path))
    busy = site.later(run_of("w", "b"))
    await site.probe.hears("b")
    assert (await site.perform(run_of("w", "a"), "key")).result == "a"
    assert not busy.done()


async def test_primitives_on_one_target_are_carried_out_in_the_order_of_arrival(site: Site) -> None:
    gate = site.gate()
    await site.start(holding(site, gate.path))
    tasks = [site.later(run_of("w", str(number)), f"key-{number}") for number in range(4)]
    await site.probe.hears("0")
    gate.open()
    await asyncio.gather(*tasks)
    assert site.probe.heard == ["0", "1", "2", "3"]
    started = [fact.key for fact in site.facts.of(WorkflowStarted)]
    assert started == ["key-0", "key-1", "key-2", "key-3"]


async def test_primitives_on_different_targets_do_not_wait_for_each_other(site: Site) -> None:
    gate = site.gate()
    await site.start(holding(site, gate.path, "slow"), saying(site, "fast"))
    slow = site.later(run_of("slow", "a"))
    await site.probe.hears("a")
    assert (await site.perform(run_of("fast", "b"))).is_success
    assert not slow.done()
    gate.open()
    assert (await slow).is_success


@pytest.mark.parametrize(
    "primitive", [RunWorkflow(workflow="z"), UpgradeWorkflow(workflow="z", model="m", version=1)]
)
async def test_an_unknown_workflow_is_a_failure_with_the_known_names(site: Site, primitive: Any) -> None:
    await site.start(saying(site, "one"), saying(site, "two"))
    outcome = await site.perform(primitive)
    assert not outcome.is_success
    assert "'z'" in outcome.reason
    assert "one, two" in outcome.reason


async def test_a_promotion_is_rolled_back_by_one_primitive_once_for_each_key(
    site: Site, migrated_store: Path
) -> None:
    await asyncio.to_thread(shutil.copy, migrated_store, site.folder / "mlflow.db")
    knowledge = KnowledgeBase(KnowledgeSettings.in_folder(site.folder))
    for key in ("a", "b", "c"):
        run = await asyncio.to_thread(knowledge.record, "training", key=key)
        await asyncio.to_thread(knowledge.models.register, "m", run)
    await site.start(saying(site))
    for version in (1, 2, 3):
        assert (await site.perform(UpgradeWorkflow(workflow="w", model="m", version=version))).is_success
    back = UpgradeWorkflow(workflow="w", model="m", roll_back=True)
    assert [(await site.perform(back, "k")).result for _ in range(2)] == [2, 2]
    await site.restart(saying(site))
    assert (await site.perform(back, "k")).result == 2, "from the ledger"
    assert await asyncio.to_thread(knowledge.models.version, "m") == 2
    assert (await site.perform(back)).result == 1
    assert "no version had it before" in (await site.perform(back)).reason


@pytest.mark.parametrize("wrong", [{"version": 2, "roll_back": True}, {}, {"version": -1}])
async def test_a_promotion_that_says_not_what_is_refused(site: Site, wrong: dict[str, Any]) -> None:
    await site.start(saying(site))
    outcome = await site.perform(UpgradeWorkflow(workflow="w", model="m", **wrong))
    assert "a model and its version, or a model and roll_back" in outcome.reason


async def test_a_missing_parameter_is_a_failure_and_no_run_begins(site: Site) -> None:
    await site.start(saying(site))
    outcome = await site.run("w")
    assert "'text' is missing" in outcome.reason
    assert site.facts.of(WorkflowStarted) == []


async def test_an_executor_may_take_the_key_of_its_run(site: Site) -> None:
    say = Executor(name="say", run=steps.say, takes={"text": "key"}, options={"port": site.probe.port})
    await site.start(BatchWorkflow(name="w", executors=(say,), result="say"))
    assert (await site.run("w", "run-7")).result == "run-7"


async def test_a_run_ends_with_its_actor_and_is_run_again_under_its_key(site: Site) -> None:
    gate = site.gate()
    await site.start(holding(site, gate.path))
    task = site.later(run_of("w", "a"), "key")
    await site.probe.hears("a")
    await site.system.stop(site.ref)
    assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], Exception)
    assert "stopped" in (await site.facts.has(WorkflowEnded, "key")).outcome.reason
    gate.open()
    await site.start(saying(site))
    assert (await site.perform(run_of("w", "a"), "key")).result == "a"


class Faulty(InProcessBackend):
    """A backend that is broken."""

    async def run_workflow(self, order: Order) -> Any:
        raise RuntimeError(f"no route to {order.workflow.name}")


async def test_a_fault_of_the_backend_fails_the_primitive_and_not_the_actor(tmp_path: Path) -> None:
    async with opened(tmp_path, Faulty(), Site) as site:
        await site.start(saying(site))
        for _ in range(2):
            outcome = await site.perform(run_of("w", "a"))
            assert outcome.reason == "RuntimeError: no route to w"


async def test_a_lost_observer_disturbs_nothing(site: Site) -> None:
    await site.start(saying(site))
    await site.system.stop(site.system.find("recorder"))
    assert (await site.perform(run_of("w", "a"))).is_success
