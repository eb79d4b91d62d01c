"""Every argument of a template has a form in a YAML file, and comes back the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml  # type: ignore[import-untyped]  # ships no types

from scanflow_actors.agents import Member, Team, at_least, at_most, for_at_least_s, greater_than, new_runs
from scanflow_actors.agents.measuring import metric_now, metric_since
from scanflow_actors.agents.running import services_of, use_of
from scanflow_actors.agents.team_file import load_team, team_from_spec, team_to_spec
from scanflow_actors.agents.templates import (
    CanaryPlan,
    Checker,
    Checking,
    Execution,
    Executor,
    FailOver,
    Gate,
    KeepApart,
    MoreMemory,
    Planner,
    Planning,
    Retry,
    Scale,
    Tracker,
    Tracking,
)
from scanflow_actors.errors import InvalidTeamError
from scanflow_actors.infrastructure import ExecutorFailed, ServiceUnavailable
from scanflow_actors.metrics import Prometheus
from scanflow_actors.triggers import every

if TYPE_CHECKING:
    from pathlib import Path

PROMETHEUS = Prometheus(url="http://127.0.0.1:9090")
WHOLE = {
    "tracker": Member(
        agent=Tracker,
        args=(
            Tracking(
                kind="predictions",
                predictions=new_runs("forecasts", metric="rows"),
                services=("w", "x"),
                services_interval=every(seconds=30),
            ),
        ),
    ),
    "checker": Member(
        agent=Checker,
        args=(
            Checking(
                detector="detect",
                violated=for_at_least_s(60, greater_than(0.1, of="error_ratio"))
                | at_least(1, of="p95_latency_s"),
            ),
        ),
    ),
    "planner": Member(
        agent=Planner,
        args=(
            Planning(
                model="digits",
                training="train",
                scale=Scale(workflow="w", rate=metric_now(PROMETHEUS, "rate(q[1m])"), rate_of="total"),
                keep_apart=KeepApart(batch="train", online="w"),
                fail_over=FailOver(workflow="w", primary=1, backup=2),
                retry=Retry(workflow="train", delay_s=5.0),
                canary=CanaryPlan(
                    workflow="w",
                    gates=(Gate(name="errors", good=at_most(0.1, of="error_ratio"), count=5),),
                    weights=(0.2, 1.0),
                ),
                more_memory=MoreMemory(workflow="train", most_bytes=2**30, interval=every(minutes=5)),
            ),
        ),
    ),
    "executor": Member(
        agent=Executor,
        args=(Execution(workflow="infer", model="digits", online=("w",)),),
    ),
}


def test_all_arguments_of_all_templates_round_trip_through_a_file(tmp_path: Path) -> None:
    team = Team(members=WHOLE, journal=tmp_path / "journal.db")
    path = tmp_path / "team.yaml"
    path.write_text(yaml.safe_dump(team_to_spec(team)))
    read = load_team(path)
    assert read.members == team.members
    heard = {each.actor: each.facts for each in read.subscriptions()}
    assert {ServiceUnavailable, ExecutorFailed} <= set(heard["planner"])
    assert heard.keys() == {"planner"}


def test_sensors_have_a_form_in_a_file_and_facts_are_known_by_name() -> None:
    strategy = {
        "name": "react",
        "when": {"on": "ServiceUnavailable"},
        "sense": {"services_of": {"workflow": "w", "version": 2}},
        "given": {"at_least": {"of": "interruptions", "value": 1}},
        "then": [{"perform": {"primitive": "StopWorkflow", "with": {"workflow": "w"}}}],
    }
    spec = {"journal": "journal.db", "agents": {"it": {"strategies": [strategy]}}}
    team = team_from_spec(spec)
    (read,) = team.members["it"].args[0]
    assert read.sense == services_of("w", 2)
    assert team_to_spec(team) == spec
    strategy["sense"] = {"metric_since": {"url": PROMETHEUS.url, "query": "q", "step_s": 60}}
    strategy["given"] = {"at_least": {"of": "mean", "value": 1}}
    assert team_from_spec(spec).members["it"].args[0][0].sense == metric_since(PROMETHEUS, "q", step_s=60)
    strategy["sense"] = {"use_of": {"workflow": "w"}}
    strategy["given"] = {"at_least": {"of": "requests", "value": 1}}
    assert team_from_spec(spec).members["it"].args[0][0].sense == use_of("w")


@pytest.mark.parametrize(
    ("config", "place", "problem"),
    [
        ({"scale": {"worklfow": "w"}}, "agents.p.config.scale.worklfow", "no such option; known: workflow"),
        ({"scale": {"per_replica_s": 1.0}}, "agents.p.config.scale", "needs 'workflow'"),
        ({"scale": {"workflow": "w", "most": "4"}}, "agents.p.config.scale.most", "valid integer"),
        ({"scale": {"workflow": "w", "most": 0}}, "agents.p.config.scale", "1 <= least <= most"),
        ({"scale": 3}, "agents.p.config.scale", "must be a mapping of options; got 3"),
        ({"model": "m"}, "agents.p.config", "both model and training"),
        (
            {"scale": {"workflow": "w", "rate": {"metric_now": {"url": "u"}}}},
            "agents.p.config.scale.rate.metric_now",
            "query",
        ),
    ],
)
def test_an_argument_that_has_no_meaning_is_refused_with_its_place(
    config: dict[str, object], place: str, problem: str
) -> None:
    spec = {"journal": "j.db", "agents": {"p": {"template": "planner", "config": config}}}
    with pytest.raises(InvalidTeamError, match=problem) as caught:
        team_from_spec(spec)
    assert caught.value.place == place
