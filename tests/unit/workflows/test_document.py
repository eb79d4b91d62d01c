"""A workflow is the same as a document as in Python; a document that is wrong names the place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from scanflow_actors.errors import InvalidWorkflowError
from scanflow_actors.workflows import (
    Affinity,
    BatchWorkflow,
    Choice,
    Executor,
    Kind,
    OnlineWorkflow,
    Retries,
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
    "memory_bytes": st.none() | st.integers(1, 2**40),
    "affinity": AFFINITIES,
    "environment": ENVIRONMENTS,
}
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
    run=st.just(steps.double),
    options=st.fixed_dictionaries({"number": VALUES}),
    over=st.none() | st.just("number"),
    retries=st.builds(Retries, limit=st.integers(0, 9), delay_s=POSITIVE),
    timeout_s=st.none() | POSITIVE,
    priority=st.integers(),
    is_cached=st.booleans(),
    **MEANS,
)
SERVICES = st.builds(
    Service,
    name=NAMES,
    run=st.just(steps.double),
    replicas=st.integers(1, 9) | st.builds(Scaling, least=st.integers(1, 4), most=st.integers(4, 9)),
    max_batch=st.integers(1, 9),
    **MEANS,
)
BATCHES = st.builds(
    lambda name, executor: BatchWorkflow(name=name, executors=(executor,), result=executor.name),
    NAMES,
    EXECUTORS,
)
ONLINES = st.builds(
    lambda name, service, version, bound_s: OnlineWorkflow(
        name=name, services=(service,), entry=service.name, version=version, latency_bound_s=bound_s
    ),
    NAMES,
    SERVICES,
    st.integers(1, 99),
    POSITIVE,
)


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
