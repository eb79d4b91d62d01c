"""What every request passes: a request id, the limit on requests at once, the token, problem documents."""

from __future__ import annotations

import logging
import re
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from scanflow_actors.errors import ScanflowError
from scanflow_actors.server.problem import ProblemError, problem, problem_of
from scanflow_actors.server.tokens import Role

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from scanflow_actors.server.tokens import Tokens

_log = logging.getLogger(__name__)

REQUEST_ID = "X-Request-Id"
_SAFE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def identified() -> Middleware:
    """Give each request an id, its own or ours, and turn every error into a problem document."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get(REQUEST_ID, "")
        name = given if _SAFE.fullmatch(given) else uuid.uuid4().hex
        response = await _answered(request, handler, name)
        response.headers[REQUEST_ID] = name
        return response

    return middleware


async def _answered(request: web.Request, handler: Handler, name: str) -> web.StreamResponse:
    try:
        return await handler(request)
    except ProblemError as error:
        return problem(error.status, error.detail, headers=_headers(error.status), **error.members)
    except ScanflowError as error:
        return problem_of(error)
    except web.HTTPException as error:
        kept = {name: value for name, value in error.headers.items() if name == "Allow"}
        return problem(error.status, error.reason, headers=kept)
    except Exception:  # noqa: BLE001 - told to the log, and to the client by the request's id
        _log.exception("request %s failed", name)
        detail = f"an error of ours; it is in the log under request id {name}"
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail)


def _headers(status: HTTPStatus) -> dict[str, str]:
    if status is HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": 'Bearer realm="scanflow"'}
    return {"Retry-After": "1"} if status is HTTPStatus.TOO_MANY_REQUESTS else {}


def limited(most: int) -> Middleware:
    """Refuse more than so many requests at once."""
    running = 0

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal running
        if running >= most:
            raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, f"{most} requests are under way; try again soon")
        running += 1
        try:
            return await handler(request)
        finally:
            running -= 1

    return middleware


def authorised(tokens: Tokens, open_paths: frozenset[str]) -> Middleware:
    """Ask for a token: to read for GET, to operate for all else."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in open_paths:
            return await handler(request)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        role = tokens.role_of(token.strip()) if scheme.lower() == "bearer" else None
        if role is None:
            raise ProblemError(HTTPStatus.UNAUTHORIZED, "send a valid token: Authorization: Bearer TOKEN")
        needed = Role.READ if request.method in {"GET", "HEAD"} else Role.OPERATE
        if role < needed:
            raise ProblemError(HTTPStatus.FORBIDDEN, f"this token may only {role.name.lower()}")
        return await handler(request)

    return middleware
