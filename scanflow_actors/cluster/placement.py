"""Where an actor of a Ray system lives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Dedicated:
    """A process of its own, with resources reserved from Ray: for agents that compute."""

    num_cpus: float = 0
    """Logical CPUs that Ray reserves while the actor lives; 0 shares what is there."""
    num_gpus: float = 0
    memory_bytes: int | None = None
    resources: Mapping[str, float] = field(default_factory=dict)

    def ray_options(self) -> dict[str, Any]:
        """The options of the Ray actor that becomes the host."""
        options: dict[str, Any] = {"num_cpus": self.num_cpus, "num_gpus": self.num_gpus}
        if self.memory_bytes is not None:
            options["memory"] = self.memory_bytes
        if self.resources:
            options["resources"] = dict(self.resources)
        return options


@dataclass(frozen=True, slots=True)
class Pooled:
    """A process shared by all actors of the pool: for many light ones."""

    pool: str = "default"


@dataclass(frozen=True, slots=True)
class Local:
    """The process that started the system."""


LOCAL = Local()
Placement = Dedicated | Pooled | Local
