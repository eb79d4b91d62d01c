"""Keeps workflows off each other's nodes, by what all processes of the cluster know of each other.

Each call writes its node into Ray's key-value store when it starts; each workflow that wants to be apart from
others, whom. Where there is one node only, nothing is written and nobody can be apart.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import ray
from ray.experimental import internal_kv

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanflow_actors.workflows.executor import Affinity

NODE = "ray.io/node-id"
"""Label that Ray gives to each node."""

_WHERE = "scanflow/where/"
_WISH = "scanflow/apart/"

_nodes: Callable[[], list[dict[str, Any]]] = ray.nodes  # ray leaves these untyped
_put: Callable[[bytes, bytes], Any] = internal_kv._internal_kv_put  # noqa: SLF001 - all that Ray offers for this
_del: Callable[[bytes], Any] = internal_kv._internal_kv_del  # noqa: SLF001 - as above
_get: Callable[[bytes], bytes | None] = internal_kv._internal_kv_get  # noqa: SLF001 - as above
_list: Callable[[bytes], list[bytes]] = internal_kv._internal_kv_list  # noqa: SLF001 - as above


def alive() -> frozenset[str]:
    """Ids of the nodes that live. Blocks for a call to Ray."""
    return frozenset(str(node["NodeID"]) for node in _nodes() if node["Alive"])


def resources() -> dict[str, dict[str, float]]:
    """What each node that lives has in all, by its id. Blocks for a call to Ray."""
    return {str(node["NodeID"]): dict(node["Resources"]) for node in _nodes() if node["Alive"]}


def is_here(workflow: str, call: str) -> None:
    """Say that a call of a workflow runs on this node. Called where it runs."""
    node = ray.get_runtime_context().get_node_id()
    _put(f"{_WHERE}{workflow}/{call}".encode(), node.encode())


def node_of(workflow: str, call: str) -> str | None:
    """The node that a call runs on; None when it has not begun."""
    node = _get(f"{_WHERE}{workflow}/{call}".encode())
    return node.decode() if node is not None else None


def is_gone(workflow: str, call: str) -> None:
    """Say that it has ended."""
    _del(f"{_WHERE}{workflow}/{call}".encode())


def wish(workflow: str, apart_from: tuple[str, ...]) -> None:
    """Say whom a workflow wants to be apart from, from now on."""
    key = f"{_WISH}{workflow}".encode()
    if apart_from:
        _put(key, json.dumps(apart_from).encode())
    else:
        _del(key)


def avoided(workflow: str, affinity: Affinity) -> frozenset[str]:
    """Nodes where those run that this workflow must not meet, by its own wish or by theirs."""
    others = set(affinity.apart_from)
    for key in _list(_WISH.encode()):
        if workflow in json.loads(_get(key) or b"[]"):
            others.add(key.decode().removeprefix(_WISH))
    others.discard(workflow)
    found = {node for other in others for node in _batch_nodes(other)}
    return frozenset(found | _served_nodes(others))


def _batch_nodes(workflow: str) -> set[str]:
    keys = _list(f"{_WHERE}{workflow}/".encode())
    return {value.decode() for key in keys if (value := _get(key)) is not None}


def _served_nodes(workflows: set[str]) -> set[str]:
    """Nodes of replicas, as Serve's controller knows them."""
    if not workflows or "ray.serve" not in sys.modules:
        return set()
    from ray.serve.context import _get_global_client  # noqa: PLC0415 - Serve is there, and has no other

    client = _get_global_client(raise_if_no_controller_running=False)
    applications = client.get_serve_details()["applications"] if client else {}
    return {
        replica["node_id"]
        for name, application in applications.items()
        if name.rpartition(".v")[0] in workflows
        for deployment in application["deployments"].values()
        for replica in deployment["replicas"]
        if replica["node_id"]
    }


def selector(affinity: Affinity, avoid: frozenset[str]) -> dict[str, str]:
    """Labels of the nodes that are allowed, as Ray takes them."""
    labels = dict(affinity.labels)
    if avoid:
        labels[NODE] = f"!in({','.join(sorted(avoid))})"
    return labels
