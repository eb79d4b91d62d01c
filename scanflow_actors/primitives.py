"""The operations that change the outside world, as typed messages (Table IV of the paper).

A primitive says what is to be done, to which target; only the infrastructure actor does it. It travels in
a `Perform`, which carries who asked for it and the idempotency key. Two primitives with the same target and
aspect want a say in the same thing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from scanflow_actors.actors.message import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scanflow_actors.workflows.batch import BatchWorkflow
    from scanflow_actors.workflows.container import Container
    from scanflow_actors.workflows.executor import Affinity, Resources
    from scanflow_actors.workflows.online import OnlineWorkflow
    from scanflow_actors.workflows.service import Scaling
    from scanflow_actors.workflows.traffic import Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnWorkflow:
    workflow: str
    aspect: ClassVar[str] = "definition"
    """What about the target it changes."""

    @property
    def target(self) -> str:
        """What it changes."""
        return f"workflow/{self.workflow}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnExecutor(_OnWorkflow):
    executor: str

    @property
    def target(self) -> str:
        """What it changes."""
        return f"workflow/{self.workflow}/executor/{self.executor}"


# ---------------------------------------------------------------------- batch workflows


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWorkflow(_OnWorkflow):
    """runWorkflow(): run a batch workflow once, and wait for its result."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Small values and `ArtifactRef`s, by the names that the workflow takes."""
    aspect: ClassVar[str] = "runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopWorkflow(_OnWorkflow):
    """stopWorkflow(): end the running runs of a batch workflow, or one of them. Result: `Stopped`."""

    run: str | None = None
    """Key that the run was asked for with; None for all."""
    aspect: ClassVar[str] = "runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeWorkflow(_OnWorkflow):
    """upgradeWorkflow(): give a workflow another version of its model, or another definition.

    With `model` and `version`, the alias ``production`` names that version from now on; with `model` and
    `roll_back`, the version that it named before; the result is the version. With the `definition` of a batch
    workflow, running runs go on by it: what does something else now, and what needs it, runs again; the
    result is `Changed`. With that of an online workflow, it comes up beside what is deployed, gets all
    requests, and what was there before goes; the result is `Deployed`.
    """

    model: str = ""
    version: int = 0
    roll_back: bool = False
    """Take the last promotion of the model back; asked for twice, the last two."""
    definition: BatchWorkflow | OnlineWorkflow | None = None
    keep_previous: bool = False
    """Leave the other versions of an online workflow deployed, without requests: a roll-back is then one
    `UpdateWorkflowTraffic`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateWorkflowAffinity(_OnWorkflow):
    """updateWorkflowAffinity(): where all executors must run, and those that run move; or all services."""

    affinity: Affinity
    aspect: ClassVar[str] = "affinity"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateWorkflowResource(_OnWorkflow):
    """updateWorkflowResource(): what each executor or service gets; those that run start again."""

    resources: Resources
    aspect: ClassVar[str] = "resources"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunExecutor(_OnExecutor):
    """runExecutor(): run an executor once more in the running runs, then what needs it. `Changed`."""

    aspect: ClassVar[str] = "runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopExecutor(_OnExecutor):
    """stopExecutor(): end an executor in the running runs; what needs it is not run. `Stopped`."""

    aspect: ClassVar[str] = "runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeExecutor(_OnExecutor):
    """upgradeExecutor(): another function or other options; it runs again, then what needs it. `Changed`."""

    run: Callable[..., Any] | Container | None = None
    """The new function; None keeps the present one."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Argument → value; those that are not named keep theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateExecutorAffinity(_OnExecutor):
    """updateExecutorAffinity(): where an executor must run; one that runs moves there. `Changed`."""

    affinity: Affinity
    aspect: ClassVar[str] = "affinity"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateExecutorResource(_OnExecutor):
    """updateExecutorResource(): what an executor gets; one that runs starts again with it. `Changed`."""

    resources: Resources
    aspect: ClassVar[str] = "resources"


