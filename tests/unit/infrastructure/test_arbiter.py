"""The arbiter's rules, one by one, and what holds whatever is claimed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import given, strategies as st

from scanflow_actors.infrastructure.arbiter import Arbiter, released, thawed
from scanflow_actors.infrastructure.claim import Answer, Claim, Mode, Rule, Rules, Standing
from scanflow_actors.infrastructure.merging import merged
from scanflow_actors.primitives import (
    DuplicateWorkflowInstance,
    RunWorkflow,
    UpdateExecutorResource,
    UpdateWorkflowAffinity,
    UpdateWorkflowReplica,
    UpdateWorkflowResource,
    UpgradeWorkflow,
)
from scanflow_actors.workflows.executor import Affinity, Resources
from scanflow_actors.workflows.service import Scaling

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class SetReplicas:
    workflow: str = "w"
    replicas: int
    aspect: ClassVar[str] = "replicas"

    @property
    def target(self) -> str:
        return f"workflow/{self.workflow}"


def upgrade(version: int) -> UpgradeWorkflow:
    return UpgradeWorkflow(workflow="w", model="m", version=version)


def claim(primitive: Any, by: str = "a/s", *, at_s: float = 0.0, key: str = "", **options: Any) -> Claim:
    return Claim(key=key or f"{by}@{at_s}", by=by, primitive=primitive, at_s=at_s, **options)


def answers(claims: Iterable[Claim], rules: Rules | None = None) -> list[Answer]:
    standing, found = Standing(), []
    for one in claims:
        standing, answer = Arbiter(rules=rules or Rules()).step(standing, one)
        found.append(answer)
    return found


def rules_of(found: list[Answer]) -> list[str]:
    return [answer.rule.value for answer in found]


def test_a_claim_that_nobody_is_against_is_granted() -> None:
    (answer,) = answers([claim(upgrade(1))])
    assert (answer.is_granted, answer.rule, answer.reason) == (True, Rule.FREE, "free")


def test_a_claim_from_a_generation_that_is_gone_is_stale() -> None:
    found = answers([claim(upgrade(1), generation=0), claim(upgrade(2), at_s=1, generation=0)])
    assert rules_of(found) == ["free", "stale"]
    assert found[1].reason == (
        "stale: a/s decided from generation 0 of workflow/w, which is at 1 now; it senses again"
    )
    fresh = answers([claim(upgrade(1), generation=0), claim(upgrade(2), at_s=1, generation=1)])
    assert rules_of(fresh) == ["free", "free"]


def test_a_lower_priority_is_refused_inside_a_lease_with_the_holder_named() -> None:
    high = claim(upgrade(1), "high/s", priority=5, lease_s=600)
    found = answers([high, claim(upgrade(2), at_s=60), claim(upgrade(2), at_s=600)])
    assert rules_of(found) == ["free", "priority", "free"]
    assert found[1].reason == "priority: high/s holds it with priority 5 for another 540 s; a/s has 0"


def test_a_higher_priority_takes_over() -> None:
    low, high = claim(upgrade(1), "low/s", lease_s=600), claim(upgrade(2), "high/s", at_s=1, priority=1)
    found = answers([low, high, claim(upgrade(3), "low/t", at_s=2)])
    assert rules_of(found) == ["free", "free", "free"]


def test_equal_priorities_without_a_merging_rule_are_first_come_first_served() -> None:
    found = answers([claim(upgrade(1), lease_s=60), claim(upgrade(2), "b/s", at_s=1)])
    assert rules_of(found) == ["free", "lease"]
    assert found[1].reason == "lease: a/s holds it for another 59 s, and came first"


def test_who_wants_the_same_is_not_refused() -> None:
    assert rules_of(answers([claim(upgrade(1), lease_s=60), claim(upgrade(1), "b/s", at_s=1)])) == [
        "free",
        "free",
    ]


def test_a_strategy_may_change_its_own_mind_inside_its_lease() -> None:
    found = answers([claim(upgrade(1), lease_s=60), claim(upgrade(2), at_s=1, lease_s=60)])
    assert rules_of(found) == ["free", "free"]


def test_the_larger_number_of_replicas_wins() -> None:
    found = answers(
        [claim(SetReplicas(replicas=4), lease_s=60), claim(SetReplicas(replicas=2), "b/s", at_s=1)]
    )
    assert found[1].rule is Rule.MERGE
    wanted: Any = SetReplicas(replicas=4)
    assert found[1].primitive == wanted
    assert found[1].reason == "merge: with what a/s wants"


def test_resources_are_merged_to_the_larger_request_of_each() -> None:
    one = UpdateWorkflowResource(workflow="w", resources=Resources(num_cpus=2, memory_bytes=10))
    other = UpdateWorkflowResource(workflow="w", resources=Resources(num_cpus=1, num_gpus=1))
    expected = Resources(num_cpus=2, num_gpus=1, memory_bytes=10)
    assert merged(one, other) == UpdateWorkflowResource(workflow="w", resources=expected)


def test_replicas_are_merged_to_the_larger_number_of_the_same_service() -> None:
    def replicas(wanted: int | Scaling, service: str | None = None) -> UpdateWorkflowReplica:
        return UpdateWorkflowReplica(workflow="w", replicas=wanted, service=service)

    assert merged(replicas(2, "a"), replicas(3, "a")) == replicas(3, "a")
    assert merged(replicas(2, "a"), replicas(3, "b")) is None
    assert merged(replicas(2), replicas(Scaling())) is None
    copies = [DuplicateWorkflowInstance(workflow="w", version=version, copies=2) for version in (1, 2)]
    assert merged(*copies) is None


def test_affinities_are_united_if_they_can_be() -> None:
    def affinity(apart_from: tuple[str, ...] = (), **labels: str) -> UpdateWorkflowAffinity:
        return UpdateWorkflowAffinity(workflow="w", affinity=Affinity(labels=labels, apart_from=apart_from))

    both = merged(affinity(("x",), zone="a"), affinity(("y", "x"), disk="ssd"))
    assert both == affinity(("x", "y"), zone="a", disk="ssd")
    assert merged(affinity(zone="a"), affinity(zone="b")) is None


def test_a_workflow_and_a_part_of_it_are_the_same_thing() -> None:
    whole = UpdateWorkflowResource(workflow="w", resources=Resources(num_cpus=2))
    part = UpdateExecutorResource(workflow="w", executor="e", resources=Resources(num_cpus=1))
    other = UpdateWorkflowResource(workflow="w2", resources=Resources(num_cpus=1))
    assert rules_of(answers([claim(whole, lease_s=60), claim(part, "b/s", at_s=1)])) == ["free", "lease"]
    assert rules_of(answers([claim(part, lease_s=60), claim(whole, "b/s", at_s=1)])) == ["free", "lease"]
    assert rules_of(answers([claim(whole, lease_s=60), claim(other, "b/s", at_s=1)])) == ["free", "free"]


def there_and_back(count: int, step_s: float = 60, **options: Any) -> list[Claim]:
    return [
        claim(upgrade(1 + number % 2), f"{'ab'[number % 2]}/s", at_s=number * step_s, **options)
        for number in range(count)
    ]


def test_flapping_freezes_the_aspect_until_a_higher_priority_lifts_it() -> None:
    lift = claim(upgrade(7), "c/s", at_s=400, priority=1)
    found = answers([*there_and_back(5), lift, claim(upgrade(1), at_s=500)])
    assert rules_of(found) == ["free", "free", "free", "flapping", "flapping", "free", "free"]
    assert found[3].reason == (
        "flapping: a/s and b/s change workflow/w definition back and forth; it is frozen until a person or a "
        "priority above 0 lifts it"
    )


def test_a_frozen_aspect_leaves_the_others_free() -> None:
    run = RunWorkflow(workflow="w")
    assert rules_of(answers([*there_and_back(4), claim(run, at_s=300)]))[-1] == "free"


def test_slow_changes_there_and_back_are_no_flapping() -> None:
    assert set(rules_of(answers(there_and_back(8, step_s=1300)))) == {"free"}


def test_running_two_things_in_turn_is_no_flapping() -> None:
    runs = [
        claim(RunWorkflow(workflow="w", parameters={"n": number % 2}), at_s=number, key=str(number))
        for number in range(8)
    ]
    assert set(rules_of(answers(runs))) == {"free"}


def test_a_person_lifts_what_is_frozen() -> None:
    arbiter, standing = Arbiter(), Standing()
    for one in there_and_back(4):
        standing, _ = arbiter.step(standing, one)
    standing, answer = arbiter.step(thawed(standing, "workflow/w", "definition"), claim(upgrade(2), at_s=400))
    assert answer.is_granted


def test_a_budget_is_for_any_hour() -> None:
    rules = Rules(budgets={"a/s": 2, "b": 1})
    moments = [0, 1800, 3599, 3601]
    found = answers([claim(RunWorkflow(workflow="w"), at_s=at_s) for at_s in moments], rules)
    assert rules_of(found) == ["free", "free", "budget", "free"]
    assert found[2].reason == "budget: a/s has done 2 this hour, of 2 that it may do"
    others = [
        claim(RunWorkflow(workflow="w"), by, at_s=n) for n, by in enumerate(["b/s", "b/s", "b/t", "c/s"])
    ]
    assert rules_of(answers(others, rules)) == ["free", "budget", "free", "free"]


def test_a_dry_run_does_nothing_and_stands_for_nothing() -> None:
    rules = Rules(modes={"a": Mode.DRY_RUN})
    found = answers([claim(upgrade(1), lease_s=60), claim(upgrade(2), "b/s", at_s=1)], rules)
    assert rules_of(found) == ["dry-run", "free"]
    assert not found[0].is_granted


def test_what_needs_approval_waits_unless_a_rule_is_against_it() -> None:
    rules = Rules(modes={"a/s": Mode.APPROVE})
    held = claim(upgrade(1), "b/s", priority=1, lease_s=60)
    found = answers([held, claim(upgrade(2), at_s=1), claim(upgrade(2), at_s=61)], rules)
    assert rules_of(found) == ["free", "priority", "approve"]
    approved = replace(claim(upgrade(2), at_s=1), is_approved=True)
    assert rules_of(answers([approved], rules)) == ["free"]


def test_a_claim_that_could_not_be_carried_out_stands_no_longer() -> None:
    arbiter = Arbiter()
    standing, _ = arbiter.step(Standing(), claim(upgrade(1), lease_s=60, key="k"))
    _, answer = arbiter.step(released(standing, "k"), claim(upgrade(2), "b/s", at_s=1))
    assert answer.is_granted


# ---------------------------------------------------------------------- properties

PRIMITIVES = st.one_of(
    st.builds(upgrade, st.integers(1, 3)),
    st.builds(SetReplicas, replicas=st.integers(1, 3), workflow=st.sampled_from(["w", "v"])),
    st.builds(
        UpdateWorkflowAffinity,
        workflow=st.just("w"),
        affinity=st.builds(
            Affinity,
            labels=st.dictionaries(st.sampled_from(["zone", "disk"]), st.sampled_from("ab"), max_size=2),
        ),
    ),
    st.builds(
        UpdateExecutorResource,
        workflow=st.just("w"),
        executor=st.sampled_from(["e", "f"]),
        resources=st.builds(Resources, num_cpus=st.integers(1, 2)),
    ),
    st.builds(
        UpdateWorkflowResource,
        workflow=st.just("w"),
        resources=st.builds(Resources, num_cpus=st.integers(1, 2)),
    ),
    st.builds(RunWorkflow, workflow=st.just("w")),
)
CLAIMS = st.lists(
    st.builds(
        Claim,
        key=st.uuids().map(str),
        by=st.sampled_from(["a/s", "a/t", "b/s"]),
        primitive=PRIMITIVES,
        priority=st.integers(0, 2),
        lease_s=st.sampled_from([0.0, 60.0, 4000.0]),
        generation=st.one_of(st.none(), st.integers(0, 3)),
        at_s=st.integers(1, 400).map(float),
    ),
    max_size=25,
).map(lambda claims: [replace(one, at_s=50.0 * n + one.at_s) for n, one in enumerate(claims)])
RULES = Rules(budgets={"a/s": 3})


@given(CLAIMS)
def test_no_two_live_claims_contradict_each_other(claims: list[Claim]) -> None:
    standing = Standing()
    for one in claims:
        standing, _ = Arbiter(rules=RULES).step(standing, one)
        for left, right in combinations(standing.claims, 2):
            if left.overlaps(right):
                is_same = left.primitive == right.primitive
                assert is_same or merged(left.primitive, right.primitive) is not None


@given(CLAIMS, PRIMITIVES)
def test_a_higher_priority_is_never_starved(claims: list[Claim], primitive: Any) -> None:
    standing = Standing()
    for one in claims:
        standing, _ = Arbiter(rules=RULES).step(standing, one)
    highest = claim(primitive, "z/s", at_s=standing.now_s + 1, priority=3)
    assert Arbiter(rules=RULES).step(standing, highest)[1].is_granted


@given(CLAIMS)
def test_every_refusal_names_its_rule_and_a_reason(claims: list[Claim]) -> None:
    for answer in answers(claims, RULES):
        if not answer.is_granted:
            assert answer.reason.startswith(f"{answer.rule.value}: ")


@given(CLAIMS)
def test_the_same_claims_again_get_the_same_answers(claims: list[Claim]) -> None:
    assert answers(claims, RULES) == answers(claims, RULES)


@given(CLAIMS)
def test_a_budget_is_never_exceeded_in_any_hour(claims: list[Claim]) -> None:
    standing, moments = Standing(), []
    for one in claims:
        standing, answer = Arbiter(rules=RULES).step(standing, one)
        if answer.is_granted and one.by == "a/s":
            moments.append(standing.now_s)
    assert all(
        sum(moment - 3600 < earlier <= moment for earlier in moments) <= RULES.budgets["a/s"]
        for moment in moments
    )


@pytest.mark.parametrize("priority", [0, 1])
@given(st.lists(st.tuples(st.integers(1, 2), st.integers(1, 2000)), max_size=30))
def test_equal_priorities_never_go_there_and_back_twice_in_a_window(
    priority: int, steps: list[tuple[int, int]]
) -> None:
    standing, done, at_s = Standing(), list[tuple[float, int]](), 0.0
    for version, step_s in steps:
        at_s += step_s
        standing, answer = Arbiter().step(standing, claim(upgrade(version), at_s=at_s, priority=priority))
        if answer.is_granted:
            done.append((at_s, version))
    for start in range(len(done) - 3):
        (first_s, a), (_, b), (_, c), (last_s, d) = done[start : start + 4]
        assert not (a == c != b == d and last_s - first_s < 3600)
