"""An online workflow that cannot work is refused, and requests are dealt out by weight."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, strategies as st

from scanflow_actors.errors import InvalidWorkflowError
from scanflow_actors.workflows import HeaderRule, Kind, OnlineWorkflow, Scaling, Service, Shares, Traffic


def same(given: object) -> object:
    return given


def service(name: str, kind: Kind = Kind.MODEL, *feeds: str, **fields: object) -> Service:
    return Service(name=name, run=same, kind=kind, feeds=feeds, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("services", "entry", "words"),
    [
        ([service("a"), service("a")], "a", ["'a'", "twice"]),
        ([service("a")], "z", ["entry", "'z'", "['a']"]),
        ([service("a", Kind.TRANSFORMER, "z")], "a", ["'a'", "'z'", "['a']"]),
        ([service("a", Kind.TRANSFORMER)], "a", ["'a'", "feeds 1 to 1"]),
        ([service("a", Kind.COMBINER)], "a", ["'a'", "at least 1"]),
        ([service("a", Kind.MODEL, "b"), service("b", Kind.MODEL, "a")], "a", ["cycle"]),
        ([service("a"), service("b")], "a", ["'b'", "nothing feeds it"]),
        ([service("a", replicas=0)], "a", ["replicas"]),
        ([service("a", replicas=Scaling(least=3, most=2))], "a", ["most 2 is below least 3"]),
        ([service("a", max_batch=0)], "a", ["max_batch"]),
        ([service("a", options={"wrong": 1})], "a", ["wrong"]),
    ],
)
def test_a_graph_that_cannot_work_is_refused_with_the_place(
    services: list[Service], entry: str, words: list[str]
) -> None:
    with pytest.raises(InvalidWorkflowError) as caught:
        OnlineWorkflow(name="w", services=tuple(services), entry=entry)
    for word in words:
        assert word in str(caught.value)


def test_a_version_and_a_bound_must_make_sense() -> None:
    with pytest.raises(InvalidWorkflowError, match="version"):
        OnlineWorkflow(name="w", services=(service("a"),), entry="a", version=0)
    with pytest.raises(InvalidWorkflowError, match="latency_bound_s"):
        OnlineWorkflow(name="w", services=(service("a"),), entry="a", latency_bound_s=0)


@pytest.mark.parametrize("weights", [{}, {1: 0}, {1: -1, 2: 3}])
def test_traffic_needs_somebody_who_answers(weights: dict[int, float]) -> None:
    with pytest.raises(ValueError, match="weights"):
        Traffic(weights=weights)


def test_shares_are_exact_over_ten_thousand_requests() -> None:
    shares = Shares({1: 90, 2: 9, 3: 1, 4: 0})
    dealt = Counter(shares.next() for _ in range(10_000))
    assert dealt == {1: 9_000, 2: 900, 3: 100}


@given(st.dictionaries(st.integers(1, 9), st.integers(0, 50), min_size=1), st.integers(1, 300))
def test_no_version_is_ever_off_its_share_by_more_than_its_peers_allow(
    weights: dict[int, int], count: int
) -> None:
    if not any(weights.values()):
        weights = {**weights, 1: 1}
    shares = Shares(weights)
    dealt = Counter(shares.next() for _ in range(count))
    total = sum(weights.values())
    for version, weight in weights.items():
        assert abs(dealt[version] - count * weight / total) < max(2, len(weights))


@given(
    st.dictionaries(st.integers(1, 9), st.floats(0.1, 100), min_size=1),
    st.lists(st.integers(1, 9), max_size=3),
    st.lists(st.builds(HeaderRule, header=st.text(), value=st.text(), version=st.integers(1, 9)), max_size=3),
)
def test_traffic_survives_its_document(
    weights: dict[int, float], mirrors: list[int], rules: list[HeaderRule]
) -> None:
    traffic = Traffic(weights=weights, mirrors=tuple(mirrors), rules=tuple(rules))
    assert Traffic.of(traffic.document()) == traffic
