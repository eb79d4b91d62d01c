"""An actor that a test holds in its hand: it waits for messages instead of the test's sleeping.

::

    async with ActorSystem() as system:
        probe = await TestProbe.start(system)
        planner = await system.spawn(Planner, probe.ref, name="planner")
        planner.tell(DriftSeen(0.4))
        order = await probe.expect(RunWorkflow)
        assert order.workflow == "retrain"
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from scanflow_actors.actors import Actor, ActorContext, ActorRef, ActorSystem, Request, Signal, receive

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanflow_actors.cluster import RayActorSystem

M = TypeVar("M")

_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class _Watch(Request[None]):
    ref: ActorRef


class _ProbeActor(Actor):
    """Puts whatever arrives where the test can take it out."""

    def __init__(self, arrived: asyncio.Queue[Any], answers: dict[type, Callable[[Any], Any]]) -> None:
        self._arrived = arrived
        self._answers = answers

    @receive
    def watch(self, message: _Watch, ctx: ActorContext) -> None:
        ctx.watch(message.ref)

    @receive
    def take(self, message: object) -> Any:
        self._arrived.put_nowait(message)
        answer = self._answers.get(type(message))
        return None if answer is None else answer(message)

    async def on_signal(self, signal: Signal, ctx: ActorContext) -> None:
        del ctx
        self._arrived.put_nowait(signal)


class TestProbe:
    """Stands where an actor would, in the process of the test. Works on every runtime."""

    __test__ = False  # pytest: a class for tests, not of tests

    def __init__(
        self, ref: ActorRef, arrived: asyncio.Queue[Any], answers: dict[type, Callable[[Any], Any]]
    ) -> None:
        self.ref = ref
        """The address to hand out."""
        self._arrived = arrived
        self._answers = answers

    @classmethod
    async def start(cls, system: ActorSystem | RayActorSystem, *, name: str = "") -> TestProbe:
        """Start a probe in a system.

        Args:
            system: Of either kind; on Ray the probe lives in the test's own process.
            name: Unique among living top-level actors; made up when empty.
        """
        arrived: asyncio.Queue[Any] = asyncio.Queue()
        answers: dict[type, Callable[[Any], Any]] = {}
        name = name or f"probe-{next(_NUMBERS)}"
        if isinstance(system, ActorSystem):
            ref = await system.spawn(_ProbeActor, arrived, answers, name=name)
        else:
            from scanflow_actors.cluster import LOCAL  # noqa: PLC0415 - imports ray, which is here already

            ref = await system.spawn(_ProbeActor, arrived, answers, name=name, placement=LOCAL)
        return cls(ref, arrived, answers)

    def answer(self, kind: type[M], reply: Callable[[M], Any]) -> None:
        """Answer requests of one type with what `reply` makes of them; others get None."""
        self._answers[kind] = reply

    async def watch(self, ref: ActorRef) -> None:
        """Have the end of an actor arrive as `Terminated`."""
        await self.ref.ask(_Watch(ref))

    async def expect(self, kind: type[M], *, within_s: float = 10.0) -> M:
        """Wait for the next message, which must be of this type.

        Args:
            kind: Its class, or a base class of it.
            within_s: Seconds to wait, on the event loop's clock.

        Raises:
            AssertionError: Another message came, or none.
        """
        message = await self._next(kind.__name__, within_s)
        if not isinstance(message, kind):
            raise AssertionError(f"expected {kind.__name__}, got {message!r}")  # noqa: TRY004 - it is one
        return message

    async def fish(self, kind: type[M], *, within_s: float = 10.0) -> M:
        """Wait for a message of this type, and drop those that come before it.

        Raises:
            AssertionError: None came in time.
        """
        end = asyncio.get_running_loop().time() + within_s
        while True:
            left_s = end - asyncio.get_running_loop().time()
            message = await self._next(kind.__name__, left_s)
            if isinstance(message, kind):
                return message

    async def expect_nothing(self, *, within_s: float = 0.1) -> None:
        """Wait, and fail when anything comes.

        Raises:
            AssertionError: A message came.
        """
        try:
            async with asyncio.timeout(within_s):
                message = await self._arrived.get()
        except TimeoutError:
            return
        raise AssertionError(f"expected nothing, got {message!r}")

    async def _next(self, expected: str, within_s: float) -> Any:
        try:
            async with asyncio.timeout(within_s):
                return await self._arrived.get()
        except TimeoutError:
            raise AssertionError(f"expected {expected} within {within_s:g} s, got nothing") from None
