"""The one actor that changes the outside world.

It takes each primitive once: a key that is being carried out is joined, one that was is answered from the
ledger. Runs of one workflow wait for each other, in the order in which they came; so do changes of it, which
act at once, on the run under way and on those that follow.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.actor import Actor, receive
from scanflow_actors.artifacts.knowledge import KnowledgeBase
from scanflow_actors.errors import RejectError, ScanflowError
from scanflow_actors.infrastructure.batch_primitives import BatchPrimitives
from scanflow_actors.infrastructure.claim import Claims, ListClaims, Rules, Settle, Thaw
from scanflow_actors.infrastructure.court import Court
from scanflow_actors.infrastructure.definitions import Definitions
from scanflow_actors.infrastructure.fact_log import FactLog
from scanflow_actors.infrastructure.facts import (
    Fact,
    WorkflowAdvanced,
    WorkflowChanged,
    WorkflowEnded,
    WorkflowStarted,
)
from scanflow_actors.infrastructure.ledger import Ledger
from scanflow_actors.infrastructure.look import Look
from scanflow_actors.infrastructure.online_primitives import Deployments, OnlinePrimitives
from scanflow_actors.infrastructure.state import ShowState, WorkflowState
from scanflow_actors.infrastructure.turns import Turns
from scanflow_actors.infrastructure.watch import watch, watch_latency
from scanflow_actors.primitives import Outcome, Perform, RunWorkflow

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanflow_actors.actors.context import ActorContext
    from scanflow_actors.actors.ref import ActorRef
    from scanflow_actors.artifacts.settings import KnowledgeSettings
    from scanflow_actors.infrastructure.backend import Backend
    from scanflow_actors.infrastructure.serving import Serving
    from scanflow_actors.storage import Address
    from scanflow_actors.workflows.batch import BatchWorkflow
    from scanflow_actors.workflows.online import OnlineWorkflow

_log = logging.getLogger(__name__)

LOOKS_AT_LATENCY = 5
"""Looks at how services are, for each at how slow they are: one request may be slow, some are a state."""

NAME = "infrastructure"
"""The name that agents find it by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """An actor that wants to hear facts."""

    actor: str
    """Its name: it is found anew for each fact, so that it may come later, or restart."""
    facts: tuple[type[Fact], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Infrastructure:
    """What the infrastructure actor is made of."""

    backend: Backend
    workflows: tuple[BatchWorkflow | OnlineWorkflow, ...]
    ledger: Address
    knowledge: KnowledgeSettings
    opens_knowledge: bool = False
    """Open the knowledge base at the start, beside what else goes on: the first promotion then waits some
    seconds less. Without, a process that promotes nothing never opens it."""
    observer: ActorRef | None = None
    """Gets a `WorkflowStarted`, a `WorkflowAdvanced` for each step and a `WorkflowEnded`."""
    subscriptions: tuple[Subscription, ...] = ()
    rules: Rules = field(default_factory=Rules)
    """By which the arbiter decides between strategies."""
    serving: Serving | None = None
    """What online workflows run on; None refuses their primitives."""
    watch_every_s: float = 2.0
    """Seconds between two looks at how services are; a look costs one call to the controller."""
    now_s: Callable[[], float] = time.time
    """Seconds since the Unix epoch, to stamp facts by; for a team with a clock, its `Clock.timestamp_s`."""


class InfrastructureActor(Actor):
    """Orders, deduplicates and records every primitive."""

    def __init__(self, parts: Infrastructure) -> None:
        self._parts = parts
        self._running: dict[str, asyncio.Future[Outcome]] = {}
        self._turns = Turns()
        self._changed: list[WorkflowChanged] = []

    async def on_start(self, ctx: ActorContext) -> None:
        """Open the ledger, and take up what primitives have made of the workflows."""
        self._find = ctx.find
        self._meters = ctx.meters
        self._ledger = await asyncio.to_thread(Ledger, self._parts.ledger)
        self._court = await asyncio.to_thread(Court, self._parts.ledger, self._parts.rules)
        definitions = await asyncio.to_thread(Definitions, self._parts.workflows, self._ledger)
        parts = self._parts
        self._facts = await asyncio.to_thread(FactLog, parts.ledger, parts.now_s)
        ctx.run(self._facts.keep_written(), name="facts")
        knowledge = KnowledgeBase(parts.knowledge)
        self._batch = BatchPrimitives(parts.backend, definitions, knowledge, self._tell)
        if parts.opens_knowledge:
            ctx.run(asyncio.to_thread(knowledge.prepare), name="open the knowledge base")
        deployments = await asyncio.to_thread(Deployments, self._ledger)
        self._look = Look(parts.backend, parts.serving, definitions, deployments, self._facts)
        self._online = OnlinePrimitives(parts.serving, definitions, deployments, self._tell)
        if parts.serving is not None:
            ctx.run(watch(parts.serving, self._tell, every_s=parts.watch_every_s), name="watch")
            every_s = LOOKS_AT_LATENCY * parts.watch_every_s
            ctx.run(watch_latency(parts.serving, self._tell, every_s=every_s), name="watch latency")

    async def on_stop(self, ctx: ActorContext) -> None:
        """Close the ledger."""
        del ctx
        self._ledger.close()
        self._court.close()
        self._facts.close()

    @receive(concurrent=256)
    async def perform(self, message: Perform) -> Outcome:
        """Carry out a primitive, once for each key."""
        running = self._running.get(message.key)
        if running is not None:
            return await asyncio.shield(running)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._running[message.key] = future
        try:
            outcome = await self._once(message)
            future.set_result(outcome)
            return outcome
        finally:
            del self._running[message.key]
            future.cancel()  # a no-op unless this ended without an outcome

    @receive(concurrent=256)
    async def list_claims(self, _message: ListClaims) -> Claims:
        """Say what stands, is frozen, and waits for a person."""
        return self._court.claims()

    @receive(concurrent=256)
    async def settle(self, message: Settle) -> bool:
        """Let a person approve or refuse what waits."""
        return self._court.settle(message.key, None if message.is_approved else f"refused by {message.by}")

    @receive(concurrent=256)
    async def thaw(self, message: Thaw) -> bool:
        """Let a person lift what is frozen."""
        return await self._court.thaw(message.target, message.aspect)

    @receive(concurrent=256)
    async def show_state(self, message: ShowState) -> WorkflowState:
        """Say how a workflow is; generations first, so that they are never newer than the rest."""
        name = message.workflow
        before = WorkflowState(
            workflow=name,
            generations={target: self._court.generation(target) for target in self._look.targets(name)},
            is_changing=self._turns.is_busy(f"{name}/changes"),
        )
        try:
            return await self._look.at(before, message.since)
        except Exception as error:  # whatever a backend raises fails this look, and nothing else
            raise RejectError(f"cannot look at {name}: {error}") from error

    async def _once(self, message: Perform) -> Outcome:
        admitted = await self._court.admit(message)
        if isinstance(admitted, Outcome):
            self._meters.count("scanflow_conflicts", rule=str(admitted.rule))
            return admitted
        try:
            outcome = await self._in_turn(admitted)
        finally:
            self._tell_changes(message.primitive.workflow)
        if not outcome.is_success:
            await self._court.release(message.key)
        return outcome

    async def _in_turn(self, message: Perform) -> Outcome:
        lane = "runs" if isinstance(message.primitive, RunWorkflow) else "changes"
        with self._turns.ticket(f"{message.primitive.workflow}/{lane}") as ticket:
            known = await asyncio.to_thread(self._ledger.outcome, message.key)
            if known is not None:
                return known
            await ticket.wait()
            outcome = await self._outcome(message)
            await asyncio.to_thread(self._ledger.record, message, outcome)
            return outcome

    async def _outcome(self, message: Perform) -> Outcome:
        try:
            return Outcome(is_success=True, result=await self._carry_out(message))
        except ScanflowError as error:
            return Outcome(is_success=False, reason=str(error))
        except Exception as error:  # noqa: BLE001 - a fault of the backend fails this primitive, not all others
            _log.exception("%s failed", message.primitive.target)
            return Outcome(is_success=False, reason=f"{type(error).__name__}: {error}")

    async def _carry_out(self, message: Perform) -> Any:
        primitive = message.primitive
        if isinstance(primitive, RunWorkflow):
            async with self._turns.turn(f"{primitive.workflow}/changes"):  # those that came before it first
                run = self._batch.begin(message.key, primitive)
            return await run
        if self._online.is_for(primitive):
            return await self._online.change(primitive)
        return await self._batch.change(message.key, primitive)

    def _tell(self, fact: Fact) -> None:
        self._facts.note(fact)
        if isinstance(fact, WorkflowChanged):
            self._changed.append(fact)
        else:
            self._spread(fact)

    def _tell_changes(self, workflow: str) -> None:
        """Tell of changes once none is being carried out: whoever looks then sees what has become of them."""
        if not self._turns.is_busy(f"{workflow}/changes"):
            told = [fact for fact in self._changed if fact.workflow == workflow]
            self._changed = [fact for fact in self._changed if fact.workflow != workflow]
            for fact in told:
                self._spread(fact)

    def _spread(self, fact: Fact) -> None:
        observer = self._parts.observer
        if observer is not None and isinstance(fact, (WorkflowStarted, WorkflowAdvanced, WorkflowEnded)):
            observer.tell(fact)
        for subscription in self._parts.subscriptions:
            if isinstance(fact, subscription.facts):
                self._find(subscription.actor).tell(fact)
