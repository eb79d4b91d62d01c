"""The link under loss, repetition and reordering: everything arrives exactly once and in order."""

from __future__ import annotations

import random

from hypothesis import given, settings, strategies as st

from scanflow_actors.cluster.link import LinkReceiver, LinkSender


@settings(max_examples=200)
@given(
    count=st.integers(0, 40),
    window=st.integers(1, 5),
    frame_entries=st.integers(1, 4),
    seed=st.integers(0, 2**32),
)
def test_everything_arrives_once_and_in_order(count: int, window: int, frame_entries: int, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the adversary of a test
    sender: LinkSender[int] = LinkSender(window=window, frame_entries=frame_entries)
    receiver: LinkReceiver[list[int]] = LinkReceiver()
    unacknowledged: dict[int, list[int]] = {}
    arrived: list[int] = []
    pushed = 0
    while len(arrived) < count:
        step = chance.choice(["push", "frame", "arrive", "acknowledge"])
        if step == "push" and pushed < count:
            sender.push(pushed)
            pushed += 1
        elif step == "frame" and (frame := sender.next_frame()) is not None:
            unacknowledged[frame[0]] = frame[1]
            assert len(unacknowledged) <= window
        elif step == "arrive" and unacknowledged:  # any of them, again and again: lost ones just later
            number = chance.choice(list(unacknowledged))
            for due in receiver.take(number, unacknowledged[number]):
                arrived.extend(due)
        elif step == "acknowledge":
            heard = chance.randint(0, receiver.expected)  # old news may come late
            sender.acknowledge(heard)
            unacknowledged = {n: entries for n, entries in unacknowledged.items() if n >= heard}
        assert arrived == list(range(len(arrived)))
    assert arrived == list(range(count))


@given(
    sent=st.lists(st.integers(), max_size=30),
    acknowledged=st.integers(0, 10),
    frames=st.integers(0, 10),
)
def test_what_is_given_up_is_what_was_not_acknowledged(
    sent: list[int], acknowledged: int, frames: int
) -> None:
    sender: LinkSender[int] = LinkSender(window=20, frame_entries=3)
    for entry in sent:
        sender.push(entry)
    out = [frame for _ in range(frames) if (frame := sender.next_frame()) is not None]
    sender.acknowledge(min(acknowledged, len(out)))
    assert sender.abandon() == sent[3 * min(acknowledged, len(out)) :]
    assert sender.is_idle
