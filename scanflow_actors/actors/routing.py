"""Which member of a router gets the next message: pure rules.

Source: Pekko typed, routers (round robin, consistent hashing); rendezvous hashing by Thaler and Ravishankar.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scanflow_actors.actors.ref import ActorRef

_BITS = (1 << 64) - 1


class Member:
    """An actor that a router deals messages to."""

    __slots__ = ("load", "number", "ref")

    def __init__(self, ref: ActorRef) -> None:
        self.ref = ref
        self.load = 0
        """Messages that it was dealt and has not finished; counted where the rule looks at it."""
        self.number = number_of(ref.path)
        """The same in every process."""

    def done(self) -> None:
        """Hear that it has finished one."""
        self.load -= 1


class Routing(Protocol):
    """A rule. It must pickle, and keeps no state: what it may look at is handed to it."""

    looks_at_load: ClassVar[bool]

    def choose(self, message: Any, members: Sequence[Member], turn: int) -> Member:
        """The member that gets this message.

        Args:
            message: What is to be dealt.
            members: At least one, in the order in which they came.
            turn: How many messages were dealt before.

        Raises:
            Exception: This message cannot be dealt; its sender is told.
        """


@dataclass(frozen=True, slots=True)
class RoundRobin:
    """Each in turn."""

    looks_at_load: ClassVar[bool] = False

    def choose(self, message: Any, members: Sequence[Member], turn: int) -> Member:
        """See `Routing`."""
        del message
        return members[turn % len(members)]


@dataclass(frozen=True, slots=True)
class LeastLoaded:
    """Whoever has the fewest messages of this router to finish; each in turn among equals."""

    looks_at_load: ClassVar[bool] = True

    def choose(self, message: Any, members: Sequence[Member], turn: int) -> Member:
        """See `Routing`."""
        del message
        count = len(members)
        return min(
            (members[(turn + place) % count] for place in range(count)), key=lambda member: member.load
        )


@dataclass(frozen=True, slots=True)
class ConsistentHash:
    """Messages with the same key go to the same member.

    When a member leaves, its keys move to the others and no other key moves; when one comes, it takes its
    share from all, and no key moves between the others.
    """

    by: str | Callable[[Any], Any]
    """Name of the field that is the key, or a function of the message; it must pickle. A key is a text, a
    number or another value whose ``repr`` says what it is."""
    looks_at_load: ClassVar[bool] = False

    def choose(self, message: Any, members: Sequence[Member], turn: int) -> Member:
        """See `Routing`."""
        del turn
        key = getattr(message, self.by) if isinstance(self.by, str) else self.by(message)
        number = number_of(repr(key))
        return max(members, key=lambda member: _mixed(member.number ^ number))


def number_of(text: str) -> int:
    """64 bits from a text, evenly spread, the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def _mixed(number: int) -> int:
    """Spread 64 bits over 64 bits, one to one: the finaliser of MurmurHash3."""
    number = (number ^ number >> 33) * 0xFF51AFD7ED558CCD & _BITS
    number = (number ^ number >> 33) * 0xC4CEB9FE1A85EC53 & _BITS
    return number ^ number >> 33
