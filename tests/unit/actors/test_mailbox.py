from __future__ import annotations

import pytest

from scanflow_actors.actors import MailboxSpec, Overflow
from scanflow_actors.actors.mailbox import Mailbox
from scanflow_actors.actors.message import Envelope, Reply


class Word(Reply):
    """A reply that remembers what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[object] = []

    def resolve(self, value: object) -> None:
        self.said.append(value)

    def fail(self, error: BaseException) -> None:
        self.said.append(error)


def box(overflow: Overflow, capacity: int = 1) -> Mailbox:
    return Mailbox(MailboxSpec(capacity=capacity, overflow=overflow))


def test_a_mailbox_holds_at_least_one_message() -> None:
    with pytest.raises(ValueError, match="at least one"):
        MailboxSpec(capacity=0)


def test_reject_gives_the_new_message_back() -> None:
    mailbox = box(Overflow.REJECT)
    first, second = Envelope(1), Envelope(2)
    assert mailbox.put(first) is None
    assert mailbox.put(second) is second
    assert list(mailbox.queue) == [first]


def test_drop_oldest_gives_the_oldest_back_and_admits_the_new_one() -> None:
    mailbox = box(Overflow.DROP_OLDEST)
    word = Word()
    first, second = Envelope(1), Envelope(2, admission=word)
    mailbox.put(first)
    assert mailbox.put(second) is first
    assert word.said == [None]


def test_drop_oldest_has_nothing_to_drop_when_all_are_in_flight() -> None:
    mailbox = box(Overflow.DROP_OLDEST)
    mailbox.in_flight = 1
    message = Envelope(1)
    assert mailbox.put(message) is message


def test_block_lets_a_sender_wait_until_there_is_room() -> None:
    mailbox = box(Overflow.BLOCK)
    words = [Word(), Word()]
    mailbox.put(Envelope(0))
    for word in words:
        assert mailbox.put(Envelope(1, admission=word)) is None
    mailbox.queue.popleft()
    mailbox.refill()
    assert [word.said for word in words] == [[None], []]


def test_block_does_not_let_a_tell_overtake_those_who_wait() -> None:
    mailbox = box(Overflow.BLOCK, capacity=2)
    mailbox.put(Envelope(0))
    mailbox.in_flight = 1
    mailbox.put(Envelope(1, reply=Word()))
    mailbox.in_flight = 0
    told = Envelope(2)
    assert mailbox.put(told) is told


def test_a_message_can_be_withdrawn_and_gives_its_place_free() -> None:
    mailbox = box(Overflow.BLOCK)
    one, two = Word(), Word()
    mailbox.put(Envelope(1, reply=one))
    mailbox.put(Envelope(2, admission=two))
    assert mailbox.withdraw(one)
    assert two.said == [None]
    assert mailbox.withdraw(two)
    assert not mailbox.withdraw(two)


def test_a_mailbox_is_emptied_with_those_who_wait() -> None:
    mailbox = box(Overflow.BLOCK)
    first, second = Envelope(1), Envelope(2, reply=Word())
    mailbox.put(first)
    mailbox.put(second)
    assert mailbox.empty() == [first, second]
    assert mailbox.empty() == []
