"""G8: large arrays arrive as they were, read-only, in order, and in one copy for all processes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import ray
from ray._private.internal_api import get_memory_info_reply, get_state_from_address

from scanflow_actors.actors import Actor, DeadReason, Request, receive
from tests.troupe import Counter, Make, Note, Notes, Painter, Recorder

if TYPE_CHECKING:
    from tests.stage import Stage

LARGE = 1 << 20


@dataclass(frozen=True, slots=True)
class Keep(Request[dict[str, Any]]):
    """Keep an array, and say how it arrived."""

    array: Any


class Keeper(Actor):
    """Keeps arrays."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    @receive
    def keep(self, message: Keep) -> dict[str, Any]:
        array = message.array
        self.kept.append(array)
        return {
            "total": float(array.sum()),
            "writeable": bool(array.flags.writeable),
            "owns": bool(array.flags.owndata),
            "address": array.__array_interface__["data"][0],
        }


async def test_g08_a_large_array_arrives_as_it_was_and_read_only(stage: Stage) -> None:
    keeper = await stage.spawn(Keeper)
    arrived = await keeper.ask(Keep(np.ones(LARGE)))
    assert arrived["total"] == LARGE
    assert not arrived["writeable"]
    painter = await stage.spawn(Painter)
    made = (await painter.ask(Make(LARGE)))["zeros"]
    assert made.shape == (LARGE,)
    assert not made.flags.writeable


@pytest.mark.runtimes("local", "pooled", "apart")
async def test_g08_an_array_is_not_copied_where_it_arrives(stage: Stage) -> None:
    keeper = await stage.spawn(Keeper)
    array = np.ones(LARGE)
    first, second = await keeper.ask(Keep(array)), await keeper.ask(Keep(array))
    assert first["address"] == second["address"]
    if not stage.is_local:
        assert not first["owns"]
        painter = await stage.spawn(Painter)
        made = (await painter.ask(Make(LARGE)))["zeros"]
        assert not made.flags.owndata


async def test_g02_large_arrays_and_small_messages_stay_in_order(stage: Stage) -> None:
    recorder = await stage.spawn(Recorder)
    for number in range(20):
        recorder.tell(Note(np.full(LARGE // 8, number) if number % 5 == 0 else number))
    notes = await recorder.ask(Notes(at_least=20))
    assert [int(note[0]) if isinstance(note, np.ndarray) else note for note in notes] == list(range(20))


def store_bytes() -> int:
    """Bytes of the object store that are in use."""
    state = get_state_from_address(ray.get_runtime_context().gcs_address)  # type: ignore[no-untyped-call]
    reply = get_memory_info_reply(state)  # type: ignore[no-untyped-call]
    return int(reply.store_stats.object_store_bytes_used)


@pytest.mark.runtimes("apart")
async def test_g08_one_array_for_many_processes_is_in_the_store_once(stage: Stage) -> None:
    keepers = [await stage.spawn(Keeper) for _ in range(3)]
    array = np.ones(2 * LARGE)
    before = await asyncio.to_thread(store_bytes)
    arrived = await asyncio.gather(*(keeper.ask(Keep(array)) for keeper in keepers))
    assert [one["total"] for one in arrived] == 3 * [2.0 * LARGE]
    used = await asyncio.to_thread(store_bytes) - before
    assert array.nbytes <= used < 1.5 * array.nbytes


async def test_g03_a_large_array_that_nobody_handles_is_one_dead_letter(stage: Stage) -> None:
    counter = await stage.spawn(Counter)
    counter.tell(Note(np.ones(LARGE)))
    (letter,) = await stage.dead_letter(counter, DeadReason.UNHANDLED)
    assert letter.value.sum() == LARGE
