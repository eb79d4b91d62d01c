from __future__ import annotations

import pytest

from scanflow_actors.demos.mnist.digits import Digits, DigitSets, load_digits, split_digits


@pytest.fixture(scope="session")
def digits() -> Digits:
    """The 5,000 real digits: parsing them takes two seconds, so once is enough."""
    return load_digits("small")


@pytest.fixture(scope="session")
def sets(digits: Digits) -> DigitSets:
    return split_digits(digits, seed=0)
