"""Rows on their way into the journal: those of a thousand writes go in by a few statements.

Each statement lets go of Python's one lock and has to get it back, which takes up to five milliseconds beside
a busy event loop: so there are few of them, however many rows there are.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scanflow_actors.agents.plain import plain
from scanflow_actors.agents.records import pickled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scanflow_actors.agents.records import Decision, Memory, Mind
    from scanflow_actors.storage import Database

MIND = ""
"""Stands for the strategy where the memory is the agent's own."""

MOST_ROWS = 256
"""In one statement: SQLite takes 32,766 values."""

_COLUMNS = "kind, decision, cause, trace, agent, strategy, at, recorded_at, holds, reason, body"
_ENTRY = (f"insert into entry ({_COLUMNS}) values", "on conflict do nothing")
_MEMORY = ("insert into memory values", "on conflict (agent, strategy) do update set body = excluded.body")
_PENDING = ("insert into pending (decision, agent, body) values", "")


@dataclass(slots=True)
class Page:
    """What one write or many put into the journal, all or nothing."""

    entries: list[tuple[Any, ...]] = field(default_factory=list)
    memories: dict[tuple[str, str], Memory | Mind] = field(default_factory=dict)
    """Pickled when they are written: of those that follow each other, only the last is."""
    pending: list[tuple[str, str, bytes]] = field(default_factory=list)
    concluded: list[str] = field(default_factory=list)

    def append(self, kind: str, decision: Decision, *, holds: bool | None, reason: str, body: Any) -> None:
        """Add a line."""
        self.entries.append(
            (
                kind,
                decision.id,
                decision.cause,
                decision.trace,
                decision.agent,
                decision.strategy,
                decision.at,
                time.time(),
                None if holds is None else int(holds),
                reason,
                json.dumps(body),
            )
        )

    def decide(self, decision: Decision) -> None:
        """Add a decision, with the effects that are to be carried out."""
        body = {"state": plain(decision.state), "effects": plain(decision.effects)}
        self.append("decision", decision, holds=decision.holds, reason=decision.reason, body=body)
        if decision.effects:
            self.pending.append((decision.id, decision.agent, pickled(decision)))

    def extend(self, other: Page) -> None:
        """Add all of another page."""
        self.entries += other.entries
        self.memories |= other.memories
        self.pending += other.pending
        self.concluded += other.concluded

    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.entries or self.memories or self.concluded)

    def put(self, database: Database) -> bool:
        """Write the pages of several, inside a transaction that the caller has begun.

        Returns:
            False when a decision or an outcome was known: the transaction is to be rolled back then.
        """
        is_new = self._put_entries(database)
        if is_new:
            self._put_rest(database)
        return is_new

    def put_once(self, database: Database) -> bool:
        """Write the page of one, inside a transaction; nothing and False when its decision was known."""
        is_new = self._put_entries(database)
        if is_new or self.entries[0][0] != "decision":
            self._put_rest(database)
        return is_new

    def _put_entries(self, database: Database) -> bool:
        return _insert(database, _ENTRY, self.entries) == len(self.entries)

    def _put_rest(self, database: Database) -> None:
        memories = [(*name, pickled(memory)) for name, memory in self.memories.items()]
        _insert(database, _MEMORY, memories)
        _insert(database, _PENDING, self.pending)
        if self.concluded:
            marks = ", ".join("?" * len(self.concluded))
            database.change(f"delete from pending where decision in ({marks})", *self.concluded)  # noqa: S608 - marks only


def _insert(database: Database, statement: tuple[str, str], rows: Sequence[Any]) -> int:
    """Insert rows, many by one statement.

    Returns:
        How many were inserted.
    """
    head, tail = statement
    inserted = 0
    for begin in range(0, len(rows), MOST_ROWS):
        some = rows[begin : begin + MOST_ROWS]
        marks = f"({', '.join('?' * len(some[0]))})"
        text = f"{head} {', '.join([marks] * len(some))} {tail}"
        inserted += database.change(text, *(value for row in some for value in row))
    return inserted
