"""The actor model in pure asyncio: knows no Ray, no Kubernetes, no machine learning."""

from scanflow_actors.actors.actor import Actor, receive
from scanflow_actors.actors.context import ActorContext
from scanflow_actors.actors.dead_letters import DeadLetter, DeadLetters, DeadReason
from scanflow_actors.actors.group import Scope
from scanflow_actors.actors.mailbox import MailboxSpec, Overflow
from scanflow_actors.actors.message import ChildFailed, Request, Signal, StopReason, Terminated
from scanflow_actors.actors.observing.counts import AskOutcome, RestartReason
from scanflow_actors.actors.observing.histogram import Durations
from scanflow_actors.actors.observing.meters import Meter
from scanflow_actors.actors.observing.statistics import (
    ActorStatistics,
    ClassStatistics,
    HostStatistics,
    LinkStatistics,
    SystemStatistics,
)
from scanflow_actors.actors.observing.tree import Branch, Tree
from scanflow_actors.actors.ref import ActorRef
from scanflow_actors.actors.supervision import Backoff, Restart, RestartStrategy
from scanflow_actors.actors.supervisor import Child, Supervisor
from scanflow_actors.actors.system import ActorSystem

__all__ = [
    "Actor",
    "ActorContext",
    "ActorRef",
    "ActorStatistics",
    "ActorSystem",
    "AskOutcome",
    "Backoff",
    "Branch",
    "Child",
    "ChildFailed",
    "ClassStatistics",
    "DeadLetter",
    "DeadLetters",
    "DeadReason",
    "Durations",
    "HostStatistics",
    "LinkStatistics",
    "MailboxSpec",
    "Meter",
    "Overflow",
    "Request",
    "Restart",
    "RestartReason",
    "RestartStrategy",
    "Scope",
    "Signal",
    "StopReason",
    "Supervisor",
    "SystemStatistics",
    "Terminated",
    "Tree",
    "receive",
]
