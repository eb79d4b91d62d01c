"""A workflow is the same as a document as in Python; a document that is wrong names the place."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from scanflow_actors.errors import InvalidWorkflowError
from scanflow_actors.workflows import (
    Affinity,
    BatchWorkflow,
    Choice,
    Container,
    Executor,
    Kind,
    OnlineWorkflow,
    Retries,
    ScaleBy,
    Scaling,
    Search,
    Secret,
    Service,
    Span,
    from_document,
    from_yaml,
    to_document,
    to_yaml,
)
from tests import steps

NAMES = st.text(min_size=1, max_size=8)
POSITIVE = st.floats(0.01, 1e6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ENVIRONMENTS = st.dictionaries(
    NAMES, st.text(max_size=5) | st.builds(Secret, variable=NAMES) | st.builds(Secret, file=NAMES), max_size=2
)
AFFINITIES = st.builds(
    Affinity,
    labels=st.dictionaries(NAMES, NAMES, max_size=2),
    apart_from=st.lists(NAMES, max_size=2).map(tuple),
)
MEANS: dict[str, Any] = {
    "num_cpus": st.integers(0, 4) | POSITIVE,
    "num_gpus": st.integers(0, 4) | POSITIVE,
    "memory_bytes": st.none() | st.integers(1, 2**40),
    "affinity": AFFINITIES,
    "environment": ENVIRONMENTS,
}
CONTAINERS = st.builds(Container, image=NAMES, command=st.lists(NAMES, max_size=2).map(tuple))
SPANS = st.builds(
    lambda low, width, **kinds: Span(low=low, high=low + width, **kinds),
    low=st.floats(0.01, 100),
    width=st.floats(0.01, 100),
    is_whole=st.booleans(),
    is_log=st.booleans(),
)
CHOICES = st.builds(
    Choice,
    options=st.lists(st.text(max_size=3) | st.integers() | st.booleans(), min_size=1, max_size=3).map(tuple),
)
SEARCHES = st.builds(
    Search,
    space=st.fixed_dictionaries({"number": SPANS | CHOICES}),
    trials=st.integers(1, 99),
    parallel=st.integers(1, 9),
    budget_s=st.none() | POSITIVE,
    seed=st.integers(),
    minimises=st.booleans(),
    model=st.text(max_size=3),
    name=st.text(max_size=3),
)
SEARCHING = st.builds(Executor, name=NAMES, run=st.just(steps.double), search=SEARCHES, **MEANS)
EXECUTORS = SEARCHING | st.builds(
    Executor,
    name=NAMES,
    run=st.just(steps.add) | CONTAINERS,
    takes=st.fixed_dictionaries({"left": NAMES}),
    options=st.fixed_dictionaries({"right": VALUES}),
    over=st.sampled_from([None, "left", "right"]),
    retries=st.builds(
        Retries, limit=st.integers(0, 9), delay_s=POSITIVE, factor=POSITIVE, max_delay_s=POSITIVE
    ),
    timeout_s=st.none() | POSITIVE,
    priority=st.integers(),
    is_cached=st.booleans(),
    **MEANS,
)
SERVICES = st.builds(
    Service,
    name=NAMES,
    run=st.just(steps.double) | CONTAINERS,
    replicas=st.integers(1, 9)
    | st.builds(
        Scaling,
        least=st.integers(1, 4),
        most=st.integers(4, 9),
        by=st.sampled_from(ScaleBy),
        per_replica=POSITIVE,
        window_s=st.floats(10.5, 1e6),
        up_after_s=POSITIVE,
        down_after_s=POSITIVE,
    ),
    max_ongoing=st.integers(1, 99),
    max_batch=st.integers(1, 9),
    batch_wait_s=POSITIVE,
    **MEANS,
)
FEEDING = {
    Kind.MODEL: 1,
    Kind.TRANSFORMER: 1,
    Kind.OUTPUT_TRANSFORMER: 1,
    Kind.ROUTER: 2,
    Kind.COMBINER: 2,
}


def needing(name: str, executor: Executor, last: str) -> BatchWorkflow:
    """The executor, and one that needs it."""
    needs = {"number": executor.name}
    end = Executor(name=f"{executor.name} {last}", run=steps.double, needs=needs)
    return BatchWorkflow(name=name, executors=(executor, end), result=end.name)


def feeding(name: str, service: Service, kind: Kind, version: int, bound_s: float) -> OnlineWorkflow:
    """A service of this kind, which feeds as many of the given as it must."""
    fed = tuple(replace(service, name=f"{service.name} {number}") for number in range(FEEDING[kind]))
    entry = Service(name=service.name, run=steps.double, kind=kind, feeds=tuple(each.name for each in fed))
    return OnlineWorkflow(
        name=name, services=(entry, *fed), entry=entry.name, version=version, latency_bound_s=bound_s
    )


BATCHES = st.builds(needing, NAMES, EXECUTORS, NAMES)
ONLINES = st.builds(
    feeding,
    NAMES,
    SERVICES,
    st.sampled_from(Kind),
    st.integers(1, 99),
    POSITIVE,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # beside others it may take long
@given(BATCHES | ONLINES)
def test_a_workflow_survives_json(workflow: BatchWorkflow | OnlineWorkflow) -> None:
    assert from_document(json.loads(json.dumps(to_document(workflow)))) == workflow


TEXT = """
kind: online
name: digits
entry: route
version: 3
services:
  - {name: route, run: "tests.steps:double", kind: router, feeds: [model]}
  - name: model
    run: tests.steps:double
    replicas: {least: 1, most: 3}
    environment: {TOKEN: {variable: TOKEN}}
