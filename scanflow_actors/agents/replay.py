"""What would it have done? A recorded journal against other strategies, in virtual time, all pure.

The journal holds what each strategy saw at each look. From it come the observations: what was new at that
look. They are shown again to the strategy of the same name, at the instants of its own trigger and by its
own rules; what it then calls, the others are called with. Nothing is sensed and nothing is done.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from scanflow_actors.agents.act import Done
from scanflow_actors.agents.constraint import EPOCH, Look
from scanflow_actors.agents.observed import Observed, added, news, thing
from scanflow_actors.agents.plain import plain
from scanflow_actors.agents.records import AGAIN
from scanflow_actors.agents.sensor import MESSAGE
from scanflow_actors.agents.strategy import awaited, waits_for
from scanflow_actors.triggers import Received, Tick
from scanflow_actors.triggers.instant import TICK_OF_CLOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scanflow_actors.agents.records import Entry
    from scanflow_actors.agents.strategy import Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A decision that would have been made."""

    at: str
    agent: str
    strategy: str
    holds: bool
    reason: str
    effects: tuple[Any, ...]
    """As plain JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What came of it."""

    decisions: tuple[Replayed, ...]
    acted_then: Mapping[str, int]
    """By ``agent/strategy``, how often it acted as recorded."""
    acted_now: Mapping[str, int]
    """How often it would have acted."""
    unseen: tuple[str, ...]
    """Strategies of the team for which the journal has no observations."""


def replay(entries: Iterable[Entry], strategies: Mapping[str, tuple[Strategy, ...]]) -> Replay:
    """Replay the decisions of a journal against other strategies.

    Args:
        entries: Lines of the journal, in order.
        strategies: By agent, as `Team.strategies` gives them.

    Returns:
        What would have been decided, and how it compares.
    """
    made = {entry.decision: entry for entry in entries if entry.kind == "decision"}
    recorded = [entry for name, entry in made.items() if f"{name}{AGAIN}" not in made]
    stage = _Stage.of(strategies, recorded)
    stage.run()
    acted_then = Counter(f"{entry.agent}/{entry.strategy}" for entry in recorded if entry.holds)
    acted_now = Counter(f"{one.agent}/{one.strategy}" for one in stage.decisions if one.holds)
    unseen = tuple(name for name, player in stage.players.items() if not player.was_seen)
    return Replay(
        decisions=tuple(stage.decisions),
        acted_then=dict(acted_then),
        acted_now=dict(acted_now),
        unseen=unseen,
    )


@dataclass(slots=True, kw_only=True)
class _Player:
    """One strategy, as an agent would run it."""

    agent: str
    strategy: Strategy
    trigger_state: Any
    feed: list[tuple[datetime, Any]] = field(default_factory=list)
    """What was new, and when, latest first."""
    pool: Any = None
    """What has been seen and not acted on."""
    is_fresh: bool = False
    memory: Any = None
    was_seen: bool = False

    def take_in(self, now: datetime) -> None:
        """See what was new up to now."""
        while self.feed and self.feed[-1][0] <= now:
            _, observation = self.feed.pop()
            keeps = self.strategy.sense.accumulates
            self.pool = added(self.pool, observation) if keeps else observation
            self.is_fresh = True

    def next_look(self, after: datetime) -> datetime | None:
        """The next instant of its trigger at which there is something new."""
        if not self.feed:
            return None
        newest = self.feed[-1][0]
        return self.strategy.when.next_fire(max(after, newest - TICK_OF_CLOCK))


