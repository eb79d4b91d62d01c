"""`scanflow up`: run a team until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from contextlib import AsyncExitStack, asynccontextmanager
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
from scanflow_actors.settings import ActorSettings, Settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator

    from scanflow_actors.agents.team import Team

DRAIN_S = 30.0
"""Seconds to carry out what was decided, when the team is stopped."""
INTERRUPTED = 130
"""Exit code of a program that Ctrl-C has ended."""


def up(options: argparse.Namespace) -> int:
    """Run a team with its workflows, in this process or on Ray, until SIGINT or SIGTERM."""
    team = load_team(options.file)
    workflows = imported(options.workflows, "--workflows") if options.workflows else ()
    tokens = Tokens.from_file(options.tokens) if options.tokens else None
    signalled = asyncio.run(_run(options, team, tuple(workflows), tokens))
    return INTERRUPTED if signalled is signal.SIGINT else 0


async def _run(
    options: argparse.Namespace, team: Team, workflows: tuple[Any, ...], tokens: Tokens | None
) -> signal.Signals:
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[signal.Signals] = loop.create_future()
    async with _system(options) as (system, means), AsyncExitStack() as stack:
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, _resolve, stop, name)
        parts = Infrastructure(
            **means,
            workflows=workflows,
            ledger=team.journal,
            knowledge=team.knowledge or KnowledgeSettings.in_folder(options.file.parent),
            subscriptions=team.subscriptions(),
            now_s=team.clock.timestamp_s,
        )
        await system.spawn(InfrastructureActor, parts, name=NAME)
        await team.start(system)
        gc.collect()
        gc.freeze()  # it is there to stay: without it, each full collection would stop all agents for a while
        _say(f"{len(team.members)} agents are up; their journal is {team.journal}")
        if tokens is not None:
            door = Door(name=options.team, team=team, system=system, tokens=tokens)
            url = await stack.enter_async_context(serve(door, host=options.host, port=options.port))
            _say(f"the door is open at {url}")
        signalled = await stop
        _say("stopping: what was decided is carried out, nothing more is decided")
        await team.drain(system, timeout_s=DRAIN_S)
        await team.resume(system)  # a pause outlives the process; the next start is to go on
    return signalled


@asynccontextmanager
async def _system(options: argparse.Namespace) -> AsyncIterator[tuple[Any, dict[str, Any]]]:
    """The actor system, and what runs workflows in it."""
    settings = Settings(
        actors=ActorSettings(metrics=True)
    )  # agents get few messages: what it costs is not felt
    if options.ray is None:
        async with ActorSystem(options.team, settings=settings.actors) as local:
            yield local, {"backend": InProcessBackend(), "serving": InProcessServing()}
        return
    # it takes seconds, and those who run a team in one process need not have it
    from scanflow_actors.cluster import RayActorSystem  # noqa: PLC0415
    from scanflow_actors.infrastructure.embedded.batch import EmbeddedBackend  # noqa: PLC0415
    from scanflow_actors.infrastructure.embedded.serving.backend import ServeBackend  # noqa: PLC0415

    if options.ray:
        os.environ["RAY_ADDRESS"] = options.ray
    async with RayActorSystem(options.team, settings=settings) as spread:
        yield spread, {"backend": EmbeddedBackend(), "serving": ServeBackend()}


def _resolve(stop: asyncio.Future[signal.Signals], name: signal.Signals) -> None:
    if not stop.done():
        stop.set_result(name)


def _say(text: str) -> None:
    sys.stderr.write(f"scanflow: {text}\n")
    sys.stderr.flush()
