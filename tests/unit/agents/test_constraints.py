# ruff: noqa: FBT003 - a verdict reads best as Verdict(True, why)
"""Constraints: their algebra, their reasons, and what they remember."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from scanflow_actors.agents import (
    ALWAYS,
    Constraint,
    Look,
    Verdict,
    at_least,
    at_most,
    changed,
    equals,
    exceeds,
    for_at_least_s,
    greater_than,
    holds_when,
    less_than,
)
from scanflow_actors.agents.constraint import value_of
from scanflow_actors.agents.spec import SpecReader, constraint_to_spec
from tests.unit.agents.crew import NEW_YEAR

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class State:
    total: float = 0.0
    bound: float = 0.0
    label: str = ""


@pytest.mark.parametrize(
    ("constraint", "state", "verdict"),
    [
        (at_least(10), State(10), Verdict(True, "total 10 >= 10")),
        (at_least(10), State(9.5), Verdict(False, "total 9.5 < 10")),
        (greater_than(10), State(10), Verdict(False, "total 10 <= 10")),
        (at_most(10), State(10), Verdict(True, "total 10 <= 10")),
        (less_than(10), State(10), Verdict(False, "total 10 >= 10")),
        (equals("up", of="label"), State(label="up"), Verdict(True, "label 'up' == 'up'")),
        (exceeds("total", "bound"), State(2, 2), Verdict(False, "total 2 <= bound 2")),
        (ALWAYS, State(), Verdict(True, "State received")),
        (at_least(10) & at_most(20), State(5), Verdict(False, "(total 5 < 10 and total 5 <= 20)")),
        (at_least(10) | at_most(20), State(5), Verdict(True, "(total 5 < 10 or total 5 <= 20)")),
        (~at_least(10), State(5), Verdict(True, "not total 5 < 10")),
        (at_least(1, of="a.b"), {"a": {"b": 2}}, Verdict(True, "a.b 2 >= 1")),
        (at_least(10), State(float("nan")), Verdict(False, "total nan < 10")),
    ],
)
def test_a_verdict_says_why(constraint: Constraint, state: Any, verdict: Verdict) -> None:
    assert constraint(state) == verdict


def is_even(state: State) -> bool:
    return state.total % 2 == 0


def test_a_function_of_the_user_gives_its_name_or_its_own_reason() -> None:
    assert holds_when(is_even)(State(2)) == Verdict(True, "is_even")
    assert holds_when(is_even)(State(3)) == Verdict(False, "not is_even")
    own = Verdict(True, "since I say so")
    assert holds_when(lambda _state: own)(State()) is own


def test_a_field_that_the_state_has_not_is_an_error() -> None:
    with pytest.raises(LookupError, match="State has no field 'nothing'"):
        value_of(State(), "nothing")


def verdicts(constraint: Constraint, looks: Sequence[tuple[float, Any]]) -> list[bool]:
    """Judge states at seconds after new year, one after the other."""
    found, memory = [], None
    for after_s, state in looks:
        look = Look(state=state, now=NEW_YEAR + timedelta(seconds=after_s), memory=memory)
        verdict = constraint.judge(look)
        memory = verdict.memory
        found.append(verdict.holds)
    return found


def test_changed_holds_when_the_field_differs_from_the_look_before() -> None:
    looks = [(n, State(label=label)) for n, label in enumerate(["a", "a", "b", "b", "a"])]
    assert verdicts(changed("label"), looks) == [False, False, True, False, True]


def test_what_holds_for_some_time_must_hold_at_every_look() -> None:
    values = [(0, 11), (30, 12), (60, 13), (70, 3), (80, 12), (139, 12), (140, 12)]
    looks = [(float(after_s), State(float(total))) for after_s, total in values]
    expected = [False, False, True, False, False, False, True]
    assert verdicts(for_at_least_s(60, at_least(10)), looks) == expected


def test_a_time_that_is_negative_is_refused() -> None:
    with pytest.raises(ValueError, match="seconds must be 0 or more; got -1"):
        for_at_least_s(-1, ALWAYS)


def test_each_part_of_a_combination_keeps_its_own_memory() -> None:
    both = changed("label") | for_at_least_s(10, at_least(1))
    looks = [(0.0, State(1, label="a")), (10.0, State(1, label="a")), (20.0, State(0, label="b"))]
    assert verdicts(both, looks) == [False, True, True]


# ---------------------------------------------------------------------- properties

LEAVES = st.one_of(
    st.builds(at_least, st.integers(-3, 3)),
    st.builds(greater_than, st.integers(-3, 3)),
    st.builds(less_than, st.integers(-3, 3), of=st.just("bound")),
    st.builds(equals, st.integers(-3, 3), of=st.just("bound")),
    st.just(exceeds("total", "bound")),
    st.just(changed("total")),
    st.just(ALWAYS),
)
CONSTRAINTS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda a, b: a & b, inner, inner),
        st.builds(lambda a, b: a | b, inner, inner),
        st.builds(lambda a: ~a, inner),
        st.builds(for_at_least_s, st.integers(0, 3), inner),
    ),
    max_leaves=6,
)
STATES = st.builds(State, st.integers(-4, 4), st.integers(-4, 4))
LOOKS = st.lists(st.tuples(st.integers(1, 5), STATES), min_size=1, max_size=8)


@given(CONSTRAINTS, CONSTRAINTS, LOOKS)
def test_de_morgan_holds_at_every_look(a: Constraint, b: Constraint, steps: list[tuple[int, State]]) -> None:
    looks = [(float(sum(step for step, _ in steps[: n + 1])), state) for n, (_, state) in enumerate(steps)]
    assert verdicts(~(a & b), looks) == verdicts(~a | ~b, looks)
    assert verdicts(~~a, looks) == verdicts(a, looks)


@given(CONSTRAINTS)
def test_a_constraint_round_trips_through_its_spec(constraint: Constraint) -> None:
    assert SpecReader().constraint(constraint_to_spec(constraint), "given") == constraint


@given(CONSTRAINTS)
def test_a_constraint_names_the_fields_that_it_reads(constraint: Constraint) -> None:
    state = dict.fromkeys(constraint.fields, 0)
    assert constraint(state).reason
