"""Subcommands that talk to the REST door of a running team."""

from __future__ import annotations

import getpass
import json
import os
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from scanflow_actors.commands.paint import GREEN, RED, YELLOW, painted

if TYPE_CHECKING:
    import argparse

URL, TOKEN = "SCANFLOW_URL", "SCANFLOW_TOKEN"
TIMEOUT_S = 30.0


def status(options: argparse.Namespace) -> int:
    """Print how the agents are, or the tree of all actors."""
    if options.tree:
        code, answer = ask(options, "GET", "/tree")
        if code or options.json:
            return _shown(code, answer)
        sys.stdout.write(f"{answer['text']}\n")
        return 0
    code, answer = ask(options, "GET", "")
    if code or options.json:
        return _shown(code, answer)
    for agent in answer["agents"]:
        state = painted("paused", YELLOW) if agent["is_paused"] else painted("at work", GREEN)
        sys.stdout.write(f"{agent['name']}: {state}, {agent['acting']} decisions being carried out\n")
        for one in agent["strategies"]:
            until = one["quarantined_until"]
            then = f"next at {one['next_fire'] or 'the next call'}"
            then = painted(f"quarantined until {until}", RED) if until else then
            sys.stdout.write(f"  {one['name']:<40} {then}\n")
    for one in answer["frozen"]:
        slot = f"{one['target']} {one['aspect']}"
        said = painted("frozen", RED)
        sys.stdout.write(f"{slot}: {said}, strategies change it back and forth; `scanflow thaw {slot}`\n")
    if answer["waiting"]:
        sys.stdout.write(f"{answer['waiting']} wait for a person; `scanflow approve` lists them\n")
    return 0


def thaw(options: argparse.Namespace) -> int:
    """Lift what is frozen."""
    body = {"target": options.target, "aspect": options.aspect, "by": getpass.getuser()}
    return _shown(*ask(options, "POST", "/thaw", body))


def call(options: argparse.Namespace) -> int:
    """Call an agent with a message."""
    return _shown(*ask(options, "POST", f"/agents/{options.agent}/{options.message}", options.fields))


def settle(options: argparse.Namespace) -> int:
    """Approve or refuse what waits for a person; without a key, list what waits."""
    if options.key is None:
        code, answer = ask(options, "GET", "/claims")
        return _shown(code, answer if code else answer["waiting"])
    body = {"key": options.key, "by": getpass.getuser(), "is_approved": not options.refuse}
    return _shown(*ask(options, "POST", "/claims", body))


def ask(options: argparse.Namespace, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Ask the door.

    Returns:
        Exit code and answer: 0 and JSON, or 1 or 2 and what is wrong, in words.
    """
    url = f"{options.url.rstrip('/')}/teams/{options.team}{path}"
    if not url.startswith(("http://", "https://")):
        return 2, f"the address must begin with http:// or https://; got {options.url!r}"
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {os.environ.get(TOKEN, '')}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, data=data, headers=headers, method=method)  # noqa: S310 - looked at above
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - as above
            return 0, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        with error:
            detail = json.loads(error.read()).get("detail", error.reason)
        return (1 if error.code >= 500 else 2), f"{error.code}: {detail}"  # noqa: PLR2004 - HTTP
    except OSError as error:
        return 1, f"{options.url} does not answer: {error}; is `scanflow up` running there?"


def _shown(code: int, answer: Any) -> int:
    if code:
        sys.stderr.write(f"scanflow: {answer}\n")
    else:
        sys.stdout.write(f"{json.dumps(answer)}\n")
    return code
