"""The planner with another sensor: replicas by what waits in a queue, not by what was asked."""

from dataclasses import dataclass

from scanflow_actors import Member, Observation, Sensor, Team
from scanflow_actors.agents.templates import Planner, Planning, Scale

QUEUE = list(range(25))
"""Stands for a queue of jobs; its length is read, and nothing of it is taken."""


@dataclass(frozen=True)
class Waiting:
    """State: jobs that wait."""

    jobs: int


def read_queue(_sight):
    """Look at the queue."""
    return Observation(state=Waiting(jobs=len(QUEUE)))


QUEUED = Sensor(read=read_queue, accumulates=False, is_quick=True, gives=Waiting)
SCALE = Scale(workflow="classifier", rate=QUEUED, rate_of="jobs", per_replica_s=10.0, most=4, down_after_s=60)
"""Ten jobs for each replica."""


def make_team(journal, clock):
    """Make the shipped planner, with the sensor of its scaling overridden."""
    planner = Member(agent=Planner, args=(Planning(scale=SCALE),))
    return Team(members={"planner": planner}, journal=journal, clock=clock)
