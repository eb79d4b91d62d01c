"""The four batch workflows of the demo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scanflow_actors.demos.mnist import lab as names, steps
from scanflow_actors.workflows import BatchWorkflow, Executor

if TYPE_CHECKING:
    from scanflow_actors.demos.mnist.lab import Lab


def workflows(lab: Lab) -> tuple[BatchWorkflow, ...]:
    """Training (also used to retrain), detector fitting, inference, drift detection."""
    return training(lab), detector_fitting(lab), inference(lab), detection(lab)


def training(lab: Lab) -> BatchWorkflow:
    """Load, train two models in parallel, pick the best, register it."""
    fixed = {"lab": lab}
    retrain = {"retrain": "retrain"}
    candidates = tuple(
        Executor(
            name=f"train-{number}",
            run=steps.train_candidate,
            needs={"examples": "load"},
            takes=retrain,
            options={**fixed, "candidate": number},
        )
        for number in (0, 1)
    )
    load = Executor(
        name="load",
        run=steps.gather_examples,
        takes={**retrain, "production_version": "production_version"},
        options=fixed,
    )
    best = Executor(
        name="pick-best", run=steps.pick_best, needs={"first": "train-0", "second": "train-1"}, num_cpus=0
    )
    register = Executor(
        name="register",
        run=steps.register,
        needs={"examples": "load", "best": "pick-best"},
        takes={**retrain, "key": "key"},
        options=fixed,
    )
    return BatchWorkflow(
        name=names.TRAINING, executors=(load, *candidates, best, register), result="register"
    )


def detector_fitting(lab: Lab) -> BatchWorkflow:
    """Fit the drift detector to the clean sets."""
    fit = Executor(name="fit", run=steps.fit_detector, takes={"key": "key"}, options={"lab": lab})
    return BatchWorkflow(name=names.DETECTOR_FITTING, executors=(fit,), result="fit")


def inference(lab: Lab) -> BatchWorkflow:
    """Read a window, predict with production and with version 1 in parallel, log the predictions."""
    fixed = {"lab": lab}
    read = Executor(name="read", run=steps.read_window, takes={"window": "window"}, options=fixed)
    production = Executor(
        name="predict",
        run=steps.classify,
        needs={"window": "read"},
        options={**fixed, "version": None},
    )
    first = Executor(
        name="predict-first",
        run=steps.classify,
        needs={"window": "read"},
        options={**fixed, "version": 1},
    )
    log = Executor(
        name="log",
        run=steps.log_predictions,
        needs={"production": "predict", "first": "predict-first"},
        takes={"window": "window", "key": "key"},
        options=fixed,
    )
    return BatchWorkflow(name=names.INFERENCE, executors=(read, production, first, log), result="log")


def detection(lab: Lab) -> BatchWorkflow:
    """Gather new data, detect and pick, have the picked labelled, record them."""
    fixed = {"lab": lab}
    gather = Executor(name="gather", run=steps.gather_newdata, takes={"newdata": "newdata"}, options=fixed)
    pick = Executor(name="pick", run=steps.pick_critical, needs={"inputs": "gather"}, options=fixed)
    label = Executor(
        name="label", run=steps.label_picked, needs={"inputs": "gather", "found": "pick"}, options=fixed
    )
    record = Executor(
        name="record",
        run=steps.record_picked,
        needs={"inputs": "gather", "found": "pick", "labelled": "label"},
        takes={"key": "key"},
        options=fixed,
    )
    return BatchWorkflow(name=names.DETECTOR, executors=(gather, pick, label, record), result="record")
