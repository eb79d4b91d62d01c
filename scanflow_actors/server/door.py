"""The REST door of a running team. It only translates: what is asked here is asked of the same actors."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import web

from scanflow_actors.agents.history import open_existing, story_of
from scanflow_actors.agents.plain import plain
from scanflow_actors.agents.strategy import Call
from scanflow_actors.agents.team import Finder
from scanflow_actors.errors import ActorNotFoundError
from scanflow_actors.infrastructure.actor import NAME as INFRASTRUCTURE
from scanflow_actors.infrastructure.claim import Claims, ListClaims, Settle, Thaw
from scanflow_actors.server.bodies import message_from, messages_of, read_json, wrong_fields
from scanflow_actors.server.guard import authorised, identified, limited
from scanflow_actors.server.openapi import describe
from scanflow_actors.server.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from scanflow_actors.actors import ActorStatistics, SystemStatistics, Tree
    from scanflow_actors.agents.records import Entry
    from scanflow_actors.agents.team import Team
    from scanflow_actors.server.tokens import Tokens

MAX_BODY_BYTES = 1024 * 1024
"""Messages carry addresses of artifacts, not their bytes."""
MAX_REQUESTS = 256
"""At once. More would only wait in mailboxes."""
MAX_LINES = 1000
"""Of the journal in one answer."""
_KEY = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class System(Finder, Protocol):
    """What the door needs of an actor system: `ActorSystem` and `RayActorSystem` both have it."""

    async def statistics(self) -> SystemStatistics:
        """How the system is."""

    async def tree(self) -> Tree:
        """The living actors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A team that runs in a system, and who may come in."""

    name: str
    """Of the team, in the paths."""
    team: Team
    system: System
    tokens: Tokens
    max_requests: int = MAX_REQUESTS


def make_app(door: Door) -> web.Application:
    """Make the application.

    Raises:
        InvalidTeamError: A message type of the team cannot be read from JSON.
    """
    handlers = _Handlers(door)
    open_paths = frozenset({"/healthz"})
    app = web.Application(
        client_max_size=MAX_BODY_BYTES,
        middlewares=[identified(), limited(door.max_requests), authorised(door.tokens, open_paths)],
    )
    root = f"/teams/{door.name}"
    app.add_routes(
        [
            web.get("/healthz", handlers.health),
            web.get("/openapi.json", handlers.openapi),
            web.get("/metrics", handlers.metrics),
            web.get(root, handlers.status),
            web.get(f"{root}/tree", handlers.tree),
            web.get(f"{root}/journal", handlers.journal),
            web.get(f"{root}/explanation", handlers.explanation),
            web.get(f"{root}/claims", handlers.claims),
            web.post(f"{root}/claims", handlers.settle),
            web.post(f"{root}/thaw", handlers.thaw),
            web.post(f"{root}/pause", handlers.pause),
            web.post(f"{root}/resume", handlers.resume),
            web.post(f"{root}/agents/{{agent}}/{{message}}", handlers.call),
        ]
    )
    return app


@contextlib.asynccontextmanager
async def serve(door: Door, *, host: str = "127.0.0.1", port: int = 8080) -> AsyncIterator[str]:
    """Open the door while the block runs; requests under way are answered before it closes.

    Args:
        door: What is behind it.
        host: Address to listen at: this machine only, unless told otherwise.
        port: 0 takes a free one.

    Yields:
        The address, such as ``http://127.0.0.1:8080``.
    """
    runner = web.AppRunner(make_app(door), shutdown_timeout=10.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound = runner.addresses[0]
        yield f"http://{bound[0]}:{bound[1]}"
    finally:
        await runner.cleanup()


class _Handlers:
    def __init__(self, door: Door) -> None:
        self._door = door
        self._messages = messages_of(door.team)
        self._document = describe(door.name, self._messages)

    async def health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def openapi(self, _request: web.Request) -> web.Response:
        return web.json_response(self._document)

    async def status(self, _request: web.Request) -> web.Response:
        """Say how the agents are, and what of theirs waits for a person."""
        agents = await self._door.team.status(self._door.system)
        body = {"name": self._door.name, "agents": plain(agents), "frozen": [], "waiting": 0}
        with contextlib.suppress(ActorNotFoundError):  # a team that changes nothing needs no infrastructure
            claims: Claims = await self._infrastructure(ListClaims())
            frozen = claims.standing.frozen.items()
            body["frozen"] = [{**_slot(slot), "lifted_above_priority": bound} for slot, bound in frozen]
            body["waiting"] = len(claims.waiting)
        return web.json_response(body)

    async def tree(self, _request: web.Request) -> web.Response:
        tree = await self._door.system.tree()
        actors = [_shown(actor) for actor in tree]
        return web.json_response({"text": str(tree), "actors": actors, "silent": [*tree.silent]})

    async def metrics(self, _request: web.Request) -> web.Response:
        """Answer a scrape of Prometheus."""
        statistics = await self._door.system.statistics()
        room = await asyncio.to_thread(importlib.import_module, "scanflow_actors.metrics")  # takes seconds
        return web.Response(body=room.exposition(statistics), headers={"Content-Type": room.CONTENT_TYPE})

    async def call(self, request: web.Request) -> web.Response:
        """Call an agent: the same message as in Python, under an idempotency key. Or ask it something."""
        agent, named = request.match_info["agent"], request.match_info["message"]
        known = self._messages.get(agent)
        if known is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, f"no agent is called {agent!r}", known=[*self._messages])
        if named not in known:
            detail = f"{agent} does not wait for {named!r}"
            raise ProblemError(HTTPStatus.NOT_FOUND, detail, known=sorted(known))
        key = _idempotency_key(request)
        message = await message_from(request, known[named])
        if known[named].is_request:
            reply = await self._door.system.find(agent).ask(message)
            return web.json_response({"reply": plain(reply)})
        asked = Call(message=message, key=key, trace=key)
        accepted = await self._door.system.find(agent).ask(asked)
        body = {"key": key, "is_new": accepted.is_new}
        return web.json_response(body, status=HTTPStatus.ACCEPTED)

    async def journal(self, request: web.Request) -> web.Response:
        query = _query(request, "agent", "since", "after", "limit")
        after, limit = _number(query.get("after"), "after", 0), _number(query.get("limit"), "limit", 100)
        since = _instant(query.get("since"))

        def read() -> tuple[Entry, ...]:
            with contextlib.closing(open_existing(self._door.team.journal)) as opened:
                most = max(1, min(limit, MAX_LINES))
                return opened.entries(after=after, agent=query.get("agent"), since=since, limit=most)

        return web.json_response({"entries": plain(await asyncio.to_thread(read))})

    async def explanation(self, request: web.Request) -> web.Response:
        decision = _query(request, "decision").get("decision")
        if not decision:
            raise _wrong_query("decision", "must name a decision: ?decision=…")

        def read() -> tuple[Entry, ...]:
            with contextlib.closing(open_existing(self._door.team.journal)) as opened:
                return story_of(opened, decision)

        return web.json_response({"entries": plain(await asyncio.to_thread(read))})

    async def claims(self, _request: web.Request) -> web.Response:
        return web.json_response(plain(await self._infrastructure(ListClaims())))

    async def settle(self, request: web.Request) -> web.Response:
        """Approve or refuse a primitive that waits for a person."""
        body = _strict(await read_json(request), {"key": str, "by": str, "is_approved": bool})
        if not await self._infrastructure(Settle(**body)):
            raise ProblemError(HTTPStatus.NOT_FOUND, f"nothing waits under the key {body['key']!r}")
        return web.json_response({"key": body["key"], "is_approved": body["is_approved"]})

    async def thaw(self, request: web.Request) -> web.Response:
        """Lift what is frozen for flapping."""
        body = _strict(await read_json(request), {"target": str, "aspect": str, "by": str})
        if not await self._infrastructure(Thaw(**body)):
            raise ProblemError(HTTPStatus.NOT_FOUND, f"{body['target']} {body['aspect']} is not frozen")
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def pause(self, _request: web.Request) -> web.Response:
        await self._door.team.pause(self._door.system)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def resume(self, _request: web.Request) -> web.Response:
        await self._door.team.resume(self._door.system)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _infrastructure(self, message: Any) -> Any:
        return await self._door.system.find(INFRASTRUCTURE).ask(message)


def _shown(actor: ActorStatistics) -> dict[str, Any]:
    asks = {outcome.value: count for outcome, count in actor.asks.items()}
    restarts = {reason.value: count for reason, count in actor.restarts.items()}
    return {**plain(actor), "asks": asks, "restarts": restarts}


def _idempotency_key(request: web.Request) -> str:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return f"rest:{uuid.uuid4().hex}"
    if not _KEY.fullmatch(key):
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, "Idempotency-Key is 1 to 128 letters, digits, and any of . _ : -"
        )
    return f"rest:{key}"


def _query(request: web.Request, *known: str) -> Mapping[str, str]:
    wrong = [{"field": name, "problem": "is unknown"} for name in sorted({*request.query} - {*known})]
    if wrong:
        raise wrong_fields(wrong)
    return request.query


def _strict(body: dict[str, Any], wanted: dict[str, type]) -> dict[str, Any]:
    wrong = [{"field": name, "problem": "is unknown"} for name in sorted(body.keys() - wanted.keys())]
    for name, kind in wanted.items():
        if type(body.get(name)) is not kind:
            wrong.append({"field": name, "problem": f"must be a {kind.__name__}"})
    if wrong:
        raise wrong_fields(wrong)
    return body


def _slot(slot: str) -> dict[str, str]:
    target, _, aspect = slot.rpartition(" ")
    return {"target": target, "aspect": aspect}


def _number(text: str | None, name: str, default: int) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):  # noqa: PLR2004 - fits into a database
        raise _wrong_query(name, f"must be a whole number; got {text!r}")
    return int(text)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
        return (instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _wrong_query("since", f"must be an instant like 2026-01-31T12:00:00Z; got {text!r}") from error


def _wrong_query(name: str, problem: str) -> ProblemError:
    errors = [{"field": name, "problem": problem}]
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"{name} {problem}", errors=errors)
