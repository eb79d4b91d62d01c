"""What an online workflow costs, beside the same Ray Serve deployments written by hand, in one run.

``python benchmarks/serving.py`` prints a line of JSON for each case: one model; a graph of three services;
and an upgrade while clients ask. Ours and theirs take turns of a second or so, and ratios are medians of
neighbours, so that a noisy minute hits both. Clients are in this process, on the same cores.

``python benchmarks/serving.py traffic`` asks 10,000 times instead, a tenth of it with a header that decides,
and says by how much of all requests the shares are off, and how many copies a mirror got of them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import statistics
import sys
import time
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

import aiohttp
import ray

from scanflow_actors.cluster.system import RAY_ENVIRONMENT
from scanflow_actors.workflows import HeaderRule, Kind, OnlineWorkflow, Service, Traffic

with warnings.catch_warnings(action="ignore"):  # Serve uses what pydantic has deprecated
    from ray import serve

    from scanflow_actors.infrastructure.embedded.serving import ServeBackend

if TYPE_CHECKING:
    from starlette.requests import Request

TURNS, TURN_S, CLIENTS, SINGLE = 8, 1.5, 8, 60
BEFORE_S, PACE_S, ASKED = 8.0, 0.02, 10_000


class Echo:
    """A model that does nothing."""

    async def __call__(self, given: Any) -> Any:
        """Answer what it is asked."""
        return given


async def unchanged(given: Any) -> Any:
    """Transform nothing."""
    return given


@serve.deployment(num_replicas=1, max_ongoing_requests=16, ray_actor_options={"num_cpus": 0})
class ByHand:
    """The same, written for Ray Serve: answers, or hands on."""

    def __init__(self, fed: Any = None) -> None:
        self._echo = Echo()
        self._fed = fed

    async def __call__(self, request: Request) -> Any:
        """Answer one HTTP request."""
        return await self.ask(await request.json())

    async def ask(self, given: Any) -> Any:
        """Answer one call from another."""
        own = await self._echo(given)
        return own if self._fed is None else await self._fed.ask.remote(own)


def one(version: int = 1) -> OnlineWorkflow:
    """One model."""
    model = Service(name="model", run=Echo, num_cpus=0)
    return OnlineWorkflow(name="one", services=(model,), entry="model", version=version)


def three() -> OnlineWorkflow:
    """Three in a row."""
    first = Service(name="first", run=unchanged, kind=Kind.TRANSFORMER, feeds=("second",), num_cpus=0)
    second = Service(name="second", run=unchanged, kind=Kind.TRANSFORMER, feeds=("model",), num_cpus=0)
    model = Service(name="model", run=Echo, num_cpus=0)
    return OnlineWorkflow(name="three", services=(first, second, model), entry="first")


class Client:
    """Asks over HTTP, and keeps the seconds that each answer took and how many were none."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url
        self.spent_s: list[float] = []
        self.failed = 0

    async def ask(self) -> None:
        """Ask once."""
        begin = time.perf_counter()
        async with self._http.post(self._url, json={"x": [1, 2, 3]}) as response:
            body = await response.read()
        self.spent_s.append(time.perf_counter() - begin)
        self.failed += response.status != 200 or json.loads(body) != {"x": [1, 2, 3]}

    async def until(self, over: asyncio.Event, pace_s: float = 0) -> None:
        """Ask again and again."""
        while not over.is_set():
            await self.ask()
            await asyncio.sleep(pace_s)

    def quantile_ms(self, share: float) -> float:
        """The time within which this share of the answers came."""
        ordered = sorted(self.spent_s)
        return 1e3 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def per_second(http: aiohttp.ClientSession, url: str) -> float:
    """Answers a second to some clients that ask without a pause."""
    client, over = Client(http, url), asyncio.Event()
    asking = [asyncio.create_task(client.until(over)) for _ in range(CLIENTS)]
    begin = time.perf_counter()
    await asyncio.sleep(TURN_S)
    over.set()
    await asyncio.gather(*asking)
    assert not client.failed
    return len(client.spent_s) / (time.perf_counter() - begin)


async def p50_ms(http: aiohttp.ClientSession, url: str) -> float:
    """Of requests one after the other."""
    client = Client(http, url)
    for _ in range(SINGLE):
        await client.ask()
    assert not client.failed
    return client.quantile_ms(0.5)


