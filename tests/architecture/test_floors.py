"""Who may import whom: import-linter's contracts hold, and they bite."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", LINT, "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        text=True,
        capture_output=True,
        check=False,
    )


def test_every_room_imports_only_rooms_below_it() -> None:
    outcome = lint(ROOT)
    assert outcome.returncode == 0, outcome.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("scanflow_actors/actors/mailbox.py", "import scanflow_actors.cluster"),
        ("scanflow_actors/actors/mailbox.py", "import ray"),
        ("scanflow_actors/new_room.py", ""),
    ],
    ids=["a floor above", "a third party in the wrong place", "a room without a floor"],
)
def test_a_broken_rule_is_found(tmp_path: Path, module: str, line: str) -> None:
    shutil.copytree(ROOT / "scanflow_actors", tmp_path / "scanflow_actors")
    shutil.copy(ROOT / ".importlinter", tmp_path)
    with (tmp_path / module).open("a") as broken:
        broken.write(f"\n{line}\n")
    outcome = lint(tmp_path)
    assert outcome.returncode == 1, outcome.stdout
