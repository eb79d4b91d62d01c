"""Each primitive of an online workflow changes services that answer requests, and the change is seen."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio

from scanflow_actors.errors import UnknownWorkflowError
from scanflow_actors.infrastructure import (
    InProcessBackend,
    InProcessServing,
    ServiceRecovered,
    ServiceSlow,
    ServiceUnavailable,
)
from scanflow_actors.primitives import (
    ApplyWorkflowInstance,
    DeleteWorkflow,
    DeleteWorkflowInstance,
    Deployed,
    DeployWorkflow,
    DuplicateWorkflowInstance,
    Outcome,
    Primitive,
    RunWorkflow,
    UpdateWorkflowAffinity,
    UpdateWorkflowReplica,
    UpdateWorkflowResource,
    UpdateWorkflowTraffic,
    UpgradeWorkflow,
)
from scanflow_actors.workflows import (
    Affinity,
    HeaderRule,
    Kind,
    OnlineWorkflow,
    Resources,
    ScaleBy,
    Scaling,
    Service,
    Traffic,
)
from tests import services
from tests.site import Site, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from scanflow_actors.infrastructure.embedded.serving import ServeBackend

pytestmark = pytest.mark.timeout(600)  # each replica is a process of some seconds of CPU: slow beside others

PACE_S = 0.02
"""Seconds between two requests of a client: it must leave the cores to what is tested."""


class Stall(Site):
    """A site whose workflows are asked, in this process or over HTTP."""

    serving: ServeBackend | InProcessServing
    http: aiohttp.ClientSession

    @property
    def is_served(self) -> bool:
        return not isinstance(self.serving, InProcessServing)

    async def must(self, primitive: Primitive) -> Deployed:
        outcome: Outcome = await self.perform(primitive)
        assert outcome.is_success, outcome.reason
        deployed: Deployed = outcome.result
        return deployed

    async def ask(self, workflow: str, given: Any, **headers: str) -> tuple[int, Any, str]:
        """The status, the answer, and the version that gave it."""
        if isinstance(self.serving, InProcessServing):
            return await self._ask_here(self.serving, workflow, given, headers)
        url = f"http://127.0.0.1:{self.serving.port}/{workflow}/ask"
        async with self.http.post(url, json=given, headers=headers) as response:
            is_json = response.content_type == "application/json"
            answer: Any = await response.json() if is_json else await response.text()
            if response.status != 200 and is_json:
                answer = answer["error"]
            return response.status, answer, response.headers.get("x-scanflow-version", "")

    async def _ask_here(
        self, serving: InProcessServing, workflow: str, given: Any, headers: dict[str, str]
    ) -> tuple[int, Any, str]:
        await asyncio.sleep(0)  # as a socket would, let others go on
        try:
            version, answer = await serving.ask(workflow, given, **headers)
        except UnknownWorkflowError as error:
            return 404, str(error), ""
        except TimeoutError:
            return 504, "latency bound", ""
        except Exception as error:  # noqa: BLE001 - a service's code may raise anything
            return 500, f"{type(error).__name__}: {error}", ""
        return 200, answer, str(version)

    @contextlib.asynccontextmanager
    async def under_load(self, workflow: str) -> AsyncIterator[list[tuple[int, Any, str]]]:
        """Two clients that ask again and again."""
        answers: list[tuple[int, Any, str]] = []
        is_over = asyncio.Event()

        async def client() -> None:
            while not is_over.is_set():
                answers.append(await self.ask(workflow, 1))
                await asyncio.sleep(PACE_S)

        clients = [asyncio.create_task(client()) for _ in range(2)]
        yield answers
        is_over.set()
        await asyncio.gather(*clients)


@pytest_asyncio.fixture(params=["inprocess", "embedded"])
async def stall(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stall]:
    is_here = request.param == "inprocess"
    async with opened(tmp_path, InProcessBackend(), Stall) as site, aiohttp.ClientSession() as http:
        site.http = http
        site.serving = InProcessServing() if is_here else request.getfixturevalue("serve_session")
        yield site
        for name in {name for name, _ in await site.serving.states()}:
            outcome = await site.perform(DeleteWorkflow(workflow=name))
            assert outcome.is_success, outcome.reason


def service(name: str, run: Any, kind: Kind = Kind.MODEL, *feeds: str, **fields: Any) -> Service:
    return Service(name=name, run=run, kind=kind, feeds=feeds, num_cpus=0, **fields)


def times(factor: int, name: str, **fields: Any) -> OnlineWorkflow:
    """One model, whose version is its factor."""
    model = service("model", services.Times, options={"factor": factor}, **fields)
    return OnlineWorkflow(name=name, services=(model,), entry="model", version=factor)


def graph(name: str) -> OnlineWorkflow:
    """Answers with what it is given, by way of three services; never answers 0."""
    return OnlineWorkflow(
        name=name,
        entry="route",
        latency_bound_s=1.0,
        services=(
            service("route", services.by_size, Kind.ROUTER, "small", "large"),
            service("small", services.Times, options={"factor": 1}),
            service("large", services.highest, Kind.COMBINER, "small"),
        ),
    )


async def test_a_graph_answers_requests_follow_the_traffic_and_none_fails_in_an_upgrade(stall: Stall) -> None:
    options = {"factor": 2, "port": stall.probe.port}
    second = OnlineWorkflow(
        name="t", services=(service("model", services.Times, options=options),), entry="model", version=2
    )
    await stall.start(graph("t"), serving=stall.serving)
    assert (await stall.must(DeployWorkflow(workflow="t"))).versions == (1,)
    refused = await stall.perform(RunWorkflow(workflow="t"))
    assert "is an online workflow" in refused.reason
    assert await stall.ask("t", 4) == (200, 4, "1")
    assert await stall.ask("t", 200) == (200, 200, "1")
    status, answer, _ = await stall.ask("t", "text")
    assert (status, "TypeError" in answer) == (500, True)
    status, answer, _ = await stall.ask("t", 0)
    assert (status, "latency bound" in answer) == (504, True)
    if stall.is_served:  # in one process the next look would be seconds away
        assert (await stall.facts.has(ServiceSlow, "t")).late == 1
    deployed = await stall.must(DeployWorkflow(workflow="t", definition=second))
    assert (deployed.versions, deployed.traffic) == ((1, 2), Traffic(weights={1: 1}))
    traffic = Traffic(weights={1: 80, 2: 20}, rules=(HeaderRule(header="x-tester", value="yes", version=2),))
    await stall.must(UpdateWorkflowTraffic(workflow="t", traffic=traffic))
    many = 100 if stall.is_served else 10_000  # `benchmarks/serving.py traffic` asks Serve ten thousand times
    asking = [stall.ask("t", n % 50 + 1, **({} if n % 10 else {"x-tester": "yes"})) for n in range(many)]
    answers = await asyncio.gather(*asking)
    assert {version for _, _, version in answers[::10]} == {"2"}
    dealt = Counter(version for n, (_, _, version) in enumerate(answers) if n % 10)
    assert dealt == {"1": 72 * many // 100, "2": 18 * many // 100}
    usage = await stall.serving.usage("t")
    counted = (usage[1].requests, usage[1].failures, usage[2].requests)
    assert counted == (4 + 72 * many // 100, 2, 28 * many // 100)
    assert usage[1].seconds >= 1.0  # the one that never answered
    refused = await stall.perform(DeleteWorkflowInstance(workflow="t", version=2))
    assert "gets requests" in refused.reason
    mirrored = Traffic(weights={1: 1}, mirrors=(2,))
    await stall.must(UpdateWorkflowTraffic(workflow="t", traffic=mirrored))
    assert await stall.ask("t", 999) == (200, 999, "1")
    await stall.probe.hears("heard 999")
    back = Traffic(weights={1: 1})
    assert (await stall.must(UpdateWorkflowTraffic(workflow="t", traffic=back))).traffic == back
    assert (await stall.must(DeleteWorkflowInstance(workflow="t", version=2))).versions == (1,)
    unknown = await stall.perform(UpdateWorkflowTraffic(workflow="t", traffic=Traffic(weights={2: 1})))
    assert "version 2 of 't' is not deployed; known: [1]" in unknown.reason
    broken = OnlineWorkflow(name="t", services=(service("model", services.Broken),), entry="model", version=4)
    async with stall.under_load("t") as under_load:
        upgraded = await stall.must(UpgradeWorkflow(workflow="t", definition=times(3, "t")))
        assert upgraded.versions == (3,)
        refused = await stall.perform(UpgradeWorkflow(workflow="t", definition=broken))
        assert "no weights" in refused.reason
    assert {status for status, _, _ in under_load} == {200}
    assert await stall.ask("t", 1) == (200, 3, "3")
    assert {version for name, version in await stall.serving.states() if name == "t"} == {3}
    await stall.must(DeleteWorkflow(workflow="t"))
    assert (await stall.ask("t", 1))[0] == 404


async def test_replicas_resources_and_affinity_of_services_that_answer_are_changed(stall: Stall) -> None:
    if isinstance(stall.serving, InProcessServing):
        pytest.skip("one process has no replicas, resources or nodes")
    who = OnlineWorkflow(name="r", services=(service("model", services.whoami, max_batch=2),), entry="model")
    await stall.start(who, serving=stall.serving)
    deployed = await stall.must(DeployWorkflow(workflow="r"))
    async with stall.http.post(deployed.address, data=b"{") as response:
        assert response.status == 400
    assert (await stall.ask("r", "die"))[0] in {500, 503}
    gone = await stall.facts.has(ServiceUnavailable, "r")
    assert (gone.version, gone.service, gone.running) == (1, "model", 0)
    assert (await stall.facts.has(ServiceRecovered, "r")).running == 1
    _, first, _ = await stall.ask("r", 1)
    async with stall.under_load("r") as answers:
        await stall.must(DuplicateWorkflowInstance(workflow="r", version=1, copies=2))
        assert (await stall.serving.states())["r", 1]["model"].running == 2
        await stall.must(UpdateWorkflowReplica(workflow="r", replicas=1))
        await stall.must(UpdateWorkflowResource(workflow="r", resources=Resources(num_cpus=0.5)))
        affinity = Affinity(labels={"ray.io/node-id": "!elsewhere"})
        await stall.must(UpdateWorkflowAffinity(workflow="r", affinity=affinity))
    assert {status for status, _, _ in answers} == {200}
    assert first["pid"] in {answer["pid"] for _, answer, _ in answers}
    assert max(answer["batch"] for _, answer, _ in answers) == 2
    _, last, _ = await stall.ask("r", 1)
    assert (first["cpus"], last["cpus"]) == (0, 0.5)
    healed = await stall.must(ApplyWorkflowInstance(workflow="r", version=1))
    assert healed.versions == (1,)


@pytest.mark.parametrize("stall", ["embedded"], indirect=True)
async def test_replicas_follow_a_threshold_and_share_the_requests(stall: Stall) -> None:
    workflow = OnlineWorkflow(name="s", services=(service("model", services.busy),), entry="model")
    await stall.start(workflow, serving=stall.serving)
    await stall.must(DeployWorkflow(workflow="s"))
    quick = Scaling(most=2, window_s=10.5, up_after_s=0, down_after_s=0)
    for scaling in (
        replace(quick, by=ScaleBy.QUERIES, per_replica=4.0),
        replace(quick, by=ScaleBy.CPU, per_replica=0.15),
    ):
        await stall.must(UpdateWorkflowReplica(workflow="s", replicas=scaling))
        async with stall.under_load("s") as answers, asyncio.timeout(120):
            while len({pid for _, pid, _ in answers[-20:]}) < 2:
                answers.append(await stall.ask("s", 1))
        assert {status for status, _, _ in answers} == {200}
        running = 2
        async with asyncio.timeout(120):
            while running > 1:
                await asyncio.sleep(PACE_S)
                running = (await stall.serving.states())["s", 1]["model"].running


@pytest.mark.parametrize("stall", ["inprocess"], indirect=True)
async def test_what_is_not_deployed_or_has_nothing_to_run_on_is_refused(stall: Stall) -> None:
    await stall.start(times(1, "n"), serving=stall.serving)
    unrouted = await stall.perform(UpdateWorkflowTraffic(workflow="n", traffic=Traffic(weights={1: 1})))
    assert "'n' is not deployed" in unrouted.reason
    assert "no workflow is called 'z'" in (await stall.perform(DeployWorkflow(workflow="z"))).reason
    await stall.system.stop(stall.ref)
    await stall.start(times(1, "n"))
    assert "nothing to serve on" in (await stall.perform(DeployWorkflow(workflow="n"))).reason


@pytest.mark.parametrize("stall", ["inprocess"], indirect=True)
async def test_a_deployment_outlives_the_actor(stall: Stall) -> None:
    await stall.start(times(1, "n"), serving=stall.serving)
    await stall.must(DeployWorkflow(workflow="n"))
    await stall.system.stop(stall.ref)
    await stall.start(times(1, "n"), serving=stall.serving)
    upgraded = await stall.must(UpgradeWorkflow(workflow="n", definition=times(2, "n"), keep_previous=True))
    assert upgraded.versions == (1, 2)
    assert await stall.ask("n", 5) == (200, 10, "2")
