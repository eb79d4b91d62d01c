"""The runtimes that the one suite runs over, and the stage that a test gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from scanflow_actors.actors import ActorSystem
from scanflow_actors.cluster import Dedicated, Pooled, RayActorSystem
from scanflow_actors.settings import ActorSettings, RaySettings, Settings
from tests.stage import RUNTIMES, Stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ON_RAY = [pytest.mark.asyncio(loop_scope="session")]
IN_VIRTUAL_TIME = [pytest.mark.looptime]
MARKS = {
    "local": IN_VIRTUAL_TIME,
    "serialised": IN_VIRTUAL_TIME,
    "pooled": ON_RAY,
    "apart": ON_RAY,
    "dedicated": ON_RAY,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "stage" in metafunc.fixturenames:
        asked = metafunc.definition.get_closest_marker("runtimes")
        more = metafunc.definition.get_closest_marker("also_on")
        names = (*(asked.args if asked else RUNTIMES), *(more.args if more else ()))
        metafunc.parametrize(
            "stage", [pytest.param(name, marks=MARKS[name]) for name in names], indirect=True
        )


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Stage:
    made: Stage = request.getfixturevalue(f"{request.param}_stage")
    return made


@pytest_asyncio.fixture
async def local_stage(tmp_path: Path) -> AsyncIterator[Stage]:
    settings = ActorSettings(store=str(tmp_path / "state.db"))
    async with ActorSystem("local", settings=settings) as system:
        yield Stage("local", system)


@pytest_asyncio.fixture
async def serialised_stage(tmp_path: Path) -> AsyncIterator[Stage]:
    settings = ActorSettings(store=str(tmp_path / "state.db"), serialise_messages=True)
    async with ActorSystem("serialised", settings=settings) as system:
        yield Stage("serialised", system)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def troupe_system(
    ray_session: None,  # noqa: ARG001 - must run
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[RayActorSystem]:
    store = str(tmp_path_factory.mktemp("troupe") / "state.db")
    settings = Settings(actors=ActorSettings(store=store, redeliver_s=0.2), ray=RaySettings(standby_hosts=2))
    async with RayActorSystem("conformance", settings=settings) as system:
        yield system


@pytest_asyncio.fixture(loop_scope="session")
async def pooled_stage(troupe_system: RayActorSystem) -> AsyncIterator[Stage]:
    stage = Stage("pooled", troupe_system, lambda _: Pooled("pooled"))
    yield stage
    await stage.close()


@pytest_asyncio.fixture(loop_scope="session")
async def apart_stage(troupe_system: RayActorSystem) -> AsyncIterator[Stage]:
    stage = Stage("apart", troupe_system, lambda number: Pooled(f"apart-{number}"))
    yield stage
    await stage.close()


@pytest_asyncio.fixture(loop_scope="session")
async def dedicated_stage(troupe_system: RayActorSystem) -> AsyncIterator[Stage]:
    stage = Stage("dedicated", troupe_system, lambda _: Dedicated())
    yield stage
    await stage.close()
