"""`scanflow up`: run a team until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors import ActorSystem
from scanflow_actors.agents.spec import imported
from scanflow_actors.agents.team_file import load_team
from scanflow_actors.artifacts.settings import KnowledgeSettings
from scanflow_actors.infrastructure import (
    Infrastructure,
    InfrastructureActor,
    InProcessBackend,
    InProcessServing,
)
from scanflow_actors.infrastructure.actor import NAME
from scanflow_actors.server import Door, Tokens, serve
from scanflow_actors.settings import ActorSettings

if TYPE_CHECKING:
    import argparse

    from scanflow_actors.agents.team import Team

DRAIN_S = 30.0
"""Seconds to carry out what was decided, when the team is stopped."""


def up(options: argparse.Namespace) -> int:
    """Run a team in this process, with its workflows, until SIGINT or SIGTERM."""
    team = load_team(options.file)
    workflows = imported(options.workflows, "--workflows") if options.workflows else ()
    tokens = Tokens.from_file(options.tokens) if options.tokens else None
    asyncio.run(_run(options, team, tuple(workflows), tokens))
    return 0


async def _run(
    options: argparse.Namespace, team: Team, workflows: tuple[Any, ...], tokens: Tokens | None
) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    parts = Infrastructure(
        backend=InProcessBackend(),
        workflows=workflows,
        ledger=team.journal,
        knowledge=team.knowledge or KnowledgeSettings.in_folder(options.file.parent),
        serving=InProcessServing(),
        subscriptions=team.subscriptions(),
        now_s=team.clock.timestamp_s,
    )
    settings = ActorSettings(metrics=True)  # agents get few messages: what it costs is not felt
    async with ActorSystem(options.team, settings=settings) as system, AsyncExitStack() as stack:
        await system.spawn(InfrastructureActor, parts, name=NAME)
        await team.start(system)
        gc.collect()
        gc.freeze()  # it is there to stay: without it, each full collection would stop all agents for a while
        _say(f"{len(team.members)} agents are up; their journal is {team.journal}")
        if tokens is not None:
            door = Door(name=options.team, team=team, system=system, tokens=tokens)
            url = await stack.enter_async_context(serve(door, host=options.host, port=options.port))
            _say(f"the door is open at {url}")
        await stop.wait()
        _say("stopping: what was decided is carried out, nothing more is decided")
        await team.drain(system, timeout_s=DRAIN_S)
        await team.resume(system)  # a pause outlives the process; the next start is to go on


def _say(text: str) -> None:
    sys.stderr.write(f"scanflow: {text}\n")
    sys.stderr.flush()
