"""Rules of routing, for any members and keys."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings, strategies as st

from scanflow_actors.actors import ActorRef, ConsistentHash, LeastLoaded, Member, RoundRobin
from tests.dealers import Who

NUMBERS = st.lists(st.integers(0, 99), min_size=2, max_size=12, unique=True)
PATHS = NUMBERS.map(lambda numbers: [f"/member-{number}" for number in numbers])
KEYS = st.one_of(st.integers(), st.text(), st.tuples(st.text(), st.integers()))
BY_KEY = ConsistentHash("key")
quick = settings(max_examples=60, deadline=None)


def members_at(paths: list[str]) -> list[Member]:
    return [Member(ActorRef("paper", path)) for path in paths]


@quick
@given(PATHS, KEYS)
def test_a_key_stays_with_its_member_when_others_come_or_go(paths: list[str], key: object) -> None:
    with_all = BY_KEY.choose(Who(key), members_at(paths), 0).ref.path
    without = BY_KEY.choose(Who(key), members_at(paths[-2::-1]), 7).ref.path
    assert with_all in {without, paths[-1]}


@pytest.mark.parametrize("count", [2, 3, 5, 10, 20])
def test_a_member_that_comes_takes_its_share_of_the_keys_and_no_more(count: int) -> None:
    paths = [f"/member-{number}" for number in range(count)]
    before, after = members_at(paths[:-1]), members_at(paths)
    moved = sum(
        BY_KEY.choose(Who(key), before, 0).ref != BY_KEY.choose(Who(key), after, 0).ref for key in range(2000)
    )
    assert abs(moved / 2000 - 1 / count) < 0.07


@pytest.mark.parametrize("count", [1, 2, 5, 20])
def test_keys_spread_evenly(count: int) -> None:
    members = members_at([f"/member-{number}" for number in range(count)])
    dealt = Counter(BY_KEY.choose(Who(key), members, 0).ref.path for key in range(2000))
    assert len(dealt) == count
    assert max(dealt.values()) < 2 * 2000 / count


def test_a_key_may_be_a_function_of_the_message() -> None:
    members = members_at(["/a", "/b", "/c"])
    rule = ConsistentHash(lambda message: message.key % 2)
    assert len({rule.choose(Who(key), members, 0).ref for key in (1, 3, 5, 7)}) == 1


@quick
@given(PATHS, st.integers(min_value=0, max_value=1000))
def test_round_robin_deals_to_each_once_in_a_round(paths: list[str], turn: int) -> None:
    members = members_at(paths)
    dealt = [RoundRobin().choose(None, members, turn + step) for step in range(len(paths))]
    assert {member.ref.path for member in dealt} == set(paths)


@quick
@given(PATHS, st.data(), st.integers(min_value=0, max_value=1000))
def test_least_loaded_never_passes_over_a_member_with_less_to_do(
    paths: list[str], data: st.DataObject, turn: int
) -> None:
    members = members_at(paths)
    for member in members:
        member.load = data.draw(st.integers(min_value=0, max_value=3))
    chosen = LeastLoaded().choose(None, members, turn)
    assert chosen.load == min(member.load for member in members)


@quick
@given(PATHS)
def test_least_loaded_takes_turns_among_equals(paths: list[str]) -> None:
    members = members_at(paths)
    dealt = {LeastLoaded().choose(None, members, turn).ref.path for turn in range(len(paths))}
    assert dealt == set(paths)
