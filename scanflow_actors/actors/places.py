"""Who is registered under what: a table that each process of a system has a copy of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Key = str | type
"""What actors are looked up by: a name, or a type of messages that they receive."""


@dataclass(frozen=True, slots=True)
class Joined:
    """An actor is registered under a key; or a process listens for events of this type."""

    key: str
    address: str


@dataclass(frozen=True, slots=True)
class Left:
    """It is not any more: under one key, or under all where that is None."""

    address: str
    key: str | None = None


Place = Joined | Left


def key_name(key: Key) -> str:
    """How a key is written in the table: types by module and name, since they differ between processes."""
    return f"{key.__module__}:{key.__qualname__}" if isinstance(key, type) else key


class Places:
    """Addresses by key, in the order in which they came."""

    def __init__(self) -> None:
        self._addresses: dict[str, dict[str, None]] = {}
        self._keys: dict[str, set[str]] = {}
        self.on_change: Callable[[str], None] = lambda _key: None
        """Called with each key whose addresses have changed."""

    def at(self, key: str) -> tuple[str, ...]:
        """The addresses under a key."""
        return tuple(self._addresses.get(key, ()))

    def apply(self, place: Place) -> None:
        """Take up one change; what is known already changes nothing."""
        if isinstance(place, Joined):
            if place.address not in self._addresses.setdefault(place.key, {}):
                self._addresses[place.key][place.address] = None
                self._keys.setdefault(place.address, set()).add(place.key)
                self.on_change(place.key)
            return
        known = self._keys.get(place.address, set())
        for key in sorted(known) if place.key is None else known & {place.key}:
            self._drop(key, place.address)

    def _drop(self, key: str, address: str) -> None:
        self._keys[address].discard(key)
        if not self._keys[address]:
            del self._keys[address]
        del self._addresses[key][address]
        if not self._addresses[key]:
            del self._addresses[key]
        self.on_change(key)

    def below(self, path: str) -> tuple[str, ...]:
        """The registered addresses of the actors in the tree under a path, without its own."""
        return tuple(address for address in self._keys if address.startswith(f"{path}/"))

    def all(self) -> tuple[Joined, ...]:
        """Everything, for a process that is new."""
        return tuple(Joined(key, address) for key, under in self._addresses.items() for address in under)

    def replace(self, all_of_it: Iterable[Joined]) -> None:
        """Take up everything that another process knows."""
        for place in all_of_it:
            self.apply(place)

    def __contains__(self, address: str) -> bool:
        return address in self._keys
