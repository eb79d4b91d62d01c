"""The actor model in pure asyncio: knows no Ray, no Kubernetes, no machine learning."""

from scanflow_actors.actors.actor import Actor, receive
from scanflow_actors.actors.context import ActorContext
from scanflow_actors.actors.dead_letters import DeadLetter, DeadLetters, DeadReason
from scanflow_actors.actors.durable import DurableActor, Saves
from scanflow_actors.actors.events import (
    ActorFailed,
    ActorRestarted,
    ActorStarted,
    ActorStopped,
    EventStream,
    HostLost,
)
from scanflow_actors.actors.forward import Forward
from scanflow_actors.actors.group import Scope
from scanflow_actors.actors.mailbox import MailboxSpec, Overflow
from scanflow_actors.actors.message import ChildFailed, Event, Request, Signal, StopReason, Terminated
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
from scanflow_actors.actors.receptionist import Listing, Receptionist
from scanflow_actors.actors.ref import ActorRef
from scanflow_actors.actors.router import Router, pool
from scanflow_actors.actors.routing import ConsistentHash, LeastLoaded, Member, RoundRobin, Routing
from scanflow_actors.actors.supervision import Backoff, Restart, RestartStrategy
from scanflow_actors.actors.supervisor import Child, Supervisor
from scanflow_actors.actors.system import ActorSystem

__all__ = [
    "Actor",
    "ActorContext",
    "ActorFailed",
    "ActorRef",
    "ActorRestarted",
    "ActorStarted",
    "ActorStatistics",
    "ActorStopped",
    "ActorSystem",
    "AskOutcome",
    "Backoff",
    "Branch",
    "Child",
    "ChildFailed",
    "ClassStatistics",
    "ConsistentHash",
    "DeadLetter",
    "DeadLetters",
    "DeadReason",
    "DurableActor",
    "Durations",
    "Event",
    "EventStream",
    "Forward",
    "HostLost",
    "HostStatistics",
    "LeastLoaded",
    "LinkStatistics",
    "Listing",
    "MailboxSpec",
    "Member",
    "Meter",
    "Overflow",
    "Receptionist",
    "Request",
    "Restart",
    "RestartReason",
    "RestartStrategy",
    "RoundRobin",
    "Router",
    "Routing",
    "Saves",
    "Scope",
    "Signal",
    "StopReason",
    "Supervisor",
    "SystemStatistics",
    "Terminated",
    "Tree",
    "pool",
    "receive",
]
