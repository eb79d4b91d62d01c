"""The actor model in pure asyncio: knows no Ray, no Kubernetes, no machine learning."""

from scanflow_actors.actors.actor import Actor, receive
from scanflow_actors.actors.context import ActorContext
from scanflow_actors.actors.mailbox import DeadLetter, DeadReason, MailboxSpec, Overflow
from scanflow_actors.actors.message import ChildFailed, Request, Signal, StopReason, Terminated
from scanflow_actors.actors.ref import ActorRef
from scanflow_actors.actors.supervision import Backoff, Restart, RestartStrategy
from scanflow_actors.actors.system import ActorSystem

__all__ = [
    "Actor",
    "ActorContext",
    "ActorRef",
    "ActorSystem",
    "Backoff",
    "ChildFailed",
    "DeadLetter",
    "DeadReason",
    "MailboxSpec",
    "Overflow",
    "Request",
    "Restart",
    "RestartStrategy",
    "Signal",
    "StopReason",
    "Terminated",
    "receive",
]
