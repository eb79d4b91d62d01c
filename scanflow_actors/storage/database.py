"""One connection to a database, whatever runs it; the room's docstring says what both understand."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from scanflow_actors.errors import ScanflowError, StorageError
from scanflow_actors.storage.postgres import SCHEMES, PostgreSQL
from scanflow_actors.storage.sqlite import SQLite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Address = Path | str
"""The path of a SQLite file, or `postgresql://user@host:port/name`."""


class Database:
    """A connection that any thread may use, one at a time. Outside a transaction, each statement is one.

    Args:
        address: Where the database is; a file is made when it is missing.
        schema: Statements that make the tables that are missing.
        name: What it is to those who read the errors.
        error: What is raised, made from its text.

    Raises:
        StorageError: Or the error that was given: it cannot be opened.
    """

    def __init__(
        self,
        address: Address,
        schema: str = "",
        *,
        name: str = "the database",
        error: Callable[[str], ScanflowError] = StorageError,
    ) -> None:
        self._schema = schema
        self._name = name
        self._error = error
        self._lock = threading.RLock()
        self._is_within = False
        try:
            self._engine = PostgreSQL(str(address)) if is_server(address) else SQLite(str(address))
        except ImportError as missing:
            raise error(f"{name} on PostgreSQL needs the extra scanflow-actors[postgres]") from missing
        self._connection: Any = None
        self._reach()

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a query finds.

        Raises:
            StorageError: Or the error that was given: it cannot be read.
        """
        with self._lock:
            try:
                cursor = self._run(statement, values)
                return list(cursor.fetchall())
            except self._engine.failures as failure:
                self._fail("write" if self._is_within else "read", failure)

    def change(self, statement: str, *values: Any) -> int:
        """Write, and say how many rows that changed.

        Raises:
            StorageError: Or the error that was given: it cannot be written.
        """
        with self._lock:
            try:
                return int(self._run(statement, values).rowcount)
            except self._engine.failures as failure:
                self._fail("write", failure)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that this thread writes meanwhile, or nothing of it; other transactions wait.

        Raises:
            StorageError: Or the error that was given: it cannot be written.
        """
        with self._lock:
            self._reach()
            try:
                self._order(*self._engine.begin)
                self._is_within = True
                yield
                self._order("commit")
            except BaseException:
                self._undo("rollback")
                raise
            finally:
                self._is_within = False

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of a transaction that is undone by itself when it fails."""
        self._order("savepoint one")
        try:
            yield
        except BaseException:
            self._undo("rollback to savepoint one", "release savepoint one")
            raise
        self._order("release savepoint one")

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    # ------------------------------------------------------------------ inside

    def _run(self, statement: str, values: tuple[Any, ...]) -> Any:
        self._reach()
        cursor = self._connection.cursor()
        cursor.execute(self._engine.translated(statement), values)
        return cursor

    def _order(self, *statements: str) -> None:
        try:
            for statement in statements:
                self._connection.cursor().execute(statement)
        except self._engine.failures as failure:
            self._fail("write", failure)

    def _undo(self, *statements: str) -> None:
        """Take back, unless the database has done so itself; the cause is told already."""
        if self._engine.is_within(self._connection):
            self._order(*statements)

    def _reach(self) -> None:
        """Connect, also again after the server went away; never in the middle of a transaction."""
        if self._connection is not None and (self._is_within or not self._engine.is_lost(self._connection)):
            return
        try:
            self._connection = self._engine.connect(self._schema)
        except self._engine.failures as failure:
            self._fail("open", failure)

    def _fail(self, verb: str, failure: Exception) -> NoReturn:
        text = str(failure).strip()
        hint = f"; {self._engine.hint}" if verb == "open" else ""
        raise self._error(f"cannot {verb} {self._name} {self._engine.shown}: {text}{hint}") from failure


def is_server(address: Address) -> bool:
    """Whether this is the address of a server."""
    return isinstance(address, str) and address.startswith(SCHEMES)
