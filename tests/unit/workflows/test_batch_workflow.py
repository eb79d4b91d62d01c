"""A batch workflow that cannot work is refused before it runs, and the place is named."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, strategies as st

from scanflow_actors.errors import InvalidWorkflowError
from scanflow_actors.workflows import BatchWorkflow, Choice, Executor, Retries, Search, Span
from tests import steps


def refused(*executors: Executor, result: str = "a") -> InvalidWorkflowError:
    with pytest.raises(InvalidWorkflowError) as caught:
        BatchWorkflow(name="w", executors=executors, result=result)
    assert caught.value.workflow == "w"
    return caught.value


ONE = Executor(name="a", run=steps.one)
UP_TO_9 = {"number": Span(low=0, high=9, is_whole=True)}


def test_a_cycle_is_refused_with_its_path() -> None:
    first = Executor(name="a", run=steps.double, needs={"number": "b"})
    second = Executor(name="b", run=steps.double, needs={"number": "a"})
    problem = refused(first, second).problem
    assert "cycle" in problem
    assert "a → b → a" in problem or "b → a → b" in problem


def test_a_name_that_is_there_twice_is_refused() -> None:
    error = refused(ONE, ONE)
    assert error.place == "executor 'a'"
    assert "twice" in error.problem


def test_a_need_that_is_not_there_is_refused_with_the_known_names() -> None:
    error = refused(Executor(name="a", run=steps.double, needs={"number": "z"}))
    assert error.place == "executor 'a'"
    assert "'z'" in error.problem
    assert "['a']" in error.problem


def test_a_result_that_is_not_there_is_refused() -> None:
    assert refused(ONE, result="z").place == "result"


@pytest.mark.parametrize(
    ("executor", "word"),
    [
        (Executor(name="a", run=steps.double), "number"),
        (Executor(name="a", run=steps.one, options={"wrong": 1}), "wrong"),
        (Executor(name="a", run=steps.double, takes={"number": "p"}, options={"number": 1}), "two sources"),
        (Executor(name="a", run=steps.double, takes={"number": "p"}, over="else"), "over"),
        (Executor(name="a", run=steps.one, num_cpus=-1), "num_cpus"),
        (Executor(name="a", run=steps.one, timeout_s=0), "timeout_s"),
        (Executor(name="a", run=steps.one, memory_bytes=0), "memory_bytes"),
        (Executor(name="a", run=steps.one, retries=Retries(limit=-1)), "retries.limit"),
        (Executor(name="a", run=steps.one, search=Search(space=UP_TO_9)), "number"),
        (Executor(name="a", run=steps.double, search=Search(space=UP_TO_9), is_cached=True), "cached"),
        (
            Executor(name="a", run=steps.double, options={"number": 1}, search=Search(space=UP_TO_9)),
            "two sources",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_executor_that_cannot_run_is_refused_with_the_field(executor: Executor, word: str) -> None:
    error = refused(executor)
    assert error.place == "executor 'a'"
    assert word in error.problem


@pytest.mark.parametrize(
    ("search", "field"),
    [
        (Search(space=UP_TO_9, trials=0), "search.trials"),
        (Search(space=UP_TO_9, parallel=0), "search.parallel"),
        (Search(space=UP_TO_9, budget_s=0), "search.budget_s"),
        (Search(space={"number": Span(low=1, high=1)}), "search.space.number"),
        (Search(space={"number": Span(low=0, high=1, is_log=True)}), "search.space.number"),
        (Search(space={"number": Choice(options=())}), "search.space.number"),
        (Search(space={"number": Span(low=2, high=1)}), "search.space.number"),
    ],
)
def test_a_search_that_cannot_work_is_refused_with_the_field(search: Search, field: str) -> None:
    assert refused(Executor(name="a", run=steps.double, search=search)).place == f"executor 'a', {field}"


def test_an_argument_that_is_called_like_a_parameter_of_ours_is_refused() -> None:
    error = refused(
        Executor(name="a", run=lambda trial: trial, search=Search(space={"trial": Span(low=0, high=1)}))
    )
    assert (error.place, "rename the argument" in error.problem) == ("executor 'a', search.space.trial", True)


def test_a_search_of_nothing_is_refused() -> None:
    error = refused(Executor(name="a", run=steps.one, search=Search(space={})))
    assert (error.place, error.problem) == (
        "executor 'a', search.space",
        "is empty; name an argument to search",
    )


def test_parameters_that_are_missing_or_unknown_are_named() -> None:
    workflow = BatchWorkflow(
        name="w", executors=(Executor(name="a", run=steps.double, takes={"number": "n"}),), result="a"
    )
    with pytest.raises(InvalidWorkflowError, match=r"'n' is missing; 'm' is unknown; it takes \['n'\]"):
        workflow.check_parameters({"m": 1})
    workflow.check_parameters({"n": 1})


def test_a_change_of_an_executor_that_is_not_there_is_refused() -> None:
    workflow = BatchWorkflow(name="w", executors=(ONE,), result="a")
    with pytest.raises(InvalidWorkflowError, match="'z'"):
        workflow.changed("z", num_cpus=2)
    assert workflow.changed("a", num_cpus=2).executor("a").num_cpus == 2
    assert workflow.executor("a").num_cpus == 1


@st.composite
def dags(draw: st.DrawFn) -> BatchWorkflow:
    """Executors in an order that says nothing, each needing some of those numbered below it."""
    count = draw(st.integers(1, 12))
    executors = []
    for number in range(count):
        below = draw(st.lists(st.integers(0, number - 1), max_size=2, unique=True)) if number else []
        run = (steps.one, steps.double, steps.add)[len(below)]
        arguments = {0: (), 1: ("number",), 2: ("left", "right")}[len(below)]
        needs = dict(zip(arguments, (f"e{source}" for source in below), strict=True))
        executors.append(Executor(name=f"e{number}", run=run, needs=needs))
    return BatchWorkflow(name="w", executors=tuple(draw(st.permutations(executors))), result="e0")


@given(dags())
def test_the_order_is_topological(workflow: BatchWorkflow) -> None:
    order = [executor.name for executor in workflow.ordered()]
    assert sorted(order) == sorted(executor.name for executor in workflow.executors)
    for executor in workflow.executors:
        for source in executor.needs.values():
            assert order.index(source) < order.index(executor.name)


@given(dags())
def test_the_dependants_are_those_from_which_needs_lead_back(workflow: BatchWorkflow) -> None:
    def leads_to(name: str, source: str) -> bool:
        needs = workflow.executor(name).needs.values()
        return source in needs or any(leads_to(each, source) for each in needs)

    names = {executor.name for executor in workflow.executors}
    for source in names:
        assert workflow.dependants(source) == {name for name in names if leads_to(name, source)}


def test_a_workflow_survives_pickle() -> None:
    workflow = BatchWorkflow(name="w", executors=(ONE,), result="a")
    assert pickle.loads(pickle.dumps(workflow)) == workflow
