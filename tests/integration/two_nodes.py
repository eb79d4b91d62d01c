"""A program: a cluster of two nodes on this machine, and what becomes of executors and actors on them.

Writes JSON.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray.cluster_utils import Cluster

from scanflow_actors.cluster.system import RAY_ENVIRONMENT
from scanflow_actors.infrastructure import ExecutorFailed
from scanflow_actors.infrastructure.embedded.batch import EmbeddedBackend
from scanflow_actors.primitives import RunWorkflow, StopWorkflow, UpdateExecutorAffinity
from scanflow_actors.workflows import Affinity, BatchWorkflow, Executor
from tests import steps
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


async def play(folder: Path, nodes: dict[str, str], lose: Any) -> dict[str, Any]:
    async with opened(folder, EmbeddedBackend(), Site) as site:
        gate = site.gate().path
        moving = holding(site, gate, "moving", labels={"zone": "a"})
        shy = holding(site, gate, "shy", apart_from=("moving",))
        await site.start(moving, shy)
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
        lose()
        outcome = await run
        failed = await site.facts.has(ExecutorFailed, "moving")
        return {
            "restarted": restarted,
            "is_success": outcome.is_success,
            "reason": failed.failure.reason.value,
        }


def main(folder: Path) -> None:
    os.environ.update(RAY_ENVIRONMENT)
    cluster: Any = Cluster(
        initialize_head=True,
        head_node_args={**NODE, "labels": {"zone": "a"}, "resources": {"a": 1}, "include_dashboard": False},
    )
    second = cluster.add_node(**NODE, labels={"zone": "b"}, resources={"b": 1})
    ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    known: Callable[[], list[dict[str, Any]]] = ray.nodes
    nodes = {node["Labels"]["zone"]: node["NodeID"] for node in known()}
    talked = asyncio.run(talk())
    found = asyncio.run(play(folder, nodes, lambda: cluster.remove_node(second, allow_graceful=False)))
    (folder / "found.json").write_text(json.dumps({**found, "talked": talked}))
    shutdown: Callable[[], None] = ray.shutdown
    shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