@dataclass(slots=True, kw_only=True)
class _Stage:
    players: dict[str, _Player]
    queue: list[tuple[datetime, int, _Player, Any]]
    """Ticks (no message) and messages, by instant."""
    decisions: list[Replayed] = field(default_factory=list)
    numbers: Any = field(default_factory=count)

    @classmethod
    def of(cls, strategies: Mapping[str, tuple[Strategy, ...]], recorded: list[Entry]) -> _Stage:
        start = _at(recorded[0]) - TICK_OF_CLOCK if recorded else EPOCH
        players = {
            f"{agent}/{one.name}": _Player(
                agent=agent, strategy=one, trigger_state=one.when.initial_state(start)
            )
            for agent, owned in strategies.items()
            for one in owned
        }
        stage = cls(players=players, queue=[])
        stage._load(recorded)
        for player in players.values():
            stage._wake(player, start)
        return stage

    def _load(self, recorded: list[Entry]) -> None:
        """Hand each strategy what its namesake saw; messages from outside are sent again."""
        before: dict[str, Entry] = {}
        for entry in recorded:
            name = f"{entry.agent}/{entry.strategy}"
            player = self.players.get(name)
            if player is None:
                continue
            player.was_seen = True
            if player.strategy.sense is MESSAGE:
                if entry.cause is None and awaited(player.strategy.when):
                    self._push(_at(entry), player, thing(entry.body["state"]))
                continue
            earlier = before.get(name)
            is_more = earlier is not None and not earlier.holds and player.strategy.sense.accumulates
            known = earlier.body["state"] if earlier is not None and is_more else None
            player.feed.append((_at(entry), news(known, entry.body["state"])))
            before[name] = entry
        for player in self.players.values():
            player.feed.reverse()

    def _push(self, instant: datetime, player: _Player, message: Any) -> None:
        heapq.heappush(self.queue, (instant, next(self.numbers), player, message))

    def _wake(self, player: _Player, after: datetime) -> None:
        instant = player.next_look(after)
        if instant is not None:
            self._push(instant, player, None)

    def run(self) -> None:
        while self.queue:
            instant, _, player, message = heapq.heappop(self.queue)
            player.take_in(instant)
            if message is None:
                event: Any = Tick(instant=instant)
            else:
                event = Received(message_type=_type_for(player, message), instant=instant)
            player.trigger_state, fires = player.strategy.when.step(player.trigger_state, event)
            if fires:
                self._look(player, instant, message)
            if message is None:
                self._wake(player, instant)

    def _look(self, player: _Player, now: datetime, message: Any) -> None:
        strategy = player.strategy
        state = message if strategy.sense is MESSAGE else player.pool
        if strategy.sense is not MESSAGE and not player.is_fresh:
            return
        verdict = strategy.given.judge(Look(state=thing(state), now=now, memory=player.memory))
        player.memory = verdict.memory
        effects = strategy.then.effects(thing(state)) if verdict.holds else ()
        if verdict.holds or not strategy.sense.accumulates:
            player.pool, player.is_fresh = None, False
        self.decisions.append(
            Replayed(
                at=now.isoformat(timespec="seconds"),
                agent=player.agent,
                strategy=strategy.name,
                holds=verdict.holds,
                reason=verdict.reason,
                effects=tuple(plain(effect) for effect in effects),
            )
        )
        for effect in effects:
            self._call(effect, now)
        if effects and strategy.reports is not None:  # nothing is done here: it is taken to have gone well
            self._call(strategy.reports(thing(state), Done(is_success=True, reason="", results=())), now)

    def _call(self, effect: Any, now: datetime) -> None:
        for player in self.players.values():
            if player.agent == effect.target and waits_for(player.strategy.when, type(effect.message)):
                self._push(now, player, effect.message)


def _type_for(player: _Player, message: Any) -> type:
    """The message's type: one from the journal is known by its name only."""
    if isinstance(message, Observed):
        for kind in awaited(player.strategy.when):
            if kind.__name__ == message.get("type"):
                return kind
    return type(message)


def _at(entry: Entry) -> datetime:
    """When it was decided: for a tick its instant, which names the decision; the look came a little later."""
    event = entry.decision.removeprefix(f"{entry.agent}/{entry.strategy}/")
    try:
        return datetime.fromisoformat(event).astimezone(UTC)
    except ValueError:
        return datetime.fromisoformat(entry.at).astimezone(UTC)