"""


def test_a_workflow_survives_yaml() -> None:
    workflow = from_yaml(TEXT)
    assert isinstance(workflow, OnlineWorkflow)
    assert workflow.service("route").kind is Kind.ROUTER
    assert workflow.service("model").replicas == Scaling(least=1, most=3)
    assert from_yaml(to_yaml(workflow)) == workflow


SEARCH_TEXT = """
kind: batch
name: tuning
result: tune
executors:
  - {name: load, run: "tests.steps:one"}
  - name: tune
    run: tests.steps:parabola
    options: {height: 5}
    search:
      space:
        x: {low: 1.0e-3, high: 1, is_log: true}
        layers: {low: 1, high: 4, is_whole: true}
        kind: {options: [a, b]}
      trials: 30
      budget_s: 600
      model: digits
"""


def test_a_search_is_the_same_in_yaml_as_in_python() -> None:
    space: dict[str, Span | Choice] = {
        "x": Span(low=0.001, high=1, is_log=True),
        "layers": Span(low=1, high=4, is_whole=True),
        "kind": Choice(options=("a", "b")),
    }
    workflow = from_yaml(SEARCH_TEXT)
    assert isinstance(workflow, BatchWorkflow)
    assert workflow.executor("tune").search == Search(space=space, trials=30, budget_s=600, model="digits")
    assert workflow.parameters == {"key", "knowledge"}
    assert from_yaml(to_yaml(workflow)) == workflow


def batch(**fields: Any) -> dict[str, Any]:
    executor = {"name": "a", "run": "tests.steps:one", **fields}
    return {"kind": "batch", "name": "w", "executors": [executor], "result": "a"}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"kind": "other"}, ["kind", "batch or online"]),
        (batch(timeout="1"), ["executors.0.timeout", "not permitted"]),
        (batch(timeout_s="1"), ["executors.0.timeout_s", "number"]),
        (batch(retries={"limit": 1.5}), ["executors.0.retries.limit", "integer"]),
        (batch(run="tests.steps:nothing"), ["executors.0.run", "'tests.steps:nothing' cannot be imported"]),
        (batch(run={"command": ["python"]}), ["executors.0.run.image", "required"]),
        (batch(run="one"), ["executors.0.run", "module:name"]),
        (batch(needs={"x": "z"}), ["executor 'a'", "'z'"]),
        (batch(search={"space": {"x": {"low": 1}}}), ["executors.0.search.space.x", "required"]),
        (batch(search={"trials": 3}), ["executors.0.search.space", "required"]),
        ({"kind": "batch", "name": "w"}, ["executors", "required"]),
    ],
)
def test_a_wrong_document_is_refused_with_the_place(document: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(InvalidWorkflowError) as caught:
        from_document(document)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("text", ["- a", "kind: [", ""])
def test_a_text_that_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(InvalidWorkflowError, match="YAML"):
        from_yaml(text)


def test_what_has_no_name_cannot_be_written() -> None:
    hidden = Executor(name="a", run=lambda: 1)
    with pytest.raises(InvalidWorkflowError, match=r"executors\.0\.run"):
        to_document(BatchWorkflow(name="w", executors=(hidden,), result="a"))
    odd = Executor(name="a", run=steps.double, options={"number": object()})
    with pytest.raises(InvalidWorkflowError, match=r"executors\.0\.options\.number"):
        to_document(BatchWorkflow(name="w", executors=(odd,), result="a"))
