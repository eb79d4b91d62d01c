"""The executor: turns plans into primitives at the application layer, and says what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scanflow_actors.agents.action import Action, Effect, perform, to_agent
from scanflow_actors.agents.agent import Agent
from scanflow_actors.agents.constraint import Constraint, Verdict, holds_when
from scanflow_actors.agents.strategy import Strategy
from scanflow_actors.agents.templates.messages import ChangeModel, ChangeReplicas, ChangeTraffic, PlanEnded
from scanflow_actors.primitives import UpdateWorkflowReplica, UpdateWorkflowTraffic, UpgradeWorkflow
from scanflow_actors.triggers import on
from scanflow_actors.workflows.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanflow_actors.agents.act import Done
    from scanflow_actors.agents.charge import Charge
    from scanflow_actors.primitives import Primitive


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What an executor may change."""

    workflow: str | None = None
    """Workflow that uses the model; with `model`, its version is changed."""
    model: str | None = None
    """Name in the registry."""
    online: tuple[str, ...] = ()
    """Online workflows whose traffic and replicas it may change; plans for others are not carried out."""
    reports_to: str | None = None
    """Agent that gets a `PlanEnded` for each plan; None tells nobody."""

    def __post_init__(self) -> None:
        if (self.workflow is None) != (self.model is None):
            raise ValueError("changing a model needs both workflow and model")


class Executor(Agent):
    """Ships `change_model_transition` (Table V); for online workflows `change_traffic`, `change_replicas`."""

    def __init__(self, charge: Charge, config: Execution) -> None:
        super().__init__(charge)
        self.strategies = _of_model(config) + _of_services(config)


def _of_model(config: Execution) -> tuple[Strategy, ...]:
    workflow, model = config.workflow, config.model
    if workflow is None or model is None:
        return ()

    def upgrade(plan: ChangeModel) -> Primitive:
        return UpgradeWorkflow(workflow=workflow, model=model, version=plan.version)

    return (_carrying_out(config, "change_model_transition", ChangeModel, upgrade),)


def _of_services(config: Execution) -> tuple[Strategy, ...]:
    if not config.online:
        return ()

    def route(plan: ChangeTraffic) -> Primitive:
        return UpdateWorkflowTraffic(workflow=plan.workflow, traffic=Traffic(weights=plan.weights))

    def scale(plan: ChangeReplicas) -> Primitive:
        return UpdateWorkflowReplica(workflow=plan.workflow, replicas=plan.replicas)

    its_own = _one_of(config.online)
    return (
        _carrying_out(config, "change_traffic", ChangeTraffic, route, given=its_own),
        _carrying_out(config, "change_replicas", ChangeReplicas, scale, given=its_own),
    )


def _carrying_out(
    config: Execution, name: str, plan: type, make: Callable[[Any], Primitive], **options: Any
) -> Strategy:
    listener = config.reports_to
    then = perform(make)
    if listener is None:
        return Strategy(name=name, when=on(plan), then=then, **options)

    def report(asked: Any, done: Done) -> Effect:
        target: str = getattr(asked, "workflow", config.workflow or "")
        ended = PlanEnded(plan=plan.__name__, workflow=target, is_success=done.is_success, reason=done.reason)
        return to_agent(listener, ended)

    heard = Action(calls=((listener, PlanEnded),))
    return Strategy(name=name, when=on(plan), then=then + heard, reports=report, **options)


def _one_of(workflows: tuple[str, ...]) -> Constraint:
    def is_its_own(plan: ChangeTraffic | ChangeReplicas) -> Verdict:
        is_known = plan.workflow in workflows
        return Verdict(
            is_known, f"{plan.workflow} is {'' if is_known else 'not '}one of {', '.join(workflows)}"
        )

    return holds_when(is_its_own)
