"""How many decisions a second does a journal take, each acknowledged when it is on the disk?

Run: python benchmarks/journal_appends.py. Prints one JSON object.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from scanflow_actors.agents import Decision, Journal

COUNT = 20_000


def decision_of(number: int) -> Decision:
    """A decision with a small state."""
    return Decision(
        id=f"a/s/{number}",
        agent="a",
        strategy="s",
        cause=None,
        trace=f"a/s/{number}",
        at="2026-01-01T00:00:00+00:00",
        holds=False,
        reason="total 2 < 10",
        state={"total": 2.0},
        effects=(),
    )


def main() -> None:
    """Append in batches, as agents do that decide at the same time."""
    decisions = [decision_of(number) for number in range(COUNT)]
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "journal.db")
        begin, cpu = time.perf_counter(), time.process_time()
        futures = [journal.executor.submit(journal.commit, decision, None) for decision in decisions]
        assert all(future.result() for future in futures)
        elapsed, spent = time.perf_counter() - begin, time.process_time() - cpu
        journal.close()
    result = {"appends_per_s": round(COUNT / elapsed), "cpu_us_each": round(spent / COUNT * 1e6)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
