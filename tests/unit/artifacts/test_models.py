"""Versions of models on a real MLflow registry: where they come from, and who holds an alias."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from scanflow_actors.artifacts import Origin, code_version
from scanflow_actors.artifacts.lineage import KEPT, History
from scanflow_actors.errors import KnowledgeBaseError
from tests import steps
from tests.knowledge import MLFLOW_WARNINGS

if TYPE_CHECKING:
    from scanflow_actors.artifacts import KnowledgeBase

pytestmark = MLFLOW_WARNINGS


def registered(knowledge: KnowledgeBase, count: int) -> None:
    for number in range(1, count + 1):
        assert knowledge.models.register("digits", knowledge.record("training", key=str(number))) == number


def test_lineage_leads_from_a_version_to_its_data_code_parameters_and_parent(
    knowledge: KnowledgeBase,
) -> None:
    inputs = knowledge.record("inputs", key="i", files={"rows.bin": b"rows"})
    first = knowledge.record("training", key="1")
    knowledge.models.register("digits", first)
    run = knowledge.record("training", key="2", params={"rate": 0.1}, files={"model.bin": b"weights"})
    origin = Origin(data=(inputs.artifacts["rows.bin"],), code=code_version(steps.double), parent=1)
    knowledge.models.register("digits", run, {"accuracy": 0.1 + 0.2}, origin=origin)

    lineage = knowledge.models.lineage("digits", 2)
    assert pickle.loads(pickle.dumps(lineage)) == lineage
    assert lineage.run == run
    assert lineage.run.params == {"rate": "0.1"}
    assert lineage.origin == origin
    assert lineage.origin.code.startswith("tests.steps:double@")
    assert lineage.scores == {"accuracy": 0.1 + 0.2}
    assert knowledge.open(lineage.origin.data[0]) == b"rows"
    assert knowledge.open(lineage.run.artifacts["model.bin"]) == b"weights"
    assert knowledge.models.lineage("digits", 1).origin == Origin()


def test_the_lineage_of_a_version_that_is_not_there_is_an_error(knowledge: KnowledgeBase) -> None:
    with pytest.raises(KnowledgeBaseError, match="version 3 of model digits"):
        knowledge.models.lineage("digits", 3)


def test_rolling_back_gives_the_alias_to_the_version_before_and_twice_to_the_one_before_that(
    knowledge: KnowledgeBase,
) -> None:
    registered(knowledge, 3)
    for version in (1, 2, 3):
        knowledge.models.promote("digits", version)
    assert knowledge.models.roll_back("digits") == knowledge.models.version("digits") == 2
    assert knowledge.models.roll_back("digits") == knowledge.models.version("digits") == 1
    with pytest.raises(KnowledgeBaseError, match="no version had it before"):
        knowledge.models.roll_back("digits")
    assert knowledge.models.version("digits") == 1
    tenures = knowledge.models.tenures("digits")
    assert [(each.version, each.is_rollback) for each in tenures] == [
        (1, False), (2, False), (3, False), (2, True), (1, True)
    ]  # fmt: skip
    assert [each.since_ms for each in tenures] == sorted(each.since_ms for each in tenures)


def test_promoting_and_rolling_back_are_done_once_for_each_key(knowledge: KnowledgeBase) -> None:
    registered(knowledge, 3)
    for version in (1, 2, 3):
        knowledge.models.promote("digits", version, key=f"p{version}")
    assert [knowledge.models.roll_back("digits", key="r") for _ in range(3)] == [2, 2, 2]
    knowledge.models.promote("digits", 3, key="p3")
    assert knowledge.models.version("digits") == 2, "it was promoted under this key, and taken back since"


def test_a_promotion_that_died_half_way_is_completed_under_its_key(knowledge: KnowledgeBase) -> None:
    registered(knowledge, 2)
    knowledge.models.promote("digits", 1, key="first")
    knowledge.models.promote("digits", 2, key="second")
    with knowledge._store.using("the alias", "") as client:  # as if the process had died before this moved
        client.set_registered_model_alias("digits", "production", "1")
    knowledge.models.promote("digits", 2, key="second")
    assert knowledge.models.version("digits") == 2
    assert [each.version for each in knowledge.models.tenures("digits")] == [1, 2]


def test_an_alias_that_somebody_else_moved_is_rolled_back_to_too(knowledge: KnowledgeBase) -> None:
    registered(knowledge, 3)
    knowledge.models.promote("digits", 1)
    with knowledge._store.using("the alias", "") as client:  # as on MLflow's own pages
        client.set_registered_model_alias("digits", "production", "2")
    knowledge.models.promote("digits", 3)
    assert knowledge.models.roll_back("digits") == 2


def test_aliases_have_histories_of_their_own(knowledge: KnowledgeBase) -> None:
    registered(knowledge, 2)
    knowledge.models.promote("digits", 1)
    knowledge.models.promote("digits", 2, "challenger")
    knowledge.models.promote("digits", 2)
    assert knowledge.models.roll_back("digits") == 1
    assert knowledge.models.version("digits", "challenger") == 2


STEPS = st.lists(st.one_of(st.integers(1, 5), st.none()), max_size=60)


@given(STEPS)
def test_a_history_is_a_stack_however_it_is_stored(moves: list[int | None]) -> None:
    """A number is promoted, None rolls back; a list beside it says who should hold the alias."""
    history, stack = History(), list[int]()
    for at, move in enumerate(moves):
        if move is not None:
            history = history.given_to(move, key="", since_ms=at)
            stack += [move] if stack[-1:] != [move] else []
        elif len(stack) > 1:
            history = history.rolled_back(key="", since_ms=at)
            stack.pop()
        history = History.of_text(history.to_text())
        assert history.holders == tuple(stack)


def test_a_long_history_keeps_the_latest() -> None:
    history = History()
    for number in range(KEPT + 50):
        history = history.given_to(number, key="k" * 40, since_ms=number)
    assert history.holders == tuple(range(50, KEPT + 50))
    assert len(history.to_text()) < 100_000
