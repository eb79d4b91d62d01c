"""A hyper-parameter search is a step like others, on each backend."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from scanflow_actors.artifacts import KnowledgeBase, KnowledgeSettings
from scanflow_actors.primitives import RunWorkflow, StopWorkflow
from scanflow_actors.workflows import BatchWorkflow, Choice, Executor, Search, Span
from tests import steps
from tests.knowledge import MLFLOW_WARNINGS

if TYPE_CHECKING:
    from tests.site import Site

pytestmark = MLFLOW_WARNINGS

SPACE: dict[str, Span | Choice] = {
    "x": Span(low=0.001, high=1, is_log=True),
    "layers": Span(low=1, high=4, is_whole=True),
    "kind": Choice(options=("a", "b", "c")),
}
NUMBERS = Search(space={"number": Span(low=0, high=9, is_whole=True)}, trials=8)


@pytest_asyncio.fixture
async def knowledge(tmp_path: Path, migrated_store: Path) -> KnowledgeBase:
    """That of the site, with its tables."""
    await asyncio.to_thread(shutil.copy, migrated_store, tmp_path / "mlflow.db")
    return KnowledgeBase(KnowledgeSettings.in_folder(tmp_path))


def searching(run: Any, search: Search, **fields: Any) -> BatchWorkflow:
    step = Executor(name="search", run=run, search=search, num_cpus=1, **fields)
    return BatchWorkflow(name="w", executors=(step,), result="search")


async def test_a_search_records_each_trial_and_registers_the_best(
    site: Site, knowledge: KnowledgeBase
) -> None:
    search = Search(space=SPACE, trials=7, parallel=2, seed=3, model="digits")
    await site.start(searching(steps.parabola, search, options={"height": 5}))
    found = (await site.run("w", "run")).result
    trials = await asyncio.to_thread(lambda: knowledge.runs("trial", search="run/search"))
    assert len(trials) == found.successes == 7
    assert found.failures == 0
    best = max(trials, key=lambda trial: trial.metrics["value"])
    assert (found.run, found.value) == (best.id, best.metrics["value"])
    assert {name: str(value) for name, value in found.arguments.items()}.items() <= best.params.items()
    lineage = await asyncio.to_thread(knowledge.models.lineage, "digits", found.version)
    assert lineage.run == best
    assert lineage.origin.code.startswith("tests.steps:parabola@")
    model = await asyncio.to_thread(knowledge.open, lineage.run.artifacts["model.bin"])
    assert model.decode() == "{x} {layers} {kind}".format(**found.arguments)
    (parent,) = await asyncio.to_thread(knowledge.runs, "search")
    assert await asyncio.to_thread(parents, knowledge, trials) == {parent.id}


def parents(knowledge: KnowledgeBase, trials: Any) -> set[str]:
    with knowledge._store.using("the trials", "") as client:
        return {client.get_run(trial.id).data.tags["mlflow.parentRunId"] for trial in trials}


RUNS = (("w", "a"), ("w", "b"), ("other", "c"))


async def test_the_same_seed_finds_the_same_and_another_seed_tries_others(
    site: Site, knowledge: KnowledgeBase
) -> None:
    del knowledge
    search = Search(space=SPACE, trials=4, parallel=2, seed=3)
    other = replace(searching(steps.parabola, replace(search, seed=4), options={"height": 5}), name="other")
    await site.start(searching(steps.parabola, search, options={"height": 5}), other)
    first, again, others = [(await site.run(name, key)).result for name, key in RUNS]
    assert (first.arguments, first.value) == (again.arguments, again.value)
    assert first.run != again.run
    assert others.arguments != first.arguments


async def test_trials_that_fail_are_counted_and_the_others_decide(
    site: Site, knowledge: KnowledgeBase
) -> None:
    await site.start(searching(steps.fail_if_odd, NUMBERS))
    found = (await site.run("w", "run")).result
    failed = await asyncio.to_thread(lambda: knowledge.runs("trial", has_failed=True, search="run/search"))
    assert found.failures == len(failed) > 0
    assert found.successes + found.failures == 8
    assert found.arguments["number"] % 2 == 0
    assert all("is odd" in trial.params["reason"] for trial in failed)


async def test_a_search_whose_trials_all_fail_fails(site: Site, knowledge: KnowledgeBase) -> None:
    del knowledge
    space = {"number": Span(low=0, high=1, is_whole=True)}
    await site.start(searching(steps.no_score, Search(space=space, trials=3)))
    outcome = await site.run("w", "run")
    assert not outcome.is_success
    assert "no trial of run/search gave a score; of 3 that ended, the last: it" in outcome.reason


async def test_a_trial_that_crashes_its_process_is_a_failed_one(
    on_ray: Site, knowledge: KnowledgeBase
) -> None:
    del knowledge
    await on_ray.start(searching(steps.abort_if_odd, replace(NUMBERS, trials=4, seed=1)))
    found = (await on_ray.run("w", "run")).result
    assert (found.successes, found.failures) == (2, 2)


async def test_a_search_that_was_stopped_goes_on_under_its_name_with_what_was_not_tried(
    on_ray: Site, knowledge: KnowledgeBase, tmp_path: Path
) -> None:
    del knowledge
    tried, gate = tmp_path / "tried", on_ray.gate()
    await asyncio.to_thread(tried.mkdir)
    search = Search(space={"x": Span(low=0, high=1)}, trials=4, parallel=1, name="by name")
    fixed = {"port": on_ray.probe.port, "gate": gate.path, "folder": str(tried)}
    await on_ray.start(searching(steps.two_then_hold, search, options=fixed))
    stopped = on_ray.later(RunWorkflow(workflow="w"), "first")
    process = int((await on_ray.probe.says("held by ")).split()[-1])
    await on_ray.perform(StopWorkflow(workflow="w"))
    assert not (await stopped).is_success
    await ended(process)
    gate.open()
    found = (await on_ray.run("w", "second")).result
    heard = [text for text in on_ray.probe.heard if text.startswith("tried")]
    assert heard[2] == heard[3], "the one that was killed is tried again"
    assert len(set(heard)) == 4
    assert len(heard) == 5
    assert found.successes == 4


async def ended(process: int) -> None:
    """Wait until a process is gone."""
    async with asyncio.timeout(60):
        while await asyncio.to_thread(Path(f"/proc/{process}").exists):
            pass  # the look itself gives way


@pytest.mark.parametrize("field", ["trials", "budget_s"])
async def test_a_search_goes_on_where_it_ended_but_not_beyond_its_budget(
    site: Site, knowledge: KnowledgeBase, field: str
) -> None:
    del knowledge
    search = Search(space={"number": Span(low=0, high=99, is_whole=True)}, trials=3, name="by name")
    more = replace(search, trials=5, budget_s=None if field == "trials" else 1e-9)
    await site.start(searching(steps.double, search), replace(searching(steps.double, more), name="more"))
    first, then = [(await site.run(name, name)).result for name in ("w", "more")]
    assert first.successes == 3
    assert then.successes == (5 if field == "trials" else 3)
    assert then.value >= first.value


async def test_fewer_trials_than_are_stored_give_the_best_among_them(
    site: Site, knowledge: KnowledgeBase
) -> None:
    stored = replace(NUMBERS, trials=6, name="by name")
    fewer = replace(searching(steps.double, replace(stored, trials=2)), name="fewer")
    await site.start(searching(steps.double, stored), fewer)
    assert (await site.run("w")).is_success
    found = (await site.run("fewer")).result
    assert found.successes == 2
    assert found.number < 2
    trials = await asyncio.to_thread(lambda: knowledge.runs("trial", search="by name"))
    assert len(trials) == 6


async def test_a_budget_that_ends_before_any_trial_is_a_failure(site: Site, knowledge: KnowledgeBase) -> None:
    del knowledge
    await site.start(searching(steps.double, replace(NUMBERS, budget_s=1e-9)))
    assert "none ended within budget_s" in (await site.run("w")).reason


async def test_another_search_under_the_same_name_is_refused(site: Site, knowledge: KnowledgeBase) -> None:
    del knowledge
    one = replace(NUMBERS, trials=2, name="by name")
    other = replace(searching(steps.double, replace(one, seed=7)), name="other")
    await site.start(searching(steps.double, one), other)
    assert (await site.run("w")).is_success
    assert "give it another" in (await site.run("other")).reason
