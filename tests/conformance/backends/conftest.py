"""Fixtures: a site on each backend."""

from __future__ import annotations

import socket
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from scanflow_actors.infrastructure import InProcessBackend
from tests.site import Site, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from scanflow_actors.infrastructure.embedded.serving import ServeBackend


@pytest_asyncio.fixture(params=["inprocess", "embedded"])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    async with opened(tmp_path, _backend(request), Site) as made:
        yield made


@pytest_asyncio.fixture
async def on_ray(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    request.param = "embedded"
    async with opened(tmp_path, _backend(request), Site) as made:
        yield made


def _backend(request: pytest.FixtureRequest) -> Any:
    cache = request.getfixturevalue("tmp_path") / "cache"
    if request.param == "inprocess":
        return InProcessBackend(cache=cache)
    request.getfixturevalue("ray_session")
    from scanflow_actors.infrastructure.embedded.batch import EmbeddedBackend  # noqa: PLC0415 - imports ray

    return EmbeddedBackend(cache=cache)


@pytest.fixture(scope="session")
def serve_session(ray_session: None) -> Iterator[ServeBackend]:  # noqa: ARG001 - must run
    with warnings.catch_warnings(action="ignore"):  # Serve uses what pydantic has deprecated
        from ray import serve  # noqa: PLC0415 - imports ray

        from scanflow_actors.infrastructure.embedded.serving import ServeBackend  # noqa: PLC0415

    with socket.create_server(("127.0.0.1", 0)) as free:  # other sessions may test on this machine too
        port = free.getsockname()[1]
    yield ServeBackend(port=port, drain_timeout_s=5.0, start_tries=1)
    shutdown: Callable[[], None] = serve.shutdown
    shutdown()
