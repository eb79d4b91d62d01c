# ruff: noqa: ARG002 - the annotation of a message is its route, also where it says nothing
"""Actors that tests use, on every runtime: importable, since other processes must find their classes."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors import (
    Actor,
    ActorContext,
    ActorRef,
    Child,
    ChildFailed,
    Request,
    Restart,
    RestartStrategy,
    Scope,
    Signal,
    Supervisor,
    Terminated,
    receive,
)
from scanflow_actors.errors import RejectError

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Add(Request[int]):
    amount: int


@dataclass(frozen=True, slots=True)
class Crash(Request[int]):
    text: str = "crash"


@dataclass(frozen=True, slots=True)
class Refuse(Request[int]):
    text: str = "no"


@dataclass(frozen=True, slots=True)
class Pid(Request[int]):
    pass


@dataclass(frozen=True, slots=True)
class Leave(Request[None]):
    pass


@dataclass(frozen=True, slots=True)
class Exhaust(Request[int]):
    """Ask for more memory than there is."""


@dataclass(frozen=True, slots=True)
class Exit:
    """Ends the process of the actor."""


class Counter(Actor):
    """Adds up."""

    def __init__(self, start: int = 0) -> None:
        self.total = start

    @receive
    async def add(self, message: Add) -> int:
        self.total += message.amount
        return self.total

    @receive
    def crash(self, message: Crash) -> int:
        raise ValueError(message.text)

    @receive
    def refuse(self, message: Refuse) -> int:
        raise RejectError(message.text)

    @receive
    def pid(self, message: Pid) -> int:
        return os.getpid()

    @receive
    def leave(self, message: Leave, ctx: ActorContext) -> None:
        ctx.stop()

    @receive
    def exhaust(self, message: Exhaust) -> int:
        return len(bytearray(1 << 62))

    @receive
    def exit(self, message: Exit) -> None:
        os._exit(3)


@dataclass(frozen=True, slots=True)
class Note:
    value: Any


@dataclass(frozen=True, slots=True)
class Notes(Request[list[Any]]):
    """All notes so far."""

    at_least: int = 0
    """Wait until there are as many."""


class Recorder(Actor):
    """Notes what it is told; hands the notes out, also while it waits for more."""

    def __init__(self) -> None:
        self.notes: list[Any] = []
        self.changed = asyncio.Condition()

    @receive
    async def note(self, message: Note) -> None:
        self.notes.append(message.value)
        async with self.changed:
            self.changed.notify_all()

    @receive(concurrent=100)
    async def list_notes(self, message: Notes) -> list[Any]:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.notes) >= message.at_least)
        return list(self.notes)


@dataclass(frozen=True, slots=True)
class Pass(Request[None]):
    """Wait at the gate until it opens."""


@dataclass(frozen=True, slots=True)
class Waiting(Request[int]):
    """How many wait at the gate, once there are as many as said."""

    at_least: int


@dataclass(frozen=True, slots=True)
class Open(Request[int]):
    """Open the gate for all who wait: how many they were."""


class Gate(Actor):
    """Where tests hold actors, without a clock."""

    def __init__(self) -> None:
        self.waiting = 0
        self.opened = asyncio.Event()
        self.changed = asyncio.Condition()

    @receive(concurrent=1000)
    async def pass_through(self, message: Pass) -> None:
        self.waiting += 1
        async with self.changed:
            self.changed.notify_all()
        try:
            await self.opened.wait()
        finally:
            self.waiting -= 1

    @receive(concurrent=1000)
    async def count(self, message: Waiting) -> int:
        async with self.changed:
            await self.changed.wait_for(lambda: self.waiting >= message.at_least)
        return self.waiting

    @receive
    def open(self, message: Open) -> int:
        self.opened.set()
        self.opened = asyncio.Event()
        return self.waiting


@dataclass(frozen=True, slots=True)
class Work(Request[int]):
    """Wait at the gate in the middle of a receiver."""

    number: int = 0


@dataclass(frozen=True, slots=True)
class Chat(Work):
    """As work, for a receiver that overlaps."""


@dataclass(frozen=True, slots=True)
class Dream(Request[None]):
    """Wait for ever, beside the mailbox."""


@dataclass(frozen=True, slots=True)
class Report(Request[list[Any]]):
    """What happened so far."""


class Worker(Actor):
    """Holds at a gate in the middle of its receivers, and tells what happened in which order."""

    def __init__(self, gate: ActorRef) -> None:
        self.gate = gate
        self.inside = 0
        self.most = 0
        self.story: list[Any] = []

    @receive
    async def work(self, message: Work) -> int:
        return await self.hold(message)

    @receive(concurrent=2)
    async def chat(self, message: Chat) -> int:
        return await self.hold(message)

    async def hold(self, message: Work) -> int:
        self.story.append(("begin", message.number))
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.gate.ask(Pass(), timeout_s=60)
        except asyncio.CancelledError:
            self.story.append(("cancelled", message.number))
            raise
        finally:
            self.inside -= 1
        self.story.append(("end", message.number))
        return self.most

    @receive(concurrent=1)
    async def dream(self, message: Dream) -> None:
        self.story.append("dreams")
        try:
            await asyncio.Event().wait()
        finally:
            self.story.append("woken")

    @receive
    def crash(self, message: Crash) -> int:
        raise ValueError(message.text)

    @receive
    def note(self, message: Note) -> None:
        self.story.append(message.value)

    @receive
    def add(self, message: Add) -> int:
        return message.amount

    @receive
    def report(self, message: Report) -> list[Any]:
        return self.story


@dataclass(frozen=True, slots=True)
class Relay(Request[Any]):
    """Ask another actor, and hand its answer back."""

    to: ActorRef
    message: Any
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class TellAll(Request[int]):
    """Tell another actor the numbers below `count`."""

    to: ActorRef
    count: int


@dataclass(frozen=True, slots=True)
class RelayAside(Relay):
    """As relay, for a receiver that overlaps."""


class Messenger(Actor):
    """Talks to others when it is asked to."""

    @receive
    async def relay(self, message: Relay) -> Any:
        return await message.to.ask(message.message, timeout_s=message.timeout_s)

    @receive(concurrent=4)
    async def relay_aside(self, message: RelayAside) -> Any:
        return await message.to.ask(message.message, timeout_s=message.timeout_s)

    @receive
    def tell_all(self, message: TellAll) -> int:
        for number in range(message.count):
            message.to.tell(Note(number))
        return message.count

    @receive
    def add(self, message: Add) -> int:
        return message.amount

    @receive
    def pid(self, message: Pid) -> int:
        return os.getpid()


@dataclass(frozen=True, slots=True)
class WatchIt(Request[None]):
    ref: ActorRef


@dataclass(frozen=True, slots=True)
class UnwatchIt(Request[None]):
    ref: ActorRef


class Watcher(Recorder):
    """Watches others, and notes whom it hears of."""

    @receive
    def watch(self, message: WatchIt, ctx: ActorContext) -> None:
        ctx.watch(message.ref)

    @receive
    def unwatch(self, message: UnwatchIt, ctx: ActorContext) -> None:
        ctx.unwatch(message.ref)

    async def on_signal(self, signal: Signal, ctx: ActorContext) -> None:
        if isinstance(signal, Terminated):
            await self.note(Note((signal.ref.path, signal.reason.value)))


@dataclass(frozen=True, slots=True)
class Adopt(Request[ActorRef]):
    """Start a child that tells its life to a recorder."""

    name: str
    recorder: ActorRef
    restart: RestartStrategy | None = None


class Parent(Actor):
    """Has children."""

    def __init__(self, recorder: ActorRef | None = None) -> None:
        self.recorder = recorder

    async def on_start(self, ctx: ActorContext) -> None:
        if self.recorder is not None:
            self.recorder.tell(Note("parent starts"))

    async def on_stop(self, ctx: ActorContext) -> None:
        if self.recorder is not None:
            self.recorder.tell(Note("parent stops"))

    @receive
    async def adopt(self, message: Adopt, ctx: ActorContext) -> ActorRef:
        return await ctx.spawn(
            Mortal, message.recorder, message.name, name=message.name, restart=message.restart
        )

    @receive
    def crash(self, message: Crash) -> int:
        raise ValueError(message.text)

    @receive
    def add(self, message: Add) -> int:
        return message.amount

    async def on_signal(self, signal: Signal, ctx: ActorContext) -> None:
        if isinstance(signal, ChildFailed) and self.recorder is not None:
            self.recorder.tell(Note(f"child failed: {signal.error}"))
        await super().on_signal(signal, ctx)


class Mortal(Counter):
    """Tells a recorder of every start and stop."""

    def __init__(self, recorder: ActorRef, name: str = "it") -> None:
        super().__init__()
        self.recorder = recorder
        self.name = name

    async def on_start(self, ctx: ActorContext) -> None:
        self.recorder.tell(Note(f"{self.name} starts"))

    async def on_stop(self, ctx: ActorContext) -> None:
        self.recorder.tell(Note(f"{self.name} stops"))

    @receive
    def note(self, message: Note) -> None:
        self.recorder.tell(Note(f"{self.name}: {message.value}"))


class StartsOnce(Actor):
    """Starts, and leaves a mark by which it fails to start again."""

    def __init__(self, mark: str) -> None:
        self.mark = Path(mark)

    async def on_start(self, ctx: ActorContext) -> None:
        self.mark.touch(exist_ok=False)

    @receive
    def add(self, message: Add) -> int:
        return message.amount


class FailingStart(Actor):
    """Cannot start."""

    async def on_start(self, ctx: ActorContext) -> None:
        raise OSError("no such device")


class Fleet(Supervisor):
    """Three children that tell a recorder of their lives."""

    strategy = RestartStrategy(max_restarts=2, within_s=60)

    def __init__(self, recorder: ActorRef) -> None:
        self.recorder = recorder

    def children(self) -> Iterable[Child]:
        for name in ("a", "b", "c"):
            yield Child(Mortal, (self.recorder, name), name=name, restart=Restart.PERMANENT)


class FleetForAll(Fleet):
    scope = Scope.ONE_FOR_ALL


class FleetForRest(Fleet):
    scope = Scope.REST_FOR_ONE


@dataclass(frozen=True, slots=True)
class Remind:
    after_s: float
    text: str


class Reminder(Recorder):
    """Sends itself notes later."""

    @receive
    def remind(self, message: Remind, ctx: ActorContext) -> None:
        ctx.after(message.after_s, Note(message.text))

    @receive
    def crash(self, message: Crash) -> int:
        raise ValueError(message.text)


@dataclass(frozen=True, slots=True)
class Look(Request[bool]):
    """Whether the array may be written to where it arrives."""

    array: Any


@dataclass(frozen=True, slots=True)
class Make(Request[Any]):
    """An array of so many zeros; something that does not pickle when they are fewer than none."""

    size: int


class Painter(Actor):
    """Handles arrays."""

    @receive
    def look(self, message: Look) -> bool:
        return bool(message.array.flags.writeable)

    @receive
    def make(self, message: Make) -> Any:
        import numpy as np  # noqa: PLC0415 - the other tests do without

        return {"zeros": np.zeros(message.size)} if message.size >= 0 else (number for number in range(3))


@dataclass(frozen=True, slots=True)
class Deaf(Request[None]):
    """Wait at the gate and ignore every cancellation."""


class Stubborn(Mortal):
    """Does not let itself be cancelled."""

    def __init__(self, recorder: ActorRef, gate: ActorRef) -> None:
        super().__init__(recorder)
        self.gate = gate

    @receive
    async def deaf(self, message: Deaf) -> None:
        waits = asyncio.ensure_future(self.gate.ask(Pass(), timeout_s=1000))
        while not waits.done():
            try:
                await asyncio.wait((waits,))
            except asyncio.CancelledError:
                self.recorder.tell(Note("cancelled"))
