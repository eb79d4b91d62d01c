"""Artifacts come from the shelf when they are at hand, else from MLflow, and always as they were stored."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import numpy as np
import pytest

from scanflow_actors.artifacts import Library, Shelf
from scanflow_actors.artifacts.shelf import Keep, Take
from scanflow_actors.cluster import RayActorSystem
from scanflow_actors.errors import ArtifactError
from tests.knowledge import MLFLOW_WARNINGS, knowledge, knowledge_settings, migrated_store

if TYPE_CHECKING:
    from scanflow_actors.actors import ActorRef
    from scanflow_actors.artifacts import ArtifactRef, KnowledgeBase, KnowledgeSettings
    from tests.stage import Stage

__all__ = ["knowledge", "knowledge_settings", "migrated_store"]

pytestmark = [pytest.mark.runtimes("local", "pooled"), *MLFLOW_WARNINGS]
BODY = bytes(range(256)) * 1024


@pytest.fixture
def stored(knowledge: KnowledgeBase) -> ArtifactRef:
    return knowledge.record("model", key="a", files={"weights.bin": BODY}).artifacts["weights.bin"]


def stored_files(settings: KnowledgeSettings) -> list[Path]:
    return list(Path(urlparse(settings.artifact_uri or "").path).rglob("weights.bin"))


def remove_from_mlflow(settings: KnowledgeSettings) -> None:
    """What is opened from now on comes from the shelf, or not at all."""
    for path in stored_files(settings):
        path.unlink()


async def at_hand(shelf: ActorRef, ref: ArtifactRef) -> Any:
    return await shelf.ask(Take(ref))


async def test_what_was_opened_once_is_at_hand(
    stage: Stage, knowledge: KnowledgeBase, stored: ArtifactRef
) -> None:
    shelf = await stage.spawn(Shelf)
    library = Library(knowledge, shelf)
    assert (await library.open(stored)).tobytes() == BODY
    remove_from_mlflow(knowledge.settings)
    body = await library.open(stored)
    assert body.tobytes() == BODY
    assert not body.flags.writeable


async def test_what_is_not_at_hand_any_more_comes_from_mlflow(
    stage: Stage, knowledge: KnowledgeBase, stored: ArtifactRef
) -> None:
    shelf = await stage.spawn(Shelf, len(BODY))
    library = Library(knowledge, shelf)
    await library.keep(stored, BODY)
    other = replace(stored, digest="another")
    shelf.tell(Keep(other, np.zeros(len(BODY), dtype=np.uint8)))
    assert await at_hand(shelf, stored) is None  # it gave way
    assert (await library.open(stored)).tobytes() == BODY
    assert await at_hand(shelf, other) is None
    shelf.tell(Keep(other, np.zeros(len(BODY) + 1, dtype=np.uint8)))
    assert await at_hand(shelf, other) is None
    assert await at_hand(shelf, stored) is not None
    await stage.system.stop(shelf)
    assert (await library.open(stored)).tobytes() == BODY


async def test_wrong_bytes_are_never_served(
    stage: Stage, knowledge: KnowledgeBase, stored: ArtifactRef
) -> None:
    shelf = await stage.spawn(Shelf)
    library = Library(knowledge, shelf)
    wrong = np.zeros(len(BODY), dtype=np.uint8)
    shelf.tell(Keep(stored, wrong))
    assert (await library.open(stored)).tobytes() == BODY
    assert (await at_hand(shelf, stored)).tobytes() == BODY  # the right ones took their place
    with pytest.raises(ArtifactError, match="these are not its bytes"):
        await library.keep(stored, wrong.tobytes())
    shelf.tell(Keep(stored, wrong))
    remove_from_mlflow(knowledge.settings)
    with pytest.raises(ArtifactError, match="gone"):
        await library.open(stored)


async def test_an_artifact_that_was_altered_in_the_store_is_an_error(
    stage: Stage, knowledge: KnowledgeBase, stored: ArtifactRef
) -> None:
    library = Library(knowledge, await stage.spawn(Shelf))
    for path in stored_files(knowledge.settings):
        path.write_bytes(b"something else")
    with pytest.raises(ArtifactError, match="changed"):
        await library.open(stored)


@pytest.mark.runtimes("dedicated")
async def test_a_shelf_whose_process_dies_is_empty_and_fills_again(
    stage: Stage, knowledge: KnowledgeBase, stored: ArtifactRef
) -> None:
    assert isinstance(stage.system, RayActorSystem)
    shelf = await stage.spawn(Shelf)
    library = Library(knowledge, shelf)
    await library.open(stored)
    assert await at_hand(shelf, stored) is not None
    os.kill(stage.system.process_of(shelf), signal.SIGKILL)
    async with asyncio.timeout(60):
        assert (await library.open(stored)).tobytes() == BODY
    assert await at_hand(shelf, stored) is not None
