"""Faults on purpose: messages that are lost, late, doubled or out of order, and actors that fail or hang.

::

    faults = Faults(drop("/ledger", at=2), fail("/worker*", at=range(3, 6)), seed=7)
    async with ActorSystem(settings=ActorSettings(taps=(faults,))) as system: ...

The same on Ray: ``Settings(actors=ActorSettings(taps=(faults,)))``. What happens to an actor depends on the
seed and on the messages that came to it, and on nothing else.
"""

from __future__ import annotations

import asyncio
import copy
import os
import random
import signal
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.message import Envelope
from scanflow_actors.actors.observing.taps import Receiver, Tap, TappedCell, current

if TYPE_CHECKING:
    from scanflow_actors.actors import ActorRef
    from scanflow_actors.actors.actor import Route
    from scanflow_actors.actors.cell import Cell
    from scanflow_actors.cluster import RayActorSystem

INJECTED = RuntimeError("injected by a test")


class _Kind(Enum):
    DROP = "drop"
    DELAY = "delay"
    DUPLICATE = "duplicate"
    SWAP = "swap"
    SLOW = "slow"
    HANG = "hang"
    FAIL = "fail"
    DIE = "die"


_ON_THE_WAY = frozenset({_Kind.DROP, _Kind.DELAY, _Kind.DUPLICATE, _Kind.SWAP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One rule; made by the functions of this module."""

    kind: _Kind
    path: str
    """Of the actors it is about, with ``*`` and ``?`` as in file names."""
    message: type | None = None
    """Only messages of this type; None for all."""
    at: int | range | None = None
    """Which of these messages, counted from 1 for each actor and over its restarts; None for all."""
    chance: float = 1.0
    """Of each of them, from 0 to 1; drawn from the seed."""
    by_s: float = 0.0
    error: Exception = INJECTED


def drop(path: str, **which: Any) -> Fault:
    """Lose messages. Who asks waits until its deadline; what was told is no dead letter.

    Args:
        path: Of the actors, with ``*`` and ``?`` as in file names.
        which: ``message``, ``at`` and ``chance``; see `Fault`.
    """
    return Fault(kind=_Kind.DROP, path=path, **which)


def delay(path: str, by_s: float, **which: Any) -> Fault:
    """Have messages come `by_s` seconds later; those behind them go past."""
    return Fault(kind=_Kind.DELAY, path=path, by_s=by_s, **which)


def duplicate(path: str, **which: Any) -> Fault:
    """Have messages come twice; nobody waits for the answer to the second."""
    return Fault(kind=_Kind.DUPLICATE, path=path, **which)


def swap(path: str, **which: Any) -> Fault:
    """Have messages change places with the next that comes to the same actor; the last of all is lost."""
    return Fault(kind=_Kind.SWAP, path=path, **which)


def slow(path: str, by_s: float, **which: Any) -> Fault:
    """Have receivers wait for `by_s` seconds before they begin; the mailbox waits with them."""
    return Fault(kind=_Kind.SLOW, path=path, by_s=by_s, **which)


def hang(path: str, **which: Any) -> Fault:
    """Have receivers never begin, until they are cancelled."""
    return Fault(kind=_Kind.HANG, path=path, **which)


def fail(path: str, error: Exception = INJECTED, **which: Any) -> Fault:
    """Have receivers raise `error` in place of what they do: the actor is started again."""
    return Fault(kind=_Kind.FAIL, path=path, error=error, **which)


def die(path: str, **which: Any) -> Fault:
    """Have the process of the actor killed in place of what its receiver does. On Ray only."""
    return Fault(kind=_Kind.DIE, path=path, **which)


def kill_host(system: RayActorSystem, ref: ActorRef) -> None:
    """Kill the process that an actor lives in, on this machine, as the kernel does when memory ends.

    Raises:
        ActorNotFoundError: It has no living process at present.
    """
    os.kill(system.process_of(ref), signal.SIGKILL)


@dataclass(frozen=True, slots=True, init=False)
class Faults:
    """Rules for `ActorSettings.taps`. The first that applies to a message on its way counts."""

    rules: tuple[Fault, ...]
    seed: int
    made_in: int = field(repr=False)
    """Process that must not die: that of the test."""

    def __init__(self, *rules: Fault, seed: int = 0) -> None:
        """Collect rules.

        Args:
            rules: As `drop` and the others make them.
            seed: Of all chances.
        """
        object.__setattr__(self, "rules", rules)
        object.__setattr__(self, "seed", seed)
        object.__setattr__(self, "made_in", os.getpid())

    def __call__(self) -> Tap:
        """Make the tap of one process."""
        return _Meddler(self)


class _Meddler(Tap):
    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._met: Counter[tuple[int, str]] = Counter()
        self._dice: dict[tuple[int, str], random.Random] = {}
        self._held: dict[str, Envelope] = {}
        self._timers: set[asyncio.TimerHandle] = set()

    async def close(self) -> None:
        """Bring nothing more."""
        for timer in self._timers:
            timer.cancel()

    def _due(self, path: str, message: Any, *, on_the_way: bool) -> list[Fault]:
        """The rules that apply to this message; each has counted it."""
        found = []
        for number, rule in enumerate(self._faults.rules):
            if (rule.kind in _ON_THE_WAY) is on_the_way and self._applies(number, rule, path, message):
                found.append(rule)
        return found

    def _applies(self, number: int, rule: Fault, path: str, message: Any) -> bool:
        if not fnmatchcase(path, rule.path) or not isinstance(message, rule.message or object):
            return False
        key = (number, path)
        self._met[key] += 1
        dice = self._dice.setdefault(key, random.Random(f"{self._faults.seed} {number} {path}"))  # noqa: S311
        wanted = range(rule.at, rule.at + 1) if isinstance(rule.at, int) else rule.at
        return dice.random() < rule.chance and (wanted is None or self._met[key] in wanted)

    # ------------------------------------------------------------------ on the way

    def arrives(self, cell: Cell, envelope: Envelope) -> bool:
        """Let a message go on, or do with it what a rule says."""
        assert isinstance(cell, TappedCell)  # noqa: S101 - there are no others where there are taps
        rules = self._due(cell.path, envelope.message, on_the_way=True)
        held = self._held.pop(cell.path, None)
        if rules and rules[0].kind is _Kind.SWAP and held is None:
            self._held[cell.path] = envelope
            return False
        if rules:
            self._meddle(cell, envelope, rules[0])
        else:
            cell.admit(envelope, after=self)
        if held is not None:
            cell.admit(held, after=self)
        return False

    def _meddle(self, cell: TappedCell, envelope: Envelope, rule: Fault) -> None:
        if rule.kind is _Kind.DELAY:
            self._later(cell, envelope, rule.by_s)
        elif rule.kind is not _Kind.DROP:
            cell.admit(envelope, after=self)
        if rule.kind is _Kind.DUPLICATE:
            again = Envelope(envelope.message)
            again.headers = getattr(envelope, "headers", {})
            cell.admit(again, after=self)

    def _later(self, cell: TappedCell, envelope: Envelope, by_s: float) -> None:
        timer: asyncio.TimerHandle

        def fire() -> None:
            self._timers.discard(timer)
            cell.admit(envelope, after=self)

        timer = cell.system.loop.call_later(by_s, fire)
        self._timers.add(timer)

    # ------------------------------------------------------------------ in the receiver

    def wrap(self, route: Route, receiver: Receiver) -> Receiver:
        """Put what the rules say before each call."""
        del route

        async def meddled(actor: Any, message: Any, *rest: Any) -> Any:
            cell, _ = current()
            for rule in self._due(cell.path, message, on_the_way=False):
                await self._befall(rule)
            return await receiver(actor, message, *rest)

        return meddled

    async def _befall(self, rule: Fault) -> None:
        if rule.kind is _Kind.SLOW:
            await asyncio.sleep(rule.by_s)
        elif rule.kind is _Kind.HANG:
            await asyncio.get_running_loop().create_future()
        elif rule.kind is _Kind.FAIL:
            raise copy.copy(rule.error)
        elif os.getpid() != self._faults.made_in:
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            raise RuntimeError(f"{rule.path} lives in the process of the test, which is not to die")
