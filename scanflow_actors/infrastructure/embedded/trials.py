"""Trials of a hyper-parameter search as Ray tasks: each in a process of its own, with the step's means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ray

from scanflow_actors.infrastructure.work import Job, work

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

    from scanflow_actors.infrastructure.work import Report
    from scanflow_actors.workflows.executor import Executor


@ray.remote(max_retries=0)
def _trial(executor: Executor, fixed: Mapping[str, Any], searched: Mapping[str, Any]) -> tuple[Report, Any]:
    return work(Job.of(executor), {**fixed, **searched}, None, is_alone=True)


class RayTrials:
    """Made in the task that searches; Ray ends the trials when that task's process ends."""

    def __init__(self, executor: Executor, fixed: Mapping[str, Any], _parallel: int) -> None:
        self._executor = executor
        self._fixed = ray.put(fixed)  # once, however many trials
        self._refs: list[Any] = []
        self._trial = _trial.options(
            name=f"trial of {executor.name}",
            num_cpus=executor.num_cpus,
            num_gpus=executor.num_gpus,
            memory=executor.memory_bytes,
            label_selector=dict(executor.affinity.labels) or None,
        )

    def submit(self, searched: Mapping[str, Any]) -> Future[tuple[Report, Any]]:
        """Run a trial in a task."""
        ref = self._trial.remote(self._executor, self._fixed, searched)
        self._refs.append(ref)
        future: Future[tuple[Report, Any]] = ref.future()
        return future

    def close(self) -> None:
        """Kill what still runs."""
        for ref in self._refs:
            ray.cancel(ref, force=True)
