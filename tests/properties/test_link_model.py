"""Every way that a link can go, at small scope: the real machines, all interleavings of what may happen.

Four frames of one entry, a window of two, up to two losses and two repetitions of frames or acknowledgements,
and one crash of the receiver at any time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from scanflow_actors.cluster.link import LinkReceiver, LinkSender

FRAMES = 4
WINDOW = 2
FAULTS = 2


@dataclass
class World:
    sender: LinkSender[int] = field(default_factory=lambda: LinkSender(window=WINDOW, frame_entries=1))
    receiver: LinkReceiver[list[int]] | None = field(default_factory=LinkReceiver)
    frames: frozenset[tuple[int, int]] = frozenset()
    """On the way: number and entry. One that is there twice arrives without leaving: a repetition."""
    acks: frozenset[int] = frozenset()
    pushed: int = 0
    losses: int = FAULTS
    repeats: int = FAULTS
    crashes: int = 1
    arrived: tuple[int, ...] = ()
    abandoned: tuple[int, ...] | None = None

    def key(self) -> object:
        sender, receiver = self.sender, self.receiver
        return (
            tuple(sender.queue),
            tuple(sender._sent),
            sender._next,
            None if receiver is None else (receiver.expected, tuple(sorted(receiver._early))),
            self.frames,
            self.acks,
            (self.pushed, self.losses, self.repeats, self.crashes, self.arrived, self.abandoned),
        )

    def steps(self) -> list[World]:
        """All worlds that may come next."""
        found = [self.lost(), *self.sent_again()] if self.receiver is not None else []
        found += [self.push(), self.send(), self.crash()]
        found += [
            self.arrive(frame, repeated=repeated) for frame in self.frames for repeated in (False, True)
        ]
        found += [self.acknowledge(ack) for ack in self.acks]
        return [world for world in found if world is not None]

    def copy(self) -> World:
        """An independent world; copied by hand, since thousands are made."""
        sender: LinkSender[int] = LinkSender(window=WINDOW, frame_entries=1)
        sender.queue.extend(self.sender.queue)
        sender._sent.update(self.sender._sent)
        sender._next = self.sender._next
        receiver: LinkReceiver[list[int]] | None = None
        if self.receiver is not None:
            receiver = LinkReceiver()
            receiver.expected = self.receiver.expected
            receiver._early.update(self.receiver._early)
        return replace(self, sender=sender, receiver=receiver)

    def push(self) -> World | None:
        if self.pushed == FRAMES or self.abandoned is not None:
            return None
        world = self.copy()
        world.sender.push(world.pushed)
        world.pushed += 1
        return world

    def send(self) -> World | None:
        world = self.copy()
        frame = world.sender.next_frame()
        if frame is None:
            return None
        assert len(world.sender._sent) <= WINDOW
        world.frames |= {(frame[0], frame[1][0])}
        return world

    def arrive(self, frame: tuple[int, int], *, repeated: bool) -> World | None:
        if self.receiver is None or (repeated and not self.repeats):
            return None
        world = self.copy()
        assert world.receiver is not None
        if repeated:
            world.repeats -= 1
        else:
            world.frames -= {frame}
        for due in world.receiver.take(frame[0], [frame[1]]):
            world.arrived += tuple(due)
        assert len(world.receiver._early) <= WINDOW
        world.acks |= {world.receiver.expected}
        return world

    def acknowledge(self, ack: int) -> World:
        world = self.copy()
        world.acks -= {ack}
        world.sender.acknowledge(ack)
        return world

    def lost(self) -> World | None:
        """Lose everything that is on the way: the carrier will send again what is not acknowledged."""
        if not self.losses or not (self.frames or self.acks):
            return None
        world = self.copy()
        world.losses -= 1
        world.frames, world.acks = frozenset(), frozenset()
        return world

    def sent_again(self) -> list[World]:
        """The carrier gives up waiting for the answer of one frame."""
        found = []
        for number, entries in self.sender._sent.items():
            if not any(frame[0] == number for frame in self.frames):
                world = self.copy()
                world.frames |= {(number, entries[0])}
                found.append(world)
        return found

    def crash(self) -> World | None:
        if not self.crashes or self.receiver is None:
            return None
        world = self.copy()
        world.crashes -= 1
        world.receiver = None
        world.frames, world.acks = frozenset(), frozenset()
        world.abandoned = tuple(world.sender.abandon())
        return world


def check(world: World) -> None:
    """What must be true in every world: a prefix has arrived, once and in order, and nothing is forgotten."""
    assert world.arrived == tuple(range(len(world.arrived)))
    if world.abandoned is not None:
        assert world.abandoned == tuple(range(world.pushed - len(world.abandoned), world.pushed))
        assert len(world.arrived) + len(world.abandoned) >= world.pushed


def test_all_that_may_happen_at_small_scope() -> None:
    seen: set[object] = set()
    frontier = [World()]
    finished = 0
    while frontier:
        world = frontier.pop()
        if (key := world.key()) in seen:
            continue
        seen.add(key)
        check(world)
        nexts = world.steps()
        if world.receiver is not None and world.pushed == FRAMES and world.sender.is_idle:
            assert world.arrived == tuple(range(FRAMES))
            finished += 1
        elif world.receiver is not None and world.pushed == FRAMES:
            assert nexts, "a world with work left must go on"
        frontier.extend(nexts)
    assert finished > 0
    assert len(seen) > 1000
