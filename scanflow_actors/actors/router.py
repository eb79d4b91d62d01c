"""An actor that deals messages to its members: what is sent to it, one of them handles and answers.

::

    scorers = await system.spawn(Router, LeastLoaded(), pool(Scorer, model, size=4), name="scorers")
    score = await scorers.ask(Score(image))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.actor import Actor, receive
from scanflow_actors.actors.context import ActorContext
from scanflow_actors.actors.forward import Forward
from scanflow_actors.actors.message import Terminated
from scanflow_actors.actors.receptionist import Listing
from scanflow_actors.actors.ref import ActorRef
from scanflow_actors.actors.routing import Member
from scanflow_actors.actors.supervisor import Child, start_child
from scanflow_actors.errors import RejectError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scanflow_actors.actors.message import Signal
    from scanflow_actors.actors.places import Key
    from scanflow_actors.actors.routing import Routing


def pool(actor: type[Actor], *args: Any, size: int) -> tuple[Child, ...]:
    """As many children of one kind, for a `Router` or a `Supervisor`.

    Args:
        actor: Their class.
        args: Arguments of its constructor.
        size: How many, > 0.
    """
    return tuple(Child(actor, args, name=f"{actor.__name__}-{number}") for number in range(size))


class Router(Actor):
    """Deals each message to one of its members, by a rule; a member that restarts keeps its place.

    Its members are its children, which fail it when they fail for good; or actors of any process, which
    leave it when they end; or whoever is registered with the receptionist under a key. While it has none,
    requests are rejected and messages that were told are dead letters.

    ``send`` to a router waits for room in the router's mailbox, not in a member's.
    """

    def __init__(self, routing: Routing, members: Sequence[Child | ActorRef] | Key) -> None:
        """Keep the rule and who is dealt to.

        Args:
            routing: `RoundRobin`, `LeastLoaded`, `ConsistentHash`, or a rule of one's own.
            members: Children to start, refs, or the key that they are registered under.
        """
        self._routing = routing
        self._wanted = members
        self._members: list[Member] = []
        self._turn = 0

    async def on_start(self, ctx: ActorContext) -> None:
        """Start the children, or look for the members."""
        if isinstance(self._wanted, (str, type)):
            ctx.receptionist.subscribe(self._wanted, ctx.self_ref)
            return
        for wanted in self._wanted:
            ref = wanted if isinstance(wanted, ActorRef) else await start_child(wanted, ctx)
            ctx.watch(ref)
            self._members.append(Member(ref))

    async def on_signal(self, signal: Signal, ctx: ActorContext) -> None:
        """Let a member go that has ended."""
        if isinstance(signal, Terminated):
            self._members = [member for member in self._members if member.ref != signal.ref]
        await super().on_signal(signal, ctx)

    @receive
    def listed(self, listing: Listing) -> None:
        """Take up who is registered now; those that stay keep their load."""
        known = {member.ref: member for member in self._members}
        self._members = [known.get(ref) or Member(ref) for ref in listing.refs]

    @receive
    def deal(self, message: object, ctx: ActorContext) -> None:
        """Hand a message on."""
        if not self._members:
            raise RejectError(f"{ctx.self_ref.path} has no members at present; ask again later")
        try:
            member = self._routing.choose(message, self._members, self._turn)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            raise RejectError(
                f"{ctx.self_ref.path} cannot deal {type(message).__name__}: {problem}"
            ) from error
        self._turn += 1
        if self._routing.looks_at_load:
            member.load += 1
            raise Forward(member.ref, message, done=member.done)
        raise Forward(member.ref, message)
