"""What tests do to processes, and how they wait for what becomes of them: by events, without a clock."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


async def is_gone(pid: int) -> bool:
    """Wait until a process has ended; one that its parent has yet to collect has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, ended.set)
    try:
        async with asyncio.timeout(30):
            await ended.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return True


def halt(pid: int) -> None:
    """Stop a process, and wait until every thread of it has stopped: the signal alone only asks for it."""
    os.kill(pid, signal.SIGSTOP)
    while any(state(thread) != "T" for thread in Path(f"/proc/{pid}/task").iterdir()):
        continue  # some microseconds


def state(thread: Path) -> str:
    return (thread / "stat").read_text().rpartition(")")[2].split()[0]


class _Ear(logging.Handler):
    def __init__(self, text: str, heard: asyncio.Event) -> None:
        super().__init__()
        self._text = text
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        if self._text in record.getMessage():
            self._heard.set()


@contextlib.contextmanager
def listening(logger: str, text: str) -> Iterator[asyncio.Event]:
    """An event that is set once something is logged, from this event loop, that contains the text."""
    heard = asyncio.Event()
    ear = _Ear(text, heard)
    logging.getLogger(logger).addHandler(ear)
    try:
        yield heard
    finally:
        logging.getLogger(logger).removeHandler(ear)
