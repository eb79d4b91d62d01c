"""Artifacts at hand: what was opened lately is kept by an actor, and goes by Ray's object store to who asks.

::

    shelf = await system.spawn(Shelf, name="shelf")
    library = Library(KnowledgeBase(settings), shelf)
    body = await library.open(ref)
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scanflow_actors.actors import Actor, Request, receive
from scanflow_actors.errors import ActorError, ArtifactError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scanflow_actors.actors import ActorRef
    from scanflow_actors.artifacts.knowledge import KnowledgeBase
    from scanflow_actors.artifacts.ref import ArtifactRef

_log = logging.getLogger(__name__)

CAPACITY_BYTES = 128 * 2**20
"""Half of the object store of a cluster that we start ourselves; the rest is for messages under way."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Have the bytes of an artifact at hand."""

    ref: ArtifactRef
    body: Any
    """``(size_bytes,) uint8``."""


@dataclass(frozen=True, slots=True)
class Take(Request[Any]):
    """The bytes of an artifact, ``(size_bytes,) uint8``; None when they are not at hand."""

    ref: ArtifactRef


@dataclass(frozen=True, slots=True)
class Drop:
    """Have the bytes of an artifact at hand no more."""

    ref: ArtifactRef


class Shelf(Actor):
    """Keeps the artifacts that were used last, by digest. It has nothing that cannot be read again."""

    def __init__(self, capacity_bytes: int = CAPACITY_BYTES) -> None:
        """Keep at most so many bytes.

        Args:
            capacity_bytes: Bytes; what was not used for longest gives way.
        """
        self._capacity_bytes = capacity_bytes
        self._bodies: OrderedDict[str, Any] = OrderedDict()

    @receive
    def keep(self, message: Keep) -> None:
        """Take an artifact in; one that is larger than the shelf is not kept."""
        self._bodies.pop(message.ref.digest, None)
        if message.body.nbytes > self._capacity_bytes:
            return
        self._bodies[message.ref.digest] = message.body
        while sum(body.nbytes for body in self._bodies.values()) > self._capacity_bytes:
            self._bodies.popitem(last=False)

    @receive
    def take(self, message: Take) -> Any:
        """Hand an artifact out."""
        if message.ref.digest in self._bodies:
            self._bodies.move_to_end(message.ref.digest)
        return self._bodies.get(message.ref.digest)

    @receive
    def drop(self, message: Drop) -> None:
        """Forget an artifact."""
        self._bodies.pop(message.ref.digest, None)


class Library:
    """Opens artifacts: from the shelf when they are at hand, else from the knowledge base."""

    def __init__(self, knowledge: KnowledgeBase, shelf: ActorRef) -> None:
        self._knowledge = knowledge
        self._shelf = shelf

    async def open(self, ref: ArtifactRef) -> NDArray[np.uint8]:
        """Read an artifact; its digest is checked wherever it comes from.

        Returns:
            Its bytes, ``(size_bytes,) uint8``, read-only. From the shelf they are not copied.

        Raises:
            ArtifactError: It is gone, or its bytes are not those that were stored.
            KnowledgeBaseError: Its run is gone.
        """
        body = await self._at_hand(ref)
        if body is not None:
            return body
        stored = await asyncio.to_thread(self._knowledge.open, ref)
        body = np.frombuffer(stored, dtype=np.uint8)
        self._shelf.tell(Keep(ref, body))
        return body

    async def keep(self, ref: ArtifactRef, body: bytes) -> None:
        """Have an artifact at hand that was just stored.

        Raises:
            ArtifactError: These are not its bytes.
        """
        array = np.frombuffer(body, dtype=np.uint8)
        if not await asyncio.to_thread(_is_it, ref, array):
            raise ArtifactError(uri=ref.uri, problem="these are not its bytes")
        self._shelf.tell(Keep(ref, array))

    async def _at_hand(self, ref: ArtifactRef) -> NDArray[np.uint8] | None:
        try:
            body: NDArray[np.uint8] | None = await self._shelf.ask(Take(ref))
        except ActorError as error:  # the shelf, or the process that had put the bytes there, has died
            _log.info("%s is not at hand: %s", ref.uri, error)
            return None
        if body is None or await asyncio.to_thread(_is_it, ref, body):
            return body
        _log.warning("%s has other bytes at hand than were stored; they are dropped", ref.uri)
        self._shelf.tell(Drop(ref))
        return None


def _is_it(ref: ArtifactRef, body: NDArray[np.uint8]) -> bool:
    return hashlib.sha256(body.data).hexdigest() == ref.digest
