"""The demo's table, window by window, read from the knowledge base and the journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scanflow_actors.artifacts import arrays_from_bytes
from scanflow_actors.demos.mnist.lab import MODEL, PICKED, PREDICTIONS
from scanflow_actors.demos.mnist.models import accuracy, from_bytes
from scanflow_actors.demos.mnist.steps import ARRAYS_FILE, all_digits, open_knowledge, sets_of, stored_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scanflow_actors.artifacts import RunRecord
    from scanflow_actors.demos.mnist.lab import Lab


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRow:
    """One window of the stream."""

    window: int
    predictions: int
    detected: int
    """Samples that the detector called out of distribution; 0 when the window was not checked."""
    picked: int
    labels_used: int
    measured_on: int
    """Predictions whose base image had not been labelled before: the accuracies are over these."""
    accuracy: float
    """Ratio, of the model in production."""
    accuracy_never_retrained: float
    version: int
    """Which was in production."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What the managed model gained."""

    accuracy_last3: float
    """Mean accuracy over the last three windows, of the model in production."""
    accuracy_last3_never_retrained: float
    gain_last3: float
    """The difference of the two, a ratio: 0.1 are ten points."""
    holdout_first: float
    """Accuracy of version 1 on the clean hold-out set, which no decision has looked at."""
    holdout_last: float
    """The same of the version in production at the end."""
    last_version: int
    labels_used: int


def read_rows(lab: Lab) -> tuple[WindowRow, ...]:
    """Read the table. Blocks."""
    knowledge = open_knowledge(lab.knowledge)
    digits = all_digits(lab)
    label_of = np.zeros(int(digits.ids.max()) + 1, dtype=np.int64)
    label_of[digits.ids] = digits.labels
    checks = _checks(knowledge.runs(PICKED))
    rows = []
    labelled: set[int] = set()
    for run in sorted(knowledge.runs(PREDICTIONS), key=lambda run: run.metrics["window"]):
        window = int(run.metrics["window"])
        ids = _arrays(lab, knowledge.run(run.params["inputs_run"]))["ids"]
        fresh = np.array([base not in labelled for base in ids.tolist()], dtype=bool)
        answers = _arrays(lab, run)
        right = label_of[ids]
        check = checks.get(window)
        rows.append(
            WindowRow(
                window=window,
                predictions=len(ids),
                detected=_count(check, "detected", window),
                picked=_count(check, "critical", window),
                labels_used=_count(check, "labelled", window),
                measured_on=int(fresh.sum()),
                accuracy=_ratio(answers["production"] == right, fresh),
                accuracy_never_retrained=_ratio(answers["first"] == right, fresh),
                version=int(run.metrics["version"]),
            )
        )
        if check is not None and ARRAYS_FILE in check.artifacts:
            labelled |= set(_arrays(lab, check)["ids"].tolist())
    return tuple(rows)


def summarise(lab: Lab, rows: tuple[WindowRow, ...]) -> Summary:
    """Compare the managed model with the one that is never retrained. Blocks."""
    last = rows[-3:]
    managed = sum(row.accuracy for row in last) / len(last)
    frozen = sum(row.accuracy_never_retrained for row in last) / len(last)
    holdout = sets_of(lab).holdout
    last_version = open_knowledge(lab.knowledge).models.version(MODEL)
    first, final = (
        accuracy(from_bytes(stored_model(lab, version)), holdout.images, holdout.labels)
        for version in (1, last_version)
    )
    return Summary(
        accuracy_last3=managed,
        accuracy_last3_never_retrained=frozen,
        gain_last3=managed - frozen,
        holdout_first=first,
        holdout_last=final,
        last_version=last_version,
        labels_used=sum(row.labels_used for row in rows),
    )


def _arrays(lab: Lab, run: RunRecord) -> dict[str, NDArray[np.int64]]:
    return arrays_from_bytes(open_knowledge(lab.knowledge).open(run.artifacts[ARRAYS_FILE]))


def _checks(runs: tuple[RunRecord, ...]) -> dict[int, RunRecord]:
    """Which check looked at each window."""
    prefix = "detected."
    return {
        int(name.removeprefix(prefix)): run for run in runs for name in run.metrics if name.startswith(prefix)
    }


def _count(check: RunRecord | None, what: str, window: int) -> int:
    return 0 if check is None else int(check.metrics[f"{what}.{window}"])


def _ratio(is_right: NDArray[np.bool_], fresh: NDArray[np.bool_]) -> float:
    return float(is_right[fresh].mean()) if fresh.any() else float("nan")
