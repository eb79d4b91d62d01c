"""The operations that change the outside world, as typed messages (Table IV of the paper).

A primitive says what is to be done, to which target; only the infrastructure actor does it. It travels in
a `Perform`, which carries who asked for it and the idempotency key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.message import Request

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWorkflow:
    """runWorkflow(): run a batch workflow once, and wait for its result."""

    workflow: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Small values and `ArtifactRef`s, by the names that the workflow takes."""

    @property
    def target(self) -> str:
        """What it changes."""
        return f"workflow/{self.workflow}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeWorkflow:
    """upgradeWorkflow(): let a workflow use another version of its model from its next run on."""

    workflow: str
    model: str
    version: int

    @property
    def target(self) -> str:
        """What it changes."""
        return f"workflow/{self.workflow}"


Primitive = RunWorkflow | UpgradeWorkflow


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a primitive."""

    is_success: bool
    result: Any = None
    """Result of the workflow; a small value or `ArtifactRef`s."""
    reason: str = ""
    """Why it failed, in words; empty on success."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Perform(Request[Outcome]):
    """Ask the infrastructure actor to carry out a primitive. The same key again gives the same outcome."""

    primitive: Primitive
    key: str
    by: str
    """Who asks: ``agent/strategy``, or a person."""
