"""One Ray for all tests."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["tests.knowledge", "tests.postgres", "tests.seaweed"]


settings.register_profile(
    "ours", deadline=None
)  # a busy machine is no error: nothing here asserts a duration
settings.load_profile("ours")


def pytest_configure() -> None:
    """Say that there is no event loop, or looptime makes one for the first plain test and leaves it open."""
    asyncio.set_event_loop(None)


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """A local Ray, as `RayActorSystem` starts one; starting it once saves four seconds a test."""
    import ray  # noqa: PLC0415 - tests that need no Ray must not pay for its import

    from scanflow_actors.cluster.system import RAY_ENVIRONMENT  # noqa: PLC0415 - imports ray

    measured = {"RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "0.5"}  # Serve's default is 10 s
    for key, value in (RAY_ENVIRONMENT | measured).items():
        os.environ.setdefault(key, value)
    ray.init(
        address="local",  # not one that somebody else happens to run on this machine
        num_cpus=4,
        object_store_memory=256 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _node_ip_address="127.0.0.1",
    )
    yield
    ray.shutdown()
