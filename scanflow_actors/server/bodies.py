"""Request bodies: JSON to messages and back, checked against the message types."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, is_dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from scanflow_actors.actors.actor import routes_of
from scanflow_actors.actors.message import Request
from scanflow_actors.agents.agent import Agent
from scanflow_actors.errors import InvalidTeamError
from scanflow_actors.server.problem import ProblemError

if TYPE_CHECKING:
    from aiohttp import web

    from scanflow_actors.agents.team import Team


@dataclass(frozen=True, slots=True)
class Readable:
    """A message type that can be read from JSON."""

    kind: type
    adapter: TypeAdapter[Any]
    is_request: bool = False
    """Answered by a receiver of the agent's own, and not by a strategy: nothing is decided or journalled."""
    known: frozenset[str] | None = None
    """Names of its fields; None when its type says itself what it takes."""


Messages = dict[str, dict[str, Readable]]
"""By agent, the message types that it waits for or answers, by name."""


def messages_of(team: Team) -> Messages:
    """Find what each agent may be called with.

    Raises:
        InvalidTeamError: A message type has a field of a type that JSON cannot be checked against.
    """
    found: Messages = {}
    for agent, strategies in team.strategies().items():
        kinds = dict.fromkeys(requests_of(team.members[agent].agent), True)
        kinds |= dict.fromkeys((kind for strategy in strategies for kind in strategy.awaited), False)
        found[agent] = {}
        for kind, is_request in kinds.items():
            if kind.__name__ in found[agent]:
                problem = f"it takes two messages called {kind.__name__}; rename one"
                raise InvalidTeamError(place=f"agent {agent!r}", problem=problem)
            found[agent][kind.__name__] = _readable(agent, kind, is_request=is_request)
    return found


def requests_of(agent: type[Agent]) -> tuple[type, ...]:
    """The requests that a class of agents answers beside what every agent does."""
    own = routes_of(agent).keys() - routes_of(Agent).keys()
    return tuple(kind for kind in own if issubclass(kind, Request))


def _readable(agent: str, kind: type, *, is_request: bool) -> Readable:
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(kind)
        adapter.json_schema()
    except (PydanticUserError, NameError) as error:
        problem = (
            f"{kind.__name__} cannot be read from JSON: {error}; import the types of its fields at run time"
        )
        raise InvalidTeamError(place=f"agent {agent!r}", problem=problem) from error
    known = frozenset(field.name for field in fields(kind)) if is_dataclass(kind) else None
    return Readable(kind, adapter, is_request, known)


async def read_json(request: web.Request) -> dict[str, Any]:
    """Read a body that must be a JSON object.

    Raises:
        ProblemError: It is of another type, no JSON, or no object.
    """
    if request.content_type != "application/json":
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json")
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"the body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "the body must be a JSON object")
    return body


async def message_from(request: web.Request, readable: Readable) -> Any:
    """Read a message.

    Raises:
        ProblemError: The body is no JSON object, or a field is missing, unknown, or of the wrong type; each
            is named.
    """
    body = await read_json(request)
    unknown = () if readable.known is None else sorted(body.keys() - readable.known)
    wrong = [{"field": name, "problem": "is unknown"} for name in unknown]
    try:
        message = readable.adapter.validate_json(await request.read(), strict=True)
    except ValidationError as error:
        wrong += [
            {"field": ".".join(str(part) for part in one["loc"]), "problem": one["msg"]}
            for one in error.errors(include_url=False, include_input=False)
        ]
    if wrong:
        raise wrong_fields(wrong)
    return message


def wrong_fields(wrong: list[dict[str, str]]) -> ProblemError:
    """Word what is wrong with the fields of a body."""
    detail = f"field {wrong[0]['field']}: {wrong[0]['problem']}"
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=wrong)
