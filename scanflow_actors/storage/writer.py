"""One thread that writes to a database for a whole process: what comes together is committed together.

A commit waits for the disk; a thousand writes in one commit wait once. Each write is still all or nothing by
itself, and is acknowledged only when its commit is on the disk.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any

from scanflow_actors.errors import ScanflowError

if TYPE_CHECKING:
    from scanflow_actors.storage.database import Database

MAX_BATCH = 1000
"""Writes in one commit: more would hold up those that wait."""

_Write = tuple[Callable[[], Any], "Future[Any]"]


class GroupWriter(Executor):
    """Runs functions on its own thread, inside a transaction of its own connection."""

    def __init__(self, database: Database) -> None:
        """Start the thread, which closes the database when it ends."""
        self.database = database
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="storage writer", daemon=True)
        self._thread.start()

    @property
    def is_here(self) -> bool:
        """Whether this is the writer's own thread."""
        return threading.get_ident() == self._thread.ident

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """Have a function run inside a transaction; its future is done when the commit is on the disk."""
        future: Future[Any] = Future()
        self._queue.put((lambda: function(*args, **options), future))
        return future

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
                self._write(batch)
        self.database.close()

    def _write(self, batch: list[_Write]) -> None:
        """Run a batch in one transaction, each write in a savepoint; then acknowledge all."""
        answers: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            with self.database.transaction():
                for function, future in batch:
                    if future.set_running_or_notify_cancel():
                        answers.append((future, *self._try(function)))
        except ScanflowError as failure:
            for _, future in batch:
                if not future.done():
                    future.set_exception(failure)
            return
        for future, result, problem in answers:
            if problem is None:
                future.set_result(result)
            else:
                future.set_exception(problem)

    def _try(self, function: Callable[[], Any]) -> tuple[Any, BaseException | None]:
        try:
            with self.database.savepoint():
                return function(), None
        except Exception as error:  # noqa: BLE001 - it is handed to whoever waits for this write
            return None, error


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
