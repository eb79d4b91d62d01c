"""The server that other tests rely on."""

from __future__ import annotations

import contextlib

import psycopg2


def test_a_test_gets_an_empty_database_of_its_own(postgres: str) -> None:
    with contextlib.closing(psycopg2.connect(postgres)) as database, database.cursor() as cursor:
        cursor.execute("select count(*) from pg_tables where schemaname = 'public'")
        assert cursor.fetchone() == (0,)
        cursor.execute("select current_database()")
        assert cursor.fetchone() == (postgres.rsplit("/", maxsplit=1)[1],)
