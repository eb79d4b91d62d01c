"""How many calls a second does the REST door take, beside a bare aiohttp handler in the same run?

A call is checked, asked of an agent, decided, and on the disk before it is answered; the bare handler's is
not. Run: python benchmarks/rest_door.py. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from scanflow_actors import ActorSystem, Agent, Member, Strategy, Team, on
from scanflow_actors.agents import Action
from scanflow_actors.server import Door, Role, Tokens, serve

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "t" * 24
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
CALLERS, SECONDS = 32, 4.0


@dataclass(frozen=True)
class Note:
    """What the agent is called with."""

    text: str


class Noting(Agent):
    """Decides to do nothing about each note."""

    strategies = (Strategy(name="note", when=on(Note), then=Action()),)


async def bare(request: web.Request) -> web.Response:
    """Read JSON, answer JSON."""
    body = json.loads(await request.read())
    return web.json_response({"text": body["text"]}, status=202)


async def calls_per_s(session: aiohttp.ClientSession, url: str, method: Callable[..., object]) -> float:
    """Call for some seconds, many at once."""
    done, end = 0, time.perf_counter() + SECONDS

    async def call() -> None:
        nonlocal done
        while time.perf_counter() < end:
            async with method(session, url) as answer:  # type: ignore[attr-defined]
                assert answer.status in {200, 202}, await answer.text()
                await answer.read()
                done += 1

    await asyncio.gather(*(call() for _ in range(CALLERS)))
    return done / SECONDS


def post(session: aiohttp.ClientSession, url: str) -> object:
    """Send a note."""
    return session.post(url, json={"text": "hello"}, headers=HEADERS)


async def main() -> None:
    """Measure both, one after the other, in one process."""
    app = web.Application()
    app.add_routes([web.post("/bare", bare)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    with tempfile.TemporaryDirectory() as folder:
        team = Team(members={"it": Member(agent=Noting)}, journal=Path(folder) / "journal.db")
        async with ActorSystem() as system, aiohttp.ClientSession() as session:
            await team.start(system)
            tokens = Tokens(((TOKEN, Role.OPERATE),))
            async with serve(Door(name="t", team=team, system=system, tokens=tokens), port=0) as url:
                reference = await calls_per_s(session, f"http://127.0.0.1:{port}/bare", post)
                calls = await calls_per_s(session, f"{url}/teams/t/agents/it/Note", post)
    await runner.cleanup()
    result = {
        "bare_per_s": round(reference),
        "calls_per_s": round(calls),
        "ratio": round(calls / reference, 2),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    asyncio.run(main())
