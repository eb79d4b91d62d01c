"""The test kit's probe, on every runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scanflow_actors.actors import StopReason, Terminated
from scanflow_actors.testing import TestProbe
from tests.troupe import Add, Counter, Messenger, Note, Relay, TellAll

if TYPE_CHECKING:
    from tests.stage import Stage


async def test_a_probe_gets_what_is_sent_to_it_in_order(stage: Stage) -> None:
    probe, messenger = await TestProbe.start(stage.system), await stage.spawn(Messenger)
    await messenger.ask(TellAll(probe.ref, 3))
    assert [await probe.expect(Note) for _ in range(3)] == [Note(0), Note(1), Note(2)]
    await probe.expect_nothing(within_s=0.05)
    await stage.system.stop(probe.ref)


async def test_a_probe_answers(stage: Stage) -> None:
    probe, messenger = await TestProbe.start(stage.system), await stage.spawn(Messenger)
    probe.answer(Add, lambda message: message.amount * 10)
    assert await messenger.ask(Relay(probe.ref, Add(4))) == 40
    assert await probe.expect(Add) == Add(4)
    await stage.system.stop(probe.ref)


async def test_a_probe_fishes(stage: Stage) -> None:
    probe, messenger = await TestProbe.start(stage.system), await stage.spawn(Messenger)
    await messenger.ask(TellAll(probe.ref, 3))
    probe.ref.tell(Add(1))
    assert await probe.fish(Add) == Add(1)
    await stage.system.stop(probe.ref)


async def test_a_probe_hears_of_ends(stage: Stage) -> None:
    probe, counter = await TestProbe.start(stage.system), await stage.spawn(Counter)
    await probe.watch(counter)
    await stage.system.stop(counter)
    assert await probe.expect(Terminated) == Terminated(counter, StopReason.NORMAL)
    await stage.system.stop(probe.ref)


@pytest.mark.runtimes("local")
async def test_a_probe_says_what_it_got_instead(stage: Stage) -> None:
    probe = await TestProbe.start(stage.system, name="mine")
    assert probe.ref.path == "/mine"
    probe.ref.tell(Note("something"))
    with pytest.raises(AssertionError, match="expected Add, got Note"):
        await probe.expect(Add)
    with pytest.raises(AssertionError, match="expected Add within 5 s, got nothing"):
        await probe.expect(Add, within_s=5)
    with pytest.raises(AssertionError, match="got nothing"):
        await probe.fish(Add, within_s=5)
    probe.ref.tell(Note("more"))
    with pytest.raises(AssertionError, match="expected nothing, got Note"):
        await probe.expect_nothing()
