"""The same statements mean the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.errors import JournalError, StorageError
from scanflow_actors.storage import Database, GroupWriter, borrow, give_back
from tests.postgres import end_connections

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = """
create table if not exists note (
    seq integer primary key autoincrement,
    name text not null unique,
    size real,
    body blob
);
"""


@pytest.fixture
def database(database_address: str) -> Iterator[Database]:
    opened = Database(database_address, SCHEMA)
    yield opened
    opened.close()


def names(database: Database) -> list[str]:
    return [name for (name,) in database.rows("select name from note order by seq")]


def insert(database: Database, name: str) -> int:
    return database.change("insert into note (name) values (?) on conflict (name) do nothing", name)


def test_values_come_back_as_they_went_in(database: Database) -> None:
    body = bytes(range(256))
    statement = "insert into note (name, size, body) values (?, ?, ?) returning seq"
    assert database.rows(statement, "100 % ü", 0.1, body) == [(1,)]
    assert database.rows(statement, "none", None, None) == [(2,)]
    assert database.rows("select name from note where name like '100 %'") == [("100 % ü",)]
    assert database.rows("select name from note where name like '100 %' and size = ?", 0.1) == [("100 % ü",)]
    assert database.rows("select * from note order by seq") == [
        (1, "100 % ü", 0.1, body),
        (2, "none", None, None),
    ]


def test_a_value_that_may_be_missing_needs_no_type(database: Database) -> None:
    insert(database, "a")
    query = "select name from note where (? is null or name = ?) and size is null limit ?"
    assert database.rows(query, None, None, 10) == [("a",)]
    assert database.rows(query, "b", "b", 10) == []


def test_a_change_says_how_many_rows_it_changed(database: Database) -> None:
    assert (insert(database, "a"), insert(database, "a")) == (1, 0)
    assert database.change("update note set size = 1 where name = ?", "a") == 1
    assert database.change("update note set size = 1 where name = ?", "b") == 0


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    with pytest.raises(StorageError), database.transaction():  # noqa: PT012 - the block is what fails
        insert(database, "a")
        database.change("insert into missing values (1)")
    with database.transaction():
        insert(database, "b")
    assert names(database) == ["b"]


def test_a_statement_that_fails_says_where_and_leaves_the_connection_usable(database: Database) -> None:
    with pytest.raises(StorageError, match=r"cannot write the database .*: .*missing"):
        database.change("insert into missing values (1)")
    with pytest.raises(StorageError, match="cannot read the database"):
        database.rows("select * from missing")
    with pytest.raises(StorageError), database.transaction():
        database.change("insert into missing values (1)")
    assert insert(database, "a") == 1


def test_only_the_failed_part_of_a_transaction_is_undone(database: Database) -> None:
    with database.transaction():
        insert(database, "a")
        with pytest.raises(StorageError), database.savepoint():  # noqa: PT012 - as above
            insert(database, "b")
            database.change("insert into missing values (1)")
        insert(database, "c")
    assert names(database) == ["a", "c"]


def test_transactions_exclude_each_other(database: Database, database_address: str) -> None:
    other = Database(database_address, SCHEMA)
    has_begun = threading.Event()

    def count_then_insert() -> None:
        has_begun.set()
        with other.transaction():
            insert(other, f"after {len(names(other))}")

    with contextlib.closing(other):
        with database.transaction():
            thread = threading.Thread(target=count_then_insert)
            thread.start()
            has_begun.wait()
            insert(database, "first")
        thread.join()
    assert names(database) == ["first", "after 1"]


def test_a_transaction_that_waited_too_long_fails_and_the_next_one_begins(
    database: Database, database_address: str
) -> None:
    other = Database(database_address, SCHEMA)
    is_server = database_address.startswith("postgresql")
    with contextlib.closing(other):
        other.change("set lock_timeout = '50ms'" if is_server else "pragma busy_timeout = 50")
        with database.transaction():
            insert(database, "first")
            with pytest.raises(StorageError, match="cannot write"), other.transaction():
                pass
        with other.transaction():
            insert(other, "second")
    assert names(database) == ["first", "second"]


def test_openers_at_once_make_the_tables_once(database_address: str) -> None:
    program = (
        "import sys; from scanflow_actors.storage import Database\n"
        "Database(sys.argv[1], sys.argv[2]).change('insert into note (name) values (?)', sys.argv[3])"
    )
    openers = [
        subprocess.Popen([sys.executable, "-c", program, database_address, SCHEMA, str(number)])  # noqa: S603
        for number in range(4)
    ]
    assert [opener.wait() for opener in openers] == [0, 0, 0, 0]
    with contextlib.closing(Database(database_address, SCHEMA)) as database:
        assert sorted(names(database)) == ["0", "1", "2", "3"]


def test_a_writer_acknowledges_what_is_committed_and_undoes_what_failed(database_address: str) -> None:
    writer = GroupWriter(Database(database_address, SCHEMA))
    futures = [writer.submit(insert, writer.database, name) for name in "ab"]
    wrong = writer.submit(writer.database.change, "insert into missing values (1)")
    futures.append(writer.submit(insert, writer.database, "c"))
    assert [future.result() for future in futures] == [1, 1, 1]
    with pytest.raises(StorageError, match="missing"):
        wrong.result()
    with contextlib.closing(Database(database_address, SCHEMA)) as database:
        assert names(database) == ["a", "b", "c"]
    writer.shutdown()


def test_a_borrowed_writer_is_one_until_the_last_gives_it_back(database_address: str) -> None:
    first, second = (borrow("name", lambda: Database(database_address, SCHEMA)) for _ in range(2))
    assert first is second
    give_back("name")
    assert second.submit(insert, second.database, "a").result() == 1
    give_back("name")
    third = borrow("name", lambda: Database(database_address, SCHEMA))
    assert third is not first
    give_back("name")


def test_a_connection_that_the_server_ended_fails_once_and_is_made_again(postgres: str) -> None:
    database = Database(postgres, SCHEMA)
    with contextlib.closing(database):
        end_connections(postgres)
        with pytest.raises(StorageError, match="cannot write"):
            insert(database, "a")
        assert insert(database, "a") == 1


def test_a_write_is_not_acknowledged_when_the_connection_ends_before_its_commit(postgres: str) -> None:
    writer = GroupWriter(Database(postgres, SCHEMA))

    def insert_then_lose() -> None:
        insert(writer.database, "a")
        end_connections(postgres)

    with pytest.raises(StorageError):
        writer.submit(insert_then_lose).result()
    assert writer.submit(insert, writer.database, "b").result() == 1
    with contextlib.closing(Database(postgres, SCHEMA)) as database:
        assert names(database) == ["b"]
    writer.shutdown()


def test_the_error_is_the_rooms_own_and_tells_no_password() -> None:
    with pytest.raises(JournalError, match=r"cannot open the journal postgresql://me:…@127\.0\.0\.1:1/x"):
        Database("postgresql://me:secret@127.0.0.1:1/x", "", name="the journal", error=JournalError)
