"""The watches of one host's actors on actors of other hosts: each ends in exactly one `Terminated`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scanflow_actors.cluster.directory import root_of

if TYPE_CHECKING:
    from scanflow_actors.actors.ref import ActorRef


class Watches:
    """Watchers by target. Whoever takes a watch out tells its watcher; nobody else can."""

    def __init__(self) -> None:
        self._watchers: dict[ActorRef, set[ActorRef]] = {}

    def add(self, watcher: ActorRef, target: ActorRef) -> None:
        """Note a watch."""
        self._watchers.setdefault(target, set()).add(watcher)

    def take(self, watcher: ActorRef, target: ActorRef) -> bool:
        """Take one watch out: whether it was there."""
        watchers = self._watchers.get(target, set())
        if watcher not in watchers:
            return False
        watchers.discard(watcher)
        if not watchers:
            del self._watchers[target]
        return True

    def on(self, name: str) -> list[tuple[ActorRef, ActorRef]]:
        """Watcher and target of all watches in the tree of one top-level actor."""
        return [
            (watcher, target)
            for target, watchers in self._watchers.items()
            if root_of(target.path) == name
            for watcher in watchers
        ]

    def __len__(self) -> int:
        return len(self._watchers)
