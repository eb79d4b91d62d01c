"""Arrays of messages in Ray's object store: one copy, which all processes of a machine read where it is."""

from __future__ import annotations

import logging
import pickle
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from weakref import ref as weak

import numpy as np
import ray
from ray.exceptions import RayError

from scanflow_actors.cluster.wire import Unreadable

if TYPE_CHECKING:
    from concurrent.futures import Future

_log = logging.getLogger(__name__)

BY_REFERENCE_BYTES = 64 * 1024
"""Bytes from which on a buffer goes to the store; a smaller one is cheaper within its frame."""


class Ref(Protocol):
    """What the store gives for a buffer: Ray's `ObjectRef`."""

    def future(self) -> Future[Any]:
        """The buffer, once it is on this machine: a read-only array of bytes, which is not copied."""


class Parcel:
    """A content whose large buffers are in the store."""

    __slots__ = ("body", "places", "refs")

    def __init__(self, body: bytes, places: tuple[int, ...]) -> None:
        self.body = body
        """The pickle around the buffers."""
        self.places = places
        """Where the ref of each buffer is among those of the frame."""
        self.refs: tuple[Ref, ...] = ()
        """Set where it arrives."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Parcel, (self.body, self.places)

    def open(self, buffers: list[Any]) -> Any:
        """Make the content from its buffers; `Unreadable` when it does not unpickle here."""
        try:
            return pickle.loads(self.body, buffers=buffers)
        except Exception as error:  # noqa: BLE001 - a class that this host cannot import raises anything
            return Unreadable(f"{type(error).__name__}: {error}")


class Laden(NamedTuple):
    """A frame with parcels in it. Ray carries it: only Ray knows who still needs what a ref stands for."""

    body: bytes
    refs: list[Ref]


Frame = bytes | Laden


class Payloads:
    """The buffers that this process has put into the store or got from it, for as long as they live here."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[weak[Any], Ref]] = {}

    def put(self, buffer: pickle.PickleBuffer) -> Ref | None:
        """Have a buffer in the store, once, as long as nobody can write to it.

        Returns:
            Its ref; None when the store is full.
        """
        raw = buffer.raw()
        content = np.frombuffer(raw, dtype=np.uint8)
        known = self._known.get(_place(content))
        if known is not None:
            return known[1]
        try:
            ref: Ref = ray.put(content)
        except RayError as error:
            _log.warning("an array of %d bytes travels within its frame: %s", raw.nbytes, error)
            return None
        if _is_settled(raw.obj):
            self._note(raw.obj, content, ref)
        return ref

    def note(self, ref: Ref, content: Any) -> None:
        """Remember what was got from the store: when it is sent on, it is there already."""
        if isinstance(content, np.ndarray):
            self._note(content, content, ref)

    def forget(self) -> None:
        """Remember nothing: Ray may be another one than before."""
        self._known.clear()

    def _note(self, owner: Any, content: np.ndarray[Any, Any], ref: Ref) -> None:
        place = _place(content)
        self._known[place] = (weak(owner, lambda _: self._known.pop(place, None)), ref)

    def __len__(self) -> int:
        return len(self._known)


PAYLOADS = Payloads()
"""Those of this process: Ray has one object store for all of it."""


def _place(content: np.ndarray[Any, Any]) -> tuple[int, int]:
    return content.__array_interface__["data"][0], content.nbytes


def _is_settled(owner: Any) -> bool:
    """Whether nobody can write to an array, neither through it nor through what it is a view of."""
    if not isinstance(owner, np.ndarray):
        return False
    array: Any = owner
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return array is None or memoryview(array).readonly
