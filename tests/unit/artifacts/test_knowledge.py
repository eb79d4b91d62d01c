"""The knowledge base on a real MLflow store."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from scanflow_actors.artifacts import (
    ArtifactRef,
    KnowledgeBase,
    KnowledgeSettings,
    arrays_from_bytes,
    arrays_to_bytes,
)
from scanflow_actors.errors import ArtifactError, KnowledgeBaseError
from tests.knowledge import MLFLOW_WARNINGS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scanflow_actors.artifacts import RunRecord

pytestmark = MLFLOW_WARNINGS


@pytest.fixture
def run(knowledge: KnowledgeBase) -> RunRecord:
    return knowledge.record("predictions", key="k", metrics={"n": 3}, files={"x.bin": b"abc"})


def stored_file(settings: KnowledgeSettings, ref: ArtifactRef) -> Path:
    root = Path((settings.artifact_uri or "").removeprefix("file://"))
    (path,) = root.rglob(ref.name)
    return path


def test_what_is_opened_is_what_was_stored(knowledge: KnowledgeBase, run: RunRecord) -> None:
    assert knowledge.open(run.artifacts["x.bin"]) == b"abc"
    assert run.artifacts["x.bin"].size_bytes == 3
    assert run.artifacts["x.bin"].uri == f"runs:/{run.id}/x.bin"


def test_altered_bytes_are_refused(knowledge: KnowledgeBase, run: RunRecord) -> None:
    ref = run.artifacts["x.bin"]
    stored_file(knowledge.settings, ref).write_bytes(b"abd")
    with pytest.raises(ArtifactError, match="have changed") as caught:
        knowledge.open(ref)
    assert caught.value.uri == ref.uri


def test_an_artifact_that_is_gone_is_named(knowledge: KnowledgeBase, run: RunRecord) -> None:
    ref = run.artifacts["x.bin"]
    stored_file(knowledge.settings, ref).unlink()
    with pytest.raises(ArtifactError, match="it is gone; record it again") as caught:
        knowledge.open(ref)
    assert caught.value.uri == ref.uri


def test_a_run_that_is_gone_is_named_with_what_to_do(knowledge: KnowledgeBase, run: RunRecord) -> None:
    gone = ArtifactRef(run="0" * 32, name="x.bin", digest="", size_bytes=0)
    with pytest.raises(KnowledgeBaseError, match="it was deleted, or belongs to another store"):
        knowledge.open(gone)
    assert knowledge.run(run.id) == run


def test_a_store_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    settings = KnowledgeSettings(tracking_uri="nosuchscheme://there")
    with pytest.raises(KnowledgeBaseError, match="nosuchscheme"):
        KnowledgeBase(settings).runs("predictions")
    assert not list(tmp_path.iterdir())


def test_recording_is_idempotent_by_kind_and_key(knowledge: KnowledgeBase, run: RunRecord) -> None:
    again = knowledge.record("predictions", key="k", metrics={"n": 4})
    assert again == run
    other = knowledge.record("picked", key="k", metrics={"n": 5})
    assert other.id != run.id
    assert [found.id for found in knowledge.runs("predictions")] == [run.id]


def test_a_key_with_a_quote_is_found_again(knowledge: KnowledgeBase) -> None:
    first = knowledge.record("predictions", key="it's")
    assert knowledge.record("predictions", key="it's").id == first.id


def test_a_key_that_the_store_cannot_search_for_is_refused(knowledge: KnowledgeBase) -> None:
    with pytest.raises(KnowledgeBaseError, match="both kinds of quotes"):
        knowledge.record("predictions", key='it\'s "it"')


def test_runs_are_found_by_kind_and_params_the_earliest_first(knowledge: KnowledgeBase) -> None:
    ids = [knowledge.record("p", key=str(index), params={"even": index % 2 == 0}).id for index in range(4)]
    assert [run.id for run in knowledge.runs("p")] == ids
    assert [run.id for run in knowledge.runs("p", even=True)] == ids[::2]
    assert knowledge.runs("q") == ()


def test_two_stores_in_one_process_are_apart(
    knowledge: KnowledgeBase, run: RunRecord, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(tmp_path / "mlflow.db", elsewhere / "mlflow.db")
    other = KnowledgeBase(KnowledgeSettings.in_folder(elsewhere, "other"))
    assert other.runs("predictions") == ()
    assert knowledge.runs("predictions") == (run,)


# ---------------------------------------------------------------------- watermarks


def test_a_reader_sees_each_run_once(knowledge: KnowledgeBase) -> None:
    first = knowledge.record("p", key="1")
    seen = knowledge.runs_since("p", None)
    assert [run.id for run in seen.runs] == [first.id]
    assert knowledge.runs_since("p", seen.watermark).runs == ()
    second = knowledge.record("p", key="2")
    assert [run.id for run in knowledge.runs_since("p", seen.watermark).runs] == [second.id]


def test_a_reader_whose_watermark_stays_sees_the_runs_again(knowledge: KnowledgeBase) -> None:
    knowledge.record("p", key="1")
    knowledge.record("p", key="2")
    assert len(knowledge.runs_since("p", None).runs) == 2
    assert len(knowledge.runs_since("p", None).runs) == 2


# ---------------------------------------------------------------------- the registry


def test_an_alias_names_the_version_that_was_promoted_last(knowledge: KnowledgeBase, run: RunRecord) -> None:
    first = knowledge.models.register("digits", run, {"accuracy": 0.123456789})
    other = knowledge.record("training", key="t2")
    second = knowledge.models.register("digits", other)
    knowledge.models.promote("digits", first)
    assert knowledge.models.version("digits") == first
    knowledge.models.promote("digits", second)
    assert knowledge.models.version("digits") == second
    assert knowledge.models.run_of("digits", second).id == other.id


def test_a_run_becomes_one_version_however_often_it_is_registered(
    knowledge: KnowledgeBase, run: RunRecord
) -> None:
    assert knowledge.models.register("digits", run) == knowledge.models.register("digits", run) == 1


def test_an_alias_that_names_nothing_is_an_error_with_a_remedy(
    knowledge: KnowledgeBase, run: RunRecord
) -> None:
    with pytest.raises(KnowledgeBaseError, match="register a version and promote it first"):
        knowledge.models.version("digits")
    knowledge.models.register("digits", run)
    with pytest.raises(KnowledgeBaseError, match="register a version and promote it first"):
        knowledge.models.version("digits")
    with pytest.raises(KnowledgeBaseError, match="register it first"):
        knowledge.models.promote("digits", 7)


def test_a_version_that_is_gone_is_an_error_with_a_remedy(knowledge: KnowledgeBase) -> None:
    with pytest.raises(KnowledgeBaseError, match="promote another"):
        knowledge.models.run_of("digits", 3)


# ---------------------------------------------------------------------- arrays


def test_arrays_keep_their_shapes_and_dtypes() -> None:
    arrays: dict[str, NDArray[Any]] = {
        "images": np.ones((2, 3), np.float32),
        "ids": np.arange(4),
        "names": np.array(["a", "bc"]),
    }
    again = arrays_from_bytes(arrays_to_bytes(arrays))
    assert again.keys() == arrays.keys()
    for name, array in arrays.items():
        assert again[name].dtype == array.dtype
        assert np.array_equal(again[name], array)


def test_arrays_of_objects_are_refused_since_nothing_is_unpickled() -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        arrays_to_bytes({"objects": np.array([{}], dtype=object)})
