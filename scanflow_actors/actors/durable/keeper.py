"""What the receivers of a durable actor find in `ctx.durable`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.durable.delivery import Inbox, Outbox
from scanflow_actors.actors.durable.reminders import Reminders
from scanflow_actors.actors.durable.writing import KEY

if TYPE_CHECKING:
    from scanflow_actors.actors.durable.store import Kept
    from scanflow_actors.actors.durable.writing import Writing
    from scanflow_actors.actors.ref import ActorRef


class Keeper:
    """What one instance of a durable actor keeps; ends with it."""

    __slots__ = ("inbox", "outbox", "reminders", "writing")

    def __init__(self, writing: Writing, kept: Kept) -> None:
        self.writing = writing
        self.inbox = Inbox(writing, kept.peers)
        self.outbox = Outbox(writing, kept.peers, kept.outbox)
        self.reminders = Reminders(writing, kept.reminders)

    @property
    def incarnation(self) -> int:
        """How many instances have had this state, in all processes; only the newest one writes."""
        return self.writing.incarnation

    @property
    def key(self) -> str | None:
        """Names the delivery or timer that is being handled, the same when it is handled again; else None."""
        return KEY.get()

    @property
    def timers(self) -> frozenset[str]:
        """Names of the timers that are set."""
        return frozenset(self.reminders.known)

    async def save(self) -> None:
        """Write the state, and the timers and messages that wait for it, all or nothing.

        When it returns, they outlive the process. `snapshot` is called at once, the write is on another
        thread. Nothing is written when nothing has changed.

        Raises:
            StorageError: It cannot be written. The actor fails and goes on from what was written last.
            SupersededError: A newer instance has taken over. This one stops for good.
            NotSerialisableError: The state does not pickle.
        """
        await self.writing.save()

    def remind(
        self,
        name: str,
        message: Any,
        *,
        after_s: float,
        every_s: float | None = None,
        late_s: float | None = None,
    ) -> None:
        """Send a message to this actor later, also when it has been restarted meanwhile, in whatever process.

        It is handled at least once, and counts once: what its receiver does is written together with the
        timer. One that came due while the actor was down is handled once when it is back, however often it
        was missed.

        Args:
            name: Names the timer; one with this name is replaced.
            message: What one of the actor's receivers takes; must pickle.
            after_s: Seconds until the first time, >= 0.
            every_s: Seconds between two times, > 0; None for once.
            late_s: Seconds of lateness beyond which a time is skipped; None skips none.

        Raises:
            ValueError: A number of seconds is out of range.
            NotSerialisableError: The message does not pickle.
        """
        self.reminders.set(name, message, after_s, every_s, late_s)

    def cancel(self, name: str) -> None:
        """Take a timer back, from now on; one with no such name is a no-op."""
        self.reminders.cancel(name)

    def deliver(self, consumer: ActorRef, message: Any) -> None:
        """Send a message that is not lost: again and again until the consumer has written what it did.

        The consumer is a durable actor. It handles the messages of this actor in order; one that comes again
        is recognised. What it does beyond its own state may happen again after a crash: `key` names it.

        Raises:
            MailboxFullError: The consumer is too many messages behind.
            NotSerialisableError: The message does not pickle.
        """
        self.outbox.add(consumer.path, message)
