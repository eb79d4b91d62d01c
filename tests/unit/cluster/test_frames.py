"""Frames: what is put into one comes out of it, and what cannot be read harms nothing else."""

from __future__ import annotations

import pickle
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, NamedTuple

import pytest

from scanflow_actors.cluster.frames import pack, unpack
from scanflow_actors.cluster.wire import Entry, Unreadable, Where


@dataclass(frozen=True, slots=True)
class Empty:
    pass


@dataclass(frozen=True, slots=True)
class One:
    number: int


@dataclass(frozen=True, slots=True)
class More(One):
    name: str = "x"
    inner: Any = None


@dataclass(frozen=True, slots=True)
class Derived:
    seen: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "seen", 1)


@dataclass(frozen=True)
class Roomy:
    number: int


@dataclass(frozen=True, slots=True)
class OnRoomy(Roomy):
    other: int = 2


@dataclass(frozen=True, slots=True)
class OwnState:
    number: int

    def __getstate__(self) -> int:
        return self.number + 1

    def __setstate__(self, state: int) -> None:
        object.__setattr__(self, "number", state)


class Colour(Enum):
    RED = "red"


class Pair(NamedTuple):
    left: int
    right: One


@pytest.mark.parametrize(
    "content",
    [
        Empty(),
        One(1),
        More(1, "two", One(3)),
        Derived(),
        Roomy(1),
        OnRoomy(1, 3),
        Colour.RED,
        Colour,
        One,
        Pair(1, One(2)),
        OrderedDict(a=[One(1), One(1)]),
        datetime(2026, 1, 1, tzinfo=UTC),
        len,
        ValueError("why"),
        None,
    ],
)
def test_a_content_comes_out_as_it_was_put_in(content: object) -> None:
    [(label, back)] = unpack(pack([("/actor", content)]))
    assert label == "/actor"
    assert type(back) is type(content)
    assert repr(back) == repr(content)


def test_a_class_that_says_how_it_pickles_has_its_way() -> None:
    [(_, back)] = unpack(pack([("/actor", OwnState(1))]))
    assert back == OwnState(2)


def test_what_does_not_pickle_is_replaced_alone() -> None:
    entries: list[Entry] = [("/a", One(1)), ("/b", threading.Lock()), (7, "reply")]
    first, second, third = unpack(pack(entries))
    assert first == ("/a", One(1))
    assert second[0] == "/b"
    assert isinstance(second[1], Unreadable)
    assert "lock" in second[1].problem
    assert third == (7, "reply")


@pytest.mark.parametrize(
    "made",
    [
        [One(number) for number in range(20)],
        [More(number, "x", One(number)) for number in range(20)],
        [Empty()] * 20,
    ],
)
def test_many_of_one_class_come_out_in_order(made: list[object]) -> None:
    assert unpack(pack([("/a", each) for each in made])) == [("/a", each) for each in made]


def test_many_of_a_class_that_says_how_it_pickles() -> None:
    back = unpack(pack([("/a", OwnState(number)) for number in range(20)]))
    assert back == [("/a", OwnState(number + 1)) for number in range(20)]


def test_one_of_another_class_among_many() -> None:
    entries: list[Entry] = [("/a", One(number)) for number in range(20)]
    entries[7] = ("/b", More(7))
    assert unpack(pack(entries)) == entries


class Gone:
    """Can be written and not be read, like one of a module that the other host does not have."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pickle.loads, (b"broken",)


def test_labels_are_read_although_contents_are_not() -> None:
    first, second = unpack(pack([("/a", Gone()), (Where("x"), None)]))
    assert first[0] == "/a"
    assert isinstance(first[1], Unreadable)
    assert second[0] == Where("x")
