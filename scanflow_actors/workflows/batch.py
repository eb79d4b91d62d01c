"""A batch workflow: a DAG of executors that run once, in sequence or in parallel."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from scanflow_actors.errors import InvalidWorkflowError
from scanflow_actors.workflows.container import Container

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanflow_actors.workflows.executor import Executor

KEY, KNOWLEDGE = "key", "knowledge"
"""Parameters that the infrastructure gives to a run that takes them and was not given them: the run's key,
and where the knowledge base is. A workflow with a search takes both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchWorkflow:
    """Executors with dependencies between them; the result of one is the result of the workflow.

    Raises:
        InvalidWorkflowError: A cycle, a name that is unknown or there twice, an argument that is missing or
            not taken, a number out of its range. The place is named.
    """

    name: str
    executors: tuple[Executor, ...]
    result: str
    """Name of the executor whose result is the workflow's."""

    def __post_init__(self) -> None:
        names = [executor.name for executor in self.executors]
        for name in names:
            if names.count(name) > 1:
                raise self._invalid(f"executor {name!r}", "this name is there twice; rename one")
        if self.result not in names:
            raise self._invalid("result", f"no executor is called {self.result!r}; use one of {names}")
        for executor in self.executors:
            self._check_sources(executor, names)
            self._check_numbers(executor)
        self.ordered()

    def _check_sources(self, executor: Executor, names: list[str]) -> None:
        place = f"executor {executor.name!r}"
        for argument, source in executor.needs.items():
            if source not in names:
                problem = f"argument {argument!r} needs executor {source!r}, which is not there"
                raise self._invalid(place, f"{problem}; use one of {names}")
        searched = executor.search.space if executor.search is not None else ()
        given = [*executor.needs, *executor.takes, *executor.options, *searched]
        for argument in given:
            if given.count(argument) > 1:
                raise self._invalid(place, f"argument {argument!r} comes from two sources; keep one")
        if executor.over is not None and executor.over not in given:
            raise self._invalid(place, f"over names {executor.over!r}, which is not one of {given}")
        if isinstance(executor.run, Container):
            return
        try:
            inspect.signature(executor.run).bind(**dict.fromkeys(given))
        except TypeError as error:
            raise self._invalid(place, f"{error}; give it by needs, takes, options or search") from error

    def _check_numbers(self, executor: Executor) -> None:
        place = f"executor {executor.name!r}"
        for field, value in (
            ("num_cpus", executor.num_cpus),
            ("num_gpus", executor.num_gpus),
            ("retries.limit", executor.retries.limit),
            ("retries.delay_s", executor.retries.delay_s),
        ):
            if value < 0:
                raise self._invalid(place, f"{field} must be at least 0; got {value:g}")
        for field, bound in (("timeout_s", executor.timeout_s), ("memory_bytes", executor.memory_bytes)):
            if bound is not None and bound <= 0:
                raise self._invalid(place, f"{field} must be above 0, or None for no bound; got {bound:g}")

        if executor.search is not None:
            for field, problem in executor.search.problems():
                raise self._invalid(f"{place}, search.{field}", problem)
            if executor.over is not None or executor.is_cached:
                raise self._invalid(place, "a search can be neither over a list nor cached; leave one out")

    def ordered(self) -> tuple[Executor, ...]:
        """The executors, each after those it needs."""
        graph = {executor.name: set(executor.needs.values()) for executor in self.executors}
        try:
            order = tuple(TopologicalSorter(graph).static_order())
        except CycleError as error:
            path = " → ".join(error.args[1])
            raise self._invalid("executors", f"they need each other in a cycle: {path}; cut one") from error
        by_name = {executor.name: executor for executor in self.executors}
        return tuple(by_name[name] for name in order)

    def executor(self, name: str) -> Executor:
        """The executor called `name`.

        Raises:
            InvalidWorkflowError: There is none.
        """
        for executor in self.executors:
            if executor.name == name:
                return executor
        known = [executor.name for executor in self.executors]
        raise self._invalid("executors", f"no executor is called {name!r}; use one of {known}")

    def dependants(self, name: str) -> frozenset[str]:
        """Names of all executors that need `name`, directly or through others."""
        found: set[str] = set()
        for executor in self.ordered():
            if found.union({name}).intersection(executor.needs.values()):
                found.add(executor.name)
        return frozenset(found)

    def changed(self, executor: str | None, **fields: Any) -> BatchWorkflow:
        """A copy in which fields of one executor, or of all, have other values.

        Raises:
            InvalidWorkflowError: No such executor, or the copy cannot work.
        """
        if executor is not None:
            self.executor(executor)
        changed = tuple(
            replace(each, **fields) if executor in {None, each.name} else each for each in self.executors
        )
        return replace(self, executors=changed)

    @property
    def parameters(self) -> frozenset[str]:
        """Names that a run must give."""
        names = {name for executor in self.executors for name in executor.takes.values()}
        searches = any(executor.search is not None for executor in self.executors)
        return frozenset(names | ({KEY, KNOWLEDGE} if searches else set()))

    def check_parameters(self, given: Mapping[str, Any]) -> None:
        """Check what a run gives.

        Raises:
            InvalidWorkflowError: A parameter is missing, or unknown.
        """
        missing = sorted(self.parameters - given.keys())
        unknown = sorted(given.keys() - self.parameters)
        if missing or unknown:
            problem = "; ".join(
                [f"{name!r} is missing" for name in missing] + [f"{name!r} is unknown" for name in unknown]
            )
            raise self._invalid("parameters", f"{problem}; it takes {sorted(self.parameters)}")

    def _invalid(self, place: str, problem: str) -> InvalidWorkflowError:
        return InvalidWorkflowError(workflow=self.name, place=place, problem=problem)
