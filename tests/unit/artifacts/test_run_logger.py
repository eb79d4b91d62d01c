"""Metrics logged from an event loop all arrive, in time, and errors come back to who logs."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.artifacts import RunLogger
from scanflow_actors.errors import KnowledgeBaseError
from tests.knowledge import MLFLOW_WARNINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scanflow_actors.artifacts import KnowledgeBase

pytestmark = MLFLOW_WARNINGS

FOR_EVER_S = 1e9


def steps_of(knowledge: KnowledgeBase, run: str) -> list[tuple[int, float]]:
    """Steps and values of the metric, in MLflow's own words."""
    with knowledge._store.using("a run", "") as client:
        history = client.get_metric_history(run, "loss")
    return sorted((point.step, point.value) for point in history)


def change(knowledge: KnowledgeBase, method: str, run: str) -> None:
    """Call MLflow's own client: a deleted run takes no metrics, a restored one does."""
    with knowledge._store.using("a run", "") as client:
        getattr(client, method)(run)


async def written(knowledge: KnowledgeBase, run: str, count: int) -> list[tuple[int, float]]:
    """Wait until so many points are in the store."""
    points: list[tuple[int, float]] = []
    async with asyncio.timeout(120):
        while len(points) < count:
            points = await asyncio.to_thread(steps_of, knowledge, run)
    return points


async def test_all_that_was_logged_is_there_at_the_end(knowledge: KnowledgeBase) -> None:
    async with RunLogger(knowledge, "training", key="k", every_s=FOR_EVER_S) as log:
        for number in range(150):
            log.param(f"p{number}", number)
        for step in range(2500):
            log.metric("loss", step / 2, step=step)
        assert await asyncio.to_thread(knowledge.runs, "training") == (), "no sensor sees it yet"
    assert steps_of_run(await asyncio.to_thread(steps_of, knowledge, log.id)) == list(range(2500))
    (run,) = await asyncio.to_thread(knowledge.runs, "training")
    assert len(run.params) == 150
    assert run.id == log.id


def steps_of_run(points: list[tuple[int, float]]) -> list[int]:
    assert all(value == step / 2 for step, value in points)
    return [step for step, _ in points]


async def test_a_full_batch_is_written_before_its_time(knowledge: KnowledgeBase) -> None:
    async with RunLogger(knowledge, "training", key="k", every_s=FOR_EVER_S) as log:
        for step in range(1001):
            log.metric("loss", step / 2, step=step)
        assert len(await written(knowledge, log.id, 1000)) >= 1000


async def test_few_points_are_written_when_their_time_has_come_again_and_again(
    knowledge: KnowledgeBase,
) -> None:
    async with RunLogger(knowledge, "training", key="k", every_s=0.001) as log:
        for step in range(3):
            log.metric("loss", step / 2, step=step)
            assert len(await written(knowledge, log.id, step + 1)) == step + 1


async def keep_logging(log: RunLogger, steps: Iterator[int]) -> None:
    """Log until an error comes back; the last step that was taken from `steps` was not logged."""
    async with asyncio.timeout(120):
        for step in steps:
            log.metric("loss", step / 2, step=step)
            await asyncio.sleep(0)


async def test_an_error_of_the_store_is_raised_by_the_next_call_and_nothing_is_lost(
    knowledge: KnowledgeBase,
) -> None:
    async with RunLogger(knowledge, "training", key="k", every_s=0.001) as log:
        await asyncio.to_thread(change, knowledge, "delete_run", log.id)
        steps = itertools.count()
        with pytest.raises(KnowledgeBaseError, match="deleted"):
            await keep_logging(log, steps)
        with pytest.raises(KnowledgeBaseError, match="deleted"):
            await log.flush()
        await asyncio.to_thread(change, knowledge, "restore_run", log.id)
    assert steps_of_run(await asyncio.to_thread(steps_of, knowledge, log.id)) == list(range(next(steps) - 1))


async def train_badly(knowledge: KnowledgeBase) -> None:
    async with RunLogger(knowledge, "training", key="k") as log:
        log.metric("loss", 1 / 2, step=1)
        log.metric("loss", 1 / 0, step=2)


async def test_a_run_whose_block_raises_is_a_failed_one(knowledge: KnowledgeBase) -> None:
    with pytest.raises(ZeroDivisionError):
        await train_badly(knowledge)
    assert await asyncio.to_thread(knowledge.runs, "training") == ()
    (failed,) = await asyncio.to_thread(lambda: knowledge.runs("training", has_failed=True))
    assert failed.metrics == {"loss": 0.5}


async def test_a_run_that_has_not_ended_is_gone_on_with(knowledge: KnowledgeBase) -> None:
    begun = await asyncio.to_thread(lambda: knowledge.begin("training", key="k"))
    await asyncio.to_thread(begun.log, {"loss": 0.0})
    async with RunLogger(knowledge, "training", key="k") as log:
        assert log.id == begun.id
        log.metric("loss", 0.5, step=1)
    assert len(await asyncio.to_thread(steps_of, knowledge, log.id)) == 2
