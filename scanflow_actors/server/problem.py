"""Errors as problem documents (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import web

from scanflow_actors.errors import (
    ActorError,
    ActorNotFoundError,
    ActorStoppedError,
    AskTimeoutError,
    DataNotFoundError,
    MailboxFullError,
    RejectError,
    ScanflowError,
    UnknownDecisionError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_STATUS: tuple[tuple[type[ScanflowError], HTTPStatus], ...] = (
    (RejectError, HTTPStatus.CONFLICT),
    (MailboxFullError, HTTPStatus.TOO_MANY_REQUESTS),
    (AskTimeoutError, HTTPStatus.GATEWAY_TIMEOUT),
    (ActorNotFoundError, HTTPStatus.SERVICE_UNAVAILABLE),
    (ActorStoppedError, HTTPStatus.SERVICE_UNAVAILABLE),
    (UnknownDecisionError, HTTPStatus.NOT_FOUND),
    (DataNotFoundError, HTTPStatus.NOT_FOUND),
    (ActorError, HTTPStatus.BAD_GATEWAY),
)


class ProblemError(Exception):
    """A request that is answered with a problem document. Its sender is at fault, most often."""

    def __init__(self, status: HTTPStatus, detail: str, **members: Any) -> None:
        self.status = status
        self.detail = detail
        self.members = members
        super().__init__(detail)


def problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
) -> web.Response:
    """Make a problem document."""
    body = {"title": HTTPStatus(status).phrase, "status": int(status), "detail": detail, **members}
    return web.json_response(body, status=status, headers=headers, content_type="application/problem+json")


def problem_of(error: ScanflowError) -> web.Response:
    """Make the problem document of one of our errors."""
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return problem(status, str(error), error=type(error).__name__)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, str(error), error=type(error).__name__)
