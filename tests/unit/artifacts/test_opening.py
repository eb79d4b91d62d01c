"""A knowledge base is opened when it is first used, and never on an event loop."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.artifacts import KnowledgeBase, KnowledgeSettings
from scanflow_actors.errors import KnowledgeBaseError
from tests.knowledge import MLFLOW_WARNINGS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = MLFLOW_WARNINGS

CARRIES_ONE = """
import sys
from pathlib import Path
import scanflow_actors.agents.templates, scanflow_actors.infrastructure, scanflow_actors.demos.mnist.team
from scanflow_actors.artifacts import KnowledgeBase, KnowledgeSettings
KnowledgeBase(KnowledgeSettings.in_folder(Path(sys.argv[1])))
print([name for name in ("mlflow", "sqlalchemy", "boto3", "optuna") if name in sys.modules])
"""


def test_a_process_that_only_carries_a_knowledge_base_does_not_import_mlflow(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CARRIES_ONE, str(tmp_path)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own
    assert printed == "[]\n"
    assert not list(tmp_path.iterdir()), "nor does it touch the store"


CALLS: list[Callable[[KnowledgeBase], object]] = [
    lambda knowledge: knowledge.runs("p"),
    lambda knowledge: knowledge.runs_since("p", None),
    lambda knowledge: knowledge.record("p", key="k"),
    lambda knowledge: knowledge.begin("p", key="k"),
    lambda knowledge: knowledge.run("0" * 32),
    lambda knowledge: knowledge.models.version("digits"),
    lambda knowledge: knowledge.models.promote("digits", 1),
]


@pytest.mark.parametrize("number", range(len(CALLS)))
async def test_mlflow_is_not_called_on_an_event_loop(tmp_path: Path, number: int) -> None:
    knowledge = KnowledgeBase(KnowledgeSettings.in_folder(tmp_path))
    with pytest.raises(KnowledgeBaseError, match=r"asyncio\.to_thread"):
        CALLS[number](knowledge)


async def test_an_open_run_is_not_written_on_an_event_loop(knowledge: KnowledgeBase) -> None:
    run = await asyncio.to_thread(knowledge.begin, "p", key="k")
    with pytest.raises(KnowledgeBaseError, match=r"asyncio\.to_thread"):
        run.log({"n": 1})
    await asyncio.to_thread(run.log, {"n": 1})
    await asyncio.to_thread(run.end)
    assert (await asyncio.to_thread(knowledge.run, run.id)).metrics == {"n": 1.0}
