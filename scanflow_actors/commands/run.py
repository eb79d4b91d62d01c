"""`scanflow run`: run a batch workflow once."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from scanflow_actors.actors import Actor, ActorSystem, receive
from scanflow_actors.agents.plain import plain
from scanflow_actors.artifacts.settings import KnowledgeSettings
from scanflow_actors.commands.paint import GREEN, RED, painted
from scanflow_actors.errors import InvalidWorkflowError
from scanflow_actors.infrastructure import Infrastructure, InfrastructureActor, InProcessBackend
from scanflow_actors.infrastructure.actor import NAME, Subscription
from scanflow_actors.infrastructure.facts import ExecutorFailed, WorkflowAdvanced
from scanflow_actors.primitives import Outcome, Perform, RunWorkflow
from scanflow_actors.workflows.batch import BatchWorkflow
from scanflow_actors.workflows.document import from_yaml

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from typing import Any

TIMEOUT_S = 7 * 24 * 3600.0
"""A week: it is a person who ends what takes too long."""


class _Teller(Actor):
    """Says how far a run is."""

    @receive
    def advanced(self, fact: WorkflowAdvanced) -> None:
        """Say which step is done."""
        _say(f"{fact.step.done}/{fact.step.total} {fact.step.executor}: {painted('done', GREEN, sys.stderr)}")

    @receive
    def failed(self, fact: ExecutorFailed) -> None:
        """Say which step failed, and whether it is tried again."""
        failure = fact.failure
        then = "" if failure.retry_in_s is None else f"; again in {failure.retry_in_s:g} s"
        _say(f"{failure.executor}: {painted('failed', RED, sys.stderr)}: {failure.message}{then}")


def run(options: argparse.Namespace) -> int:
    """Run a batch workflow in this process: progress to standard error, the result to standard output."""
    workflow = _read(options.file)
    outcome = asyncio.run(_outcome(workflow, dict(options.parameters)))
    if options.json:
        sys.stdout.write(json.dumps({"workflow": workflow.name, **plain(outcome)}) + "\n")
    elif outcome.is_success:
        sys.stdout.write(f"{json.dumps(plain(outcome.result))}\n")
    else:
        _say(f"{workflow.name} {painted('failed', RED, sys.stderr)}: {outcome.reason}")
    return 0 if outcome.is_success else 1


def _read(path: Path) -> BatchWorkflow:
    try:
        workflow = from_yaml(path.read_text())
    except OSError as error:
        problem = f"{error.strerror}; give the workflow's file"
        raise InvalidWorkflowError(workflow=str(path), place="file", problem=problem) from error
    if not isinstance(workflow, BatchWorkflow):
        problem = "runs until it is stopped; `scanflow run` takes a batch workflow"
        raise InvalidWorkflowError(workflow=workflow.name, place="kind", problem=problem)
    return workflow


async def _outcome(workflow: BatchWorkflow, parameters: Mapping[str, Any]) -> Outcome:
    workflow.check_parameters(parameters)
    with tempfile.TemporaryDirectory(prefix="scanflow-run-") as name:
        parts = Infrastructure(
            backend=InProcessBackend(),
            workflows=(workflow,),
            ledger=Path(name) / "ledger.db",
            knowledge=KnowledgeSettings.in_folder(Path(name)),
            subscriptions=(Subscription(actor="teller", facts=(WorkflowAdvanced, ExecutorFailed)),),
        )
        async with ActorSystem("run") as system:
            await system.spawn(_Teller, name="teller")
            infrastructure = await system.spawn(InfrastructureActor, parts, name=NAME)
            primitive = RunWorkflow(workflow=workflow.name, parameters=parameters)
            asked = Perform(primitive=primitive, key=uuid.uuid4().hex, by="scanflow run")
            return await infrastructure.ask(asked, timeout_s=TIMEOUT_S)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
