"""What a batch workflow costs: 100 steps that do nothing, ours beside the same DAG written on Ray tasks.

``python benchmarks/workflows.py`` runs both in turn, many times, in one process, and prints one JSON object:
the median seconds of one run of each, and the median of the ratios of neighbours, so that a noisy minute hits
both. The DAG: 10 chains of 10 steps, each needs the one before it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import statistics
import time
from typing import TYPE_CHECKING, Any

import ray

from scanflow_actors.cluster.system import RAY_ENVIRONMENT
from scanflow_actors.infrastructure.backend import Order
from scanflow_actors.infrastructure.embedded.batch import EmbeddedBackend
from scanflow_actors.workflows import BatchWorkflow, Executor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CHAINS, LENGTH, RUNS, WARM = 10, 10, 25, 3


def nothing(before: int = 0) -> int:
    """Add one, so that the result says how many ran."""
    return before + 1


def last(**chains: int) -> int:
    """Sum the chains."""
    return sum(chains.values())


def step(chain: int, number: int) -> Executor:
    """A step of a chain."""
    needs = {"before": f"{chain}-{number - 1}"} if number else {}
    return Executor(name=f"{chain}-{number}", run=nothing, needs=needs)


def defined() -> BatchWorkflow:
    """The DAG as a workflow."""
    steps = [step(chain, number) for chain in range(CHAINS) for number in range(LENGTH)]
    ends = {f"c{chain}": f"{chain}-{LENGTH - 1}" for chain in range(CHAINS)}
    end = Executor(name="last", run=last, needs=ends)
    return BatchWorkflow(name="dag", executors=(*steps, end), result="last")


async def ours(backend: EmbeddedBackend, workflow: BatchWorkflow) -> int:
    """A run of the workflow, on the embedded backend."""
    result: int = await backend.run_workflow(
        Order(key="run", workflow=workflow, parameters={}, report=lambda _: None)
    )
    return result


async def ray_tasks(one: Any, end: Any) -> int:
    """The DAG by hand: all tasks submitted at once, Ray resolves what they need."""
    ends: dict[str, Any] = {}
    for chain in range(CHAINS):
        ref: Any = one.remote()
        for _ in range(LENGTH - 1):
            ref = one.remote(ref)
        ends[f"c{chain}"] = ref
    result: int = await end.remote(**ends)
    return result


async def timed(case: Callable[[], Awaitable[int]]) -> float:
    """Seconds of one run."""
    begin = time.perf_counter()
    assert await case() == CHAINS * LENGTH
    return time.perf_counter() - begin


async def measure() -> dict[str, float]:
    """Both in turn, after some runs that start the workers."""
    backend, workflow, one, end = EmbeddedBackend(), defined(), ray.remote(nothing), ray.remote(last)
    pairs = [
        (await timed(lambda: ours(backend, workflow)), await timed(lambda: ray_tasks(one, end)))
        for _ in range(WARM + RUNS)
    ][WARM:]
    return {
        "ours_s": statistics.median(mine for mine, _ in pairs),
        "ray_tasks_s": statistics.median(theirs for _, theirs in pairs),
        "ratio": statistics.median(mine / theirs for mine, theirs in pairs),
        "ms_per_step_more": statistics.median(mine - theirs for mine, theirs in pairs)
        * 1e3
        / (CHAINS * LENGTH),
    }


def main() -> None:
    """Measure on a Ray of our own."""
    os.environ.update(RAY_ENVIRONMENT)
    options = {"num_cpus": 2, "object_store_memory": 128 * 2**20, "include_dashboard": False}
    ray.init(log_to_driver=False, logging_level=logging.ERROR, _node_ip_address="127.0.0.1", **options)
    print(json.dumps(asyncio.run(measure())))


if __name__ == "__main__":
    main()
