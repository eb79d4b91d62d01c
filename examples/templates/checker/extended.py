"""The checker with a sequential test more: a lasting rise of the error ratio, long before a threshold."""

from dataclasses import dataclass

from scanflow_actors import Agent, Member, Observation, Sensor, Strategy, Team, call, on, perform
from scanflow_actors.agents import equals, greater_than
from scanflow_actors.agents.drift import Cusum, CusumMemory
from scanflow_actors.agents.templates import (
    Checker,
    Checking,
    CheckMetrics,
    QualityViolated,
    Tracker,
    Tracking,
)
from scanflow_actors.primitives import RunWorkflow

USUAL = Cusum(mean=0.01, deviation=0.1)
"""Of the error ratio of a minute, measured when all was well."""


@dataclass(frozen=True)
class Rise:
    """State: what the test says, with the report that it came with."""

    workflow: str
    version: int
    error_ratio: float
    p95_latency_s: float
    alarms: int
    """1 for an alarm."""
    memory: CusumMemory


def test_report(sight):
    """Take one step of the test, from where the agent's belief has left it."""
    report = sight.message
    memory, is_alarm = USUAL.step(sight.belief, report.error_ratio)
    shown = (report.workflow, report.version, report.error_ratio, report.p95_latency_s)
    return Observation(state=Rise(*shown, alarms=int(is_alarm), memory=memory))


RISE = Sensor(read=test_report, accumulates=False, is_quick=True, gives=Rise)
FIELDS = {name: f"${name}" for name in ("workflow", "version", "error_ratio", "p95_latency_s")}


class Sequential(Checker):
    """A checker whose belief is the memory of a CUSUM, committed with each decision."""

    def __init__(self, charge, config: Checking):
        super().__init__(charge, config)
        rises = Strategy(
            name="errors_rise",
            when=on(CheckMetrics),
            sense=RISE,
            given=equals(1, of="alarms"),
            learns=lambda _before, seen: None if seen.alarms else seen.memory,
            then=call(config.planner, QualityViolated, FIELDS),
        )
        self.strategies = (*self.strategies, rises)


class Teller(Agent):
    """Stands for a planner."""

    strategies = (
        Strategy(
            name="tell",
            when=on(QualityViolated),
            then=perform(RunWorkflow, {"workflow": "tell", "parameters": {"what": "$error_ratio"}}),
        ),
    )


def make_team(journal, clock):
    """Make the checker with a threshold that is never reached, so that only the test can find it."""
    never = Checking(violated=greater_than(0.9, of="error_ratio"))
    return Team(
        members={
            "tracker": Member(agent=Tracker, args=(Tracking(kind=None, services=("classifier",)),)),
            "checker": Member(agent=Sequential, args=(never,)),
            "planner": Member(agent=Teller),
        },
        journal=journal,
        clock=clock,
    )
