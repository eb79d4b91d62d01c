"""Request bodies: JSON to messages and back, checked against the message types."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, is_dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from scanflow_actors.errors import InvalidTeamError
from scanflow_actors.server.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from scanflow_actors.agents.team import Team


@dataclass(frozen=True, slots=True)
class Readable:
    """A message type that can be read from JSON."""

    kind: type
    adapter: TypeAdapter[Any]


Messages = dict[str, dict[str, Readable]]
"""By agent, the message types that it waits for, by name."""


def messages_of(team: Team) -> Messages:
    """Find what each agent may be called with.

    Raises:
        InvalidTeamError: A message type has a field of a type that JSON cannot be checked against.
    """
    found: Messages = {}
    for agent, strategies in team.strategies().items():
        kinds = {kind for strategy in strategies for kind in strategy.awaited}
        found[agent] = {kind.__name__: _readable(agent, kind) for kind in kinds}
    return found


def _readable(agent: str, kind: type) -> Readable:
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(kind)
        adapter.json_schema()
    except (PydanticUserError, NameError) as error:
        problem = (
            f"{kind.__name__} cannot be read from JSON: {error}; import the types of its fields at run time"
        )
        raise InvalidTeamError(place=f"agent {agent!r}", problem=problem) from error
    return Readable(kind, adapter)


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


def message_of(readable: Readable, body: Mapping[str, Any]) -> Any:
    """Make a message of a body.

    Raises:
        ProblemError: A field is missing, unknown, or of the wrong type; each is named.
    """
    wrong = []
    if is_dataclass(readable.kind):
        known = {field.name for field in fields(readable.kind)}
        wrong = [{"field": name, "problem": "is unknown"} for name in sorted(body.keys() - known)]
    try:
        message = readable.adapter.validate_json(json.dumps(body), strict=True)
    except ValidationError as error:
        for one in error.errors():
            wrong.append({"field": ".".join(str(part) for part in one["loc"]), "problem": one["msg"]})
    if wrong:
        detail = f"field {wrong[0]['field']}: {wrong[0]['problem']}"
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=wrong)
    return message
