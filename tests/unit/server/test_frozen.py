"""What strategies change back and forth is frozen: it is seen from outside, and a person lifts it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from scanflow_actors.actors import ActorSystem
from scanflow_actors.agents import Member, Team
from scanflow_actors.artifacts import KnowledgeSettings
from scanflow_actors.cli import main
from scanflow_actors.infrastructure import Infrastructure, InfrastructureActor, InProcessBackend
from scanflow_actors.primitives import Perform, UpdateWorkflowResource
from scanflow_actors.server import Door, Role, Tokens, serve
from scanflow_actors.workflows import BatchWorkflow, Executor
from scanflow_actors.workflows.executor import Resources
from tests.unit.agents.crew import Checking

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

TOKEN = "o" * 24


def step() -> None:
    """Do nothing."""


def wants(number: int) -> Perform:
    """Two strategies in turn, each with its own idea of the resources."""
    return Perform(
        primitive=UpdateWorkflowResource(workflow="w", resources=Resources(num_cpus=1 + number % 2)),
        key=str(number),
        by=f"{'ab'[number % 2]}/s",
        at_s=1000.0 + number,
    )


async def test_what_is_frozen_is_in_the_status_and_a_person_lifts_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCANFLOW_TOKEN", TOKEN)
    journal = tmp_path / "journal.db"
    workflow = BatchWorkflow(name="w", executors=(Executor(name="step", run=step),), result="step")
    parts = Infrastructure(
        backend=InProcessBackend(),
        workflows=(workflow,),
        ledger=journal,
        knowledge=KnowledgeSettings.in_folder(tmp_path),
    )
    team = Team(members={"it": Member(agent=Checking)}, journal=journal)

    async def scanflow(*words: str) -> tuple[int, str]:
        code = await asyncio.to_thread(main, [*words, "--team", "t", "--url", url])
        caught = capsys.readouterr()
        return code, caught.out + caught.err

    async with ActorSystem() as system:
        infrastructure = await system.spawn(InfrastructureActor, parts, name="infrastructure")
        await team.start(system)
        tokens = Tokens(((TOKEN, Role.OPERATE),))
        async with serve(Door(name="t", team=team, system=system, tokens=tokens), port=0) as url:
            assert "frozen" not in (await scanflow("status"))[1]
            rules = [(await infrastructure.ask(wants(number))).rule for number in range(4)]
            assert rules == [None, None, None, "flapping"]
            code, said = await scanflow("status")
            assert code == 0
            assert "workflow/w resources: frozen" in said
            assert "`scanflow thaw workflow/w resources`" in said
            slot = '{"target": "workflow/w", "aspect": "resources", "lifted_above_priority": 0}'
            assert f'"frozen": [{slot}]' in (await scanflow("status", "--json"))[1]
            assert (await scanflow("thaw", "workflow/w", "resources"))[0] == 0
            assert "frozen" not in (await scanflow("status"))[1]
            missing = await scanflow("thaw", "workflow/w", "resources")
            assert missing == (2, "scanflow: 404: workflow/w resources is not frozen\n")
            assert (await infrastructure.ask(wants(4))).is_success
