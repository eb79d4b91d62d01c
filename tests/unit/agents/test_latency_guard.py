"""The example of the how-to, in Python and in YAML: both do the same."""

from __future__ import annotations

import importlib
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.agents import Journal
from scanflow_actors.agents.team_file import load_team
from tests.unit.agents.crew import clock_of_loop

if TYPE_CHECKING:
    from types import ModuleType

EXAMPLE = Path(__file__).parents[3] / "examples" / "latency_guard"


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(EXAMPLE)
    monkeypatch.chdir(tmp_path)
    shutil.copy(EXAMPLE / "team.yaml", tmp_path)
    return importlib.import_module("latency_guard")


@pytest.mark.looptime
@pytest.mark.parametrize("form", ["python", "yaml"])
async def test_a_service_that_stays_slow_gets_one_replica(example: ModuleType, form: str) -> None:
    clock = clock_of_loop()
    team = (
        example.make_team(clock) if form == "python" else replace(load_team(Path("team.yaml")), clock=clock)
    )
    example.LATENCIES.write_text("250 " * 20)
    example.REPLICAS.write_text("1")
    await example.run(team, seconds=400)
    assert example.REPLICAS.read_text() == "2"
    journal = Journal(Path("journal.db"))
    reasons = [entry.reason for entry in journal.entries(agent="guard") if entry.kind == "decision"]
    journal.close()
    slow = "(slowest_ms 250 > 200 and requests 20 >= 5)"
    assert reasons == [f"{slow} for {s} s {'>=' if s == 120 else '<'} 120 s" for s in (0, 60, 120)]


@pytest.mark.looptime
async def test_a_service_that_was_slow_for_a_moment_gets_none(example: ModuleType) -> None:
    example.LATENCIES.write_text("150 " * 20)
    example.REPLICAS.write_text("1")
    await example.run(example.make_team(clock_of_loop()), seconds=400)
    assert example.REPLICAS.read_text() == "1"


def test_the_how_to_shows_the_example_as_it_is() -> None:
    guide = (EXAMPLE.parents[1] / "docs" / "how-to" / "write-your-own-strategy.md").read_text()
    source = (EXAMPLE / "latency_guard.py").read_text()
    strategy = source[source.index("            name=") : source.index("        ),\n    )\n\n\nclass Scaler")]
    assert [line.strip() for line in strategy.splitlines()] == [
        line.strip()
        for line in guide[guide.index("    name=") : guide.index(")\n```\n\n- **when**")].splitlines()
    ]
