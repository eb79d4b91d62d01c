"""A batch workflow: a DAG of executors that run once, in sequence or in parallel."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from scanflow_actors.errors import InvalidWorkflowError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """One step: a function and where its arguments come from."""

    name: str
    run: Callable[..., Any]
    """A function of a module that the workers can import."""
    needs: Mapping[str, str] = field(default_factory=dict)
    """Argument → executor whose result it is."""
    takes: Mapping[str, str] = field(default_factory=dict)
    """Argument → parameter of the workflow, given with each run."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Argument → value, the same in every run."""
    num_cpus: float = 1
    """Logical CPUs that the step holds while it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchWorkflow:
    """Executors with dependencies between them; the result of one is the result of the workflow.

    Raises:
        InvalidWorkflowError: A cycle, a name that is unknown or there twice, an argument that is missing or
            not taken. The place is named.
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
            self._check(executor, names)
        self.ordered()

    def _check(self, executor: Executor, names: list[str]) -> None:
        place = f"executor {executor.name!r}"
        for argument, source in executor.needs.items():
            if source not in names:
                problem = f"argument {argument!r} needs executor {source!r}, which is not there"
                raise self._invalid(place, f"{problem}; use one of {names}")
        given = [*executor.needs, *executor.takes, *executor.options]
        for argument in given:
            if given.count(argument) > 1:
                raise self._invalid(place, f"argument {argument!r} comes from two sources; keep one")
        try:
            inspect.signature(executor.run).bind(**dict.fromkeys(given))
        except TypeError as error:
            raise self._invalid(place, f"{error}; give it by needs, takes or options") from error

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

    @property
    def parameters(self) -> frozenset[str]:
        """Names that a run must give."""
        return frozenset(name for executor in self.executors for name in executor.takes.values())

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
