"""Search the best settings of a small classifier, register it, and say where it comes from."""

import asyncio
import sys
from pathlib import Path

import numpy as np

import scanflow_actors as sf
from scanflow_actors.artifacts import KnowledgeBase, KnowledgeSettings, arrays_to_bytes
from scanflow_actors.infrastructure import Infrastructure, InfrastructureActor, InProcessBackend
from scanflow_actors.primitives import Perform, RunWorkflow, UpgradeWorkflow
from scanflow_actors.workflows import Score, from_yaml

FOLDER = Path(__file__).parent


def make_points(seed):
    """Two clouds of points that overlap: 200 to train on and 200 to validate on."""
    random = np.random.default_rng(seed)
    labels = np.arange(400) % 2
    points = random.normal(size=(400, 2)) + 1.5 * labels[:, None]
    return {"train": (points[:200], labels[:200]), "validate": (points[200:], labels[200:])}


def train(points, rate, steps, penalty):
    """Logistic regression by gradient descent; the score is the accuracy on points that it has not seen."""
    inputs, labels = points["train"]
    weights = np.zeros(3)
    inputs = np.column_stack([inputs, np.ones(len(inputs))])
    for _ in range(steps):
        chance = 1 / (1 + np.exp(-inputs @ weights))
        weights -= rate * (inputs.T @ (chance - labels) / len(labels) + penalty * weights)
    unseen, truth = points["validate"]
    guesses = np.column_stack([unseen, np.ones(len(unseen))]) @ weights > 0
    files = {"model.npz": arrays_to_bytes({"weights": weights})}
    return Score(value=float((guesses == truth).mean()), files=files)


async def main(folder):
    """Run the workflow, put the best model into production, and read its lineage."""
    knowledge = KnowledgeSettings.in_folder(folder)
    workflow = from_yaml((FOLDER / "workflow.yaml").read_text())
    parts = Infrastructure(
        backend=InProcessBackend(), workflows=(workflow,), ledger=folder / "ledger.db", knowledge=knowledge
    )
    async with sf.ActorSystem() as system:
        infrastructure = await system.spawn(InfrastructureActor, parts, name="infrastructure")

        async def perform(primitive, key):
            outcome = await infrastructure.ask(Perform(primitive=primitive, key=key, by="me"), timeout_s=300)
            if not outcome.is_success:
                raise SystemExit(outcome.reason)
            return outcome.result

        found = await perform(RunWorkflow(workflow="tuning", parameters={"seed": 0}), "monday")
        upgrade = UpgradeWorkflow(workflow="tuning", model="clouds", version=found.version)
        await perform(upgrade, "monday's best")
    lineage = await asyncio.to_thread(KnowledgeBase(knowledge).models.lineage, "clouds", found.version)
    print(f"{found.successes} trials, {found.failures} failed; the best is number {found.number}")
    print(f"accuracy {found.value:.3f} with {lineage.run.params['steps']} steps")
    print(f"version {lineage.version} was made by {lineage.origin.code.split('@')[0]}")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
