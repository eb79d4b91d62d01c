"""A team: agents that share a journal, a clock and a knowledge base."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, get_args

from scanflow_actors.actors.supervision import Backoff, Restart, RestartStrategy
from scanflow_actors.agents.charge import Charge
from scanflow_actors.agents.clock import Clock
from scanflow_actors.agents.control import AgentStatus, Pause, Resume, ShowStatus, Update
from scanflow_actors.agents.journal import Journal
from scanflow_actors.agents.sensor import MESSAGE
from scanflow_actors.agents.strategy import Strategy, awaited, waits_for
from scanflow_actors.errors import InvalidTeamError
from scanflow_actors.infrastructure.actor import Subscription
from scanflow_actors.infrastructure.facts import Fact
from scanflow_actors.settings import AgentSettings
from scanflow_actors.storage.database import is_server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanflow_actors.actors.actor import Actor
    from scanflow_actors.actors.ref import ActorRef
    from scanflow_actors.agents.agent import Agent
    from scanflow_actors.artifacts.settings import KnowledgeSettings
    from scanflow_actors.storage import Address

RESTART = RestartStrategy(
    restart=Restart.PERMANENT,
    max_restarts=10,
    within_s=60.0,
    backoff=Backoff(min_s=0.05, max_s=5.0),
)
"""Agents hold what they know in the journal, so a restart costs little: they get many."""


class Spawner(Protocol):
    """What a team needs of an actor system: `ActorSystem` and `RayActorSystem` both have it."""

    async def spawn(
        self, actor: type[Actor], *args: Any, name: str, restart: RestartStrategy | None = None
    ) -> ActorRef:
        """Start a top-level actor."""


class Finder(Protocol):
    """What a running team is reached by."""

    def find(self, name: str) -> ActorRef:
        """Address the top-level actor of this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One agent of a team: its class, and what its constructor takes after the charge."""

    agent: type[Agent]
    args: tuple[Any, ...] = ()
    strategies: tuple[Strategy, ...] = ()
    """Further strategies, beside those of the class."""

    def make(self, charge: Charge) -> Agent:
        """Make an instance."""
        return self.agent(charge, *self.args)


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Agents by name, and what they share. On Ray each gets a process of its own.

    ::

        team = Team(members={"watcher": Member(agent=Watcher)}, journal=Path("journal.db"))
        async with ActorSystem() as system:
            await team.start(system)
    """

    members: Mapping[str, Member]
    journal: Address
    """Path of a file, or ``postgresql://…``, where the processes of several machines can write it."""
    clock: Clock = field(default_factory=Clock)
    knowledge: KnowledgeSettings | None = None
    observer: ActorRef | None = None
    settings: AgentSettings = field(default_factory=AgentSettings)

    async def start(self, system: Spawner) -> dict[str, ActorRef]:
        """Check the strategies, then start all agents.

        Returns:
            The agents' addresses, by name.

        Raises:
            InvalidTeamError: A strategy cannot work; the place is named and nothing was started.
            ActorFailedError: An agent could not start.
        """
        await asyncio.to_thread(self.check)
        refs = await asyncio.gather(
            *(
                system.spawn(member.agent, self.charge(name), *member.args, name=name, restart=RESTART)
                for name, member in self.members.items()
            )
        )
        return dict(zip(self.members, refs, strict=True))

    def check(self) -> None:
        """Check that every strategy can work.

        Raises:
            InvalidTeamError: Two strategies of an agent have one name, or a strategy calls an agent that is
                not there or does not wait for that type of message, or gives it fields that it has not, or
                judges a field that its sensor does not give, or has a trigger that will never fire.
        """
        strategies = self.strategies()
        for agent, owned in strategies.items():
            names = [strategy.name for strategy in owned]
            for name in names:
                if names.count(name) > 1:
                    raise InvalidTeamError(
                        place=f"agent {agent!r}", problem=f"two strategies are called {name!r}; rename one"
                    )
            for strategy in owned:
                place = f"agent {agent!r}, strategy {strategy.name!r}"
                _check_calls(place, strategy, strategies)
                _check_fields(place, strategy)
                self._check_trigger(place, agent, strategy)

    def _check_trigger(self, place: str, agent: str, strategy: Strategy) -> None:
        """Refuse a trigger whose last instant has passed, unless the strategy was running before that."""
        now = self.clock.now()
        if awaited(strategy.when) or strategy.when.next_fire(now) is not None:
            return
        if not self._has_run(agent, strategy.name):
            last = strategy.when.last_fire(now)
            problem = f"its trigger is in the past: now is {now.isoformat(timespec='seconds')}"
            if last is not None:
                problem += f", and it last fires at {last.isoformat(timespec='seconds')}"
            raise InvalidTeamError(place=place, problem=f"{problem}; choose a later instant")

    def _has_run(self, agent: str, strategy: str) -> bool:
        if not is_server(self.journal) and not Path(self.journal).exists():
            return False
        journal = Journal(self.journal)
        try:
            return journal.memory(agent, strategy).last_fire is not None
        finally:
            journal.close()

    def strategies(self) -> dict[str, tuple[Strategy, ...]]:
        """All strategies, by agent."""
        return {
            name: member.make(self.charge(name)).all_strategies() for name, member in self.members.items()
        }

    def subscriptions(self) -> tuple[Subscription, ...]:
        """The facts that its strategies wait for: give them to `Infrastructure`, so that they are told."""
        waited = {
            name: tuple(
                dict.fromkeys(
                    kind for strategy in owned for kind in strategy.awaited if kind in get_args(Fact)
                )
            )
            for name, owned in self.strategies().items()
        }
        return tuple(Subscription(actor=name, facts=kinds) for name, kinds in waited.items() if kinds)

    def charge(self, name: str) -> Charge:
        """What a member is given."""
        return Charge(
            name=name,
            strategies=self.members[name].strategies,
            journal=self.journal,
            clock=self.clock,
            knowledge=self.knowledge,
            observer=self.observer,
            settings=self.settings,
        )

    async def pause(self, system: Finder) -> None:
        """Have all agents decide nothing more until `resume`, also after a restart."""
        await self._ask_all(system, Pause())

    async def resume(self, system: Finder) -> None:
        """Let all agents go on."""
        await self._ask_all(system, Resume())

    async def drain(self, system: Finder, *, timeout_s: float) -> bool:
        """Pause, and wait until everything that was decided has been carried out.

        Returns:
            Whether nothing is pending.
        """
        await self.pause(system)
        return await self.settled(timeout_s=timeout_s)

    async def update(self, system: Finder, other: Team) -> None:
        """Have the running agents act by another team's strategies, without a restart.

        What strategies of the same name remember is kept.

        Raises:
            InvalidTeamError: It has other agents, or a strategy that cannot work; nothing was changed.
        """
        if {n: m.agent for n, m in other.members.items()} != {n: m.agent for n, m in self.members.items()}:
            raise InvalidTeamError(place="team", problem="it has other agents; stop this team and start that")
        await asyncio.to_thread(other.check)
        for name, member in other.members.items():
            update = Update(args=member.args, strategies=member.strategies)
            await system.find(name).ask(update)

    async def status(self, system: Finder) -> tuple[AgentStatus, ...]:
        """How all agents are."""
        return tuple([await system.find(name).ask(ShowStatus()) for name in self.members])

    async def _ask_all(self, system: Finder, message: Pause | Resume) -> None:
        await asyncio.gather(*(system.find(name).ask(message) for name in self.members))

    async def settled(self, *, timeout_s: float) -> bool:
        """Wait until every decision has been concluded.

        Args:
            timeout_s: Seconds to wait at most.

        Returns:
            Whether nothing is pending.
        """
        journal = await asyncio.to_thread(Journal, self.journal)
        deadline = asyncio.get_running_loop().time() + timeout_s
        try:
            while await asyncio.to_thread(journal.pending):
                if asyncio.get_running_loop().time() >= deadline:
                    return False
                await asyncio.sleep(0.1)
            return True
        finally:
            journal.close()


