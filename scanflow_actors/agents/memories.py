"""What an agent's strategies remember: read once, written with each step, handed on to changed strategies."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from scanflow_actors.agents.condition import Comparison, ForAtLeast
from scanflow_actors.agents.constraint import Constraint, Every, Not, Some

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanflow_actors.agents.journal import Journal
    from scanflow_actors.agents.records import Memory
    from scanflow_actors.agents.strategy import Strategy


def recall(
    journal: Journal, agent: str, strategies: Mapping[str, Strategy], now: datetime
) -> dict[str, Memory]:
    """Read what each strategy remembers; those that are new start now, which is written down. Blocks."""
    memories, changed = {}, {}
    for name, strategy in strategies.items():
        known = journal.memory(agent, name)
        memories[name] = fitted(known, strategy, now)
        if memories[name] != known:
            changed[name] = memories[name]
    if changed:
        journal.remember(agent, changed)
    return memories


def fitted(memory: Memory, strategy: Strategy, now: datetime) -> Memory:
    """Fit what is remembered to a strategy: another trigger or constraint starts anew, watermarks stay."""
    shape = shape_of(strategy)
    if memory.last_fire is None:
        state = strategy.when.initial_state(now)
        return replace(memory, trigger_state=state, last_fire=now.isoformat(), shape=shape)
    if memory.shape == shape:
        return memory
    state = strategy.when.initial_state(datetime.fromisoformat(memory.last_fire))
    return replace(memory, trigger_state=state, verdict=None, shape=shape)


def shape_of(strategy: Strategy) -> str:
    """Trigger and constraint without the numbers that may change without a new start."""
    return f"{strategy.when.to_spec()} {_shape(strategy.given)}"


def _shape(constraint: Constraint) -> Any:
    name = type(constraint).__name__
    if isinstance(constraint, (Every, Some)):
        return [name, *(_shape(part) for part in constraint.parts)]
    if isinstance(constraint, (Not, ForAtLeast)):
        return [name, _shape(constraint.part)]
    if isinstance(constraint, Comparison):
        return [name, constraint.kind, constraint.of]
    return [name, *sorted(constraint.fields)]


def last_fire(memory: Memory) -> datetime:
    """The last instant dealt with."""
    if memory.last_fire is None:
        raise AssertionError("a strategy's memory is filled in on start")
    return datetime.fromisoformat(memory.last_fire)
