"""An actor that only keeps others alive: its children are declared, and so is what follows a failure.

::

    class Fleet(Supervisor):
        scope = Scope.REST_FOR_ONE
        strategy = RestartStrategy(max_restarts=3, within_s=60)

        def children(self) -> Iterable[Child]:
            yield Child(Sensor, name="sensor")
            yield Child(Planner, name="planner", restart=Restart.PERMANENT)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from scanflow_actors.actors.actor import Actor
from scanflow_actors.actors.group import Scope
from scanflow_actors.actors.supervision import Restart, RestartStrategy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scanflow_actors.actors.context import ActorContext
    from scanflow_actors.actors.mailbox import MailboxSpec
    from scanflow_actors.actors.ref import ActorRef


@dataclass(frozen=True, slots=True)
class Child:
    """One child of a supervisor: how to make it, and which of its ends it survives."""

    actor: type[Actor]
    args: tuple[Any, ...] = ()
    name: str = ""
    """Unique among the children; the class's name when empty."""
    restart: Restart = Restart.TRANSIENT
    mailbox: MailboxSpec | None = None


class Supervisor(Actor):
    """Starts its children in order, and starts them again as `scope` and `strategy` say.

    One count of restarts holds for all children. When it is exceeded, the supervisor itself fails, with the
    error of the last child: what follows is up to its own `RestartStrategy`, or to its supervisor.
    Mailboxes and addresses of the children survive their restarts.
    """

    scope: ClassVar[Scope] = Scope.ONE_FOR_ONE
    strategy: ClassVar[RestartStrategy] = RestartStrategy()

    def children(self) -> Iterable[Child]:
        """The children, in the order of their start; they stop in the reverse order."""
        return ()

    async def on_start(self, ctx: ActorContext) -> None:
        """Start the children."""
        ctx.supervise(self.scope, self.strategy)
        for child in self.children():
            await start_child(child, ctx)


async def start_child(child: Child, ctx: ActorContext) -> ActorRef:
    """Start a child as declared."""
    return await ctx.spawn(
        child.actor,
        *child.args,
        name=child.name or child.actor.__name__,
        mailbox=child.mailbox,
        restart=RestartStrategy(restart=child.restart),
    )
