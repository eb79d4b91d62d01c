"""Shipped strategies look after services on Ray Serve: fail-over, and replicas by queries per second."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from scanflow_actors.agents import Member, Team
from scanflow_actors.agents.clock import Clock
from scanflow_actors.agents.templates import FailOver, Planner, Planning, Scale
from scanflow_actors.primitives import DeleteWorkflow, DeployWorkflow
from scanflow_actors.triggers import every
from scanflow_actors.workflows import OnlineWorkflow, Service
from tests import services
from tests.unit.agents.place import Place

if TYPE_CHECKING:
    from pathlib import Path

    from scanflow_actors.infrastructure.embedded.serving import ServeBackend

pytestmark = pytest.mark.timeout(600)  # each replica is a process of some seconds of CPU: slow beside others

SECONDLY = every(seconds=1)


def moody(version: int, file: Path) -> OnlineWorkflow:
    options = {"name": f"v{version}", "file": str(file) if version == 1 else "/nowhere"}
    service = Service(name="model", run=services.Moody, options=options, num_cpus=0)
    return OnlineWorkflow(name="m", services=(service,), entry="model", version=version)


class Client:
    """Asks again and again."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url

    async def ask(self, given: Any) -> str:
        async with self._http.post(self._url, json=given) as response:
            return (await response.text()).strip('"') if response.status == 200 else str(response.status)

    async def until(self, answer: str, *, within_s: float = 120) -> None:
        async with asyncio.timeout(within_s):
            while await self.ask("who") != answer:  # noqa: ASYNC110 - what is waited for is a service
                await asyncio.sleep(0.05)


async def test_requests_fail_over_and_back_and_replicas_follow_them(
    serve_session: ServeBackend, tmp_path: Path
) -> None:
    ill = tmp_path / "ill"
    fail_over = FailOver(workflow="m", primary=1, backup=2, recovered_s=1, interval=SECONDLY)
    scale = Scale(workflow="m", per_replica_s=2.0, most=2, interval=every(seconds=2))
    config = Planning(fail_over=fail_over, scale=scale)
    place = Place(tmp_path, (moody(1, ill),), serving=serve_session, clock=Clock(), watch_every_s=0.5)
    team = Team(
        members={"planner": Member(agent=Planner, args=(config,))},
        journal=tmp_path / "journal.db",
        clock=place.clock,
    )
    async with place, aiohttp.ClientSession() as http:
        await place.start(team)
        await place.must(DeployWorkflow(workflow="m"), DeployWorkflow(workflow="m", definition=moody(2, ill)))
        client = Client(http, f"http://127.0.0.1:{serve_session.port}/m")
        await client.until("v1")
        ill.touch()
        assert await client.ask("die") in {"500", "503"}
        await client.until("v2")
        ill.unlink()
        await client.until("v1")
        deadline_s = time.monotonic() + 120
        while (await serve_session.states())["m", 1]["model"].running < 2:
            assert time.monotonic() < deadline_s, "no second replica"
            await client.ask("who")
        await team.pause(place.system)
        await place.must(DeleteWorkflow(workflow="m"))
