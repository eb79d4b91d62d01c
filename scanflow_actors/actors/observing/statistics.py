"""Records of how actors and their processes are, at one moment."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanflow_actors.actors.observing.counts import (
    AskOutcome,
    RestartReason,
    Totals,
    asks_of,
    restarts_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanflow_actors.actors.cell import Cell
    from scanflow_actors.actors.dead_letters import DeadReason
    from scanflow_actors.actors.observing.histogram import Durations
    from scanflow_actors.actors.observing.meters import Meter
    from scanflow_actors.actors.system import ActorSystem

SLICE = 1000
"""Actors that are listed in one turn of the loop: observing must not hold up the observed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorStatistics:
    """One actor."""

    path: str
    kind: str
    """Name of its class."""
    state: str
    """``new``, ``running``, ``waiting`` (for its restart), ``stopping``, or ``moving`` to another host."""
    host: str
    mailbox_depth: int
    """Messages that wait, and those that a concurrent receiver is at."""
    mailbox_capacity: int
    """Messages."""
    handled: int
    """Messages that a receiver was called with, since it was spawned; restarts do not begin anew."""
    asks: Mapping[AskOutcome, int]
    """What it was asked, by how that ended here; the outcomes as askers saw them are in `HostStatistics`."""
    restarts: Mapping[RestartReason, int]
    queue_wait: Durations | None
    """From arrival to receiver; None unless `ActorSettings.metrics`."""
    handler_time: Durations | None
    """From the call of a receiver to its return; None unless `ActorSettings.metrics`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassStatistics:
    """All actors of one class in one process. Counts include actors that have ended."""

    kind: str
    actors: int
    mailbox_depth: int
    """Messages, of all together."""
    deepest_mailbox: int
    """Messages, of the one that has most."""
    handled: int
    asks: Mapping[AskOutcome, int]
    restarts: Mapping[RestartReason, int]
    queue_wait: Durations | None
    handler_time: Durations | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStatistics:
    """The links of one host to all others."""

    frames: int
    """Sent, repetitions aside."""
    retransmits: int
    """Frames sent again, since it was not known whether they had arrived."""
    queued: int
    """Entries that have not left yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStatistics:
    """One process."""

    host: str
    kinds: tuple[ClassStatistics, ...]
    asks: Mapping[AskOutcome, int]
    """What was asked from here, by outcome."""
    late_replies: int
    """Replies that nobody waited for any more, and that were dropped here."""
    dead_letters: Mapping[DeadReason, int]
    link: LinkStatistics | None
    """None where there are no other processes."""
    loop_lag_s: float
    """Seconds that the event loop took to come round, just now."""
    loop_lag: Durations | None
    """Once a second; None unless `ActorSettings.metrics`."""
    meters: tuple[Meter, ...]
    """What actors keep of their own work."""
    each: tuple[ActorStatistics, ...]
    """Each living actor, by path; empty unless it was asked for."""

    @property
    def actors(self) -> int:
        """Living actors."""
        return sum(kind.actors for kind in self.kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemStatistics:
    """A whole system."""

    name: str
    hosts: tuple[HostStatistics, ...]
    dead_letters: Mapping[DeadReason, int]
    """Of all hosts, those that are gone included."""
    silent: tuple[str, ...] = ()
    """Hosts that did not answer in time."""
    moving: tuple[ActorStatistics, ...] = ()
    """Top-level actors whose process died and that are being started elsewhere."""

    @property
    def actors(self) -> int:
        """Living actors."""
        return sum(host.actors for host in self.hosts)


async def host_statistics(system: ActorSystem, *, each: bool) -> HostStatistics:
    """Look at the actors of this process.

    Args:
        system: Theirs.
        each: Whether to list every actor beside the sums.
    """
    loop = system.loop
    begin = loop.time()
    await asyncio.sleep(0)
    lag_s = loop.time() - begin
    each_one = await _each(system) if each else ()
    sums = {kind: _Sum(totals) for kind, totals in system.totals.items()}
    for (
        cell
    ) in system.cells.values():  # in one turn, or one that ends meanwhile is counted twice or not at all
        sums[system.kind_of(cell.recipe.actor)].add(cell)
    return HostStatistics(
        host=system.name,
        kinds=tuple(sums[kind].record(kind, system) for kind in sorted(sums) if not sums[kind].is_empty),
        asks=asks_of(system.replied + system.inline_asks, system.ask_errors),
        late_replies=system.late_replies,
        dead_letters=dict(system.dead_letters.counts),
        link=None,
        loop_lag_s=lag_s,
        loop_lag=system.measures.lag() if system.measures else None,
        meters=tuple(system.meters),
        each=each_one,
    )


async def _each(system: ActorSystem) -> tuple[ActorStatistics, ...]:
    listed = []
    for at, cell in enumerate(tuple(system.cells.values())):
        if at % SLICE == SLICE - 1:
            await asyncio.sleep(0)
        if system.cells.get(cell.path) is cell:
            listed.append(_actor_statistics(cell))
    return tuple(sorted(listed, key=lambda actor: actor.path))


class _Sum:
    """The actors of one class, as they are counted."""

    def __init__(self, ended: Totals) -> None:
        self._totals = ended.copy()
        self._actors = self._depth = self._deepest = 0

    def add(self, cell: Cell) -> None:
        depth = cell.mailbox.depth
        self._totals.add(cell)
        self._actors += 1
        self._depth += depth
        self._deepest = max(self._deepest, depth)

    @property
    def is_empty(self) -> bool:
        return not self._actors and self._totals == Totals()

    def record(self, kind: str, system: ActorSystem) -> ClassStatistics:
        timing = system.measures.of(kind) if system.measures else None
        return ClassStatistics(
            kind=kind,
            actors=self._actors,
            mailbox_depth=self._depth,
            deepest_mailbox=self._deepest,
            handled=self._totals.handled,
            asks=asks_of(self._totals.replied, self._totals.events),
            restarts=restarts_of(self._totals.events),
            queue_wait=timing.queue_wait.durations() if timing else None,
            handler_time=timing.handler_time.durations() if timing else None,
        )


def _actor_statistics(cell: Cell) -> ActorStatistics:
    events = cell.events or Counter()
    timing = cell.timing
    return ActorStatistics(
        path=cell.path,
        kind=cell.recipe.actor.__qualname__,
        state="stopping" if cell.life.stopping else cell.life.state.name.lower(),
        host=cell.system.name,
        mailbox_depth=cell.mailbox.depth,
        mailbox_capacity=cell.mailbox.capacity,
        handled=cell.handled + cell.inline,
        asks=asks_of(cell.replied + cell.inline, events),
        restarts=restarts_of(events),
        queue_wait=timing.queue_wait.durations() if timing else None,
        handler_time=timing.handler_time.durations() if timing else None,
    )
