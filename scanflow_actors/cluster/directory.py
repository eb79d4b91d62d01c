"""Who lives where, as one host knows it: what the controller says, in the order in which it says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scanflow_actors.actors.places import Left, Places
from scanflow_actors.cluster.wire import Gone, HostDown, HostUp, News, Settled, Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanflow_actors.cluster.wire import Peer

CONTROLLER = "host-0"
"""Id of the host that is the process which started the system."""


def host_id(number: int) -> str:
    """The id of the n-th host of a system; ids are never used again."""
    return f"host-{number}"


def _number(host: str) -> int:
    return int(host.rpartition("-")[2])


def root_of(path: str) -> str:
    """The name of the top-level actor whose tree a path is in."""
    return path.split("/", 2)[1]


class Directory:
    """Hosts by id, homes by name, and who is registered where."""

    def __init__(self, places: Places | None = None) -> None:
        self.places = places or Places()
        self.hosts: dict[str, Peer | None] = {CONTROLLER: None}
        """How to reach each living host."""
        self.homes: dict[str, str | None] = {}
        """Host of each top-level actor; None while its host is being replaced."""
        self._newest = 0

    def is_lost(self, host: str) -> bool:
        """Whether a host was there and is not any more; False for one that is yet to be announced."""
        return host not in self.hosts and _number(host) <= self._newest

    def apply(self, news: News) -> None:
        """Take up one piece of news."""
        if isinstance(news, Snapshot):
            self._take(news.hosts, news.homes)
            self.places.replace(news.places)
        elif isinstance(news, HostUp):
            self.hosts[news.host] = news.peer
            self._newest = max(self._newest, _number(news.host))
        elif isinstance(news, HostDown):
            self.hosts.pop(news.host, None)
            self.places.apply(Left(news.host))
        elif isinstance(news, Settled):
            self.homes[news.name] = news.host
            if news.host is None:  # its process has died, and its children with it
                self._leave(self.places.below(f"/{news.name}"))
        elif isinstance(news, Gone):
            self.homes.pop(news.name, None)
            self._leave((f"/{news.name}", *self.places.below(f"/{news.name}")))

    def _leave(self, addresses: tuple[str, ...]) -> None:
        for address in addresses:
            self.places.apply(Left(address))

    def _take(self, hosts: Mapping[str, Peer | None], homes: Mapping[str, str | None]) -> None:
        self.hosts = dict(hosts)
        self.homes = dict(homes)
        self._newest = max(_number(host) for host in hosts)

    def snapshot(self) -> Snapshot:
        """Everything, for a host that is new."""
        return Snapshot(dict(self.hosts), dict(self.homes), self.places.all())
