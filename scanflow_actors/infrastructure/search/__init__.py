"""Hyper-parameter search: the program of an executor that has a `Search`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scanflow_actors.workflows.batch import KEY, KNOWLEDGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanflow_actors.artifacts.settings import KnowledgeSettings
    from scanflow_actors.workflows.executor import Executor
    from scanflow_actors.workflows.search import Found, Search


@dataclass(frozen=True, slots=True, kw_only=True)
class Searching:
    """The function of a searching step: tries `executor` many times, and returns what it found."""

    executor: Executor
    search: Search
    key: str
    """Names the search: what was tried under it is not tried again."""
    knowledge: KnowledgeSettings

    def __call__(self, **fixed: Any) -> Found:
        """Search. Called where the step runs, so that only there Optuna and MLflow are imported."""
        from scanflow_actors.infrastructure.search.program import find  # noqa: PLC0415 - as said

        return find(self, fixed)


def searching(executor: Executor, parameters: Mapping[str, Any]) -> Executor:
    """The step that searches: it only waits for its trials, which get the means of the executor."""
    search = executor.search
    assert search is not None  # noqa: S101 - for the type checker: the caller has looked
    key = search.name or f"{parameters[KEY]}/{executor.name}"
    trial = replace(executor, search=None)
    run = Searching(executor=trial, search=search, key=key, knowledge=parameters[KNOWLEDGE])
    return replace(trial, run=run, num_cpus=0, num_gpus=0, memory_bytes=None, environment={})
