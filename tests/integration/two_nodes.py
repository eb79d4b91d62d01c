"""A program: a cluster of two nodes on this machine, and what becomes of executors and actors on them.

Writes JSON.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import ray
from ray._private import utils as memory
from ray.cluster_utils import Cluster

from scanflow_actors.cluster.system import RAY_ENVIRONMENT
from scanflow_actors.infrastructure import ExecutorFailed
from scanflow_actors.infrastructure.embedded.batch import EmbeddedBackend
from scanflow_actors.infrastructure.embedded.serving import ServeBackend
from scanflow_actors.primitives import DeployWorkflow, RunWorkflow, StopWorkflow, UpdateExecutorAffinity
from scanflow_actors.workflows import Affinity, BatchWorkflow, Executor, OnlineWorkflow, Service
from tests import services, steps
from tests.integration.far_actors import talk
from tests.site import Site, opened

if TYPE_CHECKING:
    from collections.abc import Callable

NODE: dict[str, Any] = {"num_cpus": 2, "object_store_memory": 80 * 2**20}


def holding(site: Site, gate: str, name: str, **affinity: Any) -> BatchWorkflow:
    """One executor that says its name and node, and waits."""
    options = {"port": site.probe.port, "gate": gate, "text": name}
    executor = Executor(name="hold", run=steps.hold_where, options=options, affinity=Affinity(**affinity))
    return BatchWorkflow(name=name, executors=(executor,), result="hold")


def hoarding() -> BatchWorkflow:
    """One executor that takes more memory than its node may have."""
    options = {"at_most_bytes": 6 * 2**30}
    there = Affinity(labels={"zone": "c"})
    executor = Executor(name="hoard", run=steps.hoard, options=options, affinity=there)
    return BatchWorkflow(name="hoarding", executors=(executor,), result="hoard")


def web() -> OnlineWorkflow:
    """One service that says its node, and will not meet `early`."""
    apart = Affinity(apart_from=("early",))
    service = Service(name="where", run=services.where, num_cpus=0.1, affinity=apart)
    return OnlineWorkflow(name="web", services=(service,), entry="where")


def asked(address: str) -> Any:
    with urlopen(Request(address, data=b"null")) as response:  # noqa: S310 - our own address
        return json.load(response)


async def keep_apart(site: Site, nodes: dict[str, str]) -> str:
    """A service comes up where a batch is not, then a batch runs where the service is not."""
    early = site.later(RunWorkflow(workflow="early"))
    await site.probe.hears(f"early {nodes['b']}")
    deployed = await site.perform(DeployWorkflow(workflow="web"))
    await site.perform(StopWorkflow(workflow="early"))
    await early
    polite = site.later(RunWorkflow(workflow="polite"))
    await site.probe.hears(f"polite {nodes['b']}")
    await site.perform(StopWorkflow(workflow="polite"))
    await polite
    served_on: str = await asyncio.to_thread(asked, deployed.result.address)
    return served_on


async def play(folder: Path, nodes: dict[str, str], lose: Callable[[str], None]) -> dict[str, Any]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        serving = ServeBackend(port=free.getsockname()[1], front_num_cpus=0.1)
    async with opened(folder, EmbeddedBackend(), Site) as site:
        gate = site.gate().path
        moving = holding(site, gate, "moving", labels={"zone": "a"})
        shy = holding(site, gate, "shy", apart_from=("moving",))
        polite = holding(site, gate, "polite", apart_from=("web",))
        early = holding(site, gate, "early", labels={"zone": "b"})
        await site.start(moving, shy, polite, early, hoarding(), web(), serving=serving)
        await site.run("hoarding", "hoarding")
        hoarded = await site.facts.has(ExecutorFailed, "hoarding")
        lose("c")
        served_on = await keep_apart(site, nodes)
        run = site.later(RunWorkflow(workflow="moving"), "moving")
        await site.probe.hears(f"moving {nodes['a']}")
        moved = Affinity(labels={"zone": "b"})
        change = UpdateExecutorAffinity(workflow="moving", executor="hold", affinity=moved)
        restarted = (await site.perform(change)).result.restarted
        await site.probe.hears(f"moving {nodes['b']}")
        other = site.later(RunWorkflow(workflow="shy"))
        await site.probe.hears(f"shy {nodes['a']}")
        await site.perform(StopWorkflow(workflow="shy"))
        await other
        lose("b")
        outcome = await run
        failed = await site.facts.has(ExecutorFailed, "moving")
        return {
            "restarted": restarted,
            "is_success": outcome.is_success,
            "reason": failed.failure.reason.value,
            "served on": next(zone for zone, node in nodes.items() if node == served_on),
            "hoarded": hoarded.failure.reason.value,
        }


def used_share() -> float:
    """Of the memory that Ray's monitor sees."""
    seen: Any = memory  # ray leaves it untyped
    return float(seen.get_used_memory() / seen.get_system_memory())


def main(folder: Path) -> None:
    os.environ.update(RAY_ENVIRONMENT)
    cluster: Any = Cluster(
        initialize_head=True,
        head_node_args={**NODE, "labels": {"zone": "a"}, "resources": {"a": 1}, "include_dashboard": False},
    )
    added = {"b": cluster.add_node(**NODE, labels={"zone": "b"}, resources={"b": 1})}
    os.environ.update({"RAY_memory_usage_threshold": str(used_share() + 0.03)})
    added["c"] = cluster.add_node(**NODE, labels={"zone": "c"})  # its monitor kills what takes 3 % of memory
    ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    known: Callable[[], list[dict[str, Any]]] = ray.nodes
    nodes = {node["Labels"]["zone"]: node["NodeID"] for node in known()}

    def lose(zone: str) -> None:
        cluster.remove_node(added[zone], allow_graceful=False)

    talked = asyncio.run(talk())
    found = asyncio.run(play(folder, nodes, lose))
    (folder / "found.json").write_text(json.dumps({**found, "talked": talked}))
    shutdown: Callable[[], None] = ray.shutdown
    shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
