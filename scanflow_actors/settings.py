"""Every tunable of the package: frozen dataclasses, the unit in the name, the reason below the default."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorSettings:
    """What holds for every actor of one system, unless `spawn` says otherwise."""

    mailbox_capacity: int = 1024
    """Messages. Bounded on purpose: a queue that grows for ever hides overload until memory ends."""

    ask_timeout_s: float = 30.0
    """Seconds. Always finite, so that nobody waits for ever for an actor that hangs."""

    stop_grace_s: float = 5.0
    """Seconds that a running handler gets to end before it is cancelled on stop."""

    cancel_grace_s: float = 5.0
    """Seconds that a cancelled handler gets to end before it is abandoned with a warning."""

    drain_s: float = 30.0
    """Seconds that `stop(drain=True)` gives the mailbox to empty; a stop must end some time."""

    serialise_messages: bool = False
    """Pickle every message also within one process: finds in a test what would fail between two."""

    batch_size: int = 64
    """Messages that one actor handles before the loop gives way to the others."""

    inline_depth: int = 8
    """Asks within asks that idle actors answer in the asker's own turn of the loop, some times faster than
    through the mailbox; 0 sends every ask through the mailbox."""

    dead_letters_kept: int = 256
    """Dead letters. Enough to see a pattern; the counters by reason go on for ever."""

    metrics: bool = False
    """Measure how long messages wait and are handled, and how late the event loop is. What is merely counted
    costs nothing and is always there; a clock that is read three times for each message is felt."""

    taps: tuple[Callable[[], Any], ...] = ()
    """Each makes a `Tap` in every process of the system; they pickle. Traces and faults in tests are taps."""

    store: str | None = None
    """Where durable actors keep their state: the absolute path of a SQLite file, which all processes of the
    system reach, or `postgresql://user@host/name`. None: there are no durable actors."""

    now_s: Callable[[], float] = time.time
    """Seconds since the epoch, for timers that outlive the process; a function that pickles."""

    redeliver_s: float = 1.0
    """Seconds after which an unconfirmed delivery is sent again; a consumer that moves is back by then."""

    redeliver_max_s: float = 30.0
    """Seconds. Each time without a confirmation doubles the wait, up to this: some are down for days."""

    outbox_capacity: int = 10_000
    """Unconfirmed deliveries to one consumer. Bounded for the same reason as mailboxes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaySettings:
    """How actors live on Ray."""

    standby_hosts: int = 1
    """Blank processes kept warm. A new process takes a second to start, a warm one some milliseconds."""

    streams: bool = True
    """Whether hosts talk over sockets of their own, ten times faster than over Ray's calls."""

    stream_ports: tuple[int, int] | None = (0, 0)
    """First and last TCP port of the sockets between machines, for network policies; 0 leaves it to the
    system, None leaves the frames between machines to Ray."""

    link_window: int = 4
    """Frames on their way to one peer. More gave no throughput in our measurements, only memory."""

    frame_entries: int = 1000
    """Entries in one frame. Beyond it the cost per message no longer falls."""

    frame_bytes: int = 65_536
    """Bytes that a frame should not exceed; Ray moves arguments of 100 KiB and more to its object store."""

    link_queue: int = 65_536
    """Messages that wait to leave for one host; beyond it they are turned away, as by a full mailbox."""

    parked_messages: int = 1024
    """Messages kept for an actor whose process is being replaced; beyond it they are dead letters."""

    poll_timeout_s: float = 20.0
    """Seconds after which an empty long poll returns, so that no call to Ray pends for ever."""

    start_timeout_s: float = 120.0
    """Seconds for a process to start and an actor's `on_start` to return, on a loaded machine."""

    heartbeat_s: float = 0.5
    """Seconds between two heartbeats of a host. Ray itself never notices a process that is stopped."""

    hung_kill_s: float | None = 60.0
    """Seconds of silence after which a hung host is killed and its actors start elsewhere; None never does.
    Native code that holds Python's lock for so long looks the same."""

    lease_s: float | None = 30.0
    """Seconds that a host runs without a word from the controller: it stops its actors after two thirds of
    it, so that they are gone when they start elsewhere. A controller that is stopped for so long, say in a
    terminal, loses its hosts; None lets them run on, at the risk of two actors with one name."""

    num_cpus: int | None = None
    """Logical CPUs of a cluster that we start ourselves; None takes what the machine has."""

    object_store_bytes: int = 256 * 2**20
    """Bytes of shared memory of a cluster that we start ourselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """How agents carry out what they decided."""

    act_timeout_s: float = 600.0
    """Seconds to wait for the outcome of one effect; a training takes minutes, not milliseconds."""

    retry_delays_s: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
    """Seconds between tries of an effect whose outcome is unknown. Every try has the same key."""

    failures_allowed: int = 3
    """Failures in a row before a strategy is quarantined: one may be a network's bad moment."""

    quarantine_s: float = 600.0
    """Seconds, of the agents' time, of the first quarantine; each that follows at once is twice as long."""

    max_quarantine_s: float = 86_400.0
    """Seconds, of the agents' time; what was repaired is found to be so within a day."""

    sense_timeout_s: float = 60.0
    """Seconds a sensor may take to read its observations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of the above, for those who hand them on together."""

    actors: ActorSettings = field(default_factory=ActorSettings)
    ray: RaySettings = field(default_factory=RaySettings)
    agents: AgentSettings = field(default_factory=AgentSettings)
