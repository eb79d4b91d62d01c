"""Fixtures: a site on each backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest_asyncio

from scanflow_actors.infrastructure import InProcessBackend
from tests.site import Site, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest


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
