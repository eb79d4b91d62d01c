"""What every backend does with a batch workflow, seen from outside."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from scanflow_actors.infrastructure import (
    ExecutorFailed,
    FailureReason,
    WorkflowAdvanced,
    WorkflowEnded,
    WorkflowStarted,
)
from scanflow_actors.primitives import RunWorkflow
from scanflow_actors.workflows import BatchWorkflow, Container, Executor, Retries, Secret
from tests import steps

if TYPE_CHECKING:
    from pathlib import Path

    from tests.site import Site


def single(run: Any, **fields: Any) -> BatchWorkflow:
    return BatchWorkflow(name="w", executors=(Executor(name="only", run=run, **fields),), result="only")


# ---------------------------------------------------------------------- running


async def test_results_and_parameters_reach_the_executors_that_take_them(site: Site) -> None:
    executors = (
        Executor(name="sum", run=steps.add, needs={"left": "one"}, takes={"right": "n"}),
        Executor(name="one", run=steps.one),
        Executor(name="double", run=steps.double, needs={"number": "sum"}),
    )
    await site.start(BatchWorkflow(name="w", executors=executors, result="double"))
    outcome = await site.run("w", "run", n=20)
    assert outcome.is_success, outcome.reason
    assert outcome.result == 42
    ended = await site.facts.has(WorkflowEnded, "run")
    assert ended.outcome.is_success
    (started,) = site.facts.of(WorkflowStarted)
    assert started.steps == 3
    done = [fact.step.executor for fact in site.facts.of(WorkflowAdvanced)]
    assert done == ["one", "sum", "double"]


async def test_executors_that_need_nothing_of_each_other_run_at_once(site: Site) -> None:
    gate = site.gate()
    executors = tuple(
        Executor(
            name=name,
            run=steps.hold,
            options={"port": site.probe.port, "gate": gate.path, "text": name},
        )
        for name in ("a", "b")
    )
    await site.start(BatchWorkflow(name="w", executors=executors, result="a"))
    running = site.later(RunWorkflow(workflow="w"))
    await site.probe.hears("a")
    await site.probe.hears("b")
    gate.open()
    assert (await running).result == "a"


async def test_an_executor_over_a_list_runs_once_for_each_item_in_order(site: Site) -> None:
    executors = (
        Executor(name="numbers", run=steps.numbers, options={"count": 5}),
        Executor(name="each", run=steps.double, needs={"number": "numbers"}, over="number"),
        Executor(name="total", run=steps.total, needs={"parts": "each"}),
        Executor(name="fixed", run=steps.double, options={"number": [7, 8]}, over="number"),
    )
    await site.start(BatchWorkflow(name="w", executors=executors, result="total"))
    assert (await site.run("w")).result == 20


async def test_a_cached_executor_is_not_run_again_for_arguments_of_the_same_content(site: Site) -> None:
    executor = Executor(
        name="only", run=steps.say, takes={"text": "text"}, options={"port": site.probe.port}, is_cached=True
    )
    await site.start(BatchWorkflow(name="w", executors=(executor,), result="only"))
    for text in ("a", "a", "b", "a"):
        assert (await site.run("w", text=text)).result == text
    await site.probe.hears("b")
    assert site.probe.heard == ["a", "b"]


# ---------------------------------------------------------------------- failing


async def test_a_failing_executor_fails_the_run_with_its_name_and_reason(site: Site) -> None:
    await site.start(single(steps.fail, options={"message": "broken digit"}))
    outcome = await site.run("w", "run")
    assert not outcome.is_success
    assert "'only'" in outcome.reason
    assert "ValueError: broken digit" in outcome.reason
    failure = (await site.facts.has(ExecutorFailed, "run")).failure
    assert (failure.reason, failure.retry_in_s) == (FailureReason.RAISED, None)
    assert "raise ValueError" in failure.log
    assert not (await site.facts.has(WorkflowEnded, "run")).outcome.is_success


async def test_a_failure_ends_what_else_runs(site: Site) -> None:
    gate = site.gate()
    held = {"port": site.probe.port, "gate": gate.path, "text": "holds"}
    executors = (
        Executor(name="holds", run=steps.hold, options=held),
        Executor(name="fails", run=steps.fail, options={"message": "no"}),
    )
    await site.start(BatchWorkflow(name="w", executors=executors, result="holds"))
    assert "'fails'" in (await site.run("w")).reason


async def test_a_failed_executor_is_tried_again_as_often_as_it_may(site: Site, tmp_path: Path) -> None:
    options = {"port": site.probe.port, "marker": str(tmp_path / "marker")}
    retries = Retries(limit=2, delay_s=0.01)
    await site.start(single(steps.fail_first, options=options, retries=retries))
    outcome = await site.run("w", "run")
    assert outcome.result == "worked"
    (failed,) = site.facts.of(ExecutorFailed, "run")
    assert (failed.failure.attempt, failed.failure.retry_in_s) == (0, 0.01)


async def test_an_executor_that_takes_too_long_fails_as_timed_out(site: Site) -> None:
    gate = site.gate()
    held = {"port": site.probe.port, "gate": gate.path, "text": "holds"}
    await site.start(single(steps.hold, options=held, timeout_s=0.5))
    outcome = await site.run("w", "run")
    assert "timeout" in outcome.reason
    assert (await site.facts.has(ExecutorFailed, "run")).failure.reason is FailureReason.TIMEOUT


async def test_an_executor_that_exits_has_failed(site: Site) -> None:
    await site.start(single(exit))
    assert "SystemExit" in (await site.run("w")).reason


# ---------------------------------------------------------------------- what only processes can do


async def test_what_an_executor_printed_is_attached_to_its_failure(on_ray: Site) -> None:
    await on_ray.start(single(steps.fail, options={"message": "x"}))
    await on_ray.run("w", "run")
    assert "before it failed" in (await on_ray.facts.has(ExecutorFailed, "run")).failure.log


@pytest.mark.parametrize(
    ("run", "fields"),
    [(steps.print_and_die, {}), (steps.print_and_hang, {"timeout_s": 3.0})],
    ids=["killed", "timed out"],
)
async def test_what_a_killed_executor_had_printed_is_attached_too(
    on_ray: Site, run: Any, fields: dict[str, Any]
) -> None:
    await on_ray.start(single(run, **fields))
    await on_ray.run("w", "run")
    assert "so far so good" in (await on_ray.facts.has(ExecutorFailed, "run")).failure.log


@pytest.mark.parametrize(
    ("run", "fields", "reason"),
    [
        (steps.crash, {}, FailureReason.CRASHED),
        (
            steps.allocate,
            {"options": {"size_bytes": 512 * 2**20}, "memory_bytes": 64 * 2**20},
            FailureReason.OUT_OF_MEMORY,
        ),
        (steps.unpicklable, {}, FailureReason.RAISED),
        (steps.one, {"num_cpus": 1000}, FailureReason.UNSCHEDULABLE),
    ],
    ids=["crash", "memory", "unpicklable", "larger than any node"],
)
async def test_each_way_to_fail_has_its_reason(
    on_ray: Site, run: Any, fields: dict[str, Any], reason: FailureReason
) -> None:
    await on_ray.start(single(run, **fields))
    outcome = await on_ray.run("w", "run")
    assert not outcome.is_success
    assert (await on_ray.facts.has(ExecutorFailed, "run")).failure.reason is reason


async def test_an_executor_has_its_environment(on_ray: Site) -> None:
    await on_ray.start(
        single(steps.environment, options={"name": "GREETING"}, environment={"GREETING": "hi"})
    )
    assert (await on_ray.run("w")).result == "hi"


async def test_a_step_that_cannot_be_started_fails_and_nobody_waits_for_it(site: Site) -> None:
    step = Executor(name="a", run=steps.double, options={"number": threading.Lock()})  # cannot travel
    await site.start(BatchWorkflow(name="w", executors=(step,), result="a"))
    outcome = await site.run("w")
    assert not outcome.is_success
    assert "TypeError" in outcome.reason


def written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("ledger.db*"))


async def test_a_container_is_refused_where_only_functions_run(site: Site) -> None:
    image = Container(image="shop/train:3", command=("python", "train.py"))
    await site.start(single(image))
    reason = (await site.run("w")).reason
    assert "executor 'only'" in reason
    assert "'shop/train:3'" in reason
    assert site.facts.of(WorkflowAdvanced) == []


async def test_a_secret_is_read_where_the_executor_runs_and_written_nowhere(
    on_ray: Site, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("s3cr3t\n")
    environment = {"TOKEN": Secret(file=str(tmp_path / "token"))}
    await on_ray.start(single(steps.length_of, options={"name": "TOKEN"}, environment=environment))
    assert (await on_ray.run("w")).result == len("s3cr3t")
    assert b"s3cr3t" not in written(tmp_path)
