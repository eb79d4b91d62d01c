"""On a cluster of two nodes an affinity moves what runs, keeps apart, a lost node is named; actors talk."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_executors_move_keep_apart_and_tell_of_a_lost_node_and_actors_talk_over_tcp(tmp_path: Path) -> None:
    program = Path(__file__).with_name("two_nodes.py")
    command = [sys.executable, str(program), str(tmp_path)]
    done = subprocess.run(  # noqa: S603 - our own program
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "found.json").read_text()) == {
        "restarted": {"moving": ["hold"]},
        "is_success": False,
        "reason": "node lost",
        "talked": True,
        "served on": "a",
        "hoarded": "out of memory",
    }
