"""The steps of the demo's workflows, run one after the other in this process on a real knowledge base."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from scanflow_actors.artifacts import KnowledgeBase, arrays_from_bytes
from scanflow_actors.demos.mnist import steps
from scanflow_actors.demos.mnist.lab import CANDIDATES, MODEL, PICKED, PREDICTIONS, Lab, is_for_validation
from scanflow_actors.demos.mnist.run import lay_down
from scanflow_actors.errors import InvalidArrayError

if TYPE_CHECKING:
    from pathlib import Path

DRIFTED = 8


class Run(NamedTuple):
    lab: Lab
    knowledge: KnowledgeBase


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> Run:
    """A first model in production, a detector, and one drifted window predicted, checked and labelled."""
    folder: Path = tmp_path_factory.mktemp("lab")
    shutil.copy(migrated_store, folder / "mlflow.db")
    lab = Lab(folder=folder, first_epochs=2, retrain_epochs=(1, 1), label_budget=60, pick_limit=80)
    steps.prepare_digits(lab)
    knowledge = steps.open_knowledge(lab.knowledge)
    examples = steps.gather_examples(lab, retrain=False, production_version=0)
    best = steps.train_candidate(lab, examples, candidate=0, retrain=False)
    knowledge.models.promote(MODEL, steps.register(lab, examples, best, retrain=False, key="first"))
    steps.fit_detector(lab, key="detector")
    window = lay_down(lab, DRIFTED)
    arrays = steps.read_window(lab, window)
    answers = steps.classify(lab, arrays, version=None)
    steps.log_predictions(lab, answers, answers, window, key="window")
    newdata = tuple(knowledge.runs(PREDICTIONS)[0].artifacts.values())
    inputs = steps.gather_newdata(lab, newdata)
    found = steps.pick_critical(lab, inputs)
    steps.record_picked(lab, inputs, found, steps.label_picked(lab, inputs, found), key="check")
    return Run(lab, knowledge)


def test_no_image_of_the_stream_is_in_another_set(run: Run) -> None:
    sets = steps.sets_of(run.lab)
    others = np.concatenate([sets.train.ids, sets.validation.ids, sets.holdout.ids])
    drawn = arrays_from_bytes(run.knowledge.open(lay_down(run.lab, DRIFTED)))["ids"]
    assert not set(drawn.tolist()) & set(others.tolist())
    assert len(set(others.tolist())) == len(others)


def test_a_drifted_window_is_labelled_up_to_the_budget(run: Run) -> None:
    (check,) = run.knowledge.runs(PICKED)
    assert check.metrics[PICKED] == 60
    assert check.metrics[f"critical.{DRIFTED}"] == 80
    assert check.metrics[f"detected.{DRIFTED}"] >= 80
    assert check.metrics["is_drifted"] == 1


def test_labels_are_those_of_the_base_images(run: Run) -> None:
    (check,) = run.knowledge.runs(PICKED)
    picked = arrays_from_bytes(run.knowledge.open(check.artifacts[steps.ARRAYS_FILE]))
    digits = steps.all_digits(run.lab)
    assert (digits.labels[picked["ids"]] == picked["labels"]).all()


def test_a_labelled_sample_either_trains_or_validates(run: Run) -> None:
    (check,) = run.knowledge.runs(PICKED)
    ids = arrays_from_bytes(run.knowledge.open(check.artifacts[steps.ARRAYS_FILE]))["ids"].tolist()
    validating = sum(is_for_validation(base) for base in ids)
    sets = steps.sets_of(run.lab)
    examples = steps.gather_examples(run.lab, retrain=True, production_version=1)
    assert 0 < validating < len(ids)
    assert len(examples["labels"]) == len(sets.train) + len(ids) - validating
    assert len(examples["validation_labels"]) == len(sets.validation) + validating


def test_a_retraining_is_compared_with_production_on_one_set(run: Run) -> None:
    examples = steps.gather_examples(run.lab, retrain=True, production_version=1)
    best = steps.train_candidate(run.lab, examples, candidate=0, retrain=True)
    version = steps.register(run.lab, examples, best, retrain=True, key="again")
    assert steps.register(run.lab, examples, best, retrain=True, key="again") == version, "once for each key"
    (candidate,) = run.knowledge.runs(CANDIDATES)
    assert candidate.metrics["version"] == version == 2
    assert candidate.metrics["current_version"] == 1
    assert candidate.metrics["new_accuracy"] == best["accuracy"]
    assert run.knowledge.models.version(MODEL) == 1, "registering does not promote"
    (check,) = run.knowledge.runs(PICKED)
    lineage = run.knowledge.models.lineage(MODEL, version)
    assert lineage.origin.data == (check.artifacts[steps.ARRAYS_FILE],)
    assert lineage.origin.parent == 1
    assert "fine_tune@" in lineage.origin.code
    assert lineage.run.params["seed"] == str(run.lab.seed)


@pytest.mark.parametrize(
    ("images", "wrong"),
    [
        (np.zeros((10, 28, 27), np.float32), "28"),
        (np.zeros((10, 28, 28), np.float64), "float32"),
        (np.full((10, 28, 28), 255, np.float32), "1"),
        (np.zeros((0, 28, 28), np.float32), "at least one"),
    ],
    ids=["shape", "dtype", "range", "empty"],
)
def test_a_wrong_window_is_refused_and_nothing_is_stored(run: Run, images: np.ndarray, wrong: str) -> None:
    before = len(run.knowledge.runs("inputs"))
    with pytest.raises(InvalidArrayError, match=wrong):
        steps.store_window(run.lab, 99, images, np.arange(len(images)))
    assert len(run.knowledge.runs("inputs")) == before
