"""What the shipped agents call each other with, and how often they look."""

from __future__ import annotations

from dataclasses import dataclass

from scanflow_actors.artifacts.ref import ArtifactRef  # noqa: TC001 - the REST door reads it
from scanflow_actors.triggers import every

HOURLY = every(hours=1)
"""The interval of Table V."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPredictions:
    """Tracker to checker: look whether these inputs have drifted."""

    runs: tuple[str, ...]
    """Ids of the runs in the knowledge base that recorded the predictions."""
    newdata: tuple[ArtifactRef, ...]
    """Inputs and predictions of those runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeModel:
    """Planner to executor: let the workflow use this version."""

    version: int
