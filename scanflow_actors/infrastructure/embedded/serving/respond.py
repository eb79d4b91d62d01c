"""How a request over HTTP is answered: JSON in, JSON out, and what went wrong as a status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError, RayServeException
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.requests import Request

    from scanflow_actors.infrastructure.node import Ask

VERSION_HEADER = "x-scanflow-version"
"""Header of an answer: the version that gave it."""


async def respond(request: Request, version: int, ask: Ask) -> JSONResponse:
    """Have a version answer.

    200 with the answer; 400 for a body that is no JSON; 500 when a service raised; 503 when none is there or
    all are full; 504 when the latency bound has passed.
    """
    headers = {VERSION_HEADER: str(version)}
    try:
        given = await request.json()
    except ValueError as error:
        return JSONResponse({"error": f"the body is no JSON: {error}"}, status_code=400)
    try:
        return JSONResponse(await ask(given), headers=headers)
    except TimeoutError:
        problem, status = "no answer within the latency bound", 504
    except RayTaskError as error:
        problem, status = f"{type(error.cause).__name__}: {error.cause}", 500
    except (BackPressureError, DeploymentUnavailableError, RayServeException, RayError) as error:
        problem, status = f"{type(error).__name__}: {error}", 503
    except Exception as error:  # noqa: BLE001 - a service's code may raise anything
        problem, status = f"{type(error).__name__}: {error}", 500
    return JSONResponse({"error": problem}, status_code=status, headers=headers)
