"""One journal for several processes, and for a whole team, in a file or on a server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import TYPE_CHECKING

from scanflow_actors.actors import ActorSystem
from scanflow_actors.agents import Journal, Member, Team
from scanflow_actors.agents.history import open_existing
from scanflow_actors.agents.strategy import Call
from scanflow_actors.artifacts import KnowledgeSettings
from scanflow_actors.cli import main
from scanflow_actors.infrastructure import Infrastructure, InfrastructureActor, InProcessBackend
from scanflow_actors.workflows import BatchWorkflow, Executor
from tests.unit.agents.crew import Check, Checking

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

COUNT = 200
WRITES = """
import sys
from scanflow_actors.agents import Journal
from scanflow_actors.agents.records import Memory
from scanflow_actors.agents.records import Decision
journal = Journal(sys.argv[1])
def decide(name):
    return Decision(id=name, agent=name[0], strategy="s", cause=None, trace=name, at="2026-01-01",
                    holds=True, reason="", state=None, effects=())
input()
own = [f"{sys.argv[2]}/s/{number}" for number in range(int(sys.argv[3]))]
shared = [f"c/s/{number}" for number in range(int(sys.argv[3]))]
write = journal.executor.submit
futures = [write(journal.commit, decide(name), Memory(watermark=name)) for name in own + shared]
print(sum(future.result() for future in futures))
journal.close()
"""


def test_two_processes_write_one_journal_and_each_decision_is_made_once(database_address: str) -> None:
    Journal(database_address).close()
    writers = [
        subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-c", WRITES, database_address, name, str(COUNT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "ab"
    ]
    made = [int(writer.communicate("go\n")[0]) for writer in writers]
    assert sum(made) == 3 * COUNT
    journal = open_existing(database_address)
    names = [entry.decision for entry in journal.entries()]
    assert len(names) == len(set(names)) == 3 * COUNT
    assert journal.memory("a", "s").watermark == f"a/s/{COUNT - 1}"
    journal.close()


def step(items: list[int]) -> int:
    return sum(items)


async def test_a_team_and_its_infrastructure_keep_all_they_know_on_a_server(
    postgres: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workflow = BatchWorkflow(
        name="detect", executors=(Executor(name="step", run=step, takes={"items": "items"}),), result="step"
    )
    parts = Infrastructure(
        backend=InProcessBackend(),
        workflows=(workflow,),
        ledger=postgres,
        knowledge=KnowledgeSettings.in_folder(tmp_path),
    )
    team = Team(members={"checker": Member(agent=Checking)}, journal=postgres)
    asked = Call(message=Check(first=1, end=5), key="k", trace="k")
    for is_new in (True, False):  # the second time after a restart of everything
        async with ActorSystem() as system:
            await system.spawn(InfrastructureActor, parts, name="infrastructure")
            refs = await team.start(system)
            assert (await refs["checker"].ask(asked)).is_new is is_new
            assert await team.settled(timeout_s=30)
    assert await asyncio.to_thread(main, ["explain", "checker/check/k", "--journal", postgres, "--json"]) == 0
    decision, outcome = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (decision["kind"], decision["body"]["state"]["end"]) == ("decision", 5)
    assert (outcome["kind"], outcome["body"][0]["result"]) == ("outcome", 6)
