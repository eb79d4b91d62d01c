"""Agents: actors that own strategies, decide by them, and can say why."""

from scanflow_actors.agents.action import Action, Effect, call, perform, to_agent, to_infrastructure
from scanflow_actors.agents.agent import Agent
from scanflow_actors.agents.charge import Charge, Concluded, Decided, Quarantined, Released
from scanflow_actors.agents.clock import Clock
from scanflow_actors.agents.condition import (
    at_least,
    at_most,
    changed,
    equals,
    exceeds,
    for_at_least_s,
    greater_than,
    less_than,
)
from scanflow_actors.agents.constraint import ALWAYS, Constraint, Look, Verdict, holds_when
from scanflow_actors.agents.history import explain
from scanflow_actors.agents.journal import Journal
from scanflow_actors.agents.records import Decision, Entry
from scanflow_actors.agents.sensor import Observation, Sensor, Sight, new_runs
from scanflow_actors.agents.strategy import Strategy, strategy
from scanflow_actors.agents.team import Member, Team

__all__ = [
    "ALWAYS",
    "Action",
    "Agent",
    "Charge",
    "Clock",
    "Concluded",
    "Constraint",
    "Decided",
    "Decision",
    "Effect",
    "Entry",
    "Journal",
    "Look",
    "Member",
    "Observation",
    "Quarantined",
    "Released",
    "Sensor",
    "Sight",
    "Strategy",
    "Team",
    "Verdict",
    "at_least",
    "at_most",
    "call",
    "changed",
    "equals",
    "exceeds",
    "explain",
    "for_at_least_s",
    "greater_than",
    "holds_when",
    "less_than",
    "new_runs",
    "perform",
    "strategy",
    "to_agent",
    "to_infrastructure",
]
