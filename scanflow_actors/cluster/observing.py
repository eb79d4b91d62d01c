"""Statistics across processes: each host looks at its own, the controller gathers."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from scanflow_actors.actors.observing.counts import RestartReason
from scanflow_actors.actors.observing.statistics import (
    ActorStatistics,
    HostStatistics,
    LinkStatistics,
    SystemStatistics,
    host_statistics,
)
from scanflow_actors.errors import ActorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanflow_actors.cluster.controller import Controller, Resident
    from scanflow_actors.cluster.node import Node

_log = logging.getLogger(__name__)

ANSWER_S = 2.0
"""Seconds that a host gets to answer: whoever asks how things are must not wait for one that hangs."""


async def node_statistics(node: Node, *, each: bool) -> HostStatistics:
    """Look at one process of a Ray system."""
    found = await host_statistics(node.system, each=each)
    links = node.links
    link = LinkStatistics(frames=links.frames, retransmits=links.retransmits, queued=links.queued)
    own = Counter(found.dead_letters)
    own.subtract(node.dead_elsewhere)
    late = found.late_replies + node.asks.late
    return replace(found, link=link, late_replies=late, dead_letters=dict(+own))


async def system_statistics(controller: Controller, name: str, *, each: bool) -> SystemStatistics:
    """Ask every host, and wait a while for the answers."""
    node = controller.node
    asked = {host: node.command(host, "statistics", each) for host in controller.hosts.living}
    own = await node_statistics(node, each=each)
    if asked:
        await asyncio.wait(asked.values(), timeout=ANSWER_S)
    answered = [own, *_answers(asked)]
    there = {host.host for host in answered}
    silent = tuple(host for host in asked if host not in there and host in controller.hosts.living)
    for waiting in asked.values():
        waiting.cancel()
    residents = controller.residents
    return SystemStatistics(
        name=name,
        hosts=tuple(_with_moves(host, residents) for host in answered),
        dead_letters=dict(node.system.dead_letters.counts),
        silent=silent,
        moving=tuple(_homeless(resident) for resident in residents.values() if resident.host is None),
    )


async def shut_down(controller: Controller) -> None:
    """Let the taps of every host close, within the time that it has to answer."""
    node = controller.node
    waiting = [node.command(host, "shutdown", None) for host in controller.hosts.living]
    if waiting:
        await asyncio.wait(waiting, timeout=ANSWER_S)
    for answer in waiting:
        if not answer.cancel() and (error := answer.exception()) is not None:
            _log.warning("a process did not shut down: %s", error)


def _answers(asked: Mapping[str, asyncio.Future[HostStatistics]]) -> list[HostStatistics]:
    """What came; a host that died meanwhile has nothing to say."""
    done = [answer for answer in asked.values() if answer.done()]
    return [answer.result() for answer in done if not isinstance(answer.exception(), ActorError)]


def _with_moves(host: HostStatistics, residents: Mapping[str, Resident]) -> HostStatistics:
    """Add the restarts that only the controller knows of."""
    return replace(host, each=tuple(_with_move(actor, residents.get(actor.path[1:])) for actor in host.each))


def _with_move(actor: ActorStatistics, resident: Resident | None) -> ActorStatistics:
    if resident is None or not resident.moves:
        return actor
    return replace(actor, restarts={**actor.restarts, RestartReason.HOST_LOST: resident.moves})


def _homeless(resident: Resident) -> ActorStatistics:
    return ActorStatistics(
        path=f"/{resident.name}",
        kind=resident.recipe.actor.__qualname__,
        state="moving",
        host="no host",
        mailbox_depth=0,
        mailbox_capacity=resident.recipe.mailbox.capacity,
        handled=0,
        asks={},
        restarts={RestartReason.HOST_LOST: resident.moves} if resident.moves else {},
        queue_wait=None,
        handler_time=None,
    )
