"""Agents: actors that own strategies, decide by them, and can say why."""

from scanflow_actors.agents.agent import Agent, Charge, Concluded, Decided
from scanflow_actors.agents.clock import Clock
from scanflow_actors.agents.constraint import ALWAYS, Constraint, Verdict, at_least, exceeds
from scanflow_actors.agents.journal import Decision, Entry, Journal
from scanflow_actors.agents.sensor import Observation, Sensor, Sight, new_runs
from scanflow_actors.agents.strategy import Action, Strategy, call, perform
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
    "Entry",
    "Journal",
    "Member",
    "Observation",
    "Sensor",
    "Sight",
    "Strategy",
    "Team",
    "Verdict",
    "at_least",
    "call",
    "exceeds",
    "new_runs",
    "perform",
]
