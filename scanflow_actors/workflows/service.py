"""A service: one node of the graph that an online workflow serves."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from scanflow_actors.workflows.executor import Affinity, Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scanflow_actors.workflows.container import Container


class Kind(Enum):
    """What a service does with what it gets, and which others it feeds."""

    MODEL = "model"
    """Answers; or, when it feeds another, hands its answer on."""
    TRANSFORMER = "transformer"
    """Changes the input and hands it on to the one that it feeds."""
    OUTPUT_TRANSFORMER = "output transformer"
    """Hands the input on to the one that it feeds, and changes the answer."""
    ROUTER = "router"
    """Names the one, of those that it feeds, that answers."""
    COMBINER = "combiner"
    """Hands the input to all that it feeds, and makes one answer of theirs, a list in their order."""


FEEDS = {
    Kind.MODEL: (0, 1),
    Kind.TRANSFORMER: (1, 1),
    Kind.OUTPUT_TRANSFORMER: (1, 1),
    Kind.ROUTER: (1, None),
    Kind.COMBINER: (1, None),
}
"""How many others a service of each kind feeds: at least, and at most."""


METRICS_INTERVAL_S = 10.0
"""Seconds between two measurements of the load."""


class ScaleBy(Enum):
    """What of a service's load is looked at."""

    REQUESTS = "requests"
    """Requests under way, those that wait too."""
    QUERIES = "queries per second"
    CPU = "cpus"
    """Cores that the replicas' processes use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """How many replicas there are, by the load: as many as keep each at its target."""

    least: int = 1
    most: int = 4
    by: ScaleBy = ScaleBy.REQUESTS
    per_replica: float = 2.0
    """How much of it each replica gets, on average over the window; above 0."""
    window_s: float = 30.0
    """Seconds that the load is averaged over; above 10, how often it is measured."""
    up_after_s: float = 5.0
    """Seconds that more must be wanted before there are more."""
    down_after_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One node: what it runs, whom it feeds, and what each of its replicas gets."""

    name: str
    run: Callable[..., Any] | Container
    """A class of an importable module, made once in each replica with `options` and called with each input;
    or a function, called with each input and `options`; or a container, on Kubernetes only."""
    kind: Kind = Kind.MODEL
    feeds: tuple[str, ...] = ()
    """Names of the services that get what this one hands on."""
    options: Mapping[str, Any] = field(default_factory=dict)
    replicas: int | Scaling = 1
    num_cpus: float = 1
    """Logical CPUs that each replica holds."""
    num_gpus: float = 0
    memory_bytes: int | None = None
    """Bytes that each replica reserves on its node; None reserves none."""
    affinity: Affinity = field(default_factory=Affinity)
    environment: Mapping[str, str | Secret] = field(default_factory=dict)
    max_ongoing: int = 16
    """Requests under way in one replica; more wait."""
    max_batch: int = 1
    """Inputs that are given to `run` together, as a list; it returns the list of answers. 1: one by one."""
    batch_wait_s: float = 0.01
    """Seconds that a batch waits to become full."""
