"""The example teams of each template run, in virtual time, and do what their READMEs say."""

from __future__ import annotations

import asyncio
import importlib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scanflow_actors import Clock, Journal
from scanflow_actors.agents.replay import replay

TEMPLATES = Path(__file__).parents[2] / "examples" / "templates"

pytestmark = pytest.mark.looptime


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(TEMPLATES)
    return importlib.import_module("stage")


def reasons(folder: Path, strategy: str) -> set[str]:
    journal = Journal(folder / "journal.db")
    found = {entry.reason for entry in journal.entries() if entry.strategy == strategy}
    journal.close()
    return found


async def played(stage: Any, name: str, folder: Path) -> Counter[str]:
    """How often each strategy acted, and was done."""
    loop = asyncio.get_running_loop()
    clock = Clock(origin=datetime(2026, 1, 1, tzinfo=UTC), origin_s=loop.time(), now_s=loop.time)
    team = stage.team_in(TEMPLATES / name, folder / "journal.db", clock)
    await stage.play(team, stage.plans_for(TEMPLATES / name))
    journal = Journal(folder / "journal.db")
    outcomes = [entry for entry in journal.entries() if entry.kind == "outcome"]
    journal.close()
    failed = [entry.reason for entry in outcomes if not entry.holds]
    assert all(reason.startswith("stale: ") for reason in failed), failed  # then it is decided anew
    return Counter(entry.strategy for entry in outcomes if entry.holds)


def replayed(stage: Any, name: str, folder: Path) -> Counter[str]:
    """What the same team would have done on what was seen."""
    journal = Journal(folder / "journal.db")
    team = stage.team_in(TEMPLATES / name, folder / "other.db", Clock())
    made = replay(journal.entries(), team.strategies())
    journal.close()
    return Counter(one.strategy for one in made.decisions if one.holds)


async def test_the_shipped_tracker_reports_each_minute_that_had_requests(stage: Any, tmp_path: Path) -> None:
    acted = await played(stage, "tracker/as_shipped.yaml", tmp_path)
    assert acted == {"watch_classifier": 5, "tell_of_errors": 2}
    assert stage.TOLD == [0.5, 0.5]


async def test_the_extended_tracker_also_notices_silence(stage: Any, tmp_path: Path) -> None:
    acted = await played(stage, "tracker/extended.py", tmp_path)
    assert acted["nobody_asks"] == 1
    assert stage.TOLD == ["nobody asks version 1"]
    assert (acted["watch_classifier"], acted["check_metrics"], acted["relieve"]) == (5, 2, 2)


async def test_the_shipped_checker_passes_on_what_is_beyond_its_thresholds(
    stage: Any, tmp_path: Path
) -> None:
    acted = await played(stage, "checker/as_shipped.yaml", tmp_path)
    assert (acted["check_metrics"], acted["tell"]) == (2, 2)


async def test_the_extended_checker_finds_a_rise_that_no_threshold_finds(stage: Any, tmp_path: Path) -> None:
    acted = await played(stage, "checker/extended.py", tmp_path)
    assert (acted["check_metrics"], acted["errors_rise"], stage.TOLD) == (0, 1, [0.5])


async def test_the_shipped_planner_scales_and_fails_over_and_back(stage: Any, tmp_path: Path) -> None:
    acted = await played(stage, "planner/as_shipped.yaml", tmp_path)
    assert acted == {"scale_up": 1, "scale_down": 1, "fail_over": 1, "fail_back": 1}
    again = replayed(stage, "planner/as_shipped.yaml", tmp_path)
    assert (again["scale_up"], again["scale_down"], again["fail_back"]) == (1, 1, 1)


async def test_the_extended_planner_scales_by_its_own_sensor(stage: Any, tmp_path: Path) -> None:
    acted = await played(stage, "planner/extended.py", tmp_path)
    assert acted == {"scale_up": 1}
    assert "wanted 3 > replicas 1" in reasons(tmp_path, "scale_up")


async def test_the_shipped_executor_carries_out_plans_and_reports_them(stage: Any, tmp_path: Path) -> None:
    acted = await played(stage, "executor/as_shipped.yaml", tmp_path)
    assert acted == {"change_traffic": 1, "change_replicas": 1, "tell": 2}
    assert replayed(stage, "executor/as_shipped.yaml", tmp_path) == acted
    assert sorted(stage.TOLD) == ["ChangeReplicas", "ChangeTraffic"]


async def test_the_extended_executor_rolls_back_by_one_word(stage: Any, tmp_path: Path) -> None:
    acted = await played(stage, "executor/extended.py", tmp_path)
    assert acted == {"change_traffic": 1, "change_replicas": 1, "roll_back": 1}
