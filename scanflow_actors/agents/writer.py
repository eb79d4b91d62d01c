"""One thread that writes a journal for a whole process: what comes together is committed together.

A commit waits for the disk; a thousand writes in one commit wait once. Each write is still all or nothing by
itself, and is acknowledged only when its commit is on the disk.
"""

from __future__ import annotations

import pickle
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any

import cloudpickle

from scanflow_actors.errors import JournalError
from scanflow_actors.infrastructure.database import open_database

if TYPE_CHECKING:
    from pathlib import Path

MAX_BATCH = 1000
"""Writes in one commit: more would hold up those that wait."""

_Write = tuple[Callable[[], Any], "Future[Any]"]


class GroupWriter(Executor):
    """Runs functions on its own thread, inside a transaction of its own connection."""

    def __init__(self, path: Path, schema: str) -> None:
        """Open the file and start the thread."""
        self.path = path
        self.database = open_database(path, schema)
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"journal {path.name}", daemon=True)
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
        """Write what is waiting, then close the file."""
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
            self.database.execute("begin immediate")
            for function, future in batch:
                if future.set_running_or_notify_cancel():
                    answers.append((future, *self._try(function)))
            self.database.execute("commit")
        except sqlite3.Error as error:
            failure = JournalError(f"cannot write the journal {self.path}: {error}")
            if self.database.in_transaction:
                self.database.execute("rollback")
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
        self.database.execute("savepoint one")
        try:
            result = function()
        except Exception as error:  # noqa: BLE001 - it is handed to whoever waits for this write
            self.database.execute("rollback to one")
            self.database.execute("release one")
            return None, error
        self.database.execute("release one")
        return result, None


_lock = threading.Lock()
_writers: dict[Path, tuple[GroupWriter, int]] = {}


def borrow(path: Path, schema: str) -> GroupWriter:
    """Get the writer of a file, which all in this process share; give it back with `give_back`."""
    path = path.resolve()
    with _lock:
        writer, users = _writers.get(path) or (GroupWriter(path, schema), 0)
        _writers[path] = writer, users + 1
        return writer


def give_back(path: Path) -> None:
    """Let go of a writer; the last one closes it."""
    path = path.resolve()
    with _lock:
        writer, users = _writers.pop(path)
        if users > 1:
            _writers[path] = writer, users - 1
            return
    writer.shutdown()


def pickled(value: Any) -> bytes:
    """Pickle a value so that other programs can read it: classes of the main program by value."""
    try:
        body = pickle.dumps(value)
    except (pickle.PicklingError, AttributeError, TypeError):
        return bytes(cloudpickle.dumps(value))
    return bytes(cloudpickle.dumps(value)) if b"__main__" in body else body


class Transaction:
    """All of it or nothing; errors of the database are told as ours."""

    def __init__(self, database: sqlite3.Connection, lock: threading.Lock, path: Path) -> None:
        self._database = database
        self._lock = lock
        self._path = path

    def __enter__(self) -> sqlite3.Connection:
        self._lock.acquire()
        try:
            self._database.execute("begin immediate")
        except sqlite3.Error as error:
            self._lock.release()
            raise JournalError(f"cannot write the journal {self._path}: {error}") from error
        return self._database

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            self._database.execute("commit" if error is None else "rollback")
        except sqlite3.Error as failure:
            raise JournalError(f"cannot write the journal {self._path}: {failure}") from failure
        finally:
            self._lock.release()
        if isinstance(error, sqlite3.Error):
            raise JournalError(f"cannot write the journal {self._path}: {error}") from error
