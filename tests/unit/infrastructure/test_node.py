"""Each kind of service does with its input what its kind says."""

from __future__ import annotations

from typing import Any

import pytest

from scanflow_actors.infrastructure.node import Code, answer
from scanflow_actors.workflows import Kind, Service


def adds(addend: int) -> Any:
    async def ask(given: Any) -> Any:
        return given + addend

    return ask


async def doubles(given: Any) -> Any:
    return [2 * each for each in given] if isinstance(given, list) else 2 * given


async def names_the_second(given: Any) -> str:
    del given
    return "b"


@pytest.mark.parametrize(
    ("kind", "run", "fed", "expected"),
    [
        (Kind.MODEL, doubles, {}, 6),
        (Kind.MODEL, doubles, {"a": adds(1)}, 7),
        (Kind.TRANSFORMER, doubles, {"a": adds(1)}, 7),
        (Kind.OUTPUT_TRANSFORMER, doubles, {"a": adds(1)}, 8),
        (Kind.ROUTER, names_the_second, {"a": adds(1), "b": adds(10)}, 13),
        (Kind.COMBINER, doubles, {"a": adds(1), "b": adds(10)}, [8, 26]),
    ],
)
async def test_a_service_answers_as_its_kind(kind: Kind, run: Any, fed: Any, expected: Any) -> None:
    assert await answer(kind, run, fed, 3) == expected


class Careful:
    def __init__(self, is_ill: bool) -> None:
        self._is_ill = is_ill

    def __call__(self, given: int) -> int:
        return -given

    async def check_health(self) -> None:
        if self._is_ill:
            raise ConnectionError("no model")


async def test_plain_code_answers_and_says_how_it_is() -> None:
    well = Code(Service(name="s", run=Careful, options={"is_ill": False}))
    assert await well(3) == -3
    await well.check_health()
    with pytest.raises(ConnectionError):
        await Code(Service(name="s", run=Careful, options={"is_ill": True})).check_health()
