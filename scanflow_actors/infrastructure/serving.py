"""What a backend can do with online workflows: the operations behind their primitives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanflow_actors.infrastructure.usage import Usage
    from scanflow_actors.workflows.online import OnlineWorkflow
    from scanflow_actors.workflows.traffic import Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """How one service of one version stands."""

    running: int
    """Replicas that answer."""
    wanted: int
    """Replicas that there should be; where they scale by load, at the least."""


class Serving(Protocol):
    """Carries out what the infrastructure actor has decided to let through."""

    async def apply(self, workflow: OnlineWorkflow) -> None:
        """Bring a version into being as it is defined, or make it so, without a request lost.

        Raises:
            ServiceFailedError: It did not come up; what ran before runs on.
        """

    async def delete(self, workflow: str, version: int) -> None:
        """Take a version away, once no request is under way in it."""

    async def route(self, workflow: str, traffic: Traffic, versions: Mapping[int, OnlineWorkflow]) -> str:
        """Open the workflow's address, or change who answers there from now on.

        Args:
            workflow: Its name.
            traffic: Which version gets which requests.
            versions: All that are deployed.

        Returns:
            The address.
        """

    async def close(self, workflow: str) -> None:
        """Take the workflow's address away."""

    async def states(self) -> Mapping[tuple[str, int], Mapping[str, ServiceState]]:
        """By workflow and version, how each service stands."""

    async def usage(self, workflow: str) -> Mapping[int, Usage]:
        """By version, what came of the requests to a workflow's address since it was opened."""


def bound_s(traffic: Traffic, versions: Mapping[int, OnlineWorkflow]) -> float:
    """Seconds for one request, whichever version gets it."""
    return max(versions[version].latency_bound_s for version in traffic.versions)
