"""The steps of the demo's workflows: functions that run in Ray's workers.

Each takes plain values, arrays and addresses of artifacts; what another workflow or an agent shall see
goes to the knowledge base under the idempotency key of the run, so a repeated run records nothing twice.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from scanflow_actors.artifacts import (
    ArtifactRef,
    KnowledgeBase,
    KnowledgeSettings,
    Origin,
    arrays_from_bytes,
    arrays_to_bytes,
    code_version,
)
from scanflow_actors.demos.mnist.detector import Detector
from scanflow_actors.demos.mnist.digits import Digits, DigitSets, load_digits, split_digits
from scanflow_actors.demos.mnist.lab import CANDIDATES, INPUTS, MODEL, PICKED, PREDICTIONS, is_for_validation
from scanflow_actors.demos.mnist.models import (
    ARCHITECTURES,
    accuracy,
    fine_tune,
    from_bytes,
    predict,
    to_bytes,
    train_classifier,
)
from scanflow_actors.demos.mnist.stream import check_window

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from scanflow_actors.demos.mnist.lab import Lab

Arrays: TypeAlias = "dict[str, NDArray[Any]]"

MODEL_FILE, DETECTOR_FILE, ARRAYS_FILE = "model.pt", "detector.pt", "arrays.npz"


@lru_cache(maxsize=4)
def open_knowledge(settings: KnowledgeSettings) -> KnowledgeBase:
    """Open the knowledge base once in each worker."""
    return KnowledgeBase(settings)


def prepare_digits(lab: Lab) -> None:
    """Read the base images from their source, once, and lay them down for the workers.

    Raises:
        DataNotFoundError: They are not there.
    """
    digits = load_digits(lab.digits, lab.digits_folder)
    arrays: Arrays = {"images": digits.images, "labels": digits.labels, "ids": digits.ids}
    lab.base_images.write_bytes(arrays_to_bytes(arrays))


@lru_cache(maxsize=2)
def _read_digits(path: Path) -> Digits:
    arrays = arrays_from_bytes(path.read_bytes())
    return Digits(images=arrays["images"], labels=arrays["labels"], ids=arrays["ids"])


def all_digits(lab: Lab) -> Digits:
    """Read the base images that `prepare_digits` laid down; a worker keeps them."""
    return _read_digits(lab.base_images)


def sets_of(lab: Lab) -> DigitSets:
    """Cut the base images into the four sets that share none."""
    return split_digits(all_digits(lab), lab.seed)


# ---------------------------------------------------------------------- training and retraining


def gather_examples(lab: Lab, *, retrain: bool, production_version: int) -> Arrays:
    """Collect what to train on and what to validate on.

    Returns:
        ``images``, ``labels``, ``validation_images``, ``validation_labels``: the clean sets, and for a
        retraining the labelled samples of the stream as well, apart by base image; ``checks``: ids of the
        runs that recorded those.
    """
    sets = sets_of(lab)
    images, labels = [sets.train.images], [sets.train.labels]
    validation_images, validation_labels = [sets.validation.images], [sets.validation.labels]
    knowledge = open_knowledge(lab.knowledge)
    known = knowledge.runs(PICKED) if retrain else ()
    checks = [run for run in known if ARRAYS_FILE in run.artifacts]
    for index, run in enumerate(checks):
        picked = arrays_from_bytes(knowledge.open(run.artifacts[ARRAYS_FILE]))
        validates = np.array([is_for_validation(int(base)) for base in picked["ids"]], dtype=bool)
        images.append(picked["images"][~validates])
        labels.append(picked["labels"][~validates])
        if index >= len(checks) - lab.validation_windows:
            validation_images.append(picked["images"][validates])
            validation_labels.append(picked["labels"][validates])
    return {
        "images": np.concatenate(images),
        "labels": np.concatenate(labels),
        "validation_images": np.concatenate(validation_images),
        "validation_labels": np.concatenate(validation_labels),
        "version": np.array(production_version),
        "checks": np.array([run.id for run in checks], dtype=np.str_),
    }


def train_candidate(lab: Lab, examples: Arrays, *, candidate: int, retrain: bool) -> dict[str, Any]:
    """Train one of the two candidates: an architecture of its own, or a transfer from production.

    Returns:
        ``model``: bytes; ``accuracy``: ratio on the validation set.
    """
    images, labels = examples["images"], examples["labels"]
    if retrain:
        model = fine_tune(
            stored_model(lab, int(examples["version"])),
            images,
            labels,
            epochs=lab.retrain_epochs[candidate],
            seed=lab.seed,
        )
    else:
        model = train_classifier(
            ARCHITECTURES[candidate], images, labels, epochs=lab.first_epochs, seed=lab.seed
        )
    score = accuracy(model, examples["validation_images"], examples["validation_labels"])
    return {"model": to_bytes(model), "accuracy": score}


def pick_best(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Pick the candidate with the better accuracy on the validation set; the first if they are equal."""
    return second if second["accuracy"] > first["accuracy"] else first


