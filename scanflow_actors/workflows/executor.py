"""An executor: one step of a batch workflow, and what it may ask of where it runs."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanflow_actors.errors import DataNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scanflow_actors.workflows.container import Container
    from scanflow_actors.workflows.search import Search


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often a failed executor is tried again: the n-th time after ``delay_s * factor**n`` seconds."""

    limit: int = 0
    """Tries after the first."""
    delay_s: float = 1.0
    factor: float = 2.0
    max_delay_s: float = 60.0

    def wait_s(self, attempt: int) -> float:
        """Seconds to wait after failed attempt number `attempt`, from 0."""
        doublings = min(attempt, 62)
        return min(self.max_delay_s, self.delay_s * self.factor**doublings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Affinity:
    """Where it must run, and beside whom it must not."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """Label of the node → value, ``!value``, ``in(a,b)`` or ``!in(a,b)``, as in Ray's label selectors."""
    apart_from: tuple[str, ...] = ()
    """Workflows that must not share a node with it, while both run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What an executor or a service gets; None leaves a number as it is."""

    num_cpus: float | None = None
    num_gpus: float | None = None
    memory_bytes: int | None = None

    def fields(self) -> dict[str, Any]:
        """Those that are set, by name."""
        pairs = (
            ("num_cpus", self.num_cpus),
            ("num_gpus", self.num_gpus),
            ("memory_bytes", self.memory_bytes),
        )
        return {name: value for name, value in pairs if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret by reference: its value is read where the executor runs, and travels nowhere."""

    variable: str | None = None
    """Environment variable of the worker."""
    file: str | None = None
    """File on the worker, such as one that Kubernetes mounts."""

    def value(self) -> str:
        """Read it.

        Raises:
            DataNotFoundError: It is not there.
        """
        if self.variable is not None and self.variable in os.environ:
            return os.environ[self.variable]
        if self.file is not None and Path(self.file).is_file():
            return Path(self.file).read_text(encoding="utf-8").rstrip("\n")
        where = f"variable {self.variable}" if self.variable is not None else f"file {self.file}"
        raise DataNotFoundError(what="a secret", looked_in=where, remedy="set it on every worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """One step: a function, where its arguments come from, and what it needs to run."""

    name: str
    run: Callable[..., Any] | Container
    """A function of a module that the workers can import; or a container, on Kubernetes only."""
    needs: Mapping[str, str] = field(default_factory=dict)
    """Argument → executor whose result it is."""
    takes: Mapping[str, str] = field(default_factory=dict)
    """Argument → parameter of the workflow, given with each run."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Argument → value, the same in every run."""
    over: str | None = None
    """Argument that is a list: the function runs once for each item, in parallel; the result is the list
    of results, in the order of the items."""
    search: Search | None = None
    """Run the function many times, with other arguments each, and keep the best: the result is a `Found`."""
    num_cpus: float = 1
    """Logical CPUs that the step holds while it runs."""
    num_gpus: float = 0
    memory_bytes: int | None = None
    """Bytes that it may allocate; beyond it the step fails as out of memory. None sets no bound."""
    affinity: Affinity = field(default_factory=Affinity)
    environment: Mapping[str, str | Secret] = field(default_factory=dict)
    """Environment variables while it runs."""
    retries: Retries = field(default_factory=Retries)
    timeout_s: float | None = None
    """Seconds from its start until it is ended and fails; None sets no bound."""
    priority: int = 0
    """When executors wait for a free place, the higher goes first, also between workflows."""
    is_cached: bool = False
    """Take the result of an earlier run of the same function with arguments of the same content."""
