"""A recorded journal against the same strategies and against others."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings, strategies as st

from scanflow_actors.actors import ActorSystem
from scanflow_actors.agents import Agent, Charge, Entry, Journal, Strategy, at_least, for_at_least_s, perform
from scanflow_actors.agents.observed import added, news, thing
from scanflow_actors.agents.replay import Replay, replay
from scanflow_actors.primitives import RunWorkflow
from scanflow_actors.triggers import every
from tests.unit.agents.crew import NEW_YEAR, Batch, Feed, World, clock_of_loop, make_team, start

if TYPE_CHECKING:
    from pathlib import Path

HOUR_S = 3600.0


async def record(folder: Path, counts: list[int]) -> tuple[Entry, ...]:
    """A day in the life of a team: so many items in each hour."""
    feed = Feed()
    team = make_team(folder, clock_of_loop(), feed)
    async with ActorSystem() as system:
        await start(system, team, World())
        await asyncio.sleep(HOUR_S / 2)
        for count in counts:
            feed.items.extend([1.0] * count)
            await asyncio.sleep(HOUR_S)
        await team.settled(timeout_s=60)
    journal = Journal(folder / "journal.db")
    entries = journal.entries()
    journal.close()
    return entries


def with_threshold(folder: Path, threshold: float, **changes: Any) -> dict[str, tuple[Strategy, ...]]:
    strategies = make_team(folder, clock_of_loop(), Feed()).strategies()
    (count,) = strategies["counter"]
    return {**strategies, "counter": (replace(count, given=at_least(threshold), **changes),)}


def acts(outcome: Replay, agent: str) -> list[str]:
    return [f"{one.at[11:16]} {one.reason}" for one in outcome.decisions if one.agent == agent and one.holds]


@pytest.mark.looptime
async def test_replayed_against_the_same_strategies_it_decides_the_same(tmp_path: Path) -> None:
    entries = await record(tmp_path, [4, 7, 0, 3, 12, 9, 9])
    outcome = replay(entries, with_threshold(tmp_path, 10))
    then = [(e.agent, e.strategy, e.holds, e.reason) for e in entries if e.kind == "decision"]
    assert [(d.agent, d.strategy, d.holds, d.reason) for d in outcome.decisions] == then
    assert outcome.acted_now == outcome.acted_then == {"counter/count": 3, "checker/check": 3}
    effects = [d.effects for d in outcome.decisions if d.agent == "checker"]
    assert effects[0][0]["message"]["parameters"] == {"items": [0, 11]}


@pytest.mark.looptime
async def test_another_threshold_acts_at_other_times_and_its_calls_follow(tmp_path: Path) -> None:
    entries = await record(tmp_path, [4, 7, 0, 3, 12, 9, 9])
    outcome = replay(entries, with_threshold(tmp_path, 20))
    assert acts(outcome, "counter") == ["05:00 total 26 >= 20"]
    assert len(acts(outcome, "checker")) == 1
    assert outcome.acted_then == {"counter/count": 3, "checker/check": 3}


@pytest.mark.looptime
async def test_another_trigger_looks_at_its_own_instants(tmp_path: Path) -> None:
    entries = await record(tmp_path, [4, 7, 0, 3, 12, 9, 9])
    outcome = replay(entries, with_threshold(tmp_path, 10, when=every(hours=3)))
    assert acts(outcome, "counter") == ["03:00 total 11 >= 10", "06:00 total 24 >= 10"]


@pytest.mark.looptime
async def test_a_strategy_without_observations_is_named(tmp_path: Path) -> None:
    entries = await record(tmp_path, [4])
    strategies = with_threshold(tmp_path, 10)
    (count,) = strategies["counter"]
    strategies["counter"] = (replace(count, name="renamed"),)
    assert replay(entries, strategies).unseen == ("counter/renamed", "checker/check")


def test_an_empty_journal_replays_to_nothing(tmp_path: Path) -> None:
    agent = Minutely(Charge(name="a", journal=tmp_path))
    assert replay((), {"a": agent.all_strategies()}).decisions == ()


class Minutely(Agent):
    strategies = tuple(
        Strategy(
            name=f"s{number}",
            when=every(minutes=1),
            sense=Feed().sensor(),
            given=for_at_least_s(120, at_least(3)),
            then=perform(lambda _seen: RunWorkflow(workflow="w")),
        )
        for number in range(2)
    )


def test_a_week_of_one_minute_strategies_replays(tmp_path: Path) -> None:
    entries = [
        Entry(
            seq=minute,
            kind="decision",
            decision=f"a/s{number}/{instant.isoformat()}",
            cause=None,
            trace="t",
            agent="a",
            strategy=f"s{number}",
            at=instant.isoformat(),
            recorded_at=0.0,
            holds=True,
            reason="",
            body={
                "state": {"type": "Batch", "total": 1.0, "first": minute, "end": minute + 1},
                "effects": [],
            },
        )
        for minute in range(7 * 24 * 60)
        for number in range(2)
        for instant in [NEW_YEAR + timedelta(minutes=minute)]
    ]
    agent = Minutely(Charge(name="a", journal=tmp_path))
    outcome = replay(entries, {"a": agent.all_strategies()})
    assert len(outcome.decisions) == len(entries)
    assert outcome.acted_now["a/s0"] == 7 * 24 * 60 // 5


# ---------------------------------------------------------------------- observations

STATES = st.lists(
    st.fixed_dictionaries({"total": st.integers(0, 9), "runs": st.lists(st.integers(), max_size=3)}),
    min_size=1,
    max_size=8,
)


@settings(max_examples=50)
@given(STATES)
def test_what_is_new_adds_up_to_what_was_seen(increments: list[dict[str, Any]]) -> None:
    total = None
    for increment in increments:
        before, total = total, added(total, increment)
        assert news(before, total) == increment


def test_a_recorded_state_reads_like_the_object_it_was() -> None:
    state = thing({"type": "Batch", "total": 3, "runs": [{"id": "a"}]})
    assert (state.total, state["total"], state.runs[0].id) == (3, 3, "a")
    assert dict(state)["type"] == Batch.__name__
    with pytest.raises(AttributeError, match="no field 'nothing'"):
        _ = state.nothing
