"""How many requests a second does the REST door take, beside a bare aiohttp handler in the same run?

Two kinds, each checked (token, fields) and asked of an agent. An *ask* is answered from the agent's memory. A
*call* is decided on, and its decision is on the disk before it is answered: those that come together share a
commit, so there are many at once (128). The bare handler reads JSON and answers JSON, and writes nothing.

Run: python benchmarks/rest_door.py. Prints one JSON object; ``…_cpu_us`` is the processor's time for a
request, its client's included, which a loaded machine changes less.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from scanflow_actors import ActorSystem, Agent, Member, Request, Strategy, Team, on, receive
from scanflow_actors.agents import Action
from scanflow_actors.server import Door, Role, Tokens, serve

TOKEN = "t" * 24
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
CALLERS, SECONDS = 128, 4.0


@dataclass(frozen=True)
class Note:
    """What the agent is called with."""

    text: str


@dataclass(frozen=True)
class HowMany(Request[int]):
    """Ask how many asked this before."""

    text: str


class Noting(Agent):
    """Decides to do nothing about each note, and counts questions."""

    strategies = (Strategy(name="note", when=on(Note), then=Action()),)
    asked = 0

    @receive
    def how_many(self, _message: HowMany) -> int:
        """Count this one too."""
        self.asked += 1
        return self.asked


async def bare(request: web.Request) -> web.Response:
    """Read JSON, answer JSON."""
    body = json.loads(await request.read())
    return web.json_response({"text": body["text"]}, status=202)


async def measured(session: aiohttp.ClientSession, url: str) -> dict[str, float]:
    """Send requests for some seconds, many at once: how many a second, and the processor's time for each."""
    done, begin, cpu = 0, time.perf_counter(), time.process_time()

    async def call() -> None:
        nonlocal done
        while time.perf_counter() < begin + SECONDS:
            async with session.post(url, json={"text": "hello"}, headers=HEADERS) as answer:
                assert answer.status in {200, 202}, await answer.text()
                await answer.read()
                done += 1

    await asyncio.gather(*(call() for _ in range(CALLERS)))
    elapsed, spent = time.perf_counter() - begin, time.process_time() - cpu
    return {"per_s": round(done / elapsed), "cpu_us": round(spent / done * 1e6)}


async def main() -> None:
    """Measure all, one after the other, in one process."""
    app = web.Application()
    app.add_routes([web.post("/bare", bare)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    connector = aiohttp.TCPConnector(limit=CALLERS)
    with tempfile.TemporaryDirectory() as folder:
        team = Team(members={"it": Member(agent=Noting)}, journal=Path(folder) / "journal.db")
        async with ActorSystem() as system, aiohttp.ClientSession(connector=connector) as session:
            await team.start(system)
            tokens = Tokens(((TOKEN, Role.OPERATE),))
            async with serve(Door(name="t", team=team, system=system, tokens=tokens), port=0) as url:
                root = f"{url}/teams/t/agents/it"
                urls = {
                    "bare": f"http://127.0.0.1:{port}/bare",
                    "ask": f"{root}/HowMany",
                    "call": f"{root}/Note",
                }
                found = {name: await measured(session, url) for name, url in urls.items()}
    await runner.cleanup()
    result = {f"{name}_{key}": value for name, values in found.items() for key, value in values.items()}
    for name in ("ask", "call"):
        result[f"{name}_ratio"] = round(found[name]["per_s"] / found["bare"]["per_s"], 2)
    print(json.dumps(result))


if __name__ == "__main__":
    asyncio.run(main())
