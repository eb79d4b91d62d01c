"""Actors on Ray, and agents on them that keep machine-learning workflows good by themselves.

The names below are all that most programs need; they are loaded when they are first used, so that
importing the package costs little and pulls in neither Ray nor MLflow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scanflow_actors.actors import Actor, ActorRef, ActorSystem, Request, receive
    from scanflow_actors.agents import (
        Agent,
        Clock,
        Journal,
        Member,
        Observation,
        Sensor,
        Strategy,
        Team,
        at_least,
        call,
        perform,
    )
    from scanflow_actors.agents.strategy import strategy
    from scanflow_actors.artifacts import KnowledgeSettings
    from scanflow_actors.cluster import Dedicated, RayActorSystem
    from scanflow_actors.errors import ScanflowError
    from scanflow_actors.triggers import every, on
    from scanflow_actors.workflows import BatchWorkflow, Executor

__version__ = "0.1.0"

_ROOMS = {
    "actors": ("Actor", "ActorRef", "ActorSystem", "Request", "receive"),
    "agents": (
        "Agent",
        "Clock",
        "Journal",
        "Member",
        "Observation",
        "Sensor",
        "Strategy",
        "Team",
        "at_least",
        "call",
        "perform",
        "strategy",
    ),
    "artifacts": ("KnowledgeSettings",),
    "cluster": ("Dedicated", "RayActorSystem"),
    "errors": ("ScanflowError",),
    "triggers": ("every", "on"),
    "workflows": ("BatchWorkflow", "Executor"),
}
_HOMES = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "Actor",
    "ActorRef",
    "ActorSystem",
    "Agent",
    "BatchWorkflow",
    "Clock",
    "Dedicated",
    "Executor",
    "Journal",
    "KnowledgeSettings",
    "Member",
    "Observation",
    "RayActorSystem",
    "Request",
    "ScanflowError",
    "Sensor",
    "Strategy",
    "Team",
    "at_least",
    "call",
    "every",
    "on",
    "perform",
    "receive",
    "strategy",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
