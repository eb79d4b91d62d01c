"""What the infrastructure actor has carried out, by key, so that nothing is done twice."""

from __future__ import annotations

import pickle
import time
from typing import TYPE_CHECKING

import cloudpickle

from scanflow_actors.infrastructure.database import open_database

if TYPE_CHECKING:
    from pathlib import Path

    from scanflow_actors.primitives import Outcome, Perform
    from scanflow_actors.workflows.batch import BatchWorkflow

_SCHEMA = """
create table if not exists primitive (
    key text primary key,
    asked_by text not null,
    kind text not null,
    target text not null,
    recorded_at real not null,
    is_success integer not null,
    reason text not null,
    outcome blob not null
);
create table if not exists definition (
    workflow text primary key,
    generation integer not null,
    body blob not null
);
"""


class Ledger:
    """A table in the journal's database. Methods block for a disk write."""

    def __init__(self, path: Path) -> None:
        self._database = open_database(path, _SCHEMA)

    def outcome(self, key: str) -> Outcome | None:
        """What became of the primitive with this key, or None when it was never finished."""
        row = self._database.execute("select outcome from primitive where key = ?", (key,)).fetchone()
        if row is None:
            return None
        outcome: Outcome = pickle.loads(row[0])
        return outcome

    def record(self, perform: Perform, outcome: Outcome) -> None:
        """Write down what became of a primitive."""
        self._database.execute(
            "insert or ignore into primitive values (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                perform.key,
                perform.by,
                type(perform.primitive).__name__,
                perform.primitive.target,
                time.time(),
                outcome.is_success,
                outcome.reason,
                cloudpickle.dumps(outcome),
            ),
        )

    def keep_definition(self, basis: BatchWorkflow, generation: int, workflow: BatchWorkflow) -> None:
        """Write down what primitives have made of a workflow, and of what."""
        self._database.execute(
            "insert or replace into definition values (?, ?, ?)",
            (workflow.name, generation, cloudpickle.dumps((basis, workflow))),
        )

    def definitions(self) -> dict[str, tuple[BatchWorkflow, int, BatchWorkflow]]:
        """What was written down, by name: the basis, the generation, and the workflow."""
        found = {}
        for name, generation, body in self._database.execute("select * from definition"):
            basis, workflow = pickle.loads(body)
            found[name] = (basis, generation, workflow)
        return found

    def close(self) -> None:
        """Close the database."""
        self._database.close()
