"""A queue with priorities: the face of a deque, as far as a mailbox looks at it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Lanes:
    """One deque for each priority that was seen: there are as many as an actor's receivers declare."""

    __slots__ = ("_count", "_lanes", "_priority")

    def __init__(self, priority: Callable[[Any], int]) -> None:
        self._priority = priority
        self._lanes: dict[int, deque[Any]] = {}
        """The highest priority first."""
        self._count = 0

    def append(self, item: Any) -> None:
        """Put an item behind those of its priority."""
        priority = self._priority(item)
        lane = self._lanes.get(priority)
        if lane is None:
            lane = self._lanes[priority] = deque()
            self._lanes = dict(sorted(self._lanes.items(), reverse=True))
        lane.append(item)
        self._count += 1

    def popleft(self) -> Any:
        """Take the first item of the highest priority out."""
        for lane in self._lanes.values():
            if lane:
                self._count -= 1
                return lane.popleft()
        raise IndexError("no item is left")

    def pop_oldest(self) -> Any:
        """Take the first item of the lowest priority out."""
        for lane in reversed(self._lanes.values()):
            if lane:
                self._count -= 1
                return lane.popleft()
        raise IndexError("no item is left")

    def remove(self, item: Any) -> None:
        """Take one item out, wherever it is."""
        self._lanes[self._priority(item)].remove(item)
        self._count -= 1

    def clear(self) -> None:
        """Take all items out."""
        self._lanes.clear()
        self._count = 0

    def __getitem__(self, place: int) -> Any:
        """The item at a place of the order in which they would be taken out."""
        for lane in self._lanes.values():
            if place < len(lane):
                return lane[place]
            place -= len(lane)
        raise IndexError(place)

    def __iter__(self) -> Iterator[Any]:
        for lane in tuple(self._lanes.values()):
            yield from lane

    def __len__(self) -> int:
        return self._count
