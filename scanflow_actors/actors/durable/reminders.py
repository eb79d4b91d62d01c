"""Timers that outlive the process: kept with the actor's state, and handled by one of its receivers."""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.durable.store import pickled
from scanflow_actors.actors.durable.writing import under
from scanflow_actors.actors.message import Reply

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from scanflow_actors.actors.durable.writing import Writing

LONGEST_WAIT_S = 3600.0
"""Seconds after which the time of day is looked at again: somebody may have set it."""
RETRY_S = 1.0
"""Seconds after which a timer knocks again at a mailbox that was full."""

_SET = """
insert into actor_reminder values (?, ?, ?, ?, ?, ?) on conflict (actor, name) do update set
due_at = excluded.due_at, every_s = excluded.every_s, late_s = excluded.late_s, body = excluded.body
"""
_MOVE = "update actor_reminder set due_at = ? where actor = ? and name = ?"
_DROP = "delete from actor_reminder where actor = ? and name = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """One timer. Instants are seconds since the epoch."""

    message: Any
    due_at: float
    every_s: float | None
    late_s: float | None

    def is_skipped(self, now_s: float) -> bool:
        """Whether it is too late to handle it."""
        return self.late_s is not None and now_s - self.due_at > self.late_s

    def next(self, now_s: float) -> Reminder | None:
        """The same for the next time that is yet to come; None when there is none."""
        if self.every_s is None:
            return None
        missed = max(0, math.floor((now_s - self.due_at) / self.every_s))
        return replace(self, due_at=self.due_at + (missed + 1) * self.every_s)


@dataclass(frozen=True, slots=True)
class Due:
    """A timer is due: what an actor's own timers put into its mailbox."""

    name: str
    due_at: float


class Reminders:
    """The timers of one instance."""

    def __init__(self, writing: Writing, kept: list[tuple[Any, ...]]) -> None:
        self._writing = writing
        self._handles: dict[str, asyncio.TimerHandle] = {}
        self.known = {
            name: Reminder(message=pickle.loads(body), due_at=due_at, every_s=every_s, late_s=late_s)
            for name, due_at, every_s, late_s, body in kept
        }

    def begin(self) -> None:
        """Start the timers that were kept."""
        for name in self.known:
            self._arm(name)

    def set(
        self, name: str, message: Any, after_s: float, every_s: float | None, late_s: float | None
    ) -> None:
        """Set or replace a timer; see `Keeper.remind`."""
        if after_s < 0 or (every_s is not None and every_s <= 0) or (late_s is not None and late_s < 0):
            raise ValueError(
                f"after_s and late_s must be >= 0, every_s > 0; got {after_s}, {late_s}, {every_s}"
            )
        writing = self._writing
        body = pickled(message, f"the message of reminder {name!r}")
        due_at = self._now_s() + after_s
        self.known[name] = Reminder(message=message, due_at=due_at, every_s=every_s, late_s=late_s)
        writing.change(_SET, writing.path, name, due_at, every_s, late_s, body)
        writing.then(partial(self._arm, name))

    def cancel(self, name: str) -> None:
        """Take a timer back."""
        if self.known.pop(name, None) is not None:
            self._disarm(name)
            self._writing.change(_DROP, self._writing.path, name)

    async def take(self, due: Due, handle: Callable[[Any], Any]) -> None:
        """Handle a timer that is due, and write what came of it together with its next time.

        Nothing happens when it was cancelled or replaced since, or is too late.
        """
        writing, reminder, now_s = self._writing, self.known.get(due.name), self._now_s()
        if reminder is None or reminder.due_at != due.due_at:
            return
        if not reminder.is_skipped(now_s):
            with under(f"{writing.path}!{due.name}@{due.due_at}"):
                await handle(reminder.message)
        if self.known.get(due.name) is reminder:  # else its receiver has replaced or cancelled it
            self._move(due.name, reminder.next(now_s))
        await writing.save()

    def _move(self, name: str, reminder: Reminder | None) -> None:
        writing = self._writing
        if reminder is None:
            self.cancel(name)
            return
        self.known[name] = reminder
        writing.change(_MOVE, reminder.due_at, writing.path, name)
        writing.then(partial(self._arm, name))

    # ------------------------------------------------------------------ the loop's timers

    def _now_s(self) -> float:
        return self._writing.system.settings.now_s()

    def _arm(self, name: str) -> None:
        self._disarm(name)
        reminder = self.known.get(name)
        if reminder is not None:
            wait_s = min(max(0.0, reminder.due_at - self._now_s()), LONGEST_WAIT_S)
            self._knock_in(wait_s, name)

    def _disarm(self, name: str) -> None:
        handle = self._handles.pop(name, None)
        if handle is not None:
            handle.cancel()

    def _knock_in(self, wait_s: float, name: str) -> None:
        self._handles[name] = self._writing.context.call_after(wait_s, partial(self._knock, name))

    def _knock(self, name: str) -> None:
        reminder = self.known.get(name)
        if reminder is None:
            return
        if reminder.due_at > self._now_s():
            self._arm(name)
            return
        admission = _Knock(partial(self._knock_in, RETRY_S, name))
        self._writing.enter(Due(name, reminder.due_at), admission)


class _Knock(Reply):
    """Waits for the word of the mailbox: whether a timer was let in."""

    __slots__ = ("_refused",)

    def __init__(self, refused: Callable[[], None]) -> None:
        super().__init__()
        self._refused = refused

    def resolve(self, value: Any) -> None:
        """It is in."""

    def fail(self, error: BaseException) -> None:
        """It is not: the mailbox is full, or the actor ends, and its timers with it."""
        del error
        self._refused()