def register(lab: Lab, examples: Arrays, best: dict[str, Any], *, retrain: bool, key: str) -> int:
    """Register the best candidate, and record how it compares with the model in production.

    Returns:
        The new version's number.
    """
    knowledge = open_knowledge(lab.knowledge)
    scores = {"validation_accuracy": best["accuracy"]}
    files = {MODEL_FILE: best["model"]}
    sizes = {"n_train": len(examples["labels"]), "n_validation": len(examples["validation_labels"])}
    params = {"digits": lab.digits, "seed": lab.seed, "retrain": retrain}
    run = knowledge.record("training", key=key, metrics={**scores, **sizes}, params=params, files=files)
    checks = [knowledge.run(str(run_id)) for run_id in examples["checks"]]
    origin = Origin(
        data=tuple(check.artifacts[ARRAYS_FILE] for check in checks),
        code=code_version(fine_tune if retrain else train_classifier),
        parent=int(examples["version"]) if retrain else None,
    )
    version = knowledge.models.register(MODEL, run, scores, origin=origin)
    if retrain:
        current_version = int(examples["version"])
        current = from_bytes(stored_model(lab, current_version))
        comparison = {
            "version": version,
            "new_accuracy": best["accuracy"],
            "current_version": current_version,
            "current_accuracy": accuracy(
                current, examples["validation_images"], examples["validation_labels"]
            ),
        }
        knowledge.record(CANDIDATES, key=key, metrics=comparison)
    return version


def stored_model(lab: Lab, version: int) -> bytes:
    """Read a version of the classifier from the registry."""
    knowledge = open_knowledge(lab.knowledge)
    return knowledge.open(knowledge.models.run_of(MODEL, version).artifacts[MODEL_FILE])


# ---------------------------------------------------------------------- inference


def read_window(lab: Lab, window: ArtifactRef) -> Arrays:
    """Read a window of the stream and refuse what no model may see.

    Returns:
        ``images``: ``(n, 28, 28) float32 in [0, 1]``; ``ids``: ``(n,) int64``.

    Raises:
        InvalidArrayError: The images have the wrong shape, dtype or range.
    """
    arrays = arrays_from_bytes(open_knowledge(lab.knowledge).open(window))
    check_window(arrays["images"])
    return arrays


def classify(lab: Lab, window: Arrays, *, version: int | None) -> dict[str, Any]:
    """Predict with one version, or with the one in production.

    Returns:
        ``version``, and ``predictions``: ``(n,) int64``.
    """
    if version is None:
        version = open_knowledge(lab.knowledge).models.version(MODEL)
    return {
        "version": version,
        "predictions": predict(from_bytes(stored_model(lab, version)), window["images"]),
    }


def log_predictions(
    lab: Lab, production: dict[str, Any], first: dict[str, Any], window: ArtifactRef, *, key: str
) -> int:
    """Record the predictions of a window, those of the model that is never retrained beside them.

    Returns:
        The version that was in production.
    """
    knowledge = open_knowledge(lab.knowledge)
    index = knowledge.run(window.run).metrics["window"]
    predictions = {"production": production["predictions"], "first": first["predictions"]}
    knowledge.record(
        PREDICTIONS,
        key=key,
        metrics={
            PREDICTIONS: len(production["predictions"]),
            "version": production["version"],
            "window": index,
        },
        params={"inputs_run": window.run},
        files={ARRAYS_FILE: arrays_to_bytes(predictions)},
    )
    return int(production["version"])


# ---------------------------------------------------------------------- drift detection


