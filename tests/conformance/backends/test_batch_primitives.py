"""Each primitive of a batch workflow changes a workflow that runs, and the change is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scanflow_actors.infrastructure import WorkflowAdvanced, WorkflowChanged, WorkflowEnded
from scanflow_actors.primitives import (
    Changed,
    RunExecutor,
    RunWorkflow,
    StopExecutor,
    Stopped,
    StopWorkflow,
    UpdateExecutorAffinity,
    UpdateExecutorResource,
    UpdateWorkflowAffinity,
    UpdateWorkflowResource,
    UpgradeExecutor,
    UpgradeWorkflow,
)
from scanflow_actors.workflows import Affinity, BatchWorkflow, Executor, Resources
from tests import steps

if TYPE_CHECKING:
    import asyncio

    from tests.site import Site


def two_steps(site: Site, gate: str, **fields: Any) -> BatchWorkflow:
    """A number, then a step that says it runs and waits at a gate, then one that doubles the number."""
    options = {"port": site.probe.port, "gate": gate, "text": "holds"}
    executors = (
        Executor(name="number", run=steps.numbers, options={"count": 3}),
        Executor(name="hold", run=steps.hold, options=options, **fields),
        Executor(name="sum", run=steps.sum_after, needs={"parts": "number", "after": "hold"}),
    )
    return BatchWorkflow(name="w", executors=executors, result="sum")


async def running(site: Site, **fields: Any) -> tuple[BatchWorkflow, Any, asyncio.Task[Any]]:
    """A run that waits at its gate."""
    gate = site.gate()
    workflow = two_steps(site, gate.path, **fields)
    await site.start(workflow)
    run = site.later(RunWorkflow(workflow="w"), "run")
    await site.probe.hears("holds")
    await site.facts.has(WorkflowAdvanced, "run")  # the number is there
    return workflow, gate, run


async def test_stop_workflow_ends_the_run_under_way(site: Site) -> None:
    _, _, run = await running(site)
    outcome = await site.perform(StopWorkflow(workflow="w"))
    assert outcome.result == Stopped(runs=("run",))
    assert "was stopped" in (await run).reason
    assert not (await site.facts.has(WorkflowEnded, "run")).outcome.is_success


async def test_stop_workflow_ends_only_the_run_that_is_named(site: Site) -> None:
    _, gate, run = await running(site)
    assert (await site.perform(StopWorkflow(workflow="w", run="other"))).result == Stopped(runs=())
    gate.open()
    assert (await run).result == 3


async def test_upgrade_workflow_changes_the_run_under_way_and_those_that_follow(site: Site) -> None:
    workflow, gate, run = await running(site)
    more = workflow.changed("number", options={"count": 5})
    changed = (await site.perform(UpgradeWorkflow(workflow="w", definition=more))).result
    assert changed == Changed(generation=1, restarted={"run": ("number",)})
    gate.open()
    assert (await run).result == 10
    assert (await site.run("w")).result == 10
    assert [fact.generation for fact in site.facts.of(WorkflowChanged)] == [1]


async def test_upgrade_workflow_may_add_a_step_to_the_run_under_way(site: Site) -> None:
    workflow, gate, run = await running(site)
    added = Executor(name="double", run=steps.double, needs={"number": "sum"})
    longer = BatchWorkflow(name="w", executors=(*workflow.executors, added), result="double")
    assert (await site.perform(UpgradeWorkflow(workflow="w", definition=longer))).is_success
    gate.open()
    assert (await run).result == 6


async def test_an_upgrade_that_the_run_under_way_cannot_take_changes_nothing(site: Site) -> None:
    workflow, gate, run = await running(site)
    other = workflow.changed("number", options={}, takes={"count": "count"})
    refused = await site.perform(UpgradeWorkflow(workflow="w", definition=other))
    assert "'count' is missing" in refused.reason
    gate.open()
    assert (await run).result == 3
    assert (await site.run("w")).result == 3


async def test_a_changed_definition_outlives_the_actor(site: Site) -> None:
    workflow, gate, _ = await running(site)
    gate.open()
    more = workflow.changed("number", options={"count": 5})
    await site.perform(UpgradeWorkflow(workflow="w", definition=more))
    await site.restart(workflow)
    assert (await site.run("w")).result == 10
    other = workflow.changed("number", options={"count": 2})
    await site.restart(other)  # what is given anew wins over what was changed
    assert (await site.run("w")).result == 1


@pytest.mark.parametrize("is_whole", [True, False], ids=["workflow", "executor"])
async def test_an_update_of_resources_starts_what_runs_again_with_them(site: Site, is_whole: bool) -> None:
    _, gate, run = await running(site)
    resources = Resources(num_cpus=0.5)
    primitive: Any = UpdateWorkflowResource(workflow="w", resources=resources)
    if not is_whole:
        primitive = UpdateExecutorResource(workflow="w", executor="hold", resources=resources)
    assert (await site.perform(primitive)).result == Changed(generation=1, restarted={"run": ("hold",)})
    await site.probe.hears("holds", times=2)
    gate.open()
    assert (await run).result == 3


@pytest.mark.parametrize("is_whole", [True, False], ids=["workflow", "executor"])
async def test_an_update_of_affinity_starts_what_runs_again_there(site: Site, is_whole: bool) -> None:
    _, gate, run = await running(site)
    affinity = Affinity(labels={"ray.io/node-id": "!elsewhere"})
    primitive: Any = UpdateWorkflowAffinity(workflow="w", affinity=affinity)
    if not is_whole:
        primitive = UpdateExecutorAffinity(workflow="w", executor="hold", affinity=affinity)
    assert (await site.perform(primitive)).result == Changed(generation=1, restarted={"run": ("hold",)})
    await site.probe.hears("holds", times=2)
    gate.open()
    assert (await run).result == 3


async def test_stop_executor_ends_it_and_what_needs_it_is_not_run(site: Site) -> None:
    _, _, run = await running(site)
    stopped = await site.perform(StopExecutor(workflow="w", executor="hold"))
    assert stopped.result == Stopped(runs=("run",))
    assert "was stopped" in (await run).reason


async def test_an_executor_that_the_result_does_not_need_may_be_stopped(site: Site) -> None:
    gate = site.gate()
    options = {"port": site.probe.port, "gate": gate.path, "text": "holds"}
    executors = (
        Executor(name="one", run=steps.one),
        Executor(name="hold", run=steps.hold, options=options),
    )
    await site.start(BatchWorkflow(name="w", executors=executors, result="one"))
    run = site.later(RunWorkflow(workflow="w"))
    await site.probe.hears("holds")
    await site.perform(StopExecutor(workflow="w", executor="hold"))
    assert (await run).result == 1


async def test_run_executor_runs_it_once_more_in_the_run_under_way(site: Site) -> None:
    _, gate, run = await running(site)
    again = await site.perform(RunExecutor(workflow="w", executor="hold"))
    assert again.result == Changed(generation=0, restarted={"run": ("hold",)})
    await site.probe.hears("holds", times=2)
    gate.open()
    assert (await run).result == 3


async def test_run_executor_without_a_run_is_refused(site: Site) -> None:
    await site.start(two_steps(site, site.gate().path))
    outcome = await site.perform(RunExecutor(workflow="w", executor="hold"))
    assert "no run of workflow 'w' is under way" in outcome.reason


async def test_upgrade_executor_runs_it_again_with_other_options_and_then_what_needs_it(site: Site) -> None:
    _, gate, run = await running(site)
    upgrade = UpgradeExecutor(workflow="w", executor="number", options={"count": 5})
    assert (await site.perform(upgrade)).result == Changed(generation=1, restarted={"run": ("number",)})
    function = UpgradeExecutor(workflow="w", executor="number", run=steps.odd_numbers)
    assert (await site.perform(function)).is_success
    gate.open()
    assert (await run).result == 25


async def test_a_primitive_on_an_executor_that_is_not_there_is_refused_with_the_known(site: Site) -> None:
    await site.start(two_steps(site, site.gate().path))
    for primitive in (
        RunExecutor(workflow="w", executor="z"),
        StopExecutor(workflow="w", executor="z"),
        UpgradeExecutor(workflow="w", executor="z"),
        UpdateExecutorResource(workflow="w", executor="z", resources=Resources(num_cpus=1)),
    ):
        assert "no executor is called 'z'" in (await site.perform(primitive)).reason


async def test_changes_of_one_workflow_are_carried_out_in_the_order_of_arrival(site: Site) -> None:
    _, gate, run = await running(site)
    changes = [
        site.later(UpgradeExecutor(workflow="w", executor="number", options={"count": count}))
        for count in (4, 5, 6)
    ]
    assert [(await change).result.generation for change in changes] == [1, 2, 3]
    gate.open()
    assert (await run).result == 15


async def test_a_change_with_the_same_key_is_made_once(site: Site) -> None:
    _, gate, run = await running(site)
    again = RunExecutor(workflow="w", executor="hold")
    first = await site.perform(again, "again")
    assert await site.perform(again, "again") == first
    gate.open()
    await run
    assert site.probe.heard.count("holds") == 2
