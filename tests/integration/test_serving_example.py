"""The serving example does what its README prints, also without Ray."""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path

from scanflow_actors.infrastructure import InProcessServing

PATH = Path(__file__).parents[2] / "examples" / "serving" / "serving.py"


async def test_the_serving_example_deploys_tries_and_rolls_back() -> None:
    spec = importlib.util.spec_from_file_location("serving_example", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    serving = InProcessServing()
    assert await module.play(serving, partial(serving.ask, module.NAME)) == {
        "before": {"version 1": 50},
        "canary": {"version 1": 40, "version 2": 10},
        "rolled back": {"version 1": 50},
    }
