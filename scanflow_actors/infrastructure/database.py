"""Opening the SQLite file that the journal and the ledger share, from several processes at once."""

from __future__ import annotations

import fcntl
import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BUSY_TIMEOUT_S = 30.0
"""Seconds to wait for another writer; a write takes milliseconds."""


def open_database(path: Path, schema: str) -> sqlite3.Connection:
    """Open a file in write-ahead mode, every commit on the disk before it is acknowledged.

    Openers wait for each other by a lock beside the file: while one turns on the write-ahead mode, SQLite
    answers the others with an error at once, without waiting.

    Args:
        path: The file; made when it is missing.
        schema: Statements that make the tables that are missing.

    Returns:
        A connection that any thread may use, one at a time; each statement is its own transaction.

    Raises:
        sqlite3.Error: It is no database, or cannot be written.
        OSError: The folder is not there, or cannot be written.
    """
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        database = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_S, check_same_thread=False, isolation_level=None
        )
        try:
            database.execute("pragma journal_mode = wal")
            database.execute("pragma synchronous = full")
            database.executescript(schema)
        except sqlite3.Error:
            database.close()
            raise
        return database