def fit_detector(lab: Lab, *, key: str) -> str:
    """Fit the drift detector to the clean sets.

    Returns:
        Id of the run that holds it.
    """
    sets = sets_of(lab)
    detector = Detector.fit(
        sets.train.images, sets.validation.images, seed=lab.seed, epochs=lab.detector_epochs
    )
    files = {DETECTOR_FILE: detector.to_bytes()}
    return open_knowledge(lab.knowledge).record("detector", key=key, files=files).id


def gather_newdata(lab: Lab, newdata: tuple[ArtifactRef, ...]) -> Arrays:
    """Collect the inputs of the predictions that are to be checked.

    Returns:
        ``images``, ``ids`` and ``windows``, one of each for a sample.
    """
    knowledge = open_knowledge(lab.knowledge)
    runs = [knowledge.run(knowledge.run(ref.run).params["inputs_run"]) for ref in newdata]
    parts = [arrays_from_bytes(knowledge.open(run.artifacts[ARRAYS_FILE])) for run in runs]
    return {
        "images": np.concatenate([part["images"] for part in parts]),
        "ids": np.concatenate([part["ids"] for part in parts]),
        "windows": np.concatenate(
            [np.full(len(part["ids"]), run.metrics["window"]) for run, part in zip(runs, parts, strict=True)]
        ),
    }


def pick_critical(lab: Lab, inputs: Arrays) -> dict[str, Any]:
    """Detect out-of-distribution samples, and pick the critical ones among them.

    Returns:
        ``detected`` and ``picked``: positions of the samples out of distribution, and of the critical among
        them; ``is_drifted``: whether the new data as a whole have drifted.
    """
    knowledge = open_knowledge(lab.knowledge)
    (run,) = knowledge.runs("detector")
    detector = Detector.from_bytes(knowledge.open(run.artifacts[DETECTOR_FILE]))
    report = detector.detect(inputs["images"])
    seed = lab.seed + int(inputs["windows"].max())
    picked = detector.pick_critical(inputs["images"], report, lab.pick_limit, seed)
    return {"detected": np.flatnonzero(report.is_outlier), "is_drifted": report.is_drifted, "picked": picked}


def label_picked(lab: Lab, inputs: Arrays, found: dict[str, Any]) -> Arrays:
    """Have the oracle label the picked samples, as many as the budget allows.

    In production a person does this; the oracle looks the digit up by its base image.

    Returns:
        ``images``, ``labels``, ``ids`` of the labelled samples.
    """
    chosen = found["picked"][: lab.label_budget]
    ids = inputs["ids"][chosen]
    digits = all_digits(lab)
    label_of = dict(zip(digits.ids.tolist(), digits.labels.tolist(), strict=True))
    labels = np.array([label_of[base] for base in ids.tolist()], dtype=np.int64)
    return {"images": inputs["images"][chosen], "labels": labels, "ids": ids}


def record_picked(
    lab: Lab, inputs: Arrays, found: dict[str, Any], labelled: Arrays, *, key: str
) -> dict[str, float]:
    """Record what the detector found, and the labelled samples for the planner.

    Returns:
        The numbers of this check: labelled samples in all, and for each window what was detected, picked
        as critical and labelled.
    """
    metrics = {PICKED: float(len(labelled["labels"])), "is_drifted": float(found["is_drifted"])}
    groups = {"detected": found["detected"], "critical": found["picked"]}
    groups["labelled"] = found["picked"][: len(labelled["labels"])]
    for window in np.unique(inputs["windows"]).astype(int).tolist():
        for name, positions in groups.items():
            metrics[f"{name}.{window}"] = float((inputs["windows"][positions] == window).sum())
    files = {ARRAYS_FILE: arrays_to_bytes(labelled)} if len(labelled["labels"]) else {}
    open_knowledge(lab.knowledge).record(PICKED, key=key, metrics=metrics, files=files)
    return metrics


def store_window(lab: Lab, index: int, images: NDArray[np.float32], ids: NDArray[np.int64]) -> ArtifactRef:
    """Lay a window of the stream down where the inference workflow reads it.

    Raises:
        InvalidArrayError: The images have the wrong shape, dtype or range; nothing is stored.
    """
    check_window(images)
    body = arrays_to_bytes({"images": images, "ids": ids})
    run = open_knowledge(lab.knowledge).record(
        INPUTS, key=f"window-{index}", metrics={"window": index}, files={ARRAYS_FILE: body}
    )
    return run.artifacts[ARRAYS_FILE]
