"""What the infrastructure actor has carried out, by key, so that nothing is done twice."""

from __future__ import annotations

import pickle
import time
from typing import TYPE_CHECKING, Any

import cloudpickle

from scanflow_actors.storage import Address, Database

if TYPE_CHECKING:
    from scanflow_actors.primitives import Outcome, Perform

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
create table if not exists kept (
    name text primary key,
    generation integer not null,
    body blob not null
);
"""


class Ledger:
    """A table in the journal's database. Methods block for a disk write."""

    def __init__(self, address: Address) -> None:
        self._database = Database(address, _SCHEMA, name="the ledger")

    def outcome(self, key: str) -> Outcome | None:
        """What became of the primitive with this key, or None when it was never finished."""
        rows = self._database.rows("select outcome from primitive where key = ?", key)
        outcome: Outcome | None = pickle.loads(rows[0][0]) if rows else None
        return outcome

    def record(self, perform: Perform, outcome: Outcome) -> None:
        """Write down what became of a primitive."""
        self._database.change(
            "insert into primitive values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (key) do nothing",
            perform.key,
            perform.by,
            type(perform.primitive).__name__,
            perform.primitive.target,
            time.time(),
            int(outcome.is_success),
            outcome.reason,
            cloudpickle.dumps(outcome),
        )

    def keep(self, name: str, generation: int, value: Any) -> None:
        """Write down what something is now, over what it was."""
        self._database.change(
            "insert into kept values (?, ?, ?) on conflict (name)"
            " do update set generation = excluded.generation, body = excluded.body",
            name,
            generation,
            cloudpickle.dumps(value),
        )

    def drop(self, name: str) -> None:
        """Forget what was kept under a name."""
        self._database.change("delete from kept where name = ?", name)

    def kept(self, prefix: str) -> dict[str, tuple[int, Any]]:
        """What was kept under names with this prefix, by the rest of the name: generation and value."""
        rows = self._database.rows("select * from kept where substr(name, 1, ?) = ?", len(prefix), prefix)
        return {
            name.removeprefix(prefix): (generation, pickle.loads(body)) for name, generation, body in rows
        }

    def close(self) -> None:
        """Close the database."""
        self._database.close()
