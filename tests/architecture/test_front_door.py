"""What `import scanflow_actors` costs, and what it offers."""

from __future__ import annotations

import json
import subprocess
import sys

import scanflow_actors

HEAVY = ("ray", "mlflow", "torch", "kubernetes_asyncio", "pandas", "numpy")
MAX_CPU_S = 0.3
MAX_NAMES = 25

PROGRAM = f"""
import json, sys, time
before = time.process_time()
import scanflow_actors
spent = time.process_time() - before
print(json.dumps([spent, [name for name in {HEAVY!r} if name in sys.modules]]))
"""


def test_the_import_is_light() -> None:
    command = [sys.executable, "-c", PROGRAM]
    answers = [
        json.loads(subprocess.run(command, check=True, capture_output=True).stdout)  # noqa: S603 - our own
        for _ in range(3)
    ]
    assert [heavy for _, heavy in answers] == [[]] * 3
    assert min(spent for spent, _ in answers) < MAX_CPU_S  # CPU time, the best of three: load does not count


def test_the_front_door_is_small_and_sorted() -> None:
    names = getattr(scanflow_actors, "__all__", [])
    assert len(names) <= MAX_NAMES
    assert list(names) == sorted(names)


def test_every_name_at_the_front_door_is_there() -> None:
    for name in getattr(scanflow_actors, "__all__", []):
        assert getattr(scanflow_actors, name) is not None
