"""The how-to shows the example as it is, and the example's own tests pass."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "tested_actors"
HOW_TO = (ROOT / "docs" / "how-to" / "test-your-actors.md").read_text()


def test_the_how_to_shows_the_example_as_it_is() -> None:
    assert (EXAMPLE / "ordering.py").read_text() in HOW_TO
    blocks = [part.partition("```")[0] for part in HOW_TO.split("```python\n")[1:]]
    assert len(blocks) == 3
    source = (EXAMPLE / "test_ordering.py").read_text()
    assert all(block in source for block in blocks[1:])


def test_the_tests_of_the_example_pass_without_any_plugin() -> None:
    options = ["-q", "-p", "no:cacheprovider", "-W", "error", "-c", "/dev/null", "--rootdir", str(EXAMPLE)]
    outcome = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-B", "-m", "pytest", *options, "test_ordering.py"],
        cwd=EXAMPLE,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "5 passed" in outcome.stdout, outcome.stdout
