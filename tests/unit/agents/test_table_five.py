"""The five strategies of the paper's Table V, exactly as the templates ship them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from scanflow_actors.agents import Agent, Charge, Sight
from scanflow_actors.agents.action import Effect
from scanflow_actors.agents.templates import (
    ChangeModel,
    Checker,
    Checking,
    CheckPredictions,
    Execution,
    Executor,
    Planner,
    Planning,
    Tracker,
    Tracking,
)
from scanflow_actors.primitives import RunWorkflow, UpgradeWorkflow
from scanflow_actors.triggers import every, on
from tests.knowledge import MLFLOW_WARNINGS
from tests.unit.agents.crew import NEW_YEAR

if TYPE_CHECKING:
    from pathlib import Path

    from scanflow_actors.agents.strategy import Strategy
    from scanflow_actors.artifacts import KnowledgeBase

pytestmark = MLFLOW_WARNINGS


@dataclass
class Bench:
    """Runs strategies by hand, as an agent does."""

    knowledge: KnowledgeBase
    charge: Charge

    def strategies(self, agent: type[Agent], config: Any) -> dict[str, Strategy]:
        return {s.name: s for s in agent(self.charge, config).strategies}  # type: ignore[call-arg]

    def look(self, strategy: Strategy, message: Any = None, watermark: Any = None) -> tuple[Any, Any]:
        """Effects or None, and the watermark."""
        sight = Sight(now=NEW_YEAR, watermark=watermark, message=message, knowledge=self.knowledge)
        seen = strategy.sense.read(sight)
        if seen.is_nothing:
            return None, seen.watermark
        holds = strategy.given(seen.state).holds
        return strategy.then.effects(seen.state) if holds else None, seen.watermark


@pytest.fixture
def bench(knowledge: KnowledgeBase, tmp_path: Path) -> Bench:
    return Bench(knowledge=knowledge, charge=Charge(name="it", journal=tmp_path / "journal.db"))


@pytest.fixture
def planner(bench: Bench) -> dict[str, Strategy]:
    return bench.strategies(Planner, Planning(model="digits", training="training"))


def promote_first(knowledge: KnowledgeBase) -> int:
    version = knowledge.models.register("digits", knowledge.record("training", key="first"))
    knowledge.models.promote("digits", version)
    return version


def test_the_templates_ship_these_strategies_and_no_others(bench: Bench) -> None:
    names = {
        "tracker": [*bench.strategies(Tracker, Tracking())],
        "checker": [*bench.strategies(Checker, Checking(detector="d"))],
        "planner": [*bench.strategies(Planner, Planning(model="m", training="t"))],
        "executor": [*bench.strategies(Executor, Execution(workflow="w", model="m"))],
    }
    assert names == {
        "tracker": ["count_number_of_predictions"],
        "checker": ["check_predictions"],
        "planner": ["retrain_model", "update_model"],
        "executor": ["change_model_transition"],
    }


def test_their_triggers_are_every_hour_or_the_call(bench: Bench, planner: dict[str, Strategy]) -> None:
    hourly = every(hours=1)
    assert bench.strategies(Tracker, Tracking())["count_number_of_predictions"].when == hourly
    assert planner["retrain_model"].when == planner["update_model"].when == hourly
    checker = bench.strategies(Checker, Checking(detector="d"))
    assert checker["check_predictions"].when == on(CheckPredictions)
    executor = bench.strategies(Executor, Execution(workflow="w", model="m"))
    assert executor["change_model_transition"].when == on(ChangeModel)


def test_the_tracker_calls_the_checker_at_a_thousand_predictions(
    bench: Bench, knowledge: KnowledgeBase
) -> None:
    (strategy,) = bench.strategies(Tracker, Tracking()).values()
    first = knowledge.record("predictions", key="1", metrics={"predictions": 999}, files={"x": b"1"})
    assert bench.look(strategy)[0] is None
    second = knowledge.record("predictions", key="2", metrics={"predictions": 1}, files={"x": b"2"})
    effects, watermark = bench.look(strategy)
    asked = CheckPredictions(
        runs=(first.id, second.id), newdata=(first.artifacts["x"], second.artifacts["x"])
    )
    assert effects == (Effect(target="checker", message=asked),)
    assert bench.look(strategy, watermark=watermark)[0] is None


def test_the_checker_runs_the_detector_on_the_new_data(bench: Bench) -> None:
    (strategy,) = bench.strategies(Checker, Checking(detector="detect")).values()
    effects, _ = bench.look(strategy, CheckPredictions(runs=("r",), newdata=()))
    assert effects == (
        Effect(target=None, message=RunWorkflow(workflow="detect", parameters={"newdata": ()})),
    )


def test_the_planner_retrains_at_a_hundred_picked_samples(
    bench: Bench, knowledge: KnowledgeBase, planner: dict[str, Strategy]
) -> None:
    version = promote_first(knowledge)
    knowledge.record("picked", key="1", metrics={"picked": 99})
    assert bench.look(planner["retrain_model"])[0] is None
    knowledge.record("picked", key="2", metrics={"picked": 1})
    effects, watermark = bench.look(planner["retrain_model"])
    run = RunWorkflow(workflow="training", parameters={"production_version": version, "retrain": True})
    assert effects == (Effect(target=None, message=run),)
    knowledge.record("picked", key="3", metrics={"picked": 99})
    assert bench.look(planner["retrain_model"], watermark=watermark)[0] is None


@pytest.mark.parametrize(
    ("new", "current", "is_better"), [(0.9, 0.9, False), (0.9 + 1e-12, 0.9, True), (0.89, 0.9, False)]
)
def test_the_planner_changes_the_model_on_strictly_better_accuracy_only(
    bench: Bench,
    knowledge: KnowledgeBase,
    planner: dict[str, Strategy],
    new: float,
    current: float,
    *,
    is_better: bool,
) -> None:
    version = promote_first(knowledge)
    scores = {"new_accuracy": new, "current_accuracy": current}
    knowledge.record("candidates", key="c", metrics={"version": 2, "current_version": version, **scores})
    effects, _ = bench.look(planner["update_model"])
    expected = (Effect(target="executor", message=ChangeModel(version=2)),)
    assert effects == (expected if is_better else None)


def test_a_candidate_measured_against_another_version_is_passed_over(
    bench: Bench, knowledge: KnowledgeBase, planner: dict[str, Strategy]
) -> None:
    version = promote_first(knowledge)
    scores = {"new_accuracy": 0.9, "current_accuracy": 0.1}
    knowledge.record("candidates", key="c", metrics={"version": 2, "current_version": version + 1, **scores})
    effects, watermark = bench.look(planner["update_model"])
    assert effects is None
    assert watermark is not None


def test_the_executor_changes_the_version_of_the_workflows_model(bench: Bench) -> None:
    (strategy,) = bench.strategies(Executor, Execution(workflow="inference", model="digits")).values()
    effects, _ = bench.look(strategy, ChangeModel(version=4))
    primitive = UpgradeWorkflow(workflow="inference", model="digits", version=4)
    assert effects == (Effect(target=None, message=primitive),)
