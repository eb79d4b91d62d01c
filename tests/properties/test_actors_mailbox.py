"""The mailbox against a model of it: a list, and who was turned away."""

from __future__ import annotations

from hypothesis import given, strategies as st

from scanflow_actors.actors import MailboxSpec, Overflow
from scanflow_actors.actors.mailbox import Mailbox
from scanflow_actors.actors.message import Envelope, Reply


class Word(Reply):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[object] = []

    def resolve(self, value: object) -> None:
        self.said.append(value)


@given(
    overflow=st.sampled_from(Overflow),
    capacity=st.integers(1, 4),
    steps=st.lists(st.sampled_from(["tell", "send", "take", "start", "finish", "withdraw"]), max_size=40),
)
def test_nothing_is_lost_doubled_or_reordered(overflow: Overflow, capacity: int, steps: list[str]) -> None:
    mailbox = Mailbox(MailboxSpec(capacity=capacity, overflow=overflow))
    sent: list[Envelope] = []
    out: list[Envelope] = []
    lost: list[Envelope] = []
    for step in steps:
        if step in {"tell", "send"}:
            envelope = Envelope(len(sent), admission=Word() if step == "send" else None)
            sent.append(envelope)
            if (turned_away := mailbox.put(envelope)) is not None:
                lost.append(turned_away)
        elif step in {"take", "start"} and mailbox.queue:
            out.append(mailbox.queue.popleft())
            mailbox.in_flight += step == "start"
            mailbox.refill()
        elif step == "finish" and mailbox.in_flight:
            mailbox.in_flight -= 1
            mailbox.refill()
        elif step == "withdraw" and sent and (asker := sent[-1].asker) and mailbox.withdraw(asker):
            lost.append(sent[-1])
        assert len(mailbox.queue) + mailbox.in_flight <= capacity
        assert not mailbox.waiting or len(mailbox.queue) + mailbox.in_flight == capacity
    left = mailbox.empty()
    numbers = [envelope.message for envelope in (*out, *left)]
    assert numbers == sorted(numbers)
    assert sorted([*numbers, *(envelope.message for envelope in lost)]) == list(range(len(sent)))
    for envelope in out:
        if isinstance(envelope.admission, Word):
            assert envelope.admission.said == [None]