# ---------------------------------------------------------------------- online workflows


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployWorkflow(_OnWorkflow):
    """deployWorkflow(): bring an online workflow up. The first version gets all requests, further ones none.

    Result: `Deployed`.
    """

    definition: OnlineWorkflow | None = None
    """None takes the one that the infrastructure was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteWorkflow(_OnWorkflow):
    """deleteWorkflow(): take all versions of an online workflow away, and its address. `Deployed`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateWorkflowReplica(_OnWorkflow):
    """updateWorkflowReplica(): a fixed number of replicas, or as many as the load wants. `Deployed`."""

    replicas: int | Scaling
    service: str | None = None
    """None for all services."""
    aspect: ClassVar[str] = "replicas"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateWorkflowTraffic(_OnWorkflow):
    """updateWorkflowTraffic(): which version gets which requests, from now on. `Deployed`."""

    traffic: Traffic
    aspect: ClassVar[str] = "traffic"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyWorkflowInstance(_OnWorkflow):
    """applyWorkflowInstance(): make one version run as it is defined, whatever became of it. `Deployed`."""

    version: int
    aspect: ClassVar[str] = "instances"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteWorkflowInstance(_OnWorkflow):
    """deleteWorkflowInstance(): take one version away that gets no requests. `Deployed`."""

    version: int
    aspect: ClassVar[str] = "instances"


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateWorkflowInstance(_OnWorkflow):
    """duplicateWorkflowInstance(): so many copies of one version, more or fewer than now. `Deployed`."""

    version: int
    copies: int
    """Replicas of each of its services, at least 1."""
    aspect: ClassVar[str] = "replicas"


BatchPrimitive = (
    RunWorkflow
    | StopWorkflow
    | UpgradeWorkflow
    | UpdateWorkflowAffinity
    | UpdateWorkflowResource
    | RunExecutor
    | StopExecutor
    | UpgradeExecutor
    | UpdateExecutorAffinity
    | UpdateExecutorResource
)
OnlinePrimitive = (
    DeployWorkflow
    | DeleteWorkflow
    | UpgradeWorkflow
    | UpdateWorkflowAffinity
    | UpdateWorkflowResource
    | UpdateWorkflowReplica
    | UpdateWorkflowTraffic
    | ApplyWorkflowInstance
    | DeleteWorkflowInstance
    | DuplicateWorkflowInstance
)
Primitive = BatchPrimitive | OnlinePrimitive

# ---------------------------------------------------------------------- results


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A workflow has another definition now."""

    generation: int
    """How often it has changed."""
    restarted: Mapping[str, tuple[str, ...]]
    """By key of each running run, the executors that began anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """How an online workflow stands now."""

    generation: int
    """How often it has changed."""
    address: str
    """Where requests are taken; empty when there is none."""
    versions: tuple[int, ...]
    """All that are deployed."""
    traffic: Traffic | None
    """Which version gets which requests; None when the workflow was deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Runs, or an executor in them, were ended."""

    runs: tuple[str, ...]
    """Keys of the runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a primitive."""

    is_success: bool
    result: Any = None
    """Result of the workflow (a small value or `ArtifactRef`s), or what the primitive's text says."""
    reason: str = ""
    """Why it failed, in words; empty on success."""
    rule: str | None = None
    """The arbiter's rule by which it was not carried out; None when it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Perform(Request[Outcome]):
    """Ask the infrastructure actor to carry out a primitive. The same key again gives the same outcome."""

    primitive: Primitive
    key: str
    by: str
    """Who asks: ``agent/strategy``, or a person."""
    priority: int = 0
    """Against the claims of others on the same target and aspect."""
    lease_s: float = 0.0
    """Seconds, of the agents' time, for which it is to stand."""
    generation: int | None = None
    """Of the target, when it was decided; None when the decision does not depend on it."""
    at_s: float = 0.0
    """When it was decided: the agents' time, seconds since the Unix epoch; 0 for now."""