def _check_fields(place: str, strategy: Strategy) -> None:
    """Check the constraint and the action against the states that the sensor gives, where that is known."""
    given = _fields_given(strategy)
    if given is not None:
        unknown = sorted(name for name in strategy.given.fields if name.partition(".")[0] not in given)
        if unknown:
            names = ", ".join(sorted(given))
            problem = f"judges {unknown[0]!r}, which its sensor does not give; it gives {names}"
            raise InvalidTeamError(place=place, problem=problem)
    for step in strategy.then.steps:
        wrong = step.problem(given)
        if wrong is not None:
            raise InvalidTeamError(place=place, problem=wrong)


def _fields_given(strategy: Strategy) -> frozenset[str] | None:
    kinds = awaited(strategy.when) if strategy.sense is MESSAGE else (strategy.sense.gives,)
    names: list[frozenset[str]] = []
    for kind in kinds:
        if kind is None or not is_dataclass(kind):
            return None
        properties = {name for name, value in vars(kind).items() if isinstance(value, property)}
        names.append(frozenset(field.name for field in fields(kind)) | properties)
    return frozenset.intersection(*names) if names else None


def _check_calls(place: str, strategy: Strategy, strategies: Mapping[str, tuple[Strategy, ...]]) -> None:
    for callee, message_type in strategy.then.calls:
        if callee not in strategies:
            problem = f"calls {callee!r}, which is not in the team; it has {sorted(strategies)}"
            raise InvalidTeamError(place=place, problem=problem)
        if not any(waits_for(other.when, message_type) for other in strategies[callee]):
            problem = f"calls {callee!r} with {message_type.__name__}, for which no strategy of it waits"
            raise InvalidTeamError(place=place, problem=problem)
