"""The examples run as they are printed in the README."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scanflow_actors import Clock
from tests.knowledge import MLFLOW_WARNINGS

if TYPE_CHECKING:
    from types import ModuleType

pytestmark = MLFLOW_WARNINGS

ROOT = Path(__file__).parents[2]
FIRST_AGENT = ROOT / "examples" / "first_agent" / "first_agent.py"
KEEP_STATE = ROOT / "examples" / "keep_state" / "keep_state.py"
SEARCH = ROOT / "examples" / "search" / "tune_clouds.py"
SHARE_WORK = ROOT / "examples" / "share_work" / "share_work.py"


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_log(*lines: str) -> None:
    Path("service.log").write_text("\n".join(lines))


def test_the_readme_shows_the_first_agent_as_it_is() -> None:
    assert FIRST_AGENT.read_text() in (ROOT / "README.md").read_text()


@pytest.mark.looptime
async def test_the_first_agent_counts_each_error_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    example = load(FIRST_AGENT)
    loop = asyncio.get_running_loop()
    clock = Clock(origin=datetime(2026, 1, 1, tzinfo=UTC), origin_s=loop.time(), now_s=loop.time)
    write_log("ERROR 1", "ok", "ERROR 2")
    await example.main(3.5, clock)
    write_log("ERROR 1", "ok", "ERROR 2", "ERROR 3", "ERROR 4")
    await example.main(3.5, clock)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if " yes " in line] == [line for line in lines if "errors 4 >= 3" in line]
    assert sum(" yes " in line for line in set(lines)) == 1
    assert lines[0].endswith("no errors 2 < 3")


@pytest.mark.looptime
async def test_scorers_share_work_as_the_how_to_says(capsys: pytest.CaptureFixture[str]) -> None:
    await load(SHARE_WORK).main()
    guide = (ROOT / "docs" / "how-to" / "share-work.md").read_text()
    assert f"```text\n{capsys.readouterr().out}```" in guide


def test_the_how_to_shows_the_program_as_it_is() -> None:
    guide = (ROOT / "docs" / "how-to" / "share-work.md").read_text()
    shown = [block.split("```")[0].strip() for block in guide.split("```python")[1:]]
    assert len(shown) == 4
    assert [block for block in shown if block not in SHARE_WORK.read_text()] == []


def test_the_shop_goes_on_as_the_how_to_says(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "how-to" / "keep-state.md").read_text()
    for _ in range(2):
        command = [sys.executable, str(KEEP_STATE)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 - our own
        assert f"```text\n{done.stdout}```" in guide, done.stderr
    assert "ordered 2" in done.stdout


def test_the_how_to_shows_the_shop_as_it_is() -> None:
    guide = (ROOT / "docs" / "how-to" / "keep-state.md").read_text()
    shown = [block.split("```")[0].strip() for block in guide.split("```python")[1:]]
    assert len(shown) == 3
    assert [block for block in shown if block not in KEEP_STATE.read_text()] == []


async def test_the_search_of_the_how_to_finds_registers_and_promotes(
    tmp_path: Path, migrated_store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(SEARCH.parent))
    await asyncio.to_thread(shutil.copy, migrated_store, tmp_path / "mlflow.db")
    await importlib.import_module("tune_clouds").main(tmp_path)
    first, accuracy, lineage = capsys.readouterr().out.splitlines()
    assert first.startswith("12 trials, 0 failed")
    assert float(accuracy.split()[1]) > 0.8
    assert lineage == "version 1 was made by tune_clouds:train"


def test_the_how_to_on_search_shows_the_program_as_it_is() -> None:
    guide = (ROOT / "docs" / "how-to" / "search-hyper-parameters.md").read_text()
    shown = [block.split("```")[0].strip() for block in guide.split("```python")[1:]]
    assert len(shown) == 4
    assert [block for block in shown if block not in SEARCH.read_text()] == []
    assert (SEARCH.parent / "workflow.yaml").read_text() in guide
