"""One thread that writes to a database for a whole process: what comes together is committed together.

A commit waits for the disk; a thousand writes in one commit wait once. Each write is still all or nothing by
itself, and is acknowledged only when its commit is on the disk.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from scanflow_actors.errors import ScanflowError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanflow_actors.storage.database import Database

MAX_BATCH = 1000
"""Writes in one commit: more would hold up those that wait."""


class Page(Protocol):
    """Rows of many writes, which go in by a few statements.

    A statement lets go of Python's one lock, and gets it back after up to 5 ms beside a busy event loop.
    """

    def extend(self, other: Any) -> None:
        """Add all of another page of this kind."""

    def put(self, database: Database) -> bool:
        """Write the rows of several, in a transaction; False when one of them must be written for itself."""

    def put_once(self, database: Database) -> bool:
        """Write the rows of one, in a transaction; False when they were there, and nothing is written."""


class Line(Executor):
    """Writes that build on each other: after one that has failed, none is written."""

    def __init__(self, writer: GroupWriter) -> None:
        """Begin a line, on the running event loop."""
        self.loop = asyncio.get_running_loop()
        self.broken: Exception | None = None
        self._writer = writer

    def write(self, function: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Have a function run inside a transaction; the future is done when the commit is on the disk."""
        return self.loop.run_in_executor(self, function, *args)

    def flush(self) -> asyncio.Future[Any]:
        """Wait until all that was to be written is on the disk, also what lines before this one wrote."""
        return self.write(_nothing)

    def submit(self, function: Callable[..., Any], /, *args: Any, **_: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """For the event loop: a future of its own, which is done together with those of the same commit."""
        future = self.loop.create_future()
        self._writer.put(_Write(function, args, future, self))
        return future


@dataclass(frozen=True, slots=True)
class _Write:
    function: Callable[..., Any]
    args: tuple[Any, ...]
    future: Any
    """Of asyncio for a write in a line, of a thread for any other."""
    line: Line | None


_Answer = tuple[_Write, Any, Exception | None]


class GroupWriter(Executor):
    """Runs functions on its own thread, inside a transaction of its own connection."""

    def __init__(self, database: Database) -> None:
        """Start the thread, which closes the database when it ends."""
        self.database = database
        self._is_together = False
        self._page: Page | None = None
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="storage writer", daemon=True)
        self._thread.start()

    @property
    def is_here(self) -> bool:
        """Whether this is the writer's own thread."""
        return threading.get_ident() == self._thread.ident

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """Have a function run inside a transaction; its future is done when the commit is on the disk.

        It may be run a second time, when what it was written together with could not be.
        """
        future: Future[Any] = Future()
        self.put(_Write(lambda: function(*args, **options), (), future, None))
        return future

    def put(self, write: _Write) -> None:
        """Take a write in."""
        self._queue.put(write)

    def add(self, page: Page) -> bool:
        """Write a page with those of the other writes; called by a function that the writer runs.

        Returns:
            False when what it holds was there already; nothing of it is written then.
        """
        if not self._is_together:
            return page.put_once(self.database)
        if self._page is None:
            self._page = page
        else:
            self._page.extend(page)
        return True

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT002 - as inherited
        """Write what is waiting, then close the database."""
        del cancel_futures
        self._queue.put(None)
        if wait:
            self._thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            batch: list[_Write] = []
            item = self._queue.get()
            while item is not None:
                batch.append(item)
                if len(batch) == MAX_BATCH or self._queue.empty():
                    break
                item = self._queue.get()
            is_open = item is not None
            if batch:
                _acknowledge(self._write(batch))
        self.database.close()

    def _write(self, batch: list[_Write]) -> list[_Answer]:
        """Write a batch in one transaction: by a few statements, or else each write for itself."""
        wanted = [write for write in batch if write.line or write.future.set_running_or_notify_cancel()]
        try:
            return self._together(wanted) or self._apart(wanted)
        except ScanflowError as failure:
            return [_failed(write, failure) for write in wanted]

    def _together(self, batch: list[_Write]) -> list[_Answer] | None:
        """None when one of them fails, or finds its rows there: nothing is written then."""
        self._is_together, is_complete = True, False
        try:
            with self.database.transaction():
                answers: list[_Answer] = [(write, _run_once(write), None) for write in batch]
                self._put_page()
                is_complete = True
        except Exception:
            if is_complete:  # who knows whether it was committed
                raise
            return None  # writing each for itself will show whose fault it is
        else:
            return answers
        finally:
            self._is_together, self._page = False, None

    def _put_page(self) -> None:
        if self._page is not None and not self._page.put(self.database):
            raise _ApartError

    def _apart(self, batch: list[_Write]) -> list[_Answer]:
        with self.database.transaction():
            return [self._try(write) for write in batch]

    def _try(self, write: _Write) -> _Answer:
        """Run one write in a savepoint of its own."""
        try:
            with self.database.savepoint():
                answer: _Answer = (write, _run_once(write), None)
        except Exception as error:  # noqa: BLE001 - it is handed to whoever waits for this write
            return _failed(write, error)
        if answer[1] is False and write.line is not None:  # what comes after it would be built on sand
            write.line.broken = StorageError("another instance has written this already")
        return answer


class _ApartError(Exception):
    """Each write of this batch has to be written for itself."""


def _nothing() -> None:
    """Write nothing."""


def _run_once(write: _Write) -> Any:
    if write.line is not None and write.line.broken is not None:
        raise write.line.broken
    return write.function(*write.args)


def _failed(write: _Write, problem: Exception) -> _Answer:
    if write.line is not None:
        write.line.broken = write.line.broken or problem
    return write, None, problem


def _acknowledge(answers: list[_Answer]) -> None:
    """Tell those who wait: all of one event loop by one call."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Answer]] = {}
    for answer in answers:
        line = answer[0].line
        if line is None:
            _settle([answer])
        else:
            by_loop.setdefault(line.loop, []).append(answer)
    for loop, some in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, some)


def _settle(answers: list[_Answer]) -> None:
    for write, result, problem in answers:
        if write.future.cancelled():
            continue
        if problem is None:
            write.future.set_result(result)
        else:
            write.future.set_exception(problem)


_lock = threading.Lock()
_writers: dict[str, tuple[GroupWriter, int]] = {}


def borrow(key: str, opened: Callable[[], Database]) -> GroupWriter:
    """Get the writer of this name, which all in this process share; give it back with `give_back`."""
    with _lock:
        writer, users = _writers.get(key) or (GroupWriter(opened()), 0)
        _writers[key] = writer, users + 1
        return writer


def give_back(key: str) -> None:
    """Let go of a writer; the last one closes it."""
    with _lock:
        writer, users = _writers.pop(key)
        if users > 1:
            _writers[key] = writer, users - 1
            return
    writer.shutdown()
