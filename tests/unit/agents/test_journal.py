"""The journal: all or nothing, append-only, and never the reason to fail."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest

from scanflow_actors.agents import Decision, Journal
from scanflow_actors.agents.action import Effect
from scanflow_actors.agents.history import chain
from scanflow_actors.agents.plain import plain
from scanflow_actors.agents.records import Memory
from scanflow_actors.errors import JournalError
from scanflow_actors.storage import Database
from tests.unit.agents.crew import NEW_YEAR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def journal(database_address: str) -> Iterator[Journal]:
    opened = Journal(database_address)
    yield opened
    opened.close()


def decision_of(name: str = "a/s/1", *, cause: str | None = None, trace: str | None = None) -> Decision:
    return Decision(
        id=name,
        agent=name.split("/", maxsplit=1)[0],
        strategy=name.split("/")[1],
        cause=cause,
        trace=trace or name,
        at=NEW_YEAR.isoformat(),
        holds=True,
        reason="because",
        state={"total": 3},
        effects=(Effect(target="b", message="do"),),
    )


def test_a_decision_its_watermark_and_its_effects_are_committed_together(journal: Journal) -> None:
    assert journal.commit(decision_of(), Memory(watermark=7, last_fire="x"))
    assert journal.knows("a/s/1")
    assert journal.memory("a", "s") == Memory(watermark=7, last_fire="x")
    assert journal.pending() == (decision_of(),)


def test_a_commit_that_fails_leaves_nothing(journal: Journal) -> None:
    with pytest.raises(Exception, match="pickle"):
        journal.commit(decision_of(), Memory(watermark=(n for n in range(3))))
    assert not journal.knows("a/s/1")
    assert journal.entries() == ()
    assert journal.pending() == ()
    assert journal.commit(decision_of(), None)


def test_a_decision_is_committed_once(journal: Journal) -> None:
    assert journal.commit(decision_of(), Memory(watermark=1))
    assert not journal.commit(decision_of(), Memory(watermark=2))
    assert journal.memory("a", "s").watermark == 1
    assert len(journal.entries()) == 1


def test_an_outcome_ends_what_is_pending(journal: Journal) -> None:
    journal.commit(decision_of(), None)
    journal.attempt(decision_of(), "silence")
    journal.attempt(decision_of(), "silence")
    journal.conclude(decision_of(), True, "", (1,))  # noqa: FBT003 - it is written in its order of columns
    assert journal.pending() == ()
    kinds = [entry.kind for entry in journal.entries()]
    assert kinds == ["decision", "attempt", "attempt", "outcome"]


def test_pending_is_by_agent_and_the_earliest_first(journal: Journal) -> None:
    for name in ("b/s/2", "a/s/1", "a/s/0"):
        journal.commit(decision_of(name), None)
    assert [decision.id for decision in journal.pending()] == ["b/s/2", "a/s/1", "a/s/0"]
    assert [decision.id for decision in journal.pending("a")] == ["a/s/1", "a/s/0"]


def test_entries_are_read_by_trace_and_from_a_number_on(journal: Journal) -> None:
    journal.commit(decision_of("a/s/1"), None)
    journal.commit(decision_of("b/t/2", cause="a/s/1", trace="a/s/1"), None)
    journal.commit(decision_of("c/u/3"), None)
    assert [entry.decision for entry in journal.entries(trace="a/s/1")] == ["a/s/1", "b/t/2"]
    assert [entry.decision for entry in journal.entries(after=1)] == ["b/t/2", "c/u/3"]
    assert [(depth, entry.decision) for depth, entry in chain(journal.entries(trace="a/s/1"))] == [
        (0, "a/s/1"),
        (1, "b/t/2"),
    ]


def test_many_openers_and_writers_of_one_journal_do_not_disturb_each_other(database_address: str) -> None:
    def write(number: int) -> None:
        journal = Journal(database_address)
        for index in range(5):
            journal.commit(decision_of(f"a{number}/s/{index}"), Memory(watermark=index))
        journal.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(16)))
    journal = Journal(database_address)
    assert len(journal.entries()) == 80
    assert [entry.seq for entry in journal.entries()] == list(range(1, 81))
    journal.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_text("this is text, and more of it than a header of SQLite has " * 20)
    with pytest.raises(JournalError, match=r"journal\.db: file is not a database"):
        Journal(path)


def test_an_error_of_the_database_is_told_as_one_of_the_journal(journal: Journal) -> None:
    with closing(Database(journal.address, "select 1;")) as database:
        database.change("drop table entry")
    with pytest.raises(JournalError, match="cannot write the journal"):
        journal.commit(decision_of(), None)
    with pytest.raises(JournalError, match="cannot read the journal"):
        journal.knows("a/s/1")


# ---------------------------------------------------------------------- values as JSON


class Colour(Enum):
    RED = 1


@dataclass
class Point:
    x: float
    label: Any


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Point(1.5, Colour.RED), {"type": "Point", "x": 1.5, "label": "RED"}),
        ({1: (2, None)}, {"1": [2, None]}),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (NEW_YEAR, "2026-01-01T00:00:00+00:00"),
        (Point, repr(Point)),
        (b"bytes", "b'bytes'"),
    ],
)
def test_a_value_has_a_plain_form(value: object, shown: object) -> None:
    assert plain(value) == shown


# ---------------------------------------------------------------------- writing together


def test_writes_that_come_together_share_a_commit_and_each_is_all_or_nothing(journal: Journal) -> None:
    good = [decision_of(f"a/s/{number}") for number in range(50)]
    pool = journal.executor
    futures = [pool.submit(journal.commit, decision, Memory(watermark=decision.id)) for decision in good]
    bad = pool.submit(journal.commit, decision_of("a/s/bad"), Memory(watermark=(n for n in range(3))))
    later = pool.submit(journal.commit, decision_of("a/s/later"), None)
    assert all(future.result() for future in futures)
    with pytest.raises(TypeError, match="pickle"):
        bad.result()
    assert later.result()
    assert not journal.knows("a/s/bad")
    assert len(journal.entries()) == 51
    assert pool.submit(journal.commit, good[0], None).result() is False


def test_the_journals_of_one_address_share_a_writer_until_the_last_is_closed(database_address: str) -> None:
    first, second = Journal(database_address), Journal(database_address)
    assert first.executor is second.executor
    first.close()
    assert second.executor.submit(second.commit, decision_of(), None).result()
    second.close()


KILLED = """
import os, sys
from scanflow_actors.agents import Journal
from scanflow_actors.agents.records import Decision
journal = Journal(sys.argv[1])
def decide(number):
    return Decision(id=f"a/s/{number}", agent="a", strategy="s", cause=None, trace="t", at="2026-01-01",
                    holds=True, reason="", state=None, effects=())
futures = [journal.executor.submit(journal.commit, decide(number), None) for number in range(500)]
for number, future in enumerate(futures):
    future.result()
    print(number, flush=True)
    if number == 300:
        os.kill(os.getpid(), 9)
"""


def test_what_was_acknowledged_survives_sigkill(database_address: str) -> None:
    command = [sys.executable, "-c", KILLED, database_address]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert ended.returncode == -9, ended.stderr
    acknowledged = {f"a/s/{number}" for number in ended.stdout.split()}
    journal = Journal(database_address)
    assert len(acknowledged) == 301
    assert acknowledged <= {entry.decision for entry in journal.entries()}
    journal.close()


def test_whether_a_decision_is_known_is_looked_up_and_not_searched_for(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    query = "select 1 from entry where decision = 'a/s/1' and kind = 'decision'"
    ((*_, plan),) = journal._database.rows(f"explain query plan {query}")
    assert plan.startswith("SEARCH entry USING COVERING INDEX")
    journal.close()
