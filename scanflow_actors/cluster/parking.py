"""Messages that wait until it is known where their actor lives."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanflow_actors.actors.message import Envelope


class Parking:
    """Messages by name of their top-level actor, in order."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        """Messages for one name."""
        self._parked: dict[str, deque[tuple[str, Envelope]]] = {}

    def put(self, name: str, path: str, envelope: Envelope) -> bool:
        """Keep a message: False when there are too many for this name already."""
        parked = self._parked.setdefault(name, deque())
        if len(parked) >= self.capacity:
            return False
        parked.append((path, envelope))
        return True

    def take(self, name: str) -> deque[tuple[str, Envelope]]:
        """Take all messages for a name out."""
        return self._parked.pop(name, deque())

    def __contains__(self, name: str) -> bool:
        return name in self._parked

    def __len__(self) -> int:
        return len(self._parked)
