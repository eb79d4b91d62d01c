"""Why did it do that? Every decision with its cause, and what is needed to go on after a crash.

Three tables in one database: `entry` is append-only and says what was decided and what came of it; `memory`
holds each strategy's watermark and trigger; `pending` the effects still to be carried out. A decision, its
watermark and its effects are committed together, so an observation counts once, whenever the agent is killed.
"""

from __future__ import annotations

import json
import pickle
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanflow_actors.agents.page import MIND, Page
from scanflow_actors.agents.plain import plain
from scanflow_actors.agents.records import Decision, Entry, Memory, Mind
from scanflow_actors.errors import JournalError
from scanflow_actors.storage import Address, Database, GroupWriter, borrow, give_back
from scanflow_actors.storage.database import is_server

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


_SCHEMA = """
create table if not exists entry (
    seq integer primary key autoincrement,
    kind text not null,
    decision text not null,
    cause text,
    trace text not null,
    agent text not null,
    strategy text not null,
    at text not null,
    recorded_at real not null,
    holds integer,
    reason text not null,
    body text not null
);
create unique index if not exists entry_once on entry (decision, kind) where kind in ('decision', 'outcome');
create index if not exists entry_decision on entry (decision, kind);
create index if not exists entry_trace on entry (trace);
create table if not exists memory (
    agent text not null,
    strategy text not null,
    body blob not null,
    primary key (agent, strategy)
);
create table if not exists pending (
    decision text primary key,
    agent text not null,
    body blob not null
);
"""

_COLUMNS = "seq, kind, decision, cause, trace, agent, strategy, at, recorded_at, holds, reason, body"


