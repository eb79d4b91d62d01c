"""What the example teams look after: ten minutes of a classifier and its backup, in this process.

Run a team and see what it decided: ``python stage.py planner/as_shipped.yaml`` or ``python stage.py
planner/extended.py``. A minute of the agents' time takes a second.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import itertools
import sys
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from scanflow_actors import ActorSystem, Clock, Journal, KnowledgeSettings
from scanflow_actors.agents.strategy import Call
from scanflow_actors.agents.team_file import load_team
from scanflow_actors.agents.templates import ChangeReplicas, ChangeTraffic
from scanflow_actors.infrastructure import (
    Infrastructure,
    InfrastructureActor,
    InProcessBackend,
    InProcessServing,
)
from scanflow_actors.primitives import DeployWorkflow, Perform
from scanflow_actors.workflows import BatchWorkflow, Executor, OnlineWorkflow, Service

WELL = {"v1": True, "v2": True}
TOLD = []
"""What the workflow `tell` was run with."""


class Classifier:
    """Says whether a number is even; fails for anything else."""

    def __init__(self, name):
        self._name = name

    async def __call__(self, number):
        """Answer one request."""
        return number % 2 == 0

    async def check_health(self):
        """Raise when it is ill."""
        if not WELL[self._name]:
            raise ConnectionError(f"{self._name} is ill")


def classifier(version):
    """One version of the online workflow."""
    service = Service(name="model", run=Classifier, options={"name": f"v{version}"})
    return OnlineWorkflow(name="classifier", services=(service,), entry="model", version=version)


def tell(what):
    """Stand for what tells a person."""
    TOLD.append(what)


TELL = BatchWorkflow(
    name="tell", executors=(Executor(name="tell", run=tell, takes={"what": "what"}),), result="tell"
)
WORKFLOWS = (classifier(1), TELL)

_KEYS = itertools.count()


class Stage:
    """A running team, and what happens to the classifier meanwhile."""

    def __init__(self, team, system):
        self.team = team
        self.system = system
        self.serving = InProcessServing()

    async def start(self):
        """Start the infrastructure and the team, and deploy the classifier with its backup."""
        parts = Infrastructure(
            backend=InProcessBackend(),
            workflows=WORKFLOWS,
            ledger=self.team.journal,
            knowledge=KnowledgeSettings.in_folder(self.team.journal.parent),
            serving=self.serving,
            subscriptions=self.team.subscriptions(),
            watch_every_s=10 / self.team.clock.scale,
            now_s=self.team.clock.timestamp_s,
        )
        infrastructure = await self.system.spawn(InfrastructureActor, parts, name="infrastructure")
        await self.team.start(self.system)
        for version in (1, 2):
            deploy = DeployWorkflow(workflow="classifier", definition=classifier(version))
            await infrastructure.ask(Perform(primitive=deploy, key=f"deploy-{version}", by="stage"))
        await self.pause(5)  # what happens at a whole minute may be seen in that one or the next

    async def minute(self, requests=0, failures=0):
        """Let a minute pass in which the classifier is asked so often; so many of the answers are errors."""
        for at in range(requests):
            try:
                await self.serving.ask("classifier", "no number" if at < failures else at)
            except TypeError:
                continue
        await self.pause(60)

    async def pause(self, seconds):
        """Let some of the agents' time pass."""
        clock = self.team.clock
        await asyncio.sleep(clock.wait_s(clock.now() + timedelta(seconds=seconds)))

    async def plan(self, *plans):
        """Ask the executor, as a planner or a person does."""
        for message in plans:
            key = f"plan-{next(_KEYS)}"
            await self.system.find("executor").ask(Call(message=message, key=key, trace=key))
        await self.team.settled(timeout_s=60)


async def play(team, plans=()):
    """Ten minutes: calm, a rush, errors, the first version ill, and well again."""
    WELL.update(v1=True, v2=True)
    TOLD.clear()
    async with ActorSystem() as system:
        stage = Stage(team, system)
        await stage.start()
        for requests, failures in [(60, 0), (60, 0), (1500, 0), (1500, 0), (100, 50), (100, 50)]:
            await stage.minute(requests, failures)
        WELL["v1"] = False
        await stage.minute()
        WELL["v1"] = True
        for _ in range(3):
            await stage.minute()
        await stage.plan(*plans)
        await team.settled(timeout_s=60)
        return stage


def team_in(path, journal, clock):
    """The team of a YAML file, or what `make_team` in a Python file makes."""
    if path.suffix == ".yaml":
        return replace(load_team(path, clock=clock), journal=journal)
    return module_of(path).make_team(journal, clock)


@functools.cache
def module_of(path):
    """Import a file."""
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def plans_for(path):
    """What the executor of a team is asked for at the end; nothing where there is none."""
    if path.parent.name != "executor":
        return ()
    plans = (
        ChangeReplicas(workflow="classifier", replicas=2),
        ChangeTraffic(workflow="classifier", weights={1: 3, 2: 1}),
    )
    own = () if path.suffix == ".yaml" else module_of(path).PLANS
    return (*plans, *own)


def main():
    """Play for the team that the command line names, and print what it decided to do."""
    path = Path(sys.argv[1])
    clock = Clock.starting(Clock().now(), hour_s=60)
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.db"
        team = team_in(path, journal, clock)
        asyncio.run(play(team, plans_for(path)))
        entries = Journal(journal)
        for entry in entries.entries():
            if entry.kind == "decision" and entry.holds:
                print(entry.at, f"{entry.agent}/{entry.strategy}:", entry.reason)
        entries.close()
    print("told:", TOLD)


if __name__ == "__main__":
    main()
