"""Processes that die whenever a test wants it, played in one: an actor system each, and a wire between them.

Each thing that a process does with the world is a step: it writes, it sends, it receives. A process that dies
at a step does not do it, and nothing after it; what it has written stays. A moment later it is started again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors import ActorSystem
from scanflow_actors.actors.durable.store import StateStore
from scanflow_actors.actors.message import Envelope
from scanflow_actors.errors import ActorError
from scanflow_actors.settings import ActorSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scanflow_actors.actors import Actor, ActorRef, Signal
    from scanflow_actors.actors.places import Place

RESTART_S = 0.1


@dataclass(kw_only=True)
class Process:
    """One of the processes, over all its lives."""

    actor: type[Actor]
    args: tuple[Any, ...]
    name: str
    dies_at: Sequence[int] = ()
    """For each life, the number of the step at which it dies; it lives on when these are used up."""
    stays: bool = False
    """Whether a life that died only seems to: it goes on beside the next one."""
    steps: list[str] = field(default_factory=list)
    """The names of all steps, over all lives."""
    lives: list[Life] = field(default_factory=list)


class Life:
    """One life of a process."""

    def __init__(self, world: World, process: Process) -> None:
        self.world = world
        self.process = process
        self.host = process.name
        self.is_alive = True
        plan, number = process.dies_at, len(process.lives)
        self._left = plan[number] if number < len(plan) else None
        self.system = ActorSystem(settings=world.settings, elsewhere=self)
        self.system.store = FragileStore(self, world.settings.store)
        process.lives.append(self)

    def step(self, name: str) -> bool:
        """Take a step, unless it is the one to die at."""
        if not self.is_alive:
            return self.process.stays
        self.process.steps.append(name)
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                self.is_alive = False
                self.world.revive(self.process)
                return self.process.stays
        return True

    # ------------------------------------------------------------------ Elsewhere

    def tell(self, path: str, message: Any) -> bool:
        del path, message
        return False  # as any other

    def forward(self, path: str, envelope: Envelope) -> bool:
        if path == f"/{self.process.name}":
            return False  # its own actor, which is not there yet
        kind = type(envelope.message).__name__
        if self.step(f"sends {kind}"):
            self.world.carry(path, envelope.message)
        return True

    def watch(self, watcher: ActorRef, target: ActorRef) -> bool:
        raise NotImplementedError

    def unwatch(self, watcher: ActorRef, target: ActorRef) -> None:
        raise NotImplementedError

    def notify(self, watcher: ActorRef, signal: Signal) -> None:
        raise NotImplementedError

    def share(self, place: Place) -> None:
        raise NotImplementedError


class FragileStore(StateStore):
    """A store whose process may die before a write, and after it."""

    def __init__(self, life: Life, address: str | None) -> None:
        super().__init__(address)
        self._life = life

    def submit(self, function: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if not self._life.step(f"begins {function.__name__}"):
            return told

        def written(done: asyncio.Future[Any]) -> None:
            if self._life.step(f"hears of {function.__name__}"):
                error = done.exception()
                if error is None:
                    told.set_result(done.result())
                else:
                    told.set_exception(error)

        super().submit(function, *args).add_done_callback(written)
        return told


class World:
    """Some processes, and the wire between them."""

    def __init__(self, store: str, *processes: Process) -> None:
        loop = asyncio.get_running_loop()
        self.settings = ActorSettings(
            store=store, now_s=loop.time, ask_timeout_s=2.0, stop_grace_s=0.1, cancel_grace_s=0.1
        )
        self._processes = processes
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Bring all to life."""
        for process in self._processes:
            self.revive(process, 0.0)

    def revive(self, process: Process, delay_s: float = RESTART_S) -> None:
        """Start a process again in a moment."""
        task = asyncio.create_task(self._live(process, delay_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _live(self, process: Process, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        life = Life(self, process)
        starting = asyncio.ensure_future(life.system.spawn(process.actor, *process.args, name=process.name))
        while life.is_alive and not starting.done():
            await asyncio.wait((starting,), timeout=RESTART_S)
        starting.cancel()

    def carry(self, path: str, message: Any) -> None:
        """Bring a message to the newest life of the process where its actor lives."""
        process = next(process for process in self._processes if f"/{process.name}" == path)
        if process.lives and (life := process.lives[-1]).step(f"receives {type(message).__name__}"):
            life.system.deliver(path, Envelope(message))

    async def ask(self, name: str, message: Callable[[], Any]) -> Any:
        """Ask an actor until it answers, each time with a new message."""
        process = next(process for process in self._processes if process.name == name)
        while True:
            await asyncio.sleep(RESTART_S)
            if process.lives and process.lives[-1].is_alive:
                try:
                    answer = await process.lives[-1].system.find(name).ask(message())
                except ActorError:  # it died, or is being started: ask the next one
                    continue
                return answer

    async def close(self) -> None:
        """End all lives, those that died before as well."""
        for task in tuple(self._tasks):
            task.cancel()
        for process in self._processes:
            for life in process.lives:
                await life.system.shutdown()
