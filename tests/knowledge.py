"""A real MLflow store for a test: its tables are made once, then the file is copied."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.artifacts import KnowledgeBase, KnowledgeSettings

if TYPE_CHECKING:
    from pathlib import Path


# Warnings that MLflow 3 gives its own authors; ours stay errors.
MLFLOW_WARNINGS = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning"),
]


@pytest.fixture(scope="session")
def migrated_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("migrated")
    KnowledgeBase(KnowledgeSettings.in_folder(folder, "template")).prepare()
    return folder / "mlflow.db"


@pytest.fixture
def knowledge_settings(migrated_store: Path, tmp_path: Path) -> KnowledgeSettings:
    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    return KnowledgeSettings.in_folder(tmp_path)


@pytest.fixture
def knowledge(knowledge_settings: KnowledgeSettings) -> KnowledgeBase:
    return KnowledgeBase(knowledge_settings)
