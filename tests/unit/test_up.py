"""`scanflow up`, and the commands that talk to a team that is up: whole processes, as people run them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "latency_guard"
TOKEN = "o" * 24
MAIN = """
import argparse, sys
from scanflow_actors.commands import add_commands
parser = argparse.ArgumentParser(prog="scanflow")
add_commands(parser.add_subparsers(required=True))
options = parser.parse_args()
sys.exit(options.execute(options))
"""


class Shell:
    """A folder in which commands are typed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = os.pathsep.join([str(folder), str(ROOT)])
        self.environment = {**os.environ, "PYTHONPATH": path, "SCANFLOW_TOKEN": TOKEN}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own
            [sys.executable, "-c", MAIN, *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-c", MAIN, *words],
            cwd=self.folder,
            env=self.environment,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    for name in ("latency_guard.py", "team.yaml"):
        shutil.copy(EXAMPLE / name, tmp_path)
    (tmp_path / "latencies.txt").write_text("")
    tokens = tmp_path / "tokens"
    tokens.write_text(f"operate {TOKEN}\n")
    tokens.chmod(0o600)
    return Shell(tmp_path)


def is_over(mark: str) -> bool:
    """Whether no process has this in its environment."""
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # it has ended meanwhile, or is not ours
            if mark.encode() in (folder / "environ").read_bytes():
                return False
    return True


@pytest.fixture
def url(shell: Shell) -> Iterator[str]:
    """A team that is up, and is told to stop."""
    team = shell.start("up", "team.yaml", "--tokens", "tokens", "--port", "0")
    assert team.stderr is not None
    lines = [team.stderr.readline(), team.stderr.readline()]
    assert "2 agents are up" in lines[0]
    yield lines[1].rpartition(" ")[2].strip()
    team.send_signal(signal.SIGTERM)
    _, said = team.communicate(timeout=60)
    assert "stopping" in said
    assert team.returncode == 0


def test_a_team_that_is_up_is_asked_called_and_stopped(shell: Shell, url: str) -> None:
    seen = shell.run("status", "--url", url)
    assert seen.returncode == 0
    assert "guard: at work" in seen.stdout
    scrape = urllib.request.Request(f"{url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})  # noqa: S310 - ours
    with urllib.request.urlopen(scrape) as answer:  # noqa: S310 - as above
        assert b'scanflow_handler_time_seconds_count{actor_class="Declared",host="team"}' in answer.read()
    tree = shell.run("status", "--tree", "--url", url).stdout
    assert "/guard  Declared  running  mailbox 0/1024" in tree
    called = shell.run("call", "scaler", "AddReplica", '{"because_of_ms": 250.0}', "--url", url)
    assert json.loads(called.stdout)["is_new"] is True
    wrong = shell.run("call", "scaler", "AddReplica", '{"because": 250}', "--url", url)
    assert (wrong.returncode, wrong.stderr) == (2, "scanflow: 422: field because: is unknown\n")
    assert json.loads(shell.run("approve", "--url", url).stdout) == []


def test_a_door_that_is_closed_is_the_works_failure(shell: Shell) -> None:
    outcome = shell.run("status", "--url", "http://127.0.0.1:1")
    assert outcome.returncode == 1
    assert "is `scanflow up` running there?" in outcome.stderr
    assert shell.run("status", "--url", "ftp://here").returncode == 2


@pytest.mark.parametrize("where", ["one process", "Ray"])
def test_ctrl_c_ends_a_team_with_130_and_leaves_no_process(shell: Shell, where: str) -> None:
    mark = shell.environment["SCANFLOW_TEST_MARK"] = uuid.uuid4().hex
    words = ["up", "team.yaml", "--tokens", "tokens", "--port", "0"]
    team = shell.start(*words, *(["--ray"] if where == "Ray" else []))
    assert team.stderr is not None
    said = [team.stderr.readline(), team.stderr.readline()]
    assert "2 agents are up" in said[0], said
    url = said[1].rpartition(" ")[2].strip()
    called = shell.run("call", "scaler", "AddReplica", '{"because_of_ms": 250.0}', "--url", url)
    assert json.loads(called.stdout)["is_new"] is True
    (guard, scaler) = json.loads(shell.run("status", "--json", "--url", url).stdout)["agents"]
    assert (guard["name"], scaler["name"]) == ("guard", "scaler")
    team.send_signal(signal.SIGINT)
    assert "stopping" in team.communicate(timeout=120)[1]
    assert team.returncode == 130
    end = time.monotonic() + 20
    while not is_over(mark) and time.monotonic() < end:
        time.sleep(0.1)
    assert is_over(mark)
