"""The facts of late, numbered: how sensors see what has happened since they last looked."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cloudpickle

from scanflow_actors.infrastructure.facts import Fact, WorkflowAdvanced
from scanflow_actors.storage import Address, Database

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT = 10_000
"""Facts that are kept, of all workflows together."""
SHOWN = 1_000
"""Facts of one workflow that are shown at once, the newest."""

_SCHEMA = """
create table if not exists fact (
    number integer primary key autoincrement,
    workflow text not null,
    at_s real not null,
    body blob not null
);
create index if not exists fact_workflow on fact (workflow, number);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A fact with its number, by which it is older or newer than others."""

    number: int
    at_s: float
    """The agents' time, seconds since the Unix epoch."""
    fact: Fact


class FactLog:
    """A table in the ledger's file. What is noted is written a moment later, and shown only once it is.

    The steps of a run that went well are left out: there are many, and `RunState` has them.
    """

    def __init__(self, address: Address, now_s: Callable[[], float]) -> None:
        self._database = Database(address, _SCHEMA, name="the ledger")
        self._now_s = now_s
        self._unwritten: deque[tuple[float, Fact]] = deque()
        self._is_more = asyncio.Event()
        self._lock = threading.Lock()
        self._is_open = True

    def note(self, fact: Fact) -> None:
        """Have a fact written."""
        if not isinstance(fact, WorkflowAdvanced):
            self._unwritten.append((self._now_s(), fact))
            self._is_more.set()

    async def keep_written(self) -> None:
        """Write what is noted, until cancelled."""
        while True:
            await self._is_more.wait()
            self._is_more.clear()
            await asyncio.to_thread(self._flush)

    async def since(self, workflow: str, number: int | None) -> tuple[int, tuple[Noted, ...]]:
        """Read the facts of a workflow, also those that were noted just now.

        Args:
            workflow: Whose.
            number: Of the last fact that is known; None shows no facts.

        Returns:
            The number of its newest fact (0 for none), and those after `number`, the earliest first.
        """
        return await asyncio.to_thread(self._since, workflow, number)

    def close(self) -> None:
        """Write what is not yet written, and close the file."""
        self._flush()
        with self._lock:
            self._is_open = False
            self._database.close()

    def _flush(self) -> None:
        with self._lock:
            if self._is_open and self._unwritten:
                self._write([self._unwritten.popleft() for _ in range(len(self._unwritten))])

    def _write(self, rows: list[tuple[float, Fact]]) -> None:
        bodies = [(fact.workflow, at_s, cloudpickle.dumps(fact)) for at_s, fact in rows]
        with self._database.transaction():
            for row in bodies:
                self._database.change("insert into fact (workflow, at_s, body) values (?, ?, ?)", *row)
            self._database.change("delete from fact where number <= (select max(number) from fact) - ?", KEPT)

    def _since(self, workflow: str, number: int | None) -> tuple[int, tuple[Noted, ...]]:
        self._flush()
        with self._lock:
            return self._read(workflow, number)

    def _read(self, workflow: str, number: int | None) -> tuple[int, tuple[Noted, ...]]:
        newest = "select coalesce(max(number), 0) from fact where workflow = ?"
        last: int = self._database.rows(newest, workflow)[0][0]
        if number is None or number >= last:
            return last, ()
        rows = self._database.rows(
            "select number, at_s, body from fact where workflow = ? and number > ? and number <= ?"
            " order by number desc limit ?",
            workflow,
            number,
            last,
            SHOWN,
        )
        return last, tuple(
            Noted(number=n, at_s=at_s, fact=pickle.loads(body)) for n, at_s, body in reversed(rows)
        )
