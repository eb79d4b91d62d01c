"""A search whose process was killed goes on with what had not been tried."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from scanflow_actors.artifacts import KnowledgeBase, KnowledgeSettings
from scanflow_actors.infrastructure.search import searching
from scanflow_actors.workflows import Executor, Found, Search, Span
from scanflow_actors.workflows.container import function_of
from tests import steps
from tests.knowledge import MLFLOW_WARNINGS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = MLFLOW_WARNINGS

PROGRAM = """
import sys
from pathlib import Path
from tests.unit.infrastructure.test_search_killed import search_in
search_in(Path(sys.argv[1]), "killed")
"""


def search_in(folder: Path, name: str) -> Found:
    """Search in this process, in threads, as a step of the run `name`; its third trial kills the process."""
    tried = folder / name
    tried.mkdir(exist_ok=True)
    search = Search(space={"x": Span(low=0, high=1)}, trials=5, parallel=1, seed=2)
    step = Executor(name="search", run=steps.two_then_kill, search=search)
    parameters = {"key": name, "knowledge": KnowledgeSettings.in_folder(folder)}
    run = function_of("w", "search", searching(step, parameters).run)
    found: Found = run(folder=str(tried))
    return found


def test_finished_trials_are_not_run_again_after_sigkill(tmp_path: Path, migrated_store: Path) -> None:
    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    killed = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], check=False)  # noqa: S603 - our own
    assert killed.returncode == -signal.SIGKILL
    knowledge = KnowledgeBase(KnowledgeSettings.in_folder(tmp_path))
    before = knowledge.runs("trial", search="killed/search")
    assert len(before) == 2

    found = search_in(tmp_path, "killed")
    trials = knowledge.runs("trial", search="killed/search")
    assert trials[:2] == before
    assert len(trials) == 5
    assert len(list((tmp_path / "killed").iterdir())) == 6, "five trials, one of them twice"

    (tmp_path / "whole").mkdir()
    for number in range(3):  # so that no trial kills
        (tmp_path / "whole" / f"before {number}").touch()
    whole = search_in(tmp_path, "whole")
    again = knowledge.runs("trial", search="whole/search")
    assert [trial.params["x"] for trial in again] == [trial.params["x"] for trial in trials]
    assert whole.arguments == found.arguments