async def beside(case: str, ours: str, by_hand: str) -> None:
    """Ours beside theirs, in turns."""
    async with aiohttp.ClientSession() as http:
        for url in (ours, by_hand):
            await per_second(http, url)  # warms up
        rates = [(await per_second(http, ours), await per_second(http, by_hand)) for _ in range(TURNS)]
        waits = [(await p50_ms(http, ours), await p50_ms(http, by_hand)) for _ in range(TURNS)]
    tell(
        case,
        ours_per_s=statistics.median(mine for mine, _ in rates),
        by_hand_per_s=statistics.median(theirs for _, theirs in rates),
        throughput_ratio=statistics.median(mine / theirs for mine, theirs in rates),
        ours_p50_ms=statistics.median(mine for mine, _ in waits),
        by_hand_p50_ms=statistics.median(theirs for _, theirs in waits),
        p50_ratio=statistics.median(mine / theirs for mine, theirs in waits),
    )


async def upgrade(backend: ServeBackend, address: str) -> None:
    """From the first version to the second, while clients ask at a pace."""
    async with aiohttp.ClientSession() as http:
        before, during, over = Client(http, address), Client(http, address), asyncio.Event()
        asking = [asyncio.create_task(before.until(over, PACE_S)) for _ in range(2)]
        await asyncio.sleep(BEFORE_S)
        over.set()
        await asyncio.gather(*asking)
        still = asyncio.Event()
        asking = [asyncio.create_task(during.until(still, PACE_S)) for _ in range(2)]
        begin = time.perf_counter()
        await backend.apply(one(2))
        await backend.route("one", Traffic(weights={2: 1}), {1: one(1), 2: one(2)})
        await backend.delete("one", 1)
        took_s = time.perf_counter() - begin
        still.set()
        await asyncio.gather(*asking)
    tell(
        "upgrade under load",
        failed=before.failed + during.failed,
        requests=len(during.spent_s),
        took_s=took_s,
        p99_before_ms=before.quantile_ms(0.99),
        p99_during_ms=during.quantile_ms(0.99),
        p99_ratio=during.quantile_ms(0.99) / before.quantile_ms(0.99),
    )


async def traffic(backend: ServeBackend) -> None:
    """70 to 30 between two versions, a copy of each to a third, and a header that names the second."""
    versions = {number: one(number) for number in (1, 2, 3)}
    for workflow in versions.values():
        await backend.apply(workflow)
    rule = HeaderRule(header="x-tester", value="yes", version=2)
    shares = Traffic(weights={1: 70, 2: 30}, mirrors=(3,), rules=(rule,))
    address = await backend.route("one", shares, versions)
    numbers, answered, marked = iter(range(ASKED)), Counter[str](), Counter[str]()

    async def client(http: aiohttp.ClientSession) -> None:
        for number in numbers:
            headers = {"x-tester": "yes"} if number % 10 == 0 else {}
            async with http.post(address, json=number, headers=headers) as response:
                assert response.status == 200
                (marked if headers else answered)[response.headers["x-scanflow-version"]] += 1

    begin = time.perf_counter()
    async with aiohttp.ClientSession() as http:
        await asyncio.gather(*(client(http) for _ in range(4 * CLIENTS)))
    took_s = time.perf_counter() - begin
    assert marked == {"2": ASKED // 10}
    used = await backend.usage("one")
    off = max(
        abs(answered[version] / answered.total() - share) for version, share in (("1", 0.7), ("2", 0.3))
    )
    tell("traffic", requests=ASKED, off_share=off, mirrored=used[3].requests, took_s=took_s)


def tell(case: str, **measures: float) -> None:
    """Print one line."""
    print(json.dumps({"case": case, **measures}), flush=True)


async def measure() -> None:
    """All cases."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    backend = ServeBackend(port=port)
    if "traffic" in sys.argv[1:]:
        return await traffic(backend)
    addresses = {}
    for workflow in (one(), three()):
        await backend.apply(workflow)
        addresses[workflow.name] = await backend.route(workflow.name, Traffic(weights={1: 1}), {1: workflow})
    by_hand = {"one": ByHand.bind(), "three": ByHand.bind()}
    second = ByHand.options(name="second").bind(ByHand.options(name="third").bind())
    by_hand["three"] = ByHand.options(name="first").bind(second)
    for name, application in by_hand.items():
        await asyncio.to_thread(serve.run, application, name=f"hand-{name}", route_prefix=f"/hand-{name}")
    hand = f"http://127.0.0.1:{port}/hand-"
    await beside("one model", addresses["one"], f"{hand}one")
    await beside("three services", addresses["three"], f"{hand}three")
    return await upgrade(backend, addresses["one"])


def main() -> None:
    """Measure on a Ray of our own."""
    os.environ.update(RAY_ENVIRONMENT)
    options = {"num_cpus": 2, "object_store_memory": 128 * 2**20, "include_dashboard": False}
    ray.init(log_to_driver=False, logging_level=logging.ERROR, _node_ip_address="127.0.0.1", **options)
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    asyncio.run(measure())
    serve.shutdown()


if __name__ == "__main__":
    main()
