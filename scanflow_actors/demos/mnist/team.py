"""The four agents of the demo, with the five strategies of Table V."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scanflow_actors.agents import Clock, Member, Team
from scanflow_actors.agents.templates import (
    Checker,
    Checking,
    Execution,
    Executor,
    Planner,
    Planning,
    Tracker,
    Tracking,
)
from scanflow_actors.demos.mnist.lab import (
    CANDIDATES,
    DETECTOR,
    INFERENCE,
    MODEL,
    PICKED,
    PREDICTIONS,
    TRAINING,
)
from scanflow_actors.triggers import every

if TYPE_CHECKING:
    from scanflow_actors.actors import ActorRef
    from scanflow_actors.demos.mnist.lab import Lab


def make_team(lab: Lab, clock: Clock, observer: ActorRef | None) -> Team:
    """Tracker, checker, planner and executor of the digit classifier.

    Each looks once an hour; when in the hour is set so that each finds what the one before it has done.
    """
    tracking = Tracking(kind=PREDICTIONS, interval=every(hours=1, offset_s=12 * 60))
    planning = Planning(
        model=MODEL,
        training=TRAINING,
        picked=PICKED,
        candidates=CANDIDATES,
        retrain_interval=every(hours=1, offset_s=24 * 60),
        update_interval=every(hours=1, offset_s=57 * 60),
    )
    return Team(
        members={
            "tracker": Member(agent=Tracker, args=(tracking,)),
            "checker": Member(agent=Checker, args=(Checking(detector=DETECTOR),)),
            "planner": Member(agent=Planner, args=(planning,)),
            "executor": Member(agent=Executor, args=(Execution(workflow=INFERENCE, model=MODEL),)),
        },
        journal=lab.journal,
        clock=clock,
        knowledge=lab.knowledge,
        observer=observer,
    )
