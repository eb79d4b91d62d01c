"""Databases: the same statements on a SQLite file and on a PostgreSQL server.

Open with a path or with `postgresql://user@host/name`, and write each statement once::

    schema = "create table if not exists note (name text primary key, body blob not null);"
    database = Database(address, schema)
    with database.transaction():
        database.change("insert into note values (?, ?) on conflict (name) do nothing", "a", b"1")
    found = database.rows("select body from note where name = ?", "a")

What both understand: `?` for a value (and nowhere else a question mark); `on conflict … do nothing` or
`on conflict … do update set …` where SQLite also has `insert or ignore` and `insert or replace`; `returning`;
in the schema the types `integer`, `real`, `text`, `blob` and `integer primary key autoincrement`. Flags are
integers. A row has no number that is not a column, and words of one dialect (`glob`, `instr`, `?1`) are out.

Transactions of one database exclude each other, whoever began them: that is what SQLite does, and on
PostgreSQL they take one lock. A thread that writes for a whole process is a `GroupWriter`;
writes that build on each other are a `Line` of it.
"""

from scanflow_actors.storage.database import Address, Database, is_server
from scanflow_actors.storage.writer import GroupWriter, Line, borrow, give_back

__all__ = ["Address", "Database", "GroupWriter", "Line", "borrow", "give_back", "is_server"]
