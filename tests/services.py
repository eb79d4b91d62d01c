"""What services of tests run: importable, since replicas must find it."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import ray

from tests.steps import say


class Times:
    """A factor; no answer at all for 0, a failure for anything but a number. May say what it hears."""

    def __init__(self, factor: int, port: int | None = None) -> None:
        self._factor = factor
        self._port = port

    async def __call__(self, number: int) -> int:
        if number == 0:
            await asyncio.Event().wait()
        if not isinstance(number, int):
            raise TypeError(f"not a number: {number!r}")
        if self._port is not None:
            say(self._port, f"heard {number}")
        return self._factor * number


class Broken:
    def __init__(self) -> None:
        raise OSError("no weights")

    def __call__(self, given: Any) -> Any:
        return given


class Moody:
    """Says which it is; dies of "die", and then starts only once a file is gone."""

    def __init__(self, name: str, file: str) -> None:
        self._name = name
        while Path(file).exists():
            time.sleep(0.1)

    async def __call__(self, given: Any) -> str:
        if given == "die":
            os._exit(1)
        return self._name


def by_size(number: Any) -> str:
    return "small" if not isinstance(number, int) or number < 100 else "large"


def highest(answers: list[int]) -> int:
    return max(answers)


def whoami(given: list[Any]) -> list[dict[str, Any]]:
    """Answer a batch by the replica's process, its CPUs and the size of the batch; die of "die"."""
    if "die" in given:
        os._exit(1)
    context: Any = ray.get_runtime_context()
    cpus = context.get_assigned_resources().get("CPU", 0)
    return [{"pid": os.getpid(), "cpus": cpus, "batch": len(given)} for _ in given]


def where(given: Any) -> str:
    """Answer by the node that the replica is on."""
    del given
    return ray.get_runtime_context().get_node_id()


def busy(given: Any) -> int:
    """Use a core for a while, and answer by the replica's process."""
    del given
    until_s = time.process_time() + 0.02
    while time.process_time() < until_s:
        pass
    return os.getpid()
