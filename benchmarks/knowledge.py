"""How long does logging 10,000 metrics take through ours, beside MLflow's own batch call?

Run: python benchmarks/knowledge.py. Both write to runs of one SQLite store, in turns; the median of three
turns each. Prints one JSON object a case.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric

from scanflow_actors.artifacts import KnowledgeBase, KnowledgeSettings, RunLogger

COUNT = 10_000
TURNS = 3


async def ours(knowledge: KnowledgeBase, turn: int) -> str:
    """One value after the other, as a training loop has them; flushed at the end."""
    async with RunLogger(knowledge, "bench", key=f"ours-{turn}") as log:
        for step in range(COUNT):
            log.metric("loss", step * 0.5, step=step)
        return log.id


def mlflows(client: MlflowClient, experiment: str) -> str:
    """All values at once, in MLflow's own batch call, which cuts them into thousands."""
    run = client.create_run(experiment)
    now = int(time.time() * 1000)
    client.log_batch(
        run.info.run_id, metrics=[Metric("loss", step * 0.5, now, step) for step in range(COUNT)]
    )
    client.set_terminated(run.info.run_id)
    return str(run.info.run_id)


def main() -> None:
    """Measure in turns, and check that all has arrived."""
    spent: dict[str, list[float]] = {"ours": [], "mlflow": []}
    with tempfile.TemporaryDirectory() as folder:
        settings = KnowledgeSettings.in_folder(Path(folder))
        knowledge = KnowledgeBase(settings)
        knowledge.prepare()
        client = MlflowClient(settings.tracking_uri)
        experiment = client.get_experiment_by_name(settings.experiment).experiment_id
        for turn in range(TURNS):
            for case in ("ours", "mlflow"):
                begin = time.perf_counter()
                run_id = asyncio.run(ours(knowledge, turn)) if case == "ours" else mlflows(client, experiment)
                spent[case].append(time.perf_counter() - begin)
                assert len(client.get_metric_history(run_id, "loss")) == COUNT
    for case, seconds in spent.items():
        print(json.dumps({"case": case, "ms": round(statistics.median(seconds) * 1000)}))


if __name__ == "__main__":
    main()
