"""The running door, fuzzed from its own OpenAPI document: whatever is sent, it is no fault of ours."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - the door reads the types of the fields when it opens
from typing import TYPE_CHECKING, Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from scanflow_actors.actors import ActorSystem, Request, receive
from scanflow_actors.agents import Action, Agent, Member, Strategy, Team
from scanflow_actors.artifacts import KnowledgeSettings
from scanflow_actors.infrastructure import Infrastructure, InfrastructureActor, InProcessBackend
from scanflow_actors.server import Door, Role, Tokens, serve
from scanflow_actors.triggers import on

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "o" * 24
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
EXAMPLES = 12
"""Of each operation, and of each kind, valid and not: some 250 requests in all."""
LAST = ("/pause", "/resume")
"""A paused agent takes no calls."""


@dataclass(frozen=True)
class Part:
    """A field that has fields."""

    weight: float
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Noticed:
    """A message with fields of many types."""

    name: str
    count: int
    parts: list[Part]
    at: datetime | None = None
    limits: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class HowMany(Request[dict[str, Any]]):
    """Ask for what was noticed under a name."""

    name: str


class Noticing(Agent):
    """Counts names."""

    belief: Any = None
    strategies = (
        Strategy(
            name="notice",
            when=on(Noticed),
            then=Action(),
            learns=lambda belief, seen: {**(belief or {}), seen.name: seen},
        ),
    )

    @receive
    def how_many(self, message: HowMany) -> dict[str, Any]:
        """Answer with what the agent believes."""
        return {"known": (self._mind.belief or {}).get(message.name)}


@contextlib.contextmanager
def running_door(folder: Path) -> Iterator[str]:
    """A team with its infrastructure and its door, on an event loop in a thread."""
    ready: asyncio.Queue[str] = asyncio.Queue()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def run() -> None:
        journal = folder / "journal.db"
        parts = Infrastructure(
            backend=InProcessBackend(),
            workflows=(),
            ledger=journal,
            knowledge=KnowledgeSettings.in_folder(folder),
        )
        team = Team(members={"it": Member(agent=Noticing)}, journal=journal)
        async with ActorSystem() as system:
            await system.spawn(InfrastructureActor, parts, name="infrastructure")
            await team.start(system)
            tokens = Tokens(((TOKEN, Role.OPERATE),))
            async with serve(Door(name="t", team=team, system=system, tokens=tokens), port=0) as url:
                await ready.put(url)
                await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(ready.get(), loop).result(30)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def operations(url: str) -> list[Any]:
    """All that the document describes; what stops the others from being looked into goes last."""
    schema: Any = schemathesis.openapi.from_url(f"{url}/openapi.json", headers=HEADERS)
    found = [result.ok() for result in schema.get_all_operations()]
    return sorted(found, key=lambda operation: operation.path.endswith(LAST))


def answers(operation: Any, mode: schemathesis.GenerationMode) -> Counter[int]:
    """Send requests of one kind; each answer must be as the document says, and none a fault of the server."""
    seen: Counter[int] = Counter()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: schemathesis.Case[Any]) -> None:
        answer = case.call_and_validate(headers=HEADERS)
        seen[answer.status_code] += 1

    with contextlib.suppress(Unsatisfiable):  # nothing of it can be invalid
        send()
    return seen


def test_whatever_is_sent_the_answer_is_as_the_document_says_and_no_fault_of_ours(tmp_path: Path) -> None:
    seen: dict[str, Counter[int]] = {}
    with running_door(tmp_path) as url:
        for operation in operations(url):
            good, bad = (answers(operation, mode) for mode in schemathesis.GenerationMode)
            assert good.total() > 0
            seen[operation.label] = good + bad
    assert len(seen) >= 12
    assert not [status for counts in seen.values() for status in counts if status >= 500]
    assert seen["POST /teams/t/agents/it/Noticed"].keys() >= {202, 401, 422}
    assert seen["POST /teams/t/agents/it/HowMany"].keys() >= {200, 401, 422}
    assert seen["GET /teams/t/journal"].keys() >= {200, 422}