class Journal:
    """The journal, in a SQLite file or on a PostgreSQL server; processes share it. Methods block."""

    def __init__(self, address: Address) -> None:
        """Open it; its tables are made when they are missing.

        Args:
            address: Path of a file, for the processes of one machine; or ``postgresql://user@host/name``.

        Raises:
            JournalError: It cannot be opened.
        """
        self.address = address
        self._writer: GroupWriter | None = None
        self._is_open = False
        """Whether the writer is borrowed. What waits in it is still written by it when this is closed."""
        self._database = self._open()

    # ------------------------------------------------------------------ writing

    def commit(self, decision: Decision, memory: Memory | None, mind: Mind | None = None) -> bool:
        """Write a decision, what its strategy and its agent remember, and its effects, all or nothing.

        Returns:
            False when the decision is in the journal already; nothing is written then.
        """
        page = Page()
        page.decide(decision)
        if memory is not None:
            page.memories[decision.agent, decision.strategy] = memory
        if mind is not None:
            page.memories[decision.agent, MIND] = mind
        return self._put(page)

    def remember(self, agent: str, memories: Mapping[str, Memory]) -> None:
        """Write what strategies of an agent remember, after a look that decided nothing."""
        self._put(Page(memories={(agent, strategy): memory for strategy, memory in memories.items()}))

    def resolve(self, agent: str, mind: Mind) -> None:
        """Write what an agent remembers."""
        self._put(Page(memories={(agent, MIND): mind}))

    def note(self, kind: str, decision: Decision, memory: Memory) -> None:
        """Write that a strategy failed, is quarantined or released, with what it remembers."""
        page = Page(memories={(decision.agent, decision.strategy): memory})
        page.append(kind, decision, holds=None, reason=decision.reason, body=None)
        self._put(page)

    def attempt(self, decision: Decision, reason: str) -> None:
        """Write that an effect was tried in vain and will be tried again."""
        page = Page()
        page.append("attempt", decision, holds=None, reason=reason, body=None)
        self._put(page)

    def conclude(
        self,
        decision: Decision,
        is_success: bool,
        reason: str,
        results: Any,
        memory: Memory | None = None,
    ) -> None:
        """Write what came of a decision's effects; they are no longer pending."""
        page = Page(concluded=[decision.id])
        page.append("outcome", decision, holds=is_success, reason=reason, body=plain(results))
        if memory is not None:
            page.memories[decision.agent, decision.strategy] = memory
        self._put(page)

    # ------------------------------------------------------------------ reading

    def memory(self, agent: str, strategy: str) -> Memory:
        """What a strategy remembers."""
        row = self._one("select body from memory where agent = ? and strategy = ?", agent, strategy)
        if row is None:
            return Memory()
        memory: Memory = pickle.loads(row[0])
        return memory

    def mind(self, agent: str) -> Mind | None:
        """What an agent remembers; None when it is new."""
        row = self._one("select body from memory where agent = ? and strategy = ?", agent, MIND)
        mind: Mind | None = None if row is None else pickle.loads(row[0])
        return mind

    def knows(self, decision: str) -> bool:
        """Whether this decision has been made."""
        return decision in self.known((decision,))

    def known(self, decisions: tuple[str, ...]) -> set[str]:
        """Which of these decisions have been made."""
        marks = ", ".join("?" * len(decisions))
        query = f"select decision from entry where kind = 'decision' and decision in ({marks})"  # noqa: S608 - marks only
        return {decision for (decision,) in self._all(query, *decisions)}

    def pending(self, agent: str | None = None) -> tuple[Decision, ...]:
        """Decisions whose effects were not concluded, the earliest first; of one agent or of all."""
        query = (
            "select pending.body from pending"
            " join entry on entry.decision = pending.decision and entry.kind = 'decision'"
        )
        if agent is None:
            rows = self._all(f"{query} order by entry.seq")
        else:
            rows = self._all(f"{query} where pending.agent = ? order by entry.seq", agent)
        return tuple(pickle.loads(row[0]) for row in rows)

    def entries(
        self,
        *,
        trace: str | None = None,
        after: int = 0,
        agent: str | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> tuple[Entry, ...]:
        """Lines of the journal in order.

        Args:
            trace: Only those of one chain.
            after: Only those after this number.
            agent: Only those of one agent.
            since: Only those from this instant of the agents' time on.
            limit: Only the last so many.
        """
        moment = None if since is None else since.astimezone(UTC).isoformat(timespec="seconds")
        wanted = {"seq > ?": after, "trace = ?": trace, "agent = ?": agent, "at >= ?": moment}
        known = {test: value for test, value in wanted.items() if value is not None}
        query = f"select {_COLUMNS} from entry where {' and '.join(known)} order by seq desc"  # noqa: S608 - ours
        values = [*known.values()] if limit is None else [*known.values(), limit]
        rows = self._all(query if limit is None else f"{query} limit ?", *values)
        return tuple(_entry_of(row) for row in reversed(rows))

    def find(self, decision: str) -> dict[str, str]:
        """The decisions whose name is, or else contains, a text, each with its trace; ten at most."""
        query = (
            "select decision, trace from entry where kind = 'decision' and decision = ?"
            " union all select decision, trace from entry where kind = 'decision' and decision != ?"
            " and replace(decision, ?, '') != decision limit 10"
        )
        found = dict(self._all(query, decision, decision, decision))
        return {decision: found[decision]} if decision in found else found

    def close(self) -> None:
        """Write what is under way, and close it."""
        if self._is_open:
            self._is_open = False
            give_back(self._name)
        self._database.close()

    # ------------------------------------------------------------------ inside

    def _put(self, page: Page) -> bool:
        if self._writer is not None and self._writer.is_here:
            return self._writer.add(page)
        with self._database.transaction():
            return page.put_once(self._database)

    @property
    def _name(self) -> str:
        address = self.address
        return address if isinstance(address, str) and is_server(address) else str(Path(address).resolve())

    def _open(self) -> Database:
        return Database(self.address, _SCHEMA, name="the journal", error=JournalError)

    def _one(self, query: str, *values: Any) -> Any:
        rows = self._all(query, *values)
        return rows[0] if rows else None

    def _all(self, query: str, *values: Any) -> list[Any]:
        return self._database.rows(query, *values)

    @property
    def executor(self) -> GroupWriter:
        """Runs this journal's writing methods: those that come together share one commit."""
        if self._writer is None or not self._is_open:
            self._writer = borrow(self._name, self._open)
            self._is_open = True
        return self._writer


def _entry_of(row: tuple[Any, ...]) -> Entry:
    seq, kind, decision, cause, trace, agent, strategy, at, recorded_at, holds, reason, body = row
    return Entry(
        seq=seq,
        kind=kind,
        decision=decision,
        cause=cause,
        trace=trace,
        agent=agent,
        strategy=strategy,
        at=at,
        recorded_at=recorded_at,
        holds=None if holds is None else bool(holds),
        reason=reason,
        body=json.loads(body),
    )
