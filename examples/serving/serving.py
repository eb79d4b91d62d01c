"""An online workflow: deployed, upgraded behind a canary, and rolled back, while a client asks on.

Run it from this folder: ``python serving.py``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from scanflow_actors import ActorSystem, KnowledgeSettings
from scanflow_actors.infrastructure import Infrastructure, InfrastructureActor, InProcessBackend
from scanflow_actors.primitives import (
    DeleteWorkflow,
    DeployWorkflow,
    Perform,
    Primitive,
    UpdateWorkflowTraffic,
)
from scanflow_actors.workflows import Kind, OnlineWorkflow, Service, Traffic

if TYPE_CHECKING:
    from scanflow_actors import ActorRef
    from scanflow_actors.infrastructure import Serving

NAME = "sentiment"


def clean(text: str) -> str:
    """Lower the case, drop what is no letter."""
    return "".join(letter for letter in text.lower() if letter.isalpha() or letter == " ")


class WordList:
    """A model: counts good words."""

    def __init__(self, good: list[str]) -> None:
        self._good = set(good)

    def __call__(self, text: str) -> bool:
        """Say whether one of them is there."""
        return any(word in self._good for word in text.split())


def sentiment(version: int, *good: str) -> OnlineWorkflow:
    """Clean the text, then ask the model."""
    first = Service(name="clean", run=clean, kind=Kind.TRANSFORMER, feeds=("model",), num_cpus=0.1)
    model = Service(name="model", run=WordList, options={"good": list(good)}, num_cpus=0.1)
    return OnlineWorkflow(name=NAME, services=(first, model), entry="clean", version=version)


async def play(serving: Serving, ask: Any) -> dict[str, Any]:
    """Deploy version 1, try version 2 on a fifth of the requests, roll back.

    Args:
        serving: What the workflow runs on.
        ask: Coroutine function of a text: the version that answered, and the answer.

    Returns:
        How many of 50 requests each version answered, before, during and after the canary.
    """
    async with ActorSystem("serving") as system:
        with tempfile.TemporaryDirectory() as folder:
            parts = Infrastructure(
                backend=InProcessBackend(),
                serving=serving,
                workflows=(sentiment(1, "good"),),
                ledger=Path(folder) / "ledger.db",
                knowledge=KnowledgeSettings.in_folder(Path(folder)),
            )
            ref = await system.spawn(InfrastructureActor, parts, name="infrastructure")
            await perform(ref, DeployWorkflow(workflow=NAME))
            before = await answers(ask)
            await perform(ref, DeployWorkflow(workflow=NAME, definition=sentiment(2, "good", "fine")))
            canary = Traffic(weights={1: 80, 2: 20})
            await perform(ref, UpdateWorkflowTraffic(workflow=NAME, traffic=canary))
            during = await answers(ask)
            await perform(ref, UpdateWorkflowTraffic(workflow=NAME, traffic=Traffic(weights={1: 1})))
            after = await answers(ask)
            await perform(ref, DeleteWorkflow(workflow=NAME))
    return {"before": before, "canary": during, "rolled back": after}


async def perform(ref: ActorRef, primitive: Primitive) -> None:
    """Have a primitive carried out; stop if it was not."""
    key = f"{type(primitive).__name__}-{id(primitive)}"
    outcome = await ref.ask(Perform(primitive=primitive, key=key, by="example"), timeout_s=120)
    if not outcome.is_success:
        raise SystemExit(outcome.reason)


async def answers(ask: Any) -> dict[str, int]:
    """Ask fifty times: how many each version answered."""
    counted = Counter([(await ask("That is a fine day!"))[0] for _ in range(50)])
    return {f"version {version}": count for version, count in sorted(counted.items())}


def ask_by_http(text: str) -> tuple[int, Any]:
    """Ask as any client would."""
    request = Request(f"http://127.0.0.1:8000/{NAME}/ask", data=json.dumps(text).encode())
    with urlopen(request) as response:  # noqa: S310 - our own address
        return int(response.headers["x-scanflow-version"]), json.load(response)


def main() -> None:
    """Play it on a local Ray Serve."""
    import ray  # noqa: PLC0415 - the tests play it without Ray

    from scanflow_actors.infrastructure.embedded.serving import ServeBackend  # noqa: PLC0415

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    found = asyncio.run(play(ServeBackend(), lambda text: asyncio.to_thread(ask_by_http, text)))
    for when, counted in found.items():
        print(f"{when:12} {counted}")
    ray.shutdown()


if __name__ == "__main__":
    main()
