"""At most one incarnation of an actor: a host that is cut off from the controller ends by itself.

The controller renews the lease of every host from a thread of its own, so that a busy event loop costs
nobody its actors. A host that has heard nothing for two thirds of the lease stops its actors; at the end of
the lease its process is gone, whatever hangs in it. Before that end the controller starts no actor elsewhere,
unless it is sure that the process has died.
"""

from __future__ import annotations

import threading
import time
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scanflow_actors.cluster.pulse import Host

RENEWALS = 6
"""How often a lease is renewed while it lasts: some renewals may be lost, or late on a loaded machine."""


class Phase(Enum):
    """How a lease stands."""

    HELD = "held"
    ENDING = "ending"
    """The actors stop."""
    OVER = "over"
    """The process is gone."""


class Lease:
    """What a host knows of its lease: pure, all instants in seconds on one clock that never goes back."""

    def __init__(self, lease_s: float, now: float) -> None:
        self._lease_s = lease_s
        self._end = now + lease_s

    def renew(self, now: float) -> None:
        """Hear from the controller."""
        self._end = now + self._lease_s

    def phase(self, now: float) -> Phase:
        """How it stands."""
        left_s = self._end - now
        if left_s > self._lease_s / 3:
            return Phase.HELD
        return Phase.ENDING if left_s > 0 else Phase.OVER

    def wait_s(self, now: float) -> float:
        """Seconds until the next phase, if nothing is heard; at most 0 when it is over."""
        left_s = self._end - now
        first_s = left_s - self._lease_s / 3
        return first_s if first_s > 0 else left_s


class Tenant:
    """Holds the lease of one host, in a thread: also when the event loop hangs."""

    def __init__(self, lease_s: float, leave: Callable[[], object], exit_: Callable[[], object]) -> None:
        """Begin.

        Args:
            lease_s: Seconds without a word from the controller.
            leave: Stops the actors; called once, when the lease comes to its end.
            exit_: Ends the process.
        """
        self._lease = Lease(lease_s, time.monotonic())
        self._leave = leave
        self._exit = exit_
        threading.Thread(target=self._hold, name="lease", daemon=True).start()

    def renew(self) -> None:
        """Hear from the controller."""
        self._lease.renew(time.monotonic())

    def _hold(self) -> None:
        waiting = threading.Event()
        while self._lease.phase(time.monotonic()) is Phase.HELD:
            waiting.wait(self._lease.wait_s(time.monotonic()))
        self._leave()
        end = time.monotonic() + self._lease.wait_s(time.monotonic())  # what is heard now comes too late
        while (left_s := end - time.monotonic()) > 0:
            waiting.wait(left_s)
        self._exit()


class Renewals:
    """Renews the leases of all hosts, in a thread of the controller."""

    def __init__(self, lease_s: float, hosts: Mapping[str, Host]) -> None:
        self._pause_s = lease_s / RENEWALS
        self._hosts = hosts
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Renew nothing any more."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._closed.wait(self._pause_s):
            for host in tuple(self._hosts.values()):
                host.renewed = time.monotonic()
                host.handle.renew.remote()


def may_live_s(
    host: Host, now: float, *, lease_s: float, here: str, living_nodes: Callable[[], set[str]]
) -> float:
    """How long a host that is lost may still run actors.

    Args:
        host: The lost one.
        now: Instant on `time.monotonic`.
        lease_s: Seconds of its lease.
        here: Ray's id of this machine, whose processes we see die.
        living_nodes: Ray's ids of the machines that live; asked only when it matters.

    Returns:
        Seconds; 0 when its process has died for sure.
    """
    if host.node == here or (not host.is_silent and host.node in living_nodes()):
        return 0.0
    return max(0.0, host.renewed + lease_s - now)
