"""The main job on real processes: whole, interrupted, and with its agents killed one after the other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from scanflow_actors.demos.mnist.lab import Lab
from scanflow_actors.demos.mnist.run import Result, run

if TYPE_CHECKING:
    from scanflow_actors.cluster import RayActorSystem

WINDOWS = 6
VICTIMS = {1: "tracker", 2: "checker", 3: "planner", 4: "executor"}
TABLE_V = {
    ("tracker", "count_number_of_predictions"),
    ("checker", "check_predictions"),
    ("planner", "retrain_model"),
    ("planner", "update_model"),
    ("executor", "change_model_transition"),
}


@pytest.mark.usefixtures("ray_session")
@pytest.mark.timeout(420)
async def test_the_team_finishes_although_each_agent_is_killed_once(tmp_path: Path) -> None:
    killed: dict[str, int] = {}

    def kill(window: int, system: RayActorSystem) -> None:
        victim = VICTIMS.get(window)
        if victim is not None:
            killed[victim] = system.process_of(system.find(victim))
            os.kill(killed[victim], signal.SIGKILL)

    lab = Lab(folder=tmp_path, windows=WINDOWS, hour_s=3.0, first_epochs=3, detector_epochs=4)
    result = await run(lab, Console(file=StringIO()), kill)

    assert set(killed) == set(VICTIMS.values())
    assert [row.window for row in result.rows] == list(range(WINDOWS))
    assert result.failures == ()
    _assert_every_window_was_counted_once(result)
    assert {(entry.agent, entry.strategy) for entry in result.entries} <= TABLE_V
    assert _decisions(result, "retrain_model"), "the planner went on after its process had died"


def _assert_every_window_was_counted_once(result: Result) -> None:
    acted = [entry for entry in _decisions(result, "count_number_of_predictions") if entry["holds"]]
    runs = [run for entry in acted for run in entry["state"]["runs"]]
    assert len(runs) == len(set(runs)) == WINDOWS
    assert sum(entry["state"]["total"] for entry in acted) == 1000 * WINDOWS
    assert len(_decisions(result, "check_predictions")) == len(acted)
    assert all(row.detected > 0 for row in result.rows), "every window was checked"


def _decisions(result: Result, strategy: str) -> list[dict[str, Any]]:
    return [
        {"holds": entry.holds, **entry.body}
        for entry in result.entries
        if entry.kind == "decision" and entry.strategy == strategy
    ]


@pytest.mark.timeout(420)
def test_the_command_leaves_table_figures_and_record_and_no_process(tmp_path: Path) -> None:
    record = tmp_path / "result.json"
    options = (
        "--windows",
        "3",
        "--hour",
        "2",
        "--seed",
        "1",
        "--out",
        str(tmp_path / "out"),
        "--json",
        str(record),
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "scanflow_actors", "demo", "mnist", *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SCANFLOW_TEST_MARK": str(tmp_path)},
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "The stream, window by window" in done.stdout
    table = json.loads(record.read_text())
    assert [row["window"] for row in table["windows"]] == [0, 1, 2]
    assert table["settings"]["seed"] == 1
    assert table["versions"]["torch"]
    for figure in ("fig6-interval.png", "fig7-roadmap.png"):
        assert (tmp_path / "out" / figure).read_bytes().startswith(b"\x89PNG")
    assert _processes_with(f"SCANFLOW_TEST_MARK={tmp_path}") == []


def _processes_with(mark: str) -> list[str]:
    """Command lines of living processes whose environment holds a mark: what the command has left behind."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
            command = (process / "cmdline").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if mark.encode() in environment:
            found.append(command.replace(b"\0", b" ").decode())
    return found
