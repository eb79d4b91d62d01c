"""What all processes of a system know alike: who is registered where, in the controller's order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scanflow_actors.actors.places import Joined, Left
from scanflow_actors.cluster.directory import CONTROLLER, root_of

if TYPE_CHECKING:
    from scanflow_actors.actors.message import Envelope
    from scanflow_actors.actors.places import Place
    from scanflow_actors.cluster.node import Node


class Sharing:
    """Sends changes of this process to the others, and takes up theirs."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def share(self, place: Place) -> None:
        """Let the others know of a change that was made here."""
        self._pass_on(place, but=self._node.host)

    def learn(self, host: str, place: Place) -> None:
        """Take up a change that was made on another host, or that the controller tells of."""
        node = self._node
        if isinstance(place, Joined) and not self._may_join(place.address):
            if node.host != CONTROLLER:
                self.share(Left(place.address))
            return
        node.directory.places.apply(place)
        if node.host == CONTROLLER:
            self._pass_on(place, but=host)

    def _pass_on(self, place: Place, *, but: str) -> None:
        node = self._node
        if node.host != CONTROLLER:
            node.send(CONTROLLER, (place, None))
            return
        for host in tuple(node.directory.hosts):
            if host not in {CONTROLLER, but}:
                node.send(host, (place, None))

    def _may_join(self, address: str) -> bool:
        """Whether it is there, as far as is known here: it may have ended meanwhile."""
        node = self._node
        if not address.startswith("/"):
            return True
        homes, root = node.directory.homes, root_of(address)
        if node.host == CONTROLLER and root not in homes:
            return False
        return homes.get(root) != node.host or address in node.system.cells

    def tell_host(self, host: str, envelope: Envelope) -> None:
        """Bring an event to the functions of another process, or of this one."""
        if host == self._node.host:
            self._node.system.events.heard(envelope.message)
        elif host in self._node.directory.hosts:
            self._node.send_letter(host, host, envelope)
