"""How many replicas a service has, by what its replicas say of themselves: policies for Ray Serve.

Serve runs these in its controller, and takes this module there by value: it needs nothing but what is in it.
"""

from __future__ import annotations

from typing import Any

QUERIES = "queries_per_s"
CPUS = "cpus"


def by_queries(context: Any) -> tuple[float, dict[str, Any]]:
    """As many as keep the queries a second of each at the target."""
    return _wanted(context, QUERIES), {}


def by_cpus(context: Any) -> tuple[float, dict[str, Any]]:
    """As many as keep the CPUs that each uses at the target."""
    return _wanted(context, CPUS), {}


def _wanted(context: Any, name: str) -> float:
    measured = context.aggregated_metrics.get(name, {})
    living = [value for replica, value in measured.items() if replica in set(context.running_replicas)]
    if not living:
        return float(context.target_num_replicas)  # nobody has said anything yet
    return float(sum(living) / context.config.get_target_ongoing_requests())
