"""A SQLite file, opened from several processes at once."""

from __future__ import annotations

import fcntl
import sqlite3
from pathlib import Path

BUSY_TIMEOUT_S = 30.0
"""Seconds to wait for another writer; a write takes milliseconds."""


class SQLite:
    """How to talk to SQLite."""

    failures = (sqlite3.Error, OSError)
    begin = ("begin immediate",)
    hint = "check the folder"

    def __init__(self, address: str) -> None:
        self._path = Path(address)
        self.shown = address

    def connect(self, schema: str) -> sqlite3.Connection:
        """Open the file in write-ahead mode, every commit on the disk before it is acknowledged.

        Openers wait for each other by a lock beside the file: while one turns on the write-ahead mode, SQLite
        answers the others with an error at once, without waiting.
        """
        with self._path.with_name(f"{self._path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            database = sqlite3.connect(
                self._path, timeout=BUSY_TIMEOUT_S, check_same_thread=False, isolation_level=None
            )
            try:
                database.execute("pragma journal_mode = wal")
                database.execute("pragma synchronous = full")
                database.executescript(schema)
            except sqlite3.Error:
                database.close()
                raise
            return database

    def translated(self, statement: str) -> str:
        """The statement as SQLite wants it."""
        return statement

    def is_within(self, connection: sqlite3.Connection) -> bool:
        """Whether a transaction has begun and not ended."""
        return connection.in_transaction

    def is_lost(self, connection: sqlite3.Connection) -> bool:  # noqa: ARG002 - a file has no connection to lose
        """Whether the connection must be made again."""
        return False
