"""What a batch workflow costs: 100 steps that do nothing, ours beside the same DAG written on Ray tasks.

``python benchmarks/workflows.py [CASE]`` prints one line of JSON a case, or for one: seconds a run, and
steps per second, the median of several runs in one process. The DAG: 10 chains of 10 steps, each needs the
one before it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

import ray

from scanflow_actors.cluster.system import RAY_ENVIRONMENT
from scanflow_actors.infrastructure.backend import Order
from scanflow_actors.infrastructure.embedded.batch import EmbeddedBackend
from scanflow_actors.workflows import BatchWorkflow, Executor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CHAINS, LENGTH, RUNS = 10, 10, 7


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


async def ours() -> int:
    """The DAG as a workflow, on the embedded backend."""
    steps = [step(chain, number) for chain in range(CHAINS) for number in range(LENGTH)]
    ends = {f"c{chain}": f"{chain}-{LENGTH - 1}" for chain in range(CHAINS)}
    end = Executor(name="last", run=last, needs=ends)
    workflow = BatchWorkflow(name="dag", executors=(*steps, end), result="last")
    result: int = await EmbeddedBackend().run_workflow(
        Order(key="run", workflow=workflow, parameters={}, report=lambda _: None)
    )
    return result


async def ray_tasks() -> int:
    """The DAG by hand: all tasks submitted at once, Ray resolves what they need."""
    one, end = ray.remote(nothing), ray.remote(last)
    ends: dict[str, Any] = {}
    for chain in range(CHAINS):
        ref: Any = one.remote()
        for _ in range(LENGTH - 1):
            ref = one.remote(ref)
        ends[f"c{chain}"] = ref
    result: int = await end.remote(**ends)
    return result


CASES: dict[str, Callable[[], Awaitable[int]]] = {"ours": ours, "ray tasks": ray_tasks}


async def measure(case: str) -> dict[str, float]:
    """The median of several runs, after one that starts the workers."""
    spent = []
    for _ in range(RUNS + 1):
        begin = time.perf_counter()
        assert await CASES[case]() == CHAINS * LENGTH
        spent.append(time.perf_counter() - begin)
    run_s = statistics.median(spent[1:])
    return {"run_s": run_s, "steps_per_s": (CHAINS * LENGTH + 1) / run_s}


def main() -> None:
    """Measure one case."""
    os.environ.update(RAY_ENVIRONMENT)
    options = {"num_cpus": 2, "object_store_memory": 128 * 2**20, "include_dashboard": False}
    ray.init(log_to_driver=False, logging_level=logging.ERROR, _node_ip_address="127.0.0.1", **options)
    for case in sys.argv[1:] or CASES:
        print(json.dumps({"case": case, **asyncio.run(measure(case))}))


if __name__ == "__main__":
    main()
